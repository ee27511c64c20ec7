//! Which exit code and which hint belong to which error of the library.

use sealift_fs::{LockError, PathError};
use sealift_term::{CommandError, Exit, counted};

use crate::config::ConfigError;
use crate::fetch::FetchError;
use crate::fetch::download::DownloadError;
use crate::selection::SelectionError;
use crate::state::StateError;
use crate::sync::{PackageFailure, SyncError, UpstreamFailure};
use crate::upstream::add::AddError;
use crate::upstream::apt::AptError;
use crate::upstream::{UpstreamError, UpstreamRefusal};

/// Failures listed one by one; the rest is counted.
const LISTED: usize = 20;

/// Says what helps against a disk's failure.
pub(crate) fn fs(error: &PathError) -> CommandError {
    disk(CommandError::from_error(Exit::Failed, error), error)
}

fn disk(failure: CommandError, error: &PathError) -> CommandError {
    if error.is_full() {
        failure.hint("the disk is full: make room and run the same command again")
    } else if error.is_read_only() {
        failure.hint("the file system is mounted read-only")
    } else {
        failure
    }
}

pub(crate) fn lock(error: &LockError) -> CommandError {
    match error {
        LockError::Held(_) => {
            CommandError::from_error(Exit::Locked, error).hint("wait until the other sealift-mirror has ended")
        }
        LockError::Io(inner) => fs(inner),
        _ => CommandError::from_error(Exit::Failed, error),
    }
}

pub(crate) fn state(error: &StateError) -> CommandError {
    let failed = CommandError::from_error(Exit::Failed, error);
    match error {
        StateError::NotAMirror(_) => CommandError::from_error(Exit::Usage, error)
            .hint("name the mirror's directory with --dir, or make one: sealift-mirror init DIR"),
        StateError::Foreign(_) => failed.hint("name a directory that does not exist yet or is empty"),
        StateError::Exists(_) => failed.hint("edit it, or go on: sealift-mirror upstream add …"),
        StateError::Config(error) => config(error),
        StateError::Fs(error) => fs(error),
        StateError::Document { .. } | StateError::Changed { .. } => {
            failed.hint("move the file away; the next sync makes it anew")
        }
        StateError::Encode { .. } => failed,
    }
}

pub(crate) fn config(error: &ConfigError) -> CommandError {
    match error {
        ConfigError::Read(error) => fs(error),
        ConfigError::Invalid { line, text, .. } => {
            let mut failure = CommandError::from_error(Exit::Usage, error);
            failure.causes.push(format!("line {line} is: {text}"));
            failure
        }
    }
}

/// What an upstream's error means: its class, the hint, and the class of its worst part.
fn upstream(error: &UpstreamError) -> (Exit, Option<&'static str>) {
    match error {
        UpstreamError::Refused(UpstreamRefusal::Signature { .. }) => (
            Exit::RefusedSignature,
            Some("if the upstream has new keys, get its new keyring by a way you trust and name it in signed_by"),
        ),
        UpstreamError::Refused(UpstreamRefusal::Index(_)) => {
            (Exit::RefusedSignature, Some("the upstream may be in the middle of an update: try again in a few minutes"))
        }
        UpstreamError::Refused(UpstreamRefusal::Suite { .. }) => (
            Exit::RefusedSignature,
            Some("name in `suite` what the Release file calls itself, if that is what you want"),
        ),
        UpstreamError::Refused(UpstreamRefusal::Time(_)) => (
            Exit::RefusedOrder,
            Some("check this machine's clock, then whether the upstream or a proxy sends old files"),
        ),
        UpstreamError::Fetch(error) | UpstreamError::Download(DownloadError::Fetch(error)) => {
            (Exit::Failed, fetch(error))
        }
        UpstreamError::NoComponent { .. } | UpstreamError::NoIndex { .. } => {
            (Exit::Usage, Some("correct `components` and `architectures` of the upstream in mirror.toml"))
        }
        UpstreamError::Keyring { .. } | UpstreamError::KeyringFile(_) => {
            (Exit::Usage, Some("name the upstream's keyring, binary or armored, in signed_by"))
        }
        UpstreamError::Fs(error) | UpstreamError::Download(DownloadError::Disk(error)) if error.is_full() => {
            (Exit::Failed, Some("the disk is full: make room and run the same command again"))
        }
        _ => (Exit::Failed, None),
    }
}

fn fetch(error: &FetchError) -> Option<&'static str> {
    match error {
        FetchError::NotFound { .. } => Some("check `uri` and `suite` of the upstream in mirror.toml"),
        FetchError::Unreachable { .. } => {
            Some("check address, network and proxy (http_proxy, https_proxy, no_proxy), for https also SSL_CERT_FILE")
        }
        FetchError::Client(_) => Some("check the certificates that SSL_CERT_FILE or the system names"),
        FetchError::Status { status: 401 | 403 | 407, .. } => Some("the server or the proxy asks for credentials"),
        _ => None,
    }
}

