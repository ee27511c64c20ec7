//! Sync: bring upstreams up to date, select, fetch what is missing, and make snapshots.
//!
//! The order is the promise. Metadata of all upstreams is verified before anything is selected, every package is in the
//! store before a snapshot is written, and the heads are written last: whoever reads the state sees the last complete
//! sync or this one. What was fetched before a failure stays in the store and is not fetched again.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::DebEntry;
use sealift_fs::{Lock, PathError};
use sealift_model::{Digest, Progress, Timestamp, UpstreamId};
use sealift_term::{bytes, counted};
use serde::Serialize;

use crate::config::Config;
use crate::fetch::Fetcher;
use crate::fetch::download::DownloadError;
use crate::need::Taken;
use crate::selection::SelectionError;
use crate::snapshot::{Head, NeededPackage};
use crate::state::{State, StateError};
use crate::upstream::{self, Refreshed, UpstreamError};

mod key;
mod packages;

/// What to sync.
#[derive(Debug, Clone, Default)]
pub struct SyncRequest {
    /// The upstreams; empty for all.
    pub names: Vec<UpstreamId>,
    /// Stop after Release files and indexes.
    pub metadata_only: bool,
    /// Read every needed blob of the store again and fetch those that are missing or damaged.
    pub check: bool,
    /// Also what the hosts of these lists lack.
    pub needs: Vec<Taken>,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Whether it found anything to do.
    pub nothing_new: bool,
    /// Files fetched: signed files, indexes and packages.
    pub fetched_files: usize,
    /// Bytes of packages fetched.
    pub fetched_bytes: u64,
    /// Each upstream, by name.
    pub upstreams: Vec<UpstreamReport>,
}

/// One upstream after a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamReport {
    /// Its name.
    pub upstream: UpstreamId,
    /// Date of its Release file.
    pub date: Timestamp,
    /// Until when that file is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Whether Release file and selection are those of the sync before.
    pub unchanged: bool,
    /// The current snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Digest>,
    /// Packages in that snapshot, where it was made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<usize>,
    /// Whether a stream selects from it.
    pub selected: bool,
}

/// An upstream that could not be brought up to date.
#[derive(Debug)]
pub struct UpstreamFailure {
    /// Which one.
    pub upstream: UpstreamId,
    /// Why.
    pub error: UpstreamError,
}

/// A package that could not be fetched.
#[derive(Debug)]
pub struct PackageFailure {
    /// Of which upstream.
    pub upstream: UpstreamId,
    /// Which one.
    pub deb: DebEntry,
    /// Why.
    pub error: DownloadError,
}

