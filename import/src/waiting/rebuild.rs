//! Rebuilds what is lost from parity, once enough of a set is here.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::Encoding;
use sealift_bundle::parity::{self, ParityError};
use sealift_bundle::volumes::VolumeSet;
use sealift_bundle::write::BlobAt;
use sealift_fs::{PathError, Store};
use sealift_model::{Digest, Progress};

use super::{Holdings, Waiting};
use crate::repository::{Repository, Writer};

/// Rebuilds every piece that parity makes good and that the bundle lacks; returns how many that were.
///
/// Each is compared with its digest before it gets its name in the quarantine. A set whose parity was made of other bytes
/// than it lists mends nothing, and does no harm.
///
/// # Errors
/// A fault of the disk.
pub(crate) fn rebuild(writer: &Writer, waiting: &Waiting, progress: &dyn Progress) -> Result<u64, ParityError> {
    let mut rebuilt = 0;
    for set in waiting.sets.iter().filter(|set| set.parity().is_some()) {
        let here = Pieces::of(writer, waiting, set)?;
        let possible = parity::judge(set, &|digest| here.find(digest).is_some()).possible;
        let wanted: BTreeSet<Digest> =
            possible.iter().map(|piece| piece.sha256).filter(|digest| here.wanted.contains(digest)).collect();
        if wanted.is_empty() {
            continue;
        }
        let quarantine = super::quarantine(writer)?;
        match parity::rebuild(set, &|digest| here.find(digest), &wanted, &quarantine, progress) {
            Ok(count) => rebuilt += count,
            // What it was computed from may have been changed since it came; then that has to come again.
            Err(ParityError::Rebuilt { .. }) => {
                let pieces = set.pieces().map(|piece| (piece.sha256, piece.size));
                super::quarantine::drop_wrong(&quarantine, pieces, &|_| ())?;
            }
            Err(ParityError::TooMuchLost { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(rebuilt)
}

/// Where the pieces of a set are on this machine.
struct Pieces<'w> {
    set: &'w VolumeSet,
    store: Store,
    quarantine: Store,
    /// Sizes of everything that may lie in the quarantine.
    sizes: BTreeMap<Digest, u64>,
    /// Plain blobs whose content is in the store.
    stored: BTreeSet<Digest>,
    /// Pieces of data that the bundle lacks.
    wanted: BTreeSet<Digest>,
}

impl<'w> Pieces<'w> {
    fn of(repository: &Repository, waiting: &Waiting, set: &'w VolumeSet) -> Result<Self, PathError> {
        let holdings = Holdings::of(repository)?;
        let (mut stored, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        for (digest, entry) in waiting.manifest.blobs() {
            if entry.stored.is_some_and(|s| s.encoding == Encoding::Identity) && holdings.in_store(entry) {
                stored.insert(digest);
            }
            if !holdings.has(entry) {
                wanted.insert(digest);
            }
        }
        let lacking = set.split().iter().filter(|split| wanted.contains(&split.blob));
        let parts: Vec<Digest> = lacking.flat_map(|split| &split.parts).map(|part| part.sha256).collect();
        wanted.extend(parts);
        let mut sizes: BTreeMap<Digest, u64> = set.pieces().map(|piece| (piece.sha256, piece.size)).collect();
        sizes.extend(waiting.manifest.blobs().into_values().filter_map(|e| e.stored).map(|s| (s.sha256, s.size)));
        let (store, quarantine) = (repository.store()?, super::quarantine(repository)?);
        Ok(Self { set, store, quarantine, sizes, stored, wanted })
    }

    /// Finds a blob, part or parity blob; a part also inside of its joined blob.
    fn find(&self, digest: &Digest) -> Option<BlobAt> {
        self.whole(digest).map(BlobAt::Whole).or_else(|| self.inside(digest))
    }

    fn whole(&self, digest: &Digest) -> Option<std::path::PathBuf> {
        let quarantined = self.sizes.get(digest).is_some_and(|size| self.quarantine.has(digest, *size));
        let quarantined = quarantined.then(|| self.quarantine.path(digest));
        quarantined.or_else(|| self.stored.contains(digest).then(|| self.store.path(digest)))
    }

    fn inside(&self, digest: &Digest) -> Option<BlobAt> {
        let split = self.set.split().iter().find(|split| split.parts.iter().any(|part| part.sha256 == *digest))?;
        let file = self.whole(&split.blob)?;
        let mut offset: u64 = 0;
        for part in &split.parts {
            if part.sha256 == *digest {
                return Some(BlobAt::Part { file, offset, size: part.size });
            }
            offset = offset.saturating_add(part.size);
        }
        None
    }
}
