//! Which exit code and which hint belong to which error of the library.

use sealift_fs::{PathError, PrivateError};
use sealift_term::{CommandError, Exit};
use sealift_trust::{ExitClass, Refusal};

use crate::ceremony::CeremonyError;
use crate::key_file::KeyFileError;
use crate::metadata::MetadataError;
use crate::passphrase::PassphraseError;

pub(super) fn fs(error: &PathError) -> CommandError {
    CommandError::from_error(Exit::Failed, error)
}

pub(super) fn refused(what: &str, refusal: &Refusal) -> CommandError {
    let exit = match refusal.exit_class() {
        ExitClass::Signature => Exit::RefusedSignature,
        ExitClass::Order => Exit::RefusedOrder,
        ExitClass::Policy => Exit::RefusedPolicy,
    };
    CommandError::with_cause(exit, format!("refused {what}"), refusal)
}

pub(super) fn key_file(error: &KeyFileError) -> CommandError {
    let failure = CommandError::from_error(Exit::Failed, error);
    match error {
        KeyFileError::Private(PrivateError::NotRegular(_)) => failure.hint("name the key file itself"),
        KeyFileError::Malformed { .. } => failure.hint("key files are made by `sealift-keys init` and end in .key"),
        _ => failure,
    }
}

pub(super) fn passphrase(error: &PassphraseError) -> CommandError {
    let exit = match error {
        PassphraseError::Fs(_) | PassphraseError::Private(_) => Exit::Failed,
        PassphraseError::Empty | PassphraseError::ManyLines => Exit::Usage,
    };
    CommandError::from_error(exit, error)
}

pub(super) fn metadata(what: &str, error: &MetadataError) -> CommandError {
    match error {
        MetadataError::Refused(refusal) => refused(what, refusal),
        MetadataError::Malformed(_) | MetadataError::WrongPurpose { .. } | MetadataError::NoKey => {
            CommandError::with_cause(Exit::RefusedSignature, format!("refused {what}"), error)
        }
    }
}

pub(super) fn ceremony(error: &CeremonyError) -> CommandError {
    match error {
        CeremonyError::NotEmpty(_) => {
            CommandError::from_error(Exit::Failed, error).hint("name a directory that does not exist yet")
        }
        CeremonyError::NoName(_) => CommandError::from_error(Exit::Usage, error),
        CeremonyError::KeyFile(inner) => key_file(inner),
        CeremonyError::Metadata(inner) => metadata("the new root", inner),
        CeremonyError::Fs(inner) => fs(inner),
        CeremonyError::Randomness(_) => CommandError::from_error(Exit::Failed, error),
    }
}