/// Why a sync did not end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// No upstream is configured.
    #[error("no upstream is configured")]
    NoUpstreams,
    /// An upstream that `mirror.toml` does not have.
    #[error("there is no upstream `{0}`")]
    Unknown(UpstreamId),
    /// Upstreams that could not be brought up to date, at least one.
    #[error("{}", upstreams_failed(.0))]
    Upstreams(Vec<UpstreamFailure>),
    /// The selection failed.
    #[error("cannot select packages")]
    Selection(#[source] Box<SelectionError>),
    /// Not enough room for what is to be fetched.
    #[error("{} are to be fetched, {} are free in {}", bytes(*.need), bytes(*.free), .dir.display())]
    NoSpace {
        /// Bytes to fetch.
        need: u64,
        /// Bytes free.
        free: u64,
        /// The store.
        dir: std::path::PathBuf,
    },
    /// Packages that could not be fetched, at least one.
    #[error("{} of {} could not be fetched", .failed.len(), counted(*.wanted as u64, "package", "packages"))]
    Packages {
        /// Those that failed.
        failed: Vec<PackageFailure>,
        /// How many were to be fetched.
        wanted: usize,
        /// How many were, and are kept.
        kept: usize,
    },
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

// Boxed: its explanation of a conflict is far larger than any other error here.
impl From<SelectionError> for SyncError {
    fn from(error: SelectionError) -> Self {
        Self::Selection(Box::new(error))
    }
}

fn upstreams_failed(failures: &[UpstreamFailure]) -> String {
    let names: Vec<_> = failures.iter().map(|f| format!("`{}`", f.upstream)).collect();
    format!("upstream{} {} could not be synced", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

/// Syncs. `now` is the time signatures and expiry are judged at.
pub fn sync(
    state: &State,
    writer: &Lock,
    request: &SyncRequest,
    fetcher: &Fetcher,
    (now, progress): (Timestamp, &dyn Progress),
) -> Result<SyncReport, SyncError> {
    let names = names(state.config(), &request.names)?;
    if request.check {
        packages::remove_damaged(state, writer, &names, progress)?;
    }
    let refreshed = refresh_all(state, &names, fetcher, now, progress)?;
    let indexes: usize = refreshed.values().map(|r| r.fetched).sum();
    if request.metadata_only {
        return metadata_only(state, writer, refreshed);
    }
    let config = relevant(state.config(), &names);
    let heads = heads(state, &config, &refreshed)?;
    let keys: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), key::selection(&config, name, &heads))).collect();
    let current = |name: &UpstreamId, head: &Head| {
        head.selection.is_some()
            && head.selection == keys.get(name).copied()
            && head.current_snapshot.is_some_and(|id| state.has_snapshot(name, &id))
    };
    // What hosts lack is in no digest of a selection.
    let as_before = !request.check && request.needs.is_empty();
    if as_before && refreshed.iter().all(|(name, r)| r.unchanged && current(name, &r.head)) {
        return nothing_new(state, writer, &config, refreshed);
    }
    progress.phase("Selecting packages", None);
    let needed = crate::selection::needed(&config, &heads, state.store(), &request.needs)?;
    let fetched = packages::fetch(state, writer, &names, &needed, (fetcher, progress))?;
    let mut report = SyncReport {
        nothing_new: fetched.files == 0 && indexes == 0,
        fetched_files: fetched.files + indexes,
        fetched_bytes: fetched.bytes,
        upstreams: Vec::new(),
    };
    for (name, refreshed) in refreshed {
        let chosen = needed.get(&name).map_or(&[][..], Vec::as_slice);
        let selection = keys.get(&name).copied();
        let one = commit(state, writer, refreshed, chosen, selection)?;
        report.nothing_new &= one.unchanged;
        report.upstreams.push(UpstreamReport { selected: is_selected(&config, &name), ..one });
    }
    if names.len() == state.config().upstreams.len() {
        packages::clear_partial(state)?;
    }
    Ok(report)
}

/// Returns the upstreams to sync, in the order of the configuration.
fn names(config: &Config, asked: &[UpstreamId]) -> Result<Vec<UpstreamId>, SyncError> {
    if let Some(unknown) = asked.iter().find(|name| config.upstream(name).is_none()) {
        return Err(SyncError::Unknown(unknown.clone()));
    }
    let wanted = |name: &UpstreamId| asked.is_empty() || asked.contains(name);
    let names: Vec<_> = config.upstreams.iter().map(|u| u.name.clone()).filter(wanted).collect();
    if names.is_empty() { Err(SyncError::NoUpstreams) } else { Ok(names) }
}