pub(crate) fn sync(error: &SyncError) -> CommandError {
    let failed = CommandError::from_error(Exit::Failed, error);
    match error {
        SyncError::NoUpstreams => CommandError::from_error(Exit::Usage, error)
            .hint("add one: sealift-mirror upstream add --from-apt, or edit mirror.toml"),
        SyncError::Unknown(_) => {
            CommandError::from_error(Exit::Usage, error).hint("see the names: sealift-mirror upstream list")
        }
        SyncError::Upstreams(failures) => upstreams(failures, failed),
        SyncError::Selection(error) => selection(error),
        SyncError::NoSpace { .. } => failed.hint("make room, or select less: sealift-mirror select plan"),
        SyncError::Packages { failed: failures, kept, .. } => packages(failures, *kept, failed),
        SyncError::State(error) => state(error),
        SyncError::Fs(error) => fs(error),
    }
}

/// Lists every upstream's failure with its chain; a refusal decides the exit code.
fn upstreams(failures: &[UpstreamFailure], mut failure: CommandError) -> CommandError {
    let exits: Vec<_> = failures.iter().map(|f| upstream(&f.error).0).collect();
    failure.exit = worst(&exits);
    for one in failures {
        failure.causes.push(format!("{}: {}", one.upstream, chain(&one.error)));
        if let Some(hint) = upstream(&one.error).1 {
            failure = failure.hint(hint);
        }
    }
    failure.hints.dedup();
    failure
}

fn packages(failures: &[PackageFailure], kept: usize, mut failure: CommandError) -> CommandError {
    let wrong = failures.iter().any(|f| matches!(f.error, DownloadError::Wrong { .. }));
    let full = failures.iter().any(|f| matches!(&f.error, DownloadError::Disk(error) if error.is_full()));
    failure.exit = if wrong { Exit::RefusedSignature } else { Exit::Failed };
    for one in failures.iter().take(LISTED) {
        let deb = &one.deb;
        let name = format!("{} {} ({}) of {}", deb.package, deb.version, deb.architecture, one.upstream);
        failure.causes.push(sealift_model::escape::printable(&format!("{name}: {}", chain(&one.error))));
    }
    if failures.len() > LISTED {
        failure.causes.push(format!("and {} more", failures.len() - LISTED));
    }
    let hint = if full { "the disk is full: make room and run" } else { "run" };
    let state = format!(
        "No snapshot was made. {} kept; what was begun is continued.",
        counted(kept as u64, "package is", "packages are")
    );
    failure.hint(format!("{hint} the same command again; the upstream may be in the middle of an update")).state(state)
}

fn worst(exits: &[Exit]) -> Exit {
    let order = [Exit::RefusedSignature, Exit::RefusedOrder, Exit::Failed, Exit::Usage];
    order.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::Failed)
}

/// Returns an error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    sealift_model::escape::printable(&text)
}

pub(crate) fn selection(error: &SelectionError) -> CommandError {
    let failure = CommandError::from_error(Exit::Failed, error);
    match error {
        SelectionError::NotSynced(_) => failure.hint("sync it too: sealift-mirror sync"),
        SelectionError::NoIndex { .. } => failure.hint("fetch it again: sealift-mirror sync --check"),
        SelectionError::Read { .. } | SelectionError::Index { .. } => {
            failure.hint("if the store is damaged: sealift-mirror sync --check")
        }
        SelectionError::Closure { .. } => {
            failure.hint("see why: sealift-mirror select plan; then change the stream's rules")
        }
        _ => failure,
    }
}

pub(crate) fn add(error: &AddError) -> CommandError {
    let usage = CommandError::from_error(Exit::Usage, error);
    match error {
        AddError::Exists(_) => usage.hint("choose another --name, or edit mirror.toml"),
        AddError::KeyringFile(inner) => disk(usage, inner),
        AddError::Keyring { .. } => usage.hint("name an OpenPGP keyring, binary or armored, with --signed-by"),
        AddError::Credentials => {
            usage.hint("add the upstream without them, then write them into its uri in mirror.toml, which is private")
        }
        AddError::Config(inner) => {
            let mut failure = config(inner);
            failure.message = format!("{error}: {}", failure.message);
            failure
        }
        AddError::Fs(inner) => fs(inner),
    }
}

pub(crate) fn apt(error: &AptError) -> CommandError {
    CommandError::from_error(Exit::Failed, error)
}
