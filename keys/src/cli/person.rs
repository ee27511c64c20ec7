//! `sealift-keys person …`: personal keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_model::{Digest, PersonId};
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use super::error;
use super::passphrase::PassphraseArgs;
use crate::key_file::KdfParams;
use crate::person::{self, PersonError};

/// Personal keys: for approving bundles, not for signing metadata
#[derive(Debug, Subcommand)]
pub(super) enum PersonVerb {
    /// Make yourself a key
    New(NewArgs),
}

/// Make yourself a key
///
/// Writes NAME.key, sealed with a passphrase that only you know, and NAME.pub, the public half. Give NAME.pub to whoever
/// keeps the root of trust; from the next root on your signature counts.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Your name as it is to stand in the root of trust
    name: PersonId,
    /// Directory for both files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Answer {
    person: PersonId,
    key_file: PathBuf,
    public_file: PathBuf,
    key_id: Digest,
    completed: bool,
}

pub(super) fn run(verb: &PersonVerb, term: Term) -> Result<ExitCode, CommandError> {
    let PersonVerb::New(args) = verb;
    person::check_target(&args.out, &args.name).map_err(|e| person_error(&e))?;
    let passphrase = args.passphrase.for_new_keys()?;
    let made =
        person::create(&args.out, &args.name, &passphrase, KdfParams::default()).map_err(|e| person_error(&e))?;
    let answer = Answer {
        person: args.name.clone(),
        key_file: made.place.key_file,
        public_file: made.place.public_file,
        key_id: made.public.id(),
        completed: made.completed,
    };
    term.answer(&answer, |answer| {
        let (secret, public, name) = (answer.key_file.display(), answer.public_file.display(), &answer.person);
        let done = if answer.completed { "Wrote the public half of the" } else { "Made a" };
        format!(
            "{done} personal key for {name}.\n  {secret}  private: keep it, with its passphrase, to yourself\n  \
             {public}  public: give it to whoever keeps the root of trust, or the register of media\nkey id: {}\n\
             They name you in the next root: sealift-keys root add-person DRAFT {name} --key {public} --may approve\n\
             or in the first: sealift-keys init DIR --person {name}={public}:approve\n\
             A keeper lets you sign for media: sealift-media person add {name} --public {public}",
            answer.key_id
        )
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn person_error(fault: &PersonError) -> CommandError {
    match fault {
        PersonError::Pair(fault) => error::pair(fault),
        PersonError::Fs(fault) => error::fs(fault),
        PersonError::Public { .. } => CommandError::from_error(Exit::RefusedSignature, fault)
            .hint("a public key is one PEM block; `sealift-keys person new` writes it as NAME.pub"),
        _ => CommandError::from_error(Exit::Failed, fault),
    }
}
