//! From library errors to what the operator reads: one exit code and one hint for each kind.

use std::path::Path;

use sealift_term::{CommandError, Exit};
use sealift_trust::{EvidenceRefusal, ExitClass, Refusal};

use crate::inspect::InspectError;
use crate::pack::PackError;
use crate::parity::ParityError;
use crate::repair::RepairError;
use crate::source::{SourceError, SourceRefusal, shown};
use crate::verify::{VerifyError, VerifyRefusal};

fn exit_of(class: Option<ExitClass>) -> Exit {
    match class {
        None => Exit::Failed,
        Some(ExitClass::Signature) => Exit::RefusedSignature,
        Some(ExitClass::Order) => Exit::RefusedOrder,
        Some(ExitClass::Policy) => Exit::RefusedPolicy,
    }
}

/// A medium or file that cannot be opened, read or accepted.
pub(super) fn source(error: &SourceError) -> CommandError {
    match error {
        SourceError::Refused(refusal) => layout_hint(CommandError::from_error(Exit::RefusedSignature, error), refusal),
        _ => CommandError::from_error(Exit::Failed, error),
    }
}

pub(super) fn inspect(error: &InspectError) -> CommandError {
    match error {
        InspectError::Source(error) => source(error),
        InspectError::Manifest { .. } => CommandError::from_error(Exit::RefusedSignature, error),
    }
}

/// A medium that was not verified.
pub(super) fn verify(error: &VerifyError, path: &Path) -> CommandError {
    let exit = exit_of(error.exit_class());
    let message = match error.exit_class() {
        Some(_) => format!("refused {}", shown(path)),
        None => format!("could not verify {}", shown(path)),
    };
    let failure = CommandError::with_cause(exit, message, error);
    match error {
        VerifyError::Trust(refusal) => trust_hint(failure, refusal),
        VerifyError::Layout(refusal) => layout_hint(failure, refusal),
        VerifyError::Refused(refusal) => refusal_hint(failure, refusal),
        VerifyError::Chain(_) => {
            failure.hint("the mirror signed what its upstream did not; ask its operators before using any of it")
        }
        VerifyError::Source(_) | VerifyError::Fault { .. } => {
            failure.hint("nothing is said about the content; try again, or copy the medium and verify the copy")
        }
    }
}

fn trust_hint(failure: CommandError, refusal: &Refusal) -> CommandError {
    match refusal {
        Refusal::Threshold { .. } => failure.hint(
            "is this the root the medium was made under? compare: sealift-keys fingerprint ROOT.json, on both sides",
        ),
        Refusal::Revoked { .. } => failure.hint(
            "whoever made this medium has no newer keys: ask the mirror's operators for a new one, and how this one came about",
        ),
        Refusal::Expired { .. } => failure.hint("ask for a newer bundle; if the clock is wrong, set it first"),
        _ => failure,
    }
}

fn layout_hint(failure: CommandError, refusal: &SourceRefusal) -> CommandError {
    match refusal {
        SourceRefusal::Foreign(_) | SourceRefusal::NotRegular(_) => {
            failure.hint("only what sealift wrote may be in SEALIFT; move it away and try again")
        }
        SourceRefusal::Container { .. } => failure.hint("copy the file again, or ask for another copy"),
        SourceRefusal::Missing(_) => failure.hint("the medium is not whole; copy it again"),
        _ => failure,
    }
}

fn refusal_hint(failure: CommandError, refusal: &VerifyRefusal) -> CommandError {
    match refusal {
        VerifyRefusal::MissingBlob { .. }
        | VerifyRefusal::BlobSize { .. }
        | VerifyRefusal::BlobDigest { .. }
        | VerifyRefusal::ManifestBytes { .. } => {
            failure.hint("write the medium again; if the copy is refused as well, treat it as forged")
        }
        VerifyRefusal::UnlistedBlob(_) => failure.hint("only what a manifest lists may be in SEALIFT"),
        VerifyRefusal::NotListed(_) => failure.hint("the bundle was withdrawn or never signed; ask for a newer medium"),
        VerifyRefusal::Expired { .. } => failure.hint("ask for a newer bundle; if the clock is wrong, set it first"),
        VerifyRefusal::People { source: EvidenceRefusal::ScanFailed { .. }, .. } => {
            failure.hint("ask those who scanned it what they found, and for a bundle without it")
        }
        VerifyRefusal::People { .. } => failure.hint(
            "whoever may approve it: sealift-keys approve MEDIUM --key NAME.key; then, at the mirror: sealift-mirror bundle \
             attach FILE",
        ),
        _ => failure,
    }
}

pub(super) fn pack(error: &PackError, what: &str) -> CommandError {
    let exit = if error.is_refusal() { Exit::RefusedSignature } else { Exit::Failed };
    let failure = CommandError::with_cause(exit, what, error);
    match error {
        PackError::Source(SourceError::Refused(refusal)) => layout_hint(failure, refusal),
        PackError::Space { .. } => failure.hint("make room, or name a place on a larger disk"),
        PackError::Exists(_) => failure.hint("name a place where nothing is yet; nothing is ever overwritten"),
        _ => failure,
    }
}

/// Volumes that were not rebuilt.
pub(super) fn repair(error: &RepairError) -> CommandError {
    match error {
        RepairError::Volume { path, source } => verify(source, Path::new(path)),
        RepairError::Nothing | RepairError::NoVolume { .. } => CommandError::from_error(Exit::Usage, error),
        RepairError::NotVolumes(_) => CommandError::from_error(Exit::Usage, error)
            .hint("give directories with volumes of one bundle; see which: sealift-bundle inspect DIR"),
        RepairError::OtherSet(_) => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("volumes of different cuts cannot make good one another; receive takes them all the same"),
        RepairError::TooMuchLost { .. } => CommandError::from_error(Exit::Failed, error),
        RepairError::Parity(ParityError::NoParity) => CommandError::from_error(Exit::Failed, error)
            .hint("receive what is there; sealift-import request then asks the mirror for the rest"),
        RepairError::Parity(ParityError::Rebuilt { .. }) => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("a medium changed while it was read; run the command again"),
        RepairError::Parity(_) | RepairError::Write { .. } | RepairError::Fs(_) => {
            CommandError::from_error(Exit::Failed, error).hint("the same command goes on where this one ended")
        }
    }
}
