//! `sealift-keys generate`: one key, for one holder, under a passphrase of their own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use super::error;
use super::passphrase::PassphraseArgs;
use super::root::KeyRole;
use crate::key_file::KdfParams;
use crate::pair::{self, Place};
use crate::summary::KeySummary;

/// Make one key, where its holder is
///
/// Writes OUT, the private key sealed with the passphrase, and beside it the same name ending in .pub: the public key
/// in PEM, which is what the key desk gets. So nobody ever holds the keys of others. A run that was cut between the two is
/// finished by the same command.
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
    completed: bool,
    #[serde(flatten)]
    key: KeySummary,
}

pub(super) fn run(args: &GenerateArgs, term: Term) -> Result<ExitCode, CommandError> {
    if args.out.extension().is_none_or(|e| e != "key") {
        return Err(CommandError::new(Exit::Usage, format!("{} does not end in .key", args.out.display())));
    }
    let purpose = args.purpose.into();
    let place = Place { key_file: args.out.clone(), public_file: args.out.with_extension("pub") };
    pair::check(&place, purpose).map_err(|e| error::pair(&e))?;
    let passphrase = args.passphrase.for_new_keys()?;
    let made = pair::make(place, purpose, &passphrase, KdfParams::default()).map_err(|e| error::pair(&e))?;
    let key = KeySummary { purpose, key_id: made.public.id(), public: made.public.to_hex() };
    let Place { key_file, public_file } = made.place;
    let answer = Answer { key_file, public_file, completed: made.completed, key };
    term.answer(&answer, |answer| {
        let (secret, public) = (answer.key_file.display(), answer.public_file.display());
        let done = if answer.completed { "Wrote the public half of the key" } else { "Made a key" };
        format!(
            "{done} for {}.\n  {secret}  private: keep it, with its passphrase, where nobody else is\n  \
             {public}  public: give it to the key desk\nkey id: {}",
            answer.key.purpose, answer.key.key_id
        )
    });
    Ok(ExitCode::SUCCESS)
}
