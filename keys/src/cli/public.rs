//! `sealift-keys public`: the public half of a key file, as PEM.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, write_new};
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::error;
use super::passphrase::PassphraseArgs;
use crate::key_file::KeyFile;
use crate::summary::KeySummary;

/// Write the public half of a key file as PEM, which is what others get
///
/// The file is opened for it: what a sealed file says of itself is proven by nothing else.
#[derive(Debug, Args)]
pub(super) struct PublicArgs {
    /// The key file
    key: PathBuf,
    /// The file to write; must not exist
    #[arg(short, long, value_name = "PUB")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    #[serde(flatten)]
    key: KeySummary,
}

pub(super) fn run(args: &PublicArgs, term: Term) -> Result<ExitCode, CommandError> {
    let file = KeyFile::read(&args.key).map_err(|e| error::key_file(&e))?;
    let passphrase = args.passphrase.for_key(&args.key.display().to_string())?;
    let secret = file.open(&passphrase).map_err(|e| error::key_file(&e))?;
    write_new(&args.out, secret.public().to_pem().as_bytes(), Mode::Public).map_err(|e| error::fs(&e))?;
    let key = KeySummary { purpose: secret.purpose(), key_id: secret.id(), public: secret.public().to_hex() };
    let answer = Answer { file: args.out.clone(), key };
    term.answer(&answer, |answer| {
        format!("Wrote the public key to {}.\nkey id: {}", answer.file.display(), answer.key.key_id)
    });
    Ok(ExitCode::SUCCESS)
}
