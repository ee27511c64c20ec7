//! `sealift-keys reseal`: another passphrase for a key file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::error;
use super::passphrase::{NewPassphraseArgs, PassphraseArgs};
use crate::key_file::{self, KdfParams, KeyFile};
use crate::summary::KeySummary;

/// Seal a key file with another passphrase
///
/// What a holder does first with a key file that somebody else made. The key stays the same; copies of the old file still
/// open with the old passphrase.
#[derive(Debug, Args)]
pub(super) struct ResealArgs {
    /// The key file
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    new: NewPassphraseArgs,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    #[serde(flatten)]
    key: KeySummary,
}

pub(super) fn run(args: &ResealArgs, term: Term) -> Result<ExitCode, CommandError> {
    let file = KeyFile::read(&args.key).map_err(|e| error::key_file(&e))?;
    let old = args.passphrase.for_key(&args.key.display().to_string())?;
    let secret = file.open(&old).map_err(|e| error::key_file(&e))?;
    let new = args.new.passphrase()?;
    key_file::reseal(&args.key, &secret, &new, KdfParams::default()).map_err(|e| error::key_file(&e))?;
    let key = KeySummary { purpose: secret.purpose(), key_id: secret.id(), public: secret.public().to_hex() };
    term.answer(&Answer { file: args.key.clone(), key }, |answer| {
        format!("{} opens with the new passphrase only.\nkey id: {}", answer.file.display(), answer.key.key_id)
    });
    term.say("Copies made before still open with the old one: destroy them.");
    Ok(ExitCode::SUCCESS)
}
