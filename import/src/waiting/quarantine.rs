//! The quarantine: a store of blobs as media carry them, of bundles that wait.
//!
//! A blob gets its name there only after it was hashed, and leaves by one rename. What no waiting bundle lists is removed.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::{Encoding, FileEntry};
use sealift_fs::{Mode, PathError, Store, StoreError};
use sealift_model::{Digest, Progress, Sequence, Silent, StreamId};

use super::{Holdings, Waiting, load_all};
use crate::repository::{Repository, StateError, Writer};

/// Opens the quarantine if it was ever made.
pub(super) fn existing(repository: &Repository) -> Result<Option<Store>, PathError> {
    let dir = repository.layout().quarantine_store();
    if dir.symlink_metadata().is_ok() { Store::open(&dir).map(Some) } else { Ok(None) }
}

/// Opens the quarantine, making it where it is not there.
pub(crate) fn open(repository: &Repository) -> Result<Store, PathError> {
    let dir = repository.layout().quarantine_store();
    sealift_fs::create_dir_all(&dir, Mode::Private)?;
    Store::open(&dir)
}

/// Moves everything of a bundle that is only in the quarantine into the store; durable on return.
///
/// Plain blobs are renamed, so [`drop_changed`] comes first; encoded ones are decoded and hashed once more.
pub(crate) fn adopt(writer: &Writer, waiting: &Waiting, withheld: &BTreeSet<Digest>) -> Result<(), StoreError> {
    let holdings = Holdings::of(writer)?;
    let (store, Some(quarantine)) = (writer.store()?, existing(writer)?) else { return Ok(()) };
    let mut seen = BTreeSet::new();
    let wanted =
        waiting.manifest.files.iter().filter(|entry| {
            seen.insert(entry.sha256) && !withheld.contains(&entry.sha256) && !holdings.in_store(entry)
        });
    let (plain, encoded): (Vec<&FileEntry>, Vec<&FileEntry>) = wanted
        .partition(|entry| holdings.quarantined(entry).is_some_and(|stored| stored.encoding == Encoding::Identity));
    copy(&store, &holdings, &encoded, &Silent)?;
    let digests: Vec<Digest> = plain.iter().map(|entry| entry.sha256).collect();
    if store.take_over(&quarantine, &digests)? { Ok(()) } else { copy(&store, &holdings, &plain, &Silent) }
}

fn copy(store: &Store, from: &Holdings, entries: &[&FileEntry], progress: &dyn Progress) -> Result<(), StoreError> {
    use sealift_bundle::chain::Content as _;
    let batch = store.batch();
    for entry in entries {
        let opened = from.open(entry);
        let mut content = opened.map_err(|source| StoreError::Source { digest: entry.sha256, source })?;
        batch.insert_stream(&mut content, &entry.sha256, entry.size, progress)?;
    }
    Ok(batch.commit()?)
}

/// Hashes everything that a bundle is about to take out of the quarantine, and removes what is no longer what its name says;
/// returns how many blobs that were.
///
/// Bytes were hashed when they came, which may be weeks ago, and a verdict of a scanner is about the digest: what a disk or
/// another program made of them since must not get into the store by a rename.
pub(crate) fn drop_changed(
    writer: &Writer,
    waiting: &Waiting,
    withheld: &BTreeSet<Digest>,
    progress: &dyn Progress,
) -> Result<u64, StoreError> {
    let (holdings, Some(quarantine)) = (Holdings::of(writer)?, existing(writer)?) else { return Ok(0) };
    let files = waiting.manifest.files.iter();
    let wanted = files.filter(|entry| !withheld.contains(&entry.sha256) && !holdings.in_store(entry));
    let blobs: BTreeMap<Digest, u64> =
        wanted.filter_map(|entry| holdings.quarantined(entry)).map(|stored| (stored.sha256, stored.size)).collect();
    let bytes = blobs.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
    progress.phase(&format!("Checking what waited of bundle {}", waiting.name()), Some(bytes));
    drop_wrong(&quarantine, blobs, &|size| progress.advance(size))
}

/// Removes those of `blobs` that have other bytes than their names say, and returns how many that were.
pub(super) fn drop_wrong(
    quarantine: &Store,
    blobs: impl IntoIterator<Item = (Digest, u64)>,
    read: &dyn Fn(u64),
) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for (digest, size) in blobs.into_iter().filter(|(digest, size)| quarantine.has(digest, *size)) {
        match quarantine.verify(&digest) {
            Err(StoreError::WrongDigest { .. }) => {
                quarantine.remove(&digest)?;
                dropped += 1;
            }
            other => drop(other?),
        }
        read(size);
    }
    Ok(dropped)
}

/// Takes out of the store what a bundle that turned out to be damaged brought: plain content waits in the quarantine, the
/// rest is removed.
pub(crate) fn shelve(repository: &Repository, brought: &[&FileEntry]) -> Result<(), PathError> {
    let (store, quarantine) = (repository.store()?, open(repository)?);
    let plain = |entry: &&&FileEntry| entry.stored.is_some_and(|stored| stored.encoding == Encoding::Identity);
    let digests: Vec<Digest> = brought.iter().filter(plain).map(|entry| entry.sha256).collect();
    quarantine.take_over(&store, &digests)?;
    for entry in brought {
        store.remove(&entry.sha256)?;
    }
    Ok(())
}

/// Removes blobs that no waiting bundle lists, and what a killed run left; returns how many that were.
///
/// Nothing is removed while the documents of a waiting bundle cannot be read.
pub(crate) fn collect(writer: &Writer) -> Result<u64, StateError> {
    let Some(quarantine) = existing(writer)? else { return Ok(0) };
    let mut removed = quarantine.sweep(writer.lock())?;
    let (waiting, unreadable) = load_all(writer)?;
    let here = quarantine.digests()?;
    if !unreadable.is_empty() || here.is_empty() {
        return Ok(removed);
    }
    let mut listed: BTreeSet<Digest> = waiting.iter().flat_map(Waiting::listed).collect();
    listed.extend(writer.index().withheld()?);
    for digest in here.iter().filter(|digest| !listed.contains(digest)) {
        quarantine.remove(digest)?;
        removed += 1;
    }
    Ok(removed)
}

impl Waiting {
    /// Returns every blob that is kept in the quarantine while this bundle waits.
    fn listed(&self) -> Vec<Digest> {
        let of = |entry: &FileEntry| [Some(entry.sha256), entry.stored.map(|stored| stored.sha256)];
        let pieces = self.sets.iter().flat_map(|set| set.pieces().map(|piece| piece.sha256));
        self.manifest.files.iter().flat_map(of).flatten().chain(pieces).collect()
    }
}

/// Removes the documents of bundles that were accepted since: a killed run may have left them.
pub(crate) fn drop_accepted(writer: &Writer) -> Result<u64, StateError> {
    let mut dropped = 0;
    for (stream, sequence) in super::list(writer)? {
        if writer.index().bundle(&stream, sequence)?.is_some() {
            remove(writer, &stream, sequence)?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// Removes the documents of a waiting bundle: out of the way in one step, then file by file.
pub(super) fn remove(writer: &Writer, stream: &StreamId, sequence: Sequence) -> Result<(), PathError> {
    let gone = writer.layout().quarantine().join(format!("gone-{stream}-{sequence}"));
    sealift_fs::remove_tree(&gone)?;
    sealift_fs::rename(&writer.layout().waiting_bundle(stream, sequence), &gone)?;
    sealift_fs::remove_tree(&gone)
}
