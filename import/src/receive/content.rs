//! The blobs of a bundle on their way into the store, and the upstream's chain over what is there then.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sealift_bundle::blob::{BlobFault, open_content};
use sealift_bundle::chain::{ChainError, verify_upstreams};
use sealift_bundle::layout::blob_path;
use sealift_bundle::manifest::FileEntry;
use sealift_bundle::source::{Source, SourceError};
use sealift_fs::{Batch, Store, StoreError};
use sealift_model::Progress;

use super::candidate::Candidate;
use super::{ReceiveError, Stop};
use crate::refusal::Refusal;
use crate::repository::Repository;
use crate::waiting::Holdings;

/// Room that is left for the index, the ledger and the documents.
const RESERVE: u64 = 32 << 20;
/// One thread hashes while the other waits for the medium; more only make a spinning disk seek.
const THREADS: usize = 2;

/// What was copied of a bundle.
#[derive(Debug, Default)]
pub(super) struct Copied<'c> {
    /// Contents that were not in the store before.
    new: Vec<&'c FileEntry>,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Contents that were in the store already.
    pub(super) present: u64,
}

impl Copied<'_> {
    /// Returns the number of contents copied.
    pub(super) fn count(&self) -> u64 {
        self.new.len() as u64
    }

    /// Returns an amount for people.
    pub(super) fn describe(&self) -> String {
        let blobs = if self.new.len() == 1 { "blob" } else { "blobs" };
        format!("{} {blobs}, {} ({} there already)", self.new.len(), sealift_term::bytes(self.bytes), self.present)
    }

    /// Takes out of the store what a refused bundle brought. A blob that cannot be removed does no harm there.
    pub(super) fn undo(&self, repository: &Repository) {
        if let Ok(store) = repository.store() {
            for entry in &self.new {
                let _ = store.remove(&entry.sha256);
            }
        }
    }
}

/// What came of copying a whole bundle.
pub(super) enum Outcome<'c> {
    /// All of it is in the store.
    Whole(Copied<'c>),
    /// Something on the medium is damaged or cannot be read; the rest waits in the quarantine.
    Damaged,
}

/// Copies the carried blobs that the store lacks straight into it; durable on return.
pub(super) fn copy<'c>(
    repository: &Repository,
    source: &dyn Source,
    candidate: &'c Candidate,
    progress: &dyn Progress,
) -> Result<Outcome<'c>, Stop> {
    let store = repository.store()?;
    let (work, copied) = plan(&store, candidate);
    check_room(&repository.layout().store(), &candidate.name(), copied.bytes)?;
    progress.phase(&format!("Copying bundle {}", candidate.name()), Some(copied.bytes));
    let batch = store.batch();
    match copy_all(&work, &batch, source, progress) {
        Ok(()) => batch.commit()?,
        // What came over whole need not come again.
        Err(Failure::Refused | Failure::Medium(_)) => {
            batch.commit()?;
            let brought: Vec<&FileEntry> =
                copied.new.iter().filter(|e| store.has(&e.sha256, e.size)).copied().collect();
            crate::waiting::shelve(repository, &brought)?;
            return Ok(Outcome::Damaged);
        }
        Err(Failure::Store(error)) => return Err(fault(ReceiveError::Store(error))),
    }
    Ok(Outcome::Whole(copied))
}

/// Stops before anything is copied where less is free than `bytes` of content ask for.
pub(super) fn check_room(dir: &std::path::Path, name: &str, bytes: u64) -> Result<(), Stop> {
    let (needed, free) = (room_for(bytes), sealift_fs::free_bytes(dir)?);
    if bytes > 0 && needed > free {
        return Err(fault(ReceiveError::Full { name: name.to_owned(), needed, free }));
    }
    Ok(())
}

/// Returns the free bytes that `bytes` of content ask for: a tenth more than they are, since a file system takes its part,
/// and [`RESERVE`].
fn room_for(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10).saturating_add(RESERVE)
}

