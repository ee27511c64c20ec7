//! `sealift-keys generate`: one key, for one holder, under a passphrase of their own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, write_new};
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use super::error;
use super::passphrase::PassphraseArgs;
use super::root::KeyRole;
use crate::key_file::{self, KdfParams};
use crate::secret::SecretKey;
use crate::summary::KeySummary;

/// Make one key, where its holder is
///
/// Writes OUT, the private key sealed with the passphrase, and beside it the same name ending in .pub: the public key
/// in PEM, which is what the key desk gets. So nobody ever holds the keys of others.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// What the key is for
    #[arg(long)]
    purpose: KeyRole,
    /// The key file to make; its name ends in .key
    #[arg(short, long, value_name = "OUT.key")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Answer {
    key_file: PathBuf,
    public_file: PathBuf,
    #[serde(flatten)]
    key: KeySummary,
}

pub(super) fn run(args: &GenerateArgs, term: Term) -> Result<ExitCode, CommandError> {
    if args.out.extension().is_none_or(|e| e != "key") {
        return Err(CommandError::new(Exit::Usage, format!("{} does not end in .key", args.out.display())));
    }
    let public_file = args.out.with_extension("pub");
    for path in [&args.out, &public_file] {
        if path.symlink_metadata().is_ok() {
            return Err(CommandError::new(Exit::Failed, format!("{} is there already", path.display())));
        }
    }
    let passphrase = args.passphrase.for_new_keys()?;
    let secret = SecretKey::generate(args.purpose.into())
        .map_err(|e| CommandError::with_cause(Exit::Failed, "no randomness from the operating system", &e))?;
    key_file::write(&args.out, &secret, &passphrase, KdfParams::default()).map_err(|e| error::key_file(&e))?;
    write_new(&public_file, secret.public().to_pem().as_bytes(), Mode::Public).map_err(|e| {
        error::fs(&e).state(format!("The key is in {}; its public half was not written.", args.out.display()))
    })?;
    let key = KeySummary { purpose: secret.purpose(), key_id: secret.id(), public: secret.public().to_hex() };
    let answer = Answer { key_file: args.out.clone(), public_file, key };
    term.answer(&answer, |answer| {
        let (secret, public) = (answer.key_file.display(), answer.public_file.display());
        format!(
            "Made a key for {}.\n  {secret}  private: keep it, with its passphrase, where nobody else is\n  \
             {public}  public: give it to the key desk\nkey id: {}",
            answer.key.purpose, answer.key.key_id
        )
    });
    Ok(ExitCode::SUCCESS)
}