/// Brings each upstream up to date, all of them or none: a closure over a part would be another one.
fn refresh_all(
    state: &State,
    names: &[UpstreamId],
    fetcher: &Fetcher,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<BTreeMap<UpstreamId, Refreshed>, SyncError> {
    let mut refreshed = BTreeMap::new();
    let mut failures = Vec::new();
    for name in names {
        progress.phase(&format!("Asking {name}"), None);
        match upstream::refresh(state, name, fetcher, now, progress) {
            Ok(one) => {
                progress.done(&told(name, &one));
                refreshed.insert(name.clone(), one);
            }
            Err(error) => failures.push(UpstreamFailure { upstream: name.clone(), error }),
        }
    }
    if failures.is_empty() { Ok(refreshed) } else { Err(SyncError::Upstreams(failures)) }
}

fn told(name: &UpstreamId, one: &Refreshed) -> String {
    if one.unchanged {
        return format!("{name}: Release file of {} is unchanged.", one.head.date);
    }
    let signers = one.head.signers.join(" and ");
    format!(
        "{name}: Release file of {}, signed by {signers}; {} fetched.",
        one.head.date,
        counted(one.fetched as u64, "file", "files")
    )
}

fn metadata_only(
    state: &State,
    writer: &Lock,
    refreshed: BTreeMap<UpstreamId, Refreshed>,
) -> Result<SyncReport, SyncError> {
    let mut report = SyncReport { nothing_new: true, fetched_files: 0, fetched_bytes: 0, upstreams: Vec::new() };
    for (upstream, one) in refreshed {
        write_head(state, writer, &one.head)?;
        report.nothing_new &= one.unchanged;
        report.fetched_files += one.fetched;
        report.upstreams.push(UpstreamReport {
            selected: is_selected(state.config(), &upstream),
            ..reported(&one.head, one.unchanged, None)
        });
    }
    Ok(report)
}

fn nothing_new(
    state: &State,
    writer: &Lock,
    config: &Config,
    refreshed: BTreeMap<UpstreamId, Refreshed>,
) -> Result<SyncReport, SyncError> {
    let mut upstreams = Vec::new();
    for (name, one) in refreshed {
        write_head(state, writer, &one.head)?;
        upstreams.push(UpstreamReport { selected: is_selected(config, &name), ..reported(&one.head, true, None) });
    }
    Ok(SyncReport { nothing_new: true, fetched_files: 0, fetched_bytes: 0, upstreams })
}

/// Writes snapshot and head of one upstream. Everything they name is in the store.
fn commit(
    state: &State,
    writer: &Lock,
    refreshed: Refreshed,
    chosen: &[NeededPackage],
    selection: Option<Digest>,
) -> Result<UpstreamReport, SyncError> {
    let id = state.write_snapshot(writer, &refreshed.head.snapshot(chosen))?;
    let unchanged = refreshed.unchanged && refreshed.head.current_snapshot == Some(id);
    let head = Head { current_snapshot: Some(id), selection, ..refreshed.head };
    write_head(state, writer, &head)?;
    Ok(reported(&head, unchanged, Some(chosen.len())))
}

fn write_head(state: &State, writer: &Lock, head: &Head) -> Result<(), SyncError> {
    if state.head(&head.upstream)?.as_ref() == Some(head) {
        return Ok(());
    }
    Ok(state.write_head(writer, head)?)
}

fn reported(head: &Head, unchanged: bool, packages: Option<usize>) -> UpstreamReport {
    UpstreamReport {
        upstream: head.upstream.clone(),
        date: head.date,
        valid_until: head.valid_until,
        unchanged,
        snapshot: head.current_snapshot,
        packages,
        selected: false,
    }
}

fn is_selected(config: &Config, name: &UpstreamId) -> bool {
    config.streams.iter().any(|stream| stream.upstreams.contains(name))
}

/// Returns the configuration with only those streams that select from one of `names`.
fn relevant(config: &Config, names: &[UpstreamId]) -> Config {
    let names: BTreeSet<_> = names.iter().collect();
    let mut config = config.clone();
    config.streams.retain(|stream| stream.upstreams.iter().any(|name| names.contains(name)));
    config
}

/// Returns the new heads, and the stored ones of other upstreams that the same streams select from.
fn heads(
    state: &State,
    config: &Config,
    refreshed: &BTreeMap<UpstreamId, Refreshed>,
) -> Result<BTreeMap<UpstreamId, Head>, SyncError> {
    let mut heads: BTreeMap<_, _> = refreshed.iter().map(|(name, r)| (name.clone(), r.head.clone())).collect();
    for name in config.streams.iter().flat_map(|stream| &stream.upstreams) {
        if !heads.contains_key(name)
            && let Some(head) = state.head(name)?
        {
            heads.insert(name.clone(), head);
        }
    }
    Ok(heads)
}