/// Decides which contents have to be copied. Every other one is in the store.
fn plan<'c>(store: &Store, candidate: &'c Candidate) -> (Vec<&'c FileEntry>, Copied<'c>) {
    let mut wanted = BTreeMap::new();
    let mut copied = Copied::default();
    for entry in &candidate.manifest.files {
        if wanted.contains_key(&entry.sha256) {
            continue;
        }
        let here = store.has(&entry.sha256, entry.size);
        copied.present += u64::from(here);
        wanted.insert(entry.sha256, (!here).then_some(entry));
    }
    let mut work: Vec<&FileEntry> = wanted.into_values().flatten().collect();
    // Largest first: the threads end together.
    work.sort_by_key(|entry| std::cmp::Reverse(entry.size));
    copied.new.clone_from(&work);
    copied.bytes = work.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    (work, copied)
}

pub(super) fn fault(error: ReceiveError) -> Stop {
    Stop::Fault(Box::new(error))
}

/// Why one blob was not copied.
pub(super) enum Failure {
    Refused,
    Medium(SourceError),
    Store(StoreError),
}

fn copy_all(
    work: &[&FileEntry],
    batch: &Batch<'_>,
    source: &dyn Source,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let first = Mutex::new(None);
    let run = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(entry) = work.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            if let Err(failure) = copy_one(entry, batch, source, progress) {
                stop.store(true, Ordering::Relaxed);
                let mut first = first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                first.get_or_insert(failure);
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS.min(work.len()) {
            scope.spawn(run);
        }
        run();
    });
    first.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

pub(super) fn copy_one(
    entry: &FileEntry,
    batch: &Batch<'_>,
    source: &dyn Source,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let mut content = match open_content(source, entry) {
        Ok(Some(content)) => content,
        Ok(None) | Err(SourceError::Refused(_)) => return Err(Failure::Refused),
        Err(SourceError::Read { source, .. }) if is_blob_fault(&source) => return Err(Failure::Refused),
        Err(fault) => return Err(Failure::Medium(fault)),
    };
    match batch.insert_stream(&mut content, &entry.sha256, entry.size, progress) {
        Ok(()) => Ok(()),
        Err(StoreError::Source { source: error, .. }) if is_blob_fault(&error) => Err(Failure::Refused),
        Err(StoreError::Source { source: error, .. }) => {
            let path = entry.stored.map_or_else(|| entry.path.clone(), |stored| blob_path(&stored.sha256));
            Err(Failure::Medium(source.fault(&path, error)))
        }
        Err(StoreError::WrongDigest { .. } | StoreError::WrongSize { .. }) => Err(Failure::Refused),
        Err(error) => Err(Failure::Store(error)),
    }
}

pub(super) fn is_blob_fault(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<BlobFault>)
}

/// Checks the upstream's signatures and digests over what is in the store and the quarantine.
pub(super) fn check_chain(repository: &Repository, candidate: &Candidate) -> Result<(), Stop> {
    let content = Holdings::of(repository)?;
    match verify_upstreams(&candidate.manifest, &content) {
        Ok(_) => Ok(()),
        Err(ChainError::Refused(source)) => {
            Err(Refusal::Chain { name: candidate.name(), source: Box::new(source) }.into())
        }
        // A blob is what the manifest lists, and still no frame of the one form the format allows.
        Err(ChainError::Fault { path, source }) if is_blob_fault(&source) => {
            Err(Refusal::Blob { name: candidate.name(), path, reason: source.to_string() }.into())
        }
        Err(error) => Err(fault(ReceiveError::Content(Box::new(error)))),
    }
}

#[cfg(test)]
mod tests {
    use super::{RESERVE, room_for};

    #[test]
    fn a_tenth_more_than_the_content_must_be_free() {
        assert_eq!(room_for(0), RESERVE);
        assert_eq!(room_for(10_000_000_000), 11_000_000_000 + RESERVE);
        assert_eq!(room_for(u64::MAX), u64::MAX, "no overflow makes it little");
    }
}
