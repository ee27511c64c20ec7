//! The blobs of a bundle on their way into the store, and the upstream's chain over what is there then.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sealift_bundle::blob::{BlobFault, open_content};
use sealift_bundle::chain::{ChainError, Content, verify_upstreams};
use sealift_bundle::layout::blob_path;
use sealift_bundle::manifest::FileEntry;
use sealift_bundle::source::{Source, SourceError};
use sealift_fs::{Batch, Store, StoreError};
use sealift_model::{Digest, Progress};

use super::candidate::Candidate;
use super::{ReceiveError, Stop};
use crate::refusal::Refusal;
use crate::repository::Repository;

/// Room that is left for the index, the ledger and the documents.
const RESERVE: u64 = 32 << 20;
/// One thread hashes while the other waits for the medium; more only make a spinning disk seek.
const THREADS: usize = 2;

/// What was copied of a bundle.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// Contents that were not in the store before.
    new: Vec<Digest>,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Contents that were in the store already.
    pub(super) present: u64,
}

impl Copied {
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
            for digest in &self.new {
                let _ = store.remove(digest);
            }
        }
    }
}

/// Copies the carried blobs that the store lacks; durable on return.
pub(super) fn copy(
    repository: &Repository,
    source: &dyn Source,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<Copied, Stop> {
    let store = repository.store()?;
    let (work, copied) = plan(&store, candidate)?;
    let free = sealift_fs::free_bytes(&repository.layout().store())?;
    let needed = room_for(copied.bytes);
    if !work.is_empty() && needed > free {
        return Err(fault(ReceiveError::Full { name: candidate.name(), needed, free }));
    }
    progress.phase(&format!("Copying bundle {}", candidate.name()), Some(copied.bytes));
    let batch = store.batch();
    let outcome = copy_all(&work, &batch, source, progress);
    match outcome {
        Ok(()) => batch.commit()?,
        Err((entry, Failure::Refused(reason))) => {
            drop(batch);
            copied.undo(repository);
            return Err(Refusal::Blob { name: candidate.name(), path: entry.path.clone(), reason }.into());
        }
        Err((_, Failure::Medium(error))) => {
            // What came over whole need not come again.
            batch.commit()?;
            return Err(Stop::Medium(Box::new(error)));
        }
        Err((_, Failure::Store(error))) => return Err(fault(ReceiveError::Store(error))),
    }
    Ok(copied)
}

/// Returns the free bytes that `bytes` of content ask for: a tenth more than they are, since a file system takes its part,
/// and [`RESERVE`].
fn room_for(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10).saturating_add(RESERVE)
}

/// Decides which contents have to be copied. Every other one must be in the store.
fn plan<'c>(store: &Store, candidate: &'c Candidate) -> Result<(Vec<&'c FileEntry>, Copied), Stop> {
    let mut wanted = BTreeMap::new();
    let mut copied = Copied::default();
    for entry in &candidate.manifest.files {
        if wanted.contains_key(&entry.sha256) {
            continue;
        }
        let here = store.has(&entry.sha256, entry.size);
        if !here && entry.stored.is_none() {
            return Err(lost(candidate, entry));
        }
        copied.present += u64::from(here);
        wanted.insert(entry.sha256, (!here).then_some(entry));
    }
    let mut work: Vec<&FileEntry> = wanted.into_values().flatten().collect();
    // Largest first: the threads end together.
    work.sort_by_key(|entry| std::cmp::Reverse(entry.size));
    copied.new = work.iter().map(|entry| entry.sha256).collect();
    copied.bytes = work.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    Ok((work, copied))
}

/// Names what the store lost; that the base lists it was checked before.
fn lost(candidate: &Candidate, entry: &FileEntry) -> Stop {
    let manifest = &candidate.manifest;
    let base = manifest.base.map_or_else(String::new, |base| format!("{}/{}", manifest.stream, base.sequence));
    fault(ReceiveError::Lost { path: entry.path.to_string(), digest: entry.sha256, base })
}

fn fault(error: ReceiveError) -> Stop {
    Stop::Fault(Box::new(error))
}

/// Why one blob was not copied.
pub(super) enum Failure {
    Refused(String),
    Medium(SourceError),
    Store(StoreError),
}

fn copy_all<'c>(
    work: &[&'c FileEntry],
    batch: &Batch<'_>,
    source: &dyn Source,
    progress: &dyn Progress,
) -> Result<(), (&'c FileEntry, Failure)> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let first = Mutex::new(None);
    let run = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(entry) = work.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            if let Err(failure) = copy_one(entry, batch, source, progress) {
                stop.store(true, Ordering::Relaxed);
                let mut first = first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                first.get_or_insert((*entry, failure));
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
        Ok(None) => return Err(Failure::Refused("it is not carried".into())),
        Err(SourceError::Refused(refusal)) => return Err(Failure::Refused(refusal.to_string())),
        Err(SourceError::Read { source, .. }) if is_blob_fault(&source) => {
            return Err(Failure::Refused(source.to_string()));
        }
        Err(fault) => return Err(Failure::Medium(fault)),
    };
    match batch.insert_stream(&mut content, &entry.sha256, entry.size, progress) {
        Ok(()) => Ok(()),
        Err(StoreError::Source { source: error, .. }) if is_blob_fault(&error) => {
            Err(Failure::Refused(error.to_string()))
        }
        Err(StoreError::Source { source: error, .. }) => {
            let path = entry.stored.map_or_else(|| entry.path.clone(), |stored| blob_path(&stored.sha256));
            Err(Failure::Medium(source.fault(&path, error)))
        }
        Err(error @ (StoreError::WrongDigest { .. } | StoreError::WrongSize { .. })) => {
            Err(Failure::Refused(error.to_string()))
        }
        Err(error) => Err(Failure::Store(error)),
    }
}

fn is_blob_fault(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<BlobFault>)
}

/// Checks the upstream's signatures and digests over what is in the store.
pub(super) fn check_chain(repository: &Repository, candidate: &Candidate) -> Result<(), Stop> {
    let content = StoreContent { store: repository.store()? };
    match verify_upstreams(&candidate.manifest, &content) {
        Ok(_) => Ok(()),
        Err(ChainError::Refused(source)) => {
            Err(Refusal::Chain { name: candidate.name(), source: Box::new(source) }.into())
        }
        Err(error) => Err(fault(ReceiveError::Content(Box::new(error)))),
    }
}

/// Content out of the store, where it was hashed when it came.
struct StoreContent {
    store: Store,
}

impl Content for StoreContent {
    fn open(&self, entry: &FileEntry) -> io::Result<Box<dyn Read + Send + '_>> {
        let file = self.store.open_blob(&entry.sha256).map_err(io::Error::other)?;
        Ok(Box::new(file))
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
