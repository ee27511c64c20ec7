//! Fetching the packages that are needed and not in the store.

use std::collections::{BTreeMap, BTreeSet};

use sealift_fs::{Lock, StoreError};
use sealift_model::{Progress, UpstreamId};
use sealift_term::counted;

use super::{PackageFailure, SyncError};
use crate::fetch::Fetcher;
use crate::fetch::download::{self, Wanted};
use crate::snapshot::NeededPackage;
use crate::state::State;

/// What was fetched.
pub(super) struct FetchedPackages {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// Fetches what is missing for `names`, each content once.
pub(super) fn fetch(
    state: &State,
    writer: &Lock,
    names: &[UpstreamId],
    needed: &BTreeMap<UpstreamId, Vec<NeededPackage>>,
    (fetcher, progress): (&Fetcher, &dyn Progress),
) -> Result<FetchedPackages, SyncError> {
    let missing = missing(state, names, needed);
    let bytes = missing.iter().map(|(_, package)| package.size).sum();
    if missing.is_empty() {
        return Ok(FetchedPackages { files: 0, bytes: 0 });
    }
    check_space(state, &missing)?;
    state.store().sweep(writer)?;
    let wanted: Vec<_> = missing
        .iter()
        .filter_map(|(name, package)| {
            let uri = &state.config().upstream(name)?.uri;
            Some(Wanted { uri, path: package.path.clone(), sha256: package.sha256, size: package.size })
        })
        .collect();
    progress.phase("Fetching packages", Some(bytes));
    let done = download::download(fetcher, &wanted, state.store(), &state.partial_dir()?, progress)?;
    if done.failed.is_empty() {
        progress.done(&format!(
            "Fetched {}, {}.",
            counted(done.files as u64, "package", "packages"),
            sealift_term::bytes(done.bytes)
        ));
        return Ok(FetchedPackages { files: done.files, bytes: done.bytes });
    }
    let failed = done.failed.into_iter().filter_map(|(place, error)| {
        let (name, package) = missing.get(place)?;
        Some(PackageFailure { upstream: (*name).clone(), deb: package.deb.clone(), error })
    });
    Err(SyncError::Packages { failed: failed.collect(), wanted: wanted.len(), kept: done.files })
}

/// Returns what is not in the store, the largest first so that no thread is left alone with one at the end.
fn missing<'a>(
    state: &State,
    names: &'a [UpstreamId],
    needed: &'a BTreeMap<UpstreamId, Vec<NeededPackage>>,
) -> Vec<(&'a UpstreamId, &'a NeededPackage)> {
    let mut seen = BTreeSet::new();
    let all = names.iter().flat_map(|name| needed.get(name).into_iter().flatten().map(move |package| (name, package)));
    let mut missing: Vec<_> =
        all.filter(|(_, p)| !state.store().has(&p.sha256, p.size) && seen.insert(p.sha256)).collect();
    missing.sort_by(|(_, a), (_, b)| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    missing
}

/// Refuses to begin what the disk cannot hold, with a tenth to spare.
fn check_space(state: &State, missing: &[(&UpstreamId, &NeededPackage)]) -> Result<(), SyncError> {
    let (dir, partial) = (state.dir().join("store"), state.partial_dir()?);
    let begun = |package: &NeededPackage| {
        sealift_fs::open_file(&partial.join(package.sha256.to_hex())).map_or(0, |(_, size)| size)
    };
    let need: u64 = missing.iter().map(|(_, package)| package.size.saturating_sub(begun(package))).sum();
    let free = sealift_fs::free_bytes(&dir)?;
    if need.saturating_add(need / 10) <= free {
        return Ok(());
    }
    Err(SyncError::NoSpace { need, free, dir })
}

/// Reads every blob that heads and current snapshots name, and removes those that are no longer what their name says,
/// so that they count as missing.
pub(super) fn remove_damaged(
    state: &State,
    _writer: &Lock,
    names: &[UpstreamId],
    progress: &dyn Progress,
) -> Result<(), SyncError> {
    let store = state.store();
    let mut blobs = BTreeMap::new();
    for name in names {
        let Some(head) = state.head(name)? else { continue };
        let id = head.current_snapshot.filter(|id| state.has_snapshot(name, id));
        let snapshot = id.map(|id| state.snapshot(name, &id)).transpose()?;
        blobs.insert(head.keyring.sha256, head.keyring.size);
        blobs.extend(head.files.iter().chain(snapshot.iter().flat_map(|s| &s.files)).map(|f| (f.sha256, f.size)));
    }
    blobs.retain(|digest, size| store.has(digest, *size));
    progress.phase("Checking the store", Some(blobs.values().sum()));
    let mut removed = 0_usize;
    for (digest, size) in &blobs {
        match store.verify(digest) {
            Ok(_) => {}
            Err(StoreError::Io(error)) => return Err(error.into()),
            Err(_) => {
                store.remove(digest)?;
                removed += 1;
            }
        }
        progress.advance(*size);
    }
    progress.done(&format!("Checked {}, {removed} damaged.", counted(blobs.len() as u64, "blob", "blobs")));
    Ok(())
}

/// Removes unfinished downloads that nothing needs any more, once everything needed is there.
pub(super) fn clear_partial(state: &State) -> Result<(), SyncError> {
    let dir = state.partial_dir()?;
    for name in sealift_fs::list_dir(&dir)? {
        sealift_fs::remove_file(&dir.join(name))?;
    }
    Ok(())
}
