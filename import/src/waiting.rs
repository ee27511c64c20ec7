//! Bundles that wait: judged by their documents and not accepted yet, because content or a verdict is missing
//! (format/waiting).
//!
//! What came of them lies in a store of its own, as it came; their documents lie in a tree of the layout of a medium, so
//! that they are judged by the same code again. Nothing here counts for anything before [`crate::receive`] accepts it.

mod discard;
mod gate;
mod holdings;
mod join;
mod missing;
mod park;
mod quarantine;
mod rebuild;

use std::path::{Path, PathBuf};

use sealift_bundle::layout::manifest_path;
use sealift_bundle::manifest::{MAX_BYTES, Manifest, ManifestError};
use sealift_bundle::volumes::{self, VolumeSet};
use sealift_fs::PathError;
use sealift_model::{Digest, Sequence, StreamId};
use sealift_trust::Envelope;

use crate::ledger::EventSubject;
use crate::repository::Repository;

pub use discard::{DiscardError, discard};
pub(crate) use gate::is_configured as is_gated;
pub use gate::verdicts_missing;
pub use holdings::Holdings;
pub(crate) use join::join;
pub use missing::{Lack, Missing, MissingVolume};
pub(crate) use park::{Documents, park};
pub(crate) use quarantine::{adopt, collect, drop_accepted, drop_changed, open as quarantine, shelve};
pub(crate) use rebuild::rebuild;

/// Below a waiting bundle's directory: statements that were handed over for it.
pub(crate) const STATEMENTS: &str = "statements";
/// Below it as well: the envelopes of volume sets, by the digest of their payload.
pub(crate) const SETS: &str = "sets";
/// Most volume sets that are read of one bundle.
const MOST_SETS: usize = 32;

/// A bundle that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Its stream.
    pub stream: StreamId,
    /// Its number.
    pub sequence: Sequence,
    /// Its id.
    pub id: Digest,
    /// Its manifest, as judged when it came.
    pub manifest: Manifest,
    /// The volume sets of which something came, as judged when they came.
    pub sets: Vec<VolumeSet>,
    /// Where its documents lie.
    pub(crate) dir: PathBuf,
}

/// Why the documents of a waiting bundle cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitingError {
    /// The disk.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Damaged since they were kept.
    #[error("the kept manifest of waiting bundle {name} is damaged")]
    Manifest {
        /// `stream/sequence`.
        name: String,
        /// How.
        #[source]
        source: ManifestError,
    },
}

impl Waiting {
    /// Returns `stream/sequence`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.stream, self.sequence)
    }

    /// Returns what an event about it is about.
    pub(crate) fn subject(&self) -> EventSubject {
        EventSubject {
            bundle: Some(self.id),
            sequence: Some(self.sequence),
            stream: Some(self.stream.clone()),
            ..EventSubject::default()
        }
    }
}

/// Returns the places of the bundles that wait, by stream and sequence.
///
/// # Errors
/// That the directory cannot be listed. One that is not there is empty.
pub fn list(repository: &Repository) -> Result<Vec<(StreamId, Sequence)>, PathError> {
    let top = repository.layout().waiting();
    let mut found = Vec::new();
    for stream in names(&top)?.iter().filter_map(|name| name.parse::<StreamId>().ok()) {
        let numbers = names(&top.join(stream.as_str()))?;
        found.extend(numbers.iter().filter_map(|name| Some((stream.clone(), name.parse().ok()?))));
    }
    found.sort();
    Ok(found)
}

fn names(dir: &Path) -> Result<Vec<String>, PathError> {
    match sealift_fs::list_dir(dir) {
        Err(e) if e.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

/// Tells whether a bundle of this place waits.
pub fn is_waiting(repository: &Repository, stream: &StreamId, sequence: Sequence) -> bool {
    repository.layout().waiting_bundle(stream, sequence).symlink_metadata().is_ok()
}

/// Reads what waits at a place.
///
/// # Errors
/// That it cannot be read, or was damaged.
pub fn load(repository: &Repository, stream: &StreamId, sequence: Sequence) -> Result<Waiting, WaitingError> {
    let name = format!("{stream}/{sequence}");
    let dir = repository.layout().waiting_bundle(stream, sequence);
    let below = manifest_path(stream, sequence)
        .map_err(|e| PathError::new("read", &dir, std::io::Error::new(std::io::ErrorKind::InvalidData, e)))?;
    let bytes = sealift_fs::read_capped(&dir.join(below.as_str()), MAX_BYTES)?;
    let manifest = Manifest::parse(&bytes).map_err(|source| WaitingError::Manifest { name, source })?;
    let id = Digest::of(&bytes);
    let sets = load_sets(&dir.join(SETS), id, &manifest)?;
    Ok(Waiting { stream: stream.clone(), sequence, id, manifest, sets, dir })
}

/// Reads the sets. A damaged one is passed over: it comes again with the next volume, and no content rests on it.
fn load_sets(dir: &Path, id: Digest, manifest: &Manifest) -> Result<Vec<VolumeSet>, PathError> {
    let mut sets = Vec::new();
    for name in names(dir)?.iter().take(MOST_SETS) {
        let bytes = sealift_fs::read_capped(&dir.join(name), volumes::MAX_BYTES)?;
        let envelope = Envelope::parse(&bytes).ok();
        sets.extend(envelope.and_then(|e| VolumeSet::parse(e.unverified_payload(), id, manifest).ok()));
    }
    Ok(sets)
}

/// Bundles whose documents cannot be read, by `stream/sequence`.
pub type Unreadable = Vec<(String, WaitingError)>;

/// Reads everything that waits; what cannot be read is named.
///
/// # Errors
/// That the directory cannot be listed.
pub fn load_all(repository: &Repository) -> Result<(Vec<Waiting>, Unreadable), PathError> {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for (stream, sequence) in list(repository)? {
        match load(repository, &stream, sequence) {
            Ok(waiting) => found.push(waiting),
            Err(error) => unreadable.push((format!("{stream}/{sequence}"), error)),
        }
    }
    Ok((found, unreadable))
}
