//! Which exit code and which hint belong to which error of the library.

use sealift_fs::{PathError, PrivateError};
use sealift_term::{CommandError, Exit};
use sealift_trust::{ExitClass, Refusal};

use crate::attach::AttachRefusal;
use crate::ceremony::CeremonyError;
use crate::draft::{DraftAttachError, DraftError, PublishError};
use crate::key_file::KeyFileError;
use crate::metadata::MetadataError;
use crate::pair::PairError;
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

pub(super) fn pair(error: &PairError) -> CommandError {
    match error {
        PairError::KeyFile(fault) => key_file(fault),
        PairError::Public { .. } => {
            CommandError::from_error(Exit::Failed, error).hint("type the same command again; it writes what is missing")
        }
        _ => CommandError::from_error(Exit::Failed, error),
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
        CeremonyError::TooManyKeys { role, .. } => CommandError::from_error(Exit::Usage, error)
            .hint(format!("say how many keys the role has: --{role} M-of-N")),
        CeremonyError::Draft(inner) => draft("the new root", inner),
        CeremonyError::Locked(sealift_fs::LockError::Held(_)) => CommandError::from_error(Exit::Locked, error),
        CeremonyError::KeyFile(inner) => key_file(inner),
        CeremonyError::Metadata(inner) => metadata("the new root", inner),
        CeremonyError::Fs(inner) => fs(inner),
        CeremonyError::Locked(_) | CeremonyError::Randomness(_) => CommandError::from_error(Exit::Failed, error),
    }
}

pub(super) fn draft(what: &str, error: &DraftError) -> CommandError {
    match error {
        DraftError::Fs(inner) => fs(inner),
        DraftError::Metadata(inner) => metadata(what, inner),
        DraftError::Malformed(_) => CommandError::with_cause(Exit::RefusedSignature, format!("refused {what}"), error)
            .hint("drafts are made by `sealift-keys root draft`; if it travelled, compare with who sent it"),
        DraftError::Lint(_) => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("change the threshold in the same ceremony, or use `root replace-key`"),
        DraftError::Signed(_) => CommandError::from_error(Exit::Failed, error)
            .hint("begin another draft, or add --drop-signatures and have everybody sign again"),
        DraftError::Change(_) => CommandError::from_error(Exit::Usage, error)
            .hint(format!("see what it says now: sealift-keys root show {what}")),
        DraftError::LogFull => CommandError::from_error(Exit::Failed, error),
    }
}

pub(super) fn attach(what: &str, refusal: &AttachRefusal) -> CommandError {
    let failure = CommandError::with_cause(Exit::RefusedSignature, format!("refused a signature for {what}"), refusal);
    match refusal {
        AttachRefusal::NotNamed { .. } => failure.hint("sign with a key that the root of trust names for this role"),
        AttachRefusal::Wrong { .. } => failure.hint(
            "was another draft signed, or with another key? Export again, compare the digest aloud, and sign again",
        ),
        AttachRefusal::Already { .. } => failure.hint("a key counts once; another holder must sign"),
        AttachRefusal::Metadata(inner) => metadata(what, inner),
    }
}

pub(super) fn draft_attach(what: &str, error: &DraftAttachError) -> CommandError {
    match error {
        DraftAttachError::Refused(refusal) => attach(what, refusal),
        DraftAttachError::Draft(inner) => draft(what, inner),
    }
}

pub(super) fn publish(what: &str, error: &PublishError) -> CommandError {
    match error {
        PublishError::Refused(refusal) => {
            refused(what, refusal).hint(format!("see who may still sign: sealift-keys root show {what}"))
        }
        PublishError::Lint(_) => CommandError::from_error(Exit::RefusedSignature, error),
        PublishError::Taken { .. } | PublishError::OtherBase { .. } => {
            CommandError::with_cause(Exit::RefusedOrder, format!("refused {what}"), error)
                .hint("begin a new draft from the present root: sealift-keys root draft DIR/root.json")
        }
        PublishError::Locked(sealift_fs::LockError::Held(_)) => CommandError::from_error(Exit::Locked, error),
        PublishError::Locked(_) | PublishError::Fs(_) => CommandError::from_error(Exit::Failed, error)
            .hint("type the same command again; a publication that was cut is finished by it")
            .state("The root of trust is the old one or the new one, whole."),
    }
}
