//! Which exit code and which hint belong to which error of building, trust and receipts.

use sealift_bundle::write::WriteError;
use sealift_bundle::{SourceError, pack::PackError};
use sealift_keys::{KeyFileError, MetadataError, PassphraseError};
use sealift_term::{CommandError, Exit};
use sealift_trust::{ExitClass, NeedRefusal, Purpose, Refusal, Role};

use super::error;
use crate::build::volumes::CutFault;
use crate::build::{BuildError, RepairRefusal};
use crate::need::{TakeError, TakeRefusal};
use crate::site::add::AddSiteError;
use crate::site::{SiteError, SiteRefusal};
use crate::trust::TrustError;
use crate::withdrawn::WithdrawError;

const fn exit(class: ExitClass) -> Exit {
    match class {
        ExitClass::Signature => Exit::RefusedSignature,
        ExitClass::Order => Exit::RefusedOrder,
        ExitClass::Policy => Exit::RefusedPolicy,
    }
}

pub(super) fn build(fault: &BuildError) -> CommandError {
    let failed = || CommandError::from_error(Exit::Failed, fault);
    match fault {
        BuildError::UnknownStream(_) => {
            CommandError::from_error(Exit::Usage, fault).hint("streams are the [[stream]] sections of mirror.toml")
        }
        BuildError::UnknownSite(_) => {
            CommandError::from_error(Exit::Usage, fault).hint("see the names: sealift-mirror site list")
        }
        BuildError::NoSnapshot(upstream) => failed().hint(format!("run: sealift-mirror sync {upstream}")),
        BuildError::NotFetched { .. } => {
            failed().hint("fetch them: sealift-mirror sync, with the same --need FILE if a need-list asks for them")
        }
        BuildError::Budget { .. } => {
            failed().hint("give a larger --budget, or build over a base that holds the indexes")
        }
        BuildError::NotStored(_) => failed().hint("fetch it again: sealift-mirror sync"),
        BuildError::BaseNotSealed { stream, .. } | BuildError::NotSealed { stream, .. } => {
            failed().hint(format!("see which are sealed: sealift-mirror bundle list --stream {stream}"))
        }
        BuildError::NoBundle(stream) | BuildError::Discarded { stream, .. } => {
            failed().hint(format!("build one: sealift-mirror bundle build --stream {stream} --to DIR"))
        }
        BuildError::NotLater { .. } => failed().hint("set this machine's clock, or SOURCE_DATE_EPOCH, to a later time"),
        BuildError::Keys { role: Purpose::Evidence, .. } => {
            failed().hint("put an evidence key that the root of trust names into the keys directory")
        }
        BuildError::Keys { .. } => {
            failed().hint("snapshot and timestamp are signed on this machine; bring their keys here")
        }
        BuildError::Refused(_) => CommandError::from_error(Exit::RefusedSignature, fault).hint(
            "find out who changed the state directory; `bundle build` makes a new draft once the old one is gone",
        ),
        BuildError::Repair(refusal) => repair(refusal),
        BuildError::Withdrawn(inner) => withdraw(inner),
        BuildError::Cut(cut) => volumes(cut),
        BuildError::NotCarried { stream, .. } => failed().hint(format!(
            "build a new bundle for what the site acknowledged: sealift-mirror bundle build --stream {stream} --for SITE --to DIR"
        )),
        BuildError::NoBlob(_) => failed().hint("fetch it again: sealift-mirror sync --check"),
        BuildError::Selection(inner) => error::selection(inner),
        BuildError::State(inner) => error::state(inner),
        BuildError::Fs(inner) => error::fs(inner),
        BuildError::Trust(inner) => trust(inner),
        BuildError::Site(inner) => site(inner),
        BuildError::Metadata(MetadataError::Refused(refusal)) => refused(fault, refusal),
        BuildError::Write { stream, sequence, source } => write(fault, source)
            .hint(format!("then: sealift-mirror bundle write --stream {stream} {sequence} --to DIR"))
            .state("The bundle is sealed and kept in the mirror. Use of the medium only what verifies."),
        BuildError::Target { source, .. } => write(fault, source),
        _ => failed(),
    }
}

