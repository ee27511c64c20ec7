//! Says how old the trust behind the published repository is, with every command.
//!
//! The source is the note that the repository signs and lays beside the keyring. Nothing depends on it: hosts refuse an
//! expired repository by its Release file.

use std::path::Path;

use sealift_site::TrustNote;
use sealift_site::trust_note::{FILE, LIMIT};
use sealift_term::Term;

use super::state_dir;
use crate::inventory::Inventory;
use crate::setup;

/// Says it, or that it is not known; says nothing where the inventory itself cannot be read, which the command will say.
pub(super) fn tell(dir: Option<&Path>, term: Term) {
    let Ok((path, inventory)) = state_dir::inventory(dir) else { return };
    let now = sealift_term::now();
    match note(&path, &inventory) {
        Ok(Some(note)) if note.is_expired(now) => term.warn(&format!(
            "{} What was revoked or fixed since then is not known here; the repository needs a fresh medium.",
            note.describe(now)
        )),
        // Programs that ask for JSON get no story.
        _ if term.is_json() => {}
        Ok(Some(note)) => term.say(&note.describe(now)),
        Ok(None) => {
            term.say(&format!("How old the repository's trust is, is not known: no {FILE} beside the keyring."));
        }
        Err(reason) => term.warn(&format!("How old the repository's trust is, is not known: {reason}.")),
    }
}

fn note(path: &Path, inventory: &Inventory) -> Result<Option<TrustNote>, String> {
    let file = inventory.keyring.with_file_name(FILE);
    let bytes = match sealift_fs::read_capped(&file, LIMIT) {
        Err(e) if e.is_not_found() => return Ok(None),
        other => other.map_err(|e| e.to_string())?,
    };
    let key = setup::public_key(path, &inventory.site_keys, &inventory.site).map_err(|e| e.to_string())?;
    TrustNote::read(&bytes, &key, &inventory.site).map(Some).map_err(|e| e.to_string())
}
