//! Signing exported bytes: the signature alone leaves, to be attached where the draft is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use sealift_fs::{Mode, write_new};
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::{Purpose, Role, Root, Signed};
use serde::Serialize;

use super::{SignArgs, open_keys};
use crate::cli::error;
use crate::cli::show::read_root;
use crate::draft::changes;
use crate::key_file::KeyFile;
use crate::summary::fingerprint;
use crate::tally::tallies;

#[derive(Serialize)]
struct Answer {
    signature_file: PathBuf,
    key: Digest,
    role: Role,
    sha256: Digest,
    fingerprint: String,
}

pub(super) fn run(
    args: &SignArgs,
    (role, to_sign, document): (Role, &[u8], &[u8]),
    term: Term,
) -> Result<ExitCode, CommandError> {
    let (Some(out), [key]) = (&args.out, args.key.as_slice()) else {
        let message = format!("{} is an exported file: one key, one signature file", args.file.display());
        return Err(CommandError::new(Exit::Usage, message).hint("give one --key, and -o NAME.sig"));
    };
    let file = KeyFile::read(key).map_err(|e| error::key_file(&e))?;
    let what = args.file.display().to_string();
    if file.purpose() != Purpose::from(role) {
        let message = format!("refused {}: a key for {} does not sign {role} metadata", key.display(), file.purpose());
        return Err(CommandError::new(Exit::RefusedSignature, message));
    }
    term.say(&story(args, role, document)?);
    term.say(&format!("SHA-256, to be compared aloud:\n  {}", fingerprint(Digest::of(to_sign))));
    refuse_unnamed(args, document, &file)?;
    let secrets = open_keys(args, std::slice::from_ref(&file))?;
    let Some(secret) = secrets.first() else {
        return Err(CommandError::new(Exit::Failed, format!("no key was opened for {what}")));
    };
    write_new(out, &secret.sign(to_sign), Mode::Public).map_err(|e| error::fs(&e))?;
    let sha256 = Digest::of(to_sign);
    let answer =
        Answer { signature_file: out.clone(), key: secret.id(), role, sha256, fingerprint: fingerprint(sha256) };
    term.answer(&answer, |answer| {
        let (file, key) = (answer.signature_file.display(), answer.key);
        format!(
            "Wrote the signature to {file}, by key {key}.\n\
             Carry it back; there: sealift-keys attach DRAFT --key PUB --signature {file}"
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// Says what is signed, as far as it can be told from here.
fn story(args: &SignArgs, role: Role, document: &[u8]) -> Result<String, CommandError> {
    let mut text = format!("{} holds {role} metadata.", args.file.display());
    if role != Role::Root {
        return Ok(text);
    }
    let new = Signed::<Root>::parse(document).map_err(|e| error::refused("it", &e))?;
    let old = args.root.as_deref().map(read_root).transpose()?;
    let _ = match &old {
        Some(old) => write!(text, " Version {}, compared with version {}:", new.version(), old.version()),
        None => write!(text, " Version {} says (with --root ROOT.json: what it changes):", new.version()),
    };
    for line in changes(old.as_ref(), &new) {
        let _ = write!(text, "\n  {line}");
    }
    Ok(text)
}

/// With the root at hand, a key that cannot count is refused before its passphrase is asked for.
fn refuse_unnamed(args: &SignArgs, document: &[u8], file: &KeyFile) -> Result<(), CommandError> {
    let Some(path) = &args.root else { return Ok(()) };
    let root = read_root(path)?;
    let what = args.file.display().to_string();
    let tallies = tallies(document, &root).map_err(|e| error::metadata(&what, &e))?;
    let id = file.public().id();
    if tallies.iter().any(|tally| tally.names(id)) {
        return Ok(());
    }
    let message = format!("refused {}: the role does not name key {id}", file.path().display());
    Err(CommandError::new(Exit::RefusedSignature, message)
        .hint(format!("see who may sign: sealift-keys show {}", path.display())))
}