fn refused(error: &(dyn std::error::Error + 'static), refusal: &Refusal) -> CommandError {
    CommandError::from_error(exit(refusal.exit_class()), error)
}

fn write(error: &BuildError, source: &WriteError) -> CommandError {
    let mut failure = CommandError::from_error(Exit::Failed, error);
    // What helps against a full or read-only disk is said better for a medium.
    if matches!(source, WriteError::Fs(error) if error.is_full() || error.is_read_only()) {
        failure.hints.clear();
    }
    match source {
        WriteError::Space { .. } => failure.hint("use a larger medium"),
        WriteError::Fs(error) if error.is_full() => failure.hint("use a larger medium"),
        WriteError::Fs(error) if error.is_read_only() => failure.hint("the medium is mounted read-only"),
        WriteError::Fs(error) if error.is_not_found() => {
            failure.hint("name the mounted medium or a directory on it; only the last directory of the path is made")
        }
        WriteError::Existing { .. } | WriteError::Taken(_) | WriteError::Unlisted(_) => {
            failure.hint("use an empty medium")
        }
        WriteError::OtherPart { .. } => failure.hint(
            "was the medium changed? give each volume, and the whole bundle, an empty medium or a directory of its own",
        ),
        WriteError::OtherFiles { .. } => {
            failure.hint("use an empty medium, or write beside these files with --beside-other-files")
        }
        WriteError::LargestFile { .. } => {
            failure.hint("use a medium with another file system (exFAT, ext4), or cut the bundle into smaller volumes")
        }
        WriteError::NotProven { .. } | WriteError::NotReadBack { .. } => {
            failure.hint("do not use this medium; write the bundle to another one")
        }
        WriteError::Blob { .. } | WriteError::Damaged { .. } => failure.hint("repair the store: sealift-mirror sync"),
        _ => failure,
    }
}

pub(super) fn trust(error: &TrustError) -> CommandError {
    match error {
        TrustError::NoRoot(_) => CommandError::from_error(Exit::Failed, error)
            .hint("name the directory that `sealift-keys init` made: --keys DIR, or `keys` in mirror.toml"),
        TrustError::OtherRoot { .. } | TrustError::Tampered { .. } => {
            CommandError::from_error(Exit::RefusedSignature, error)
        }
        TrustError::Occupied(_) => CommandError::from_error(Exit::Failed, error).hint("use an empty medium"),
        TrustError::ReadBack { .. } => CommandError::from_error(Exit::Failed, error).hint("use another medium"),
        TrustError::Refused(refusal @ Refusal::Expired { role: Role::Root, .. }) => {
            refused(error, refusal).hint("renew the root of trust on the key desk: sealift-keys root draft root.json")
        }
        TrustError::Refused(refusal) | TrustError::Metadata(MetadataError::Refused(refusal)) => refused(error, refusal),
        _ => CommandError::from_error(Exit::Failed, error),
    }
}

pub(super) fn need(error: &TakeError) -> CommandError {
    let failure = |exit| CommandError::from_error(exit, error);
    match error {
        TakeError::Refused { source, .. } => {
            let refused = failure(exit(source.exit_class())).state("Nothing was changed.");
            match source {
                TakeRefusal::UnknownSite(site) | TakeRefusal::NoKey(site) => refused.hint(format!(
                    "its key is the one that its `sealift-import key show` prints: [[site]] {site} in mirror.toml has it as receipt_key"
                )),
                TakeRefusal::List(NeedRefusal::OtherKey { .. }) => refused.hint(
                    "a list by another machine of the site is merged there into one by the site's key: sealift-import need --from",
                ),
                TakeRefusal::Older { .. } => refused.hint("ask the site for a new list, or give the newer one as well"),
                TakeRefusal::Future { .. } => refused.hint("set the clock that is wrong, here or at the site"),
                TakeRefusal::List(_) => refused.hint("ask the site for a new list"),
            }
        }
        TakeError::Kept { .. } => failure(Exit::RefusedSignature)
            .hint("if the site was given a new key, remove its old need.txt and give a new list"),
        TakeError::TooMany(_) => failure(Exit::Usage),
        TakeError::Fs(_) => failure(Exit::Failed),
    }
}

pub(super) fn site(error: &SiteError) -> CommandError {
    match error {
        SiteError::Refused(SiteRefusal::UnknownSite(site)) => CommandError::from_error(Exit::RefusedSignature, error)
            .hint(format!("if it is yours, add it with the key that its `sealift-import key show` prints: sealift-mirror site add {site} --key KEY")),
        SiteError::Refused(SiteRefusal::Receipt(_) | SiteRefusal::OtherBundle { .. }) => {
            CommandError::from_error(Exit::RefusedSignature, error)
                .hint("ask the site for a new receipt, and compare the key in mirror.toml with the site's by voice")
        }
        SiteError::Refused(SiteRefusal::UnknownCode { .. }) => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("ask the site to read the code out again; its name must be in mirror.toml: sealift-mirror site list"),
        SiteError::Refused(SiteRefusal::NoKey(site)) => CommandError::from_error(Exit::RefusedSignature, error)
            .hint(format!("write the site's receipt_key into the [[site]] section of {site} in mirror.toml")),
        SiteError::Refused(SiteRefusal::Older { .. } | SiteRefusal::Less { .. }) => CommandError::from_error(Exit::RefusedOrder, error),
        SiteError::Refused(SiteRefusal::FutureCode { .. }) => CommandError::from_error(Exit::RefusedOrder, error)
            .hint("compare the clocks of both sides, and have the site write a new code"),
        SiteError::Kept { .. } => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("if the site was given a new key, remove its old receipts and import a new one"),
        _ => CommandError::from_error(Exit::Failed, error),
    }
}

fn repair(refusal: &RepairRefusal) -> CommandError {
    let refused = CommandError::from_error(Exit::RefusedSignature, refusal);
    match refusal {
        RepairRefusal::UnknownSite(_) | RepairRefusal::NoKey(_) => {
            refused.hint("add the site with its key: sealift-mirror site add NAME --key KEY")
        }
        RepairRefusal::Request(_) => {
            refused.hint("ask the site for a new request, and compare the key in mirror.toml with the site's by voice")
        }
        RepairRefusal::UnknownBundle { stream, .. }
        | RepairRefusal::NotListed { stream, .. }
        | RepairRefusal::UnknownVolume { stream, .. } => refused
            .hint(format!("see what was built here: sealift-mirror bundle list --stream {stream}"))
            .hint("a request made for another mirror's bundle has to go there"),
    }
    .state("Nothing was written.")
}

pub(super) fn withdraw(fault: &WithdrawError) -> CommandError {
    match fault {
        WithdrawError::Unknown(_) => CommandError::from_error(Exit::Usage, fault)
            .hint("see the versions: sealift-mirror bundle show; content that is not known here: sha256:DIGEST")
            .state("Nothing was changed."),
        WithdrawError::Document { .. } | WithdrawError::Schema(_) => CommandError::from_error(Exit::Failed, fault)
            .hint("bring the file back as it was: without it, content that is withdrawn would be carried again"),
        WithdrawError::Fs(inner) => error::fs(inner),
        WithdrawError::State(inner) => error::state(inner),
        WithdrawError::Stream(_) => CommandError::from_error(Exit::Failed, fault),
    }
}

pub(super) fn site_add(fault: &AddSiteError) -> CommandError {
    let usage = CommandError::from_error(Exit::Usage, fault);
    match fault {
        AddSiteError::Exists(site) => usage
            .hint(format!("see what it is: sealift-mirror site show {site}"))
            .hint("to give it another key, change its [[site]] section in mirror.toml"),
        AddSiteError::Config(inner) => {
            let mut failure = error::config(inner);
            failure.message = format!("{fault}: {}", failure.message);
            failure
        }
        AddSiteError::Fs(inner) => error::fs(inner),
    }
    .state("Nothing was changed.")
}

pub(super) fn key_file(error: &KeyFileError) -> CommandError {
    let failure = CommandError::from_error(Exit::Failed, error);
    match error {
        KeyFileError::Fs(inner) if inner.is_not_found() => failure.hint(
            "name the directory that `sealift-keys init` made (with keys/ in it): --keys DIR, or `keys` in mirror.toml",
        ),
        _ => failure,
    }
}

pub(super) fn passphrase(error: &PassphraseError) -> CommandError {
    let exit = match error {
        PassphraseError::Empty | PassphraseError::ManyLines => Exit::Usage,
        _ => Exit::Failed,
    };
    CommandError::from_error(exit, error)
}

pub(super) fn pack(error: &PackError) -> CommandError {
    let exit = if error.is_refusal() { Exit::RefusedSignature } else { Exit::Failed };
    let failure = CommandError::from_error(exit, error);
    match error {
        PackError::Space { .. } => failure.hint("make room, or name a place on a larger disk"),
        PackError::Exists(_) => failure.hint("name a file or directory that does not exist"),
        PackError::Source(SourceError::Fs(inner)) if inner.is_not_found() => {
            failure.hint("name the directory that holds SEALIFT, or a .sealift file")
        }
        _ => failure,
    }
}

/// A bundle that was not cut into volumes.
fn volumes(fault: &CutFault) -> CommandError {
    let failed = CommandError::from_error(Exit::Failed, fault);
    match fault {
        CutFault::Plan(_) => CommandError::from_error(Exit::Usage, fault)
            .hint("give another --volume-size, or less --parity; --plan shows what a size comes to"),
        CutFault::NoVolume { .. } => {
            CommandError::from_error(Exit::Usage, fault).hint("see the volumes: the same command with --plan")
        }
        CutFault::Parity(_) | CutFault::Blob { .. } | CutFault::ParityDiffers => {
            failed.hint("find what is damaged and fetch it again: sealift-mirror sync --check")
        }
    }
}
