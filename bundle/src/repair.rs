//! Rebuilds lost and damaged volumes of one set from the others, without keys and without state.
//!
//! Every volume at hand is judged as `verify` does, but for its blobs: those are hashed one by one, and each that is not
//! as signed counts as lost. From what is left the parity rebuilds the rest; volumes are then written whole, and proven.
//! What cannot be rebuilt is named.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use sealift_fs::{PathError, Store, remove_tree};
use sealift_model::{Digest, Progress, RelPath, Timestamp};
use sealift_trust::Previous;

use crate::layout::{self, BundleNames, MAX_EVIDENCE_BYTES, blob_path, evidence_path, manifest_path, volume_path};
use crate::manifest::{MAX_BYTES, Manifest};
use crate::metadata::{MetadataFiles, read_metadata};
use crate::parity::{Judgement, ParityError, judge, rebuild};
use crate::source::{Directory, Source, SourceError, TOP};
use crate::staging::digest_of;
use crate::trust::verify_metadata;
use crate::verify::{Documents, VerifyError, read_documents};
use crate::volumes::{self, Piece, VolumeSet};
use crate::write::{
    BlobAt, BlobProvider, BundleParts, VolumePart, WriteError, WriteOptions, WriteReport, write_proven,
};

/// Directory of rebuilt pieces below the target, while they have no volume.
const PIECES: &str = ".sealift-rebuilt";

/// What to repair.
#[derive(Debug, Clone, Copy)]
pub struct RepairRequest<'a> {
    /// Directories that hold `SEALIFT`, one or several volumes in each.
    pub from: &'a [PathBuf],
    /// The root of trust: a root file that came by another way than the media.
    pub root: &'a [u8],
    /// The time expiry is judged at.
    pub now: Timestamp,
}

/// What is at hand of a set, and what is not.
pub struct Found {
    /// The set.
    pub set: VolumeSet,
    /// The bundle's manifest.
    pub manifest: Manifest,
    /// Pieces that are not there as signed, each with one volume it belongs to.
    pub lost: Judgement,
    /// Of these, the ones that were there with other bytes or could not be read.
    pub damaged: Vec<Piece>,
    manifest_bytes: Vec<u8>,
    envelope: Vec<u8>,
    evidence: Vec<(String, Vec<u8>)>,
    metadata: MetadataFiles,
    good: BTreeMap<Digest, PathBuf>,
}

/// Why nothing could be repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// A volume is not to be believed.
    #[error("{path} is refused")]
    Volume {
        /// Where it lies.
        path: String,
        /// Why.
        #[source]
        source: Box<VerifyError>,
    },
    /// No medium at all.
    #[error("no volume is given")]
    Nothing,
    /// A medium without a volume of a set, or with volumes of several bundles.
    #[error("{0} does not hold volumes of exactly one bundle")]
    NotVolumes(String),
    /// Volumes of different sets.
    #[error("{0} holds a volume of another set than the ones before it")]
    OtherSet(String),
    /// A volume that the set does not have.
    #[error("there is no volume {number}: the set has {volumes}")]
    NoVolume {
        /// The number asked for.
        number: u16,
        /// How many there are.
        volumes: u16,
    },
    /// Too much is lost.
    #[error("volume {volume} cannot be rebuilt: {count} of its blobs have too much lost beside them, {bytes} bytes")]
    TooMuchLost {
        /// The volume.
        volume: u16,
        /// How many of its pieces cannot be rebuilt.
        count: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// The code failed.
    #[error(transparent)]
    Parity(#[from] ParityError),
    /// A volume could not be written.
    #[error("volume {volume} was not written")]
    Write {
        /// The volume.
        volume: u16,
        /// Why.
        #[source]
        source: Box<WriteError>,
    },
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// One medium after its documents were verified.
struct Medium {
    directory: Directory,
    top: PathBuf,
    names: BundleNames,
    documents: Documents,
    blobs: BTreeMap<Digest, u64>,
    targets_version: u64,
}

/// Verifies all volumes at hand and hashes their blobs. **Does not write to the disk.**
pub fn look(request: &RepairRequest<'_>, progress: &dyn Progress) -> Result<Found, RepairError> {
    let mut media: Vec<Medium> = Vec::new();
    for path in request.from {
        let medium = open(path, request)?;
        let set = |medium: &Medium| medium.documents.volumes.as_ref().map(|volumes| volumes.set.id());
        if media.first().is_some_and(|first| set(first) != set(&medium)) {
            return Err(RepairError::OtherSet(crate::source::shown(path)));
        }
        media.push(medium);
    }
    // The newest trust metadata at hand goes onto what is written anew.
    media.sort_by_key(|medium| std::cmp::Reverse(medium.targets_version));
    let Some(first) = media.first() else { return Err(RepairError::Nothing) };
    let Some(volumes) = &first.documents.volumes else { return Err(RepairError::Nothing) };
    let (good, damaged) = hash(&volumes.set, &media, progress);
    let lost = judge(&volumes.set, &|digest| good.contains_key(digest));
    let documents = read_again(first).map_err(|source| refused(&first.top, source))?;
    Ok(Found {
        set: volumes.set.clone(),
        manifest: first.documents.manifest.clone(),
        lost,
        damaged,
        manifest_bytes: documents.0,
        envelope: documents.1,
        evidence: documents.2,
        metadata: documents.3,
        good,
    })
}

fn refused(path: &Path, source: impl Into<VerifyError>) -> RepairError {
    RepairError::Volume { path: crate::source::shown(path), source: Box::new(source.into()) }
}

fn open(path: &Path, request: &RepairRequest<'_>) -> Result<Medium, RepairError> {
    let failed = |source| refused(path, source);
    let directory = Directory::open(path).map_err(|e| failed(e.into()))?;
    let survey = layout::survey(&directory).map_err(|e| failed(e.into()))?;
    let trusted = verify_metadata(&directory, request.root, Previous::default(), request.now);
    let trusted = trusted.map_err(|e| failed(e.into()))?;
    let [names] = survey.bundles.as_slice() else {
        return Err(RepairError::NotVolumes(crate::source::shown(path)));
    };
    let documents = read_documents(&directory, names, &trusted).map_err(failed)?;
    if documents.volumes.is_none() {
        return Err(RepairError::NotVolumes(crate::source::shown(path)));
    }
    let below = path.join(TOP);
    let top = if below.is_dir() { below } else { path.to_owned() };
    let targets_version = trusted.targets().map_or(0, sealift_trust::Signed::version);
    Ok(Medium {
        directory,
        top,
        names: names.clone(),
        documents,
        blobs: survey.blobs.into_iter().collect(),
        targets_version,
    })
}

/// Returns where each piece lies as signed, and which are there with other bytes.
fn hash(set: &VolumeSet, media: &[Medium], progress: &dyn Progress) -> (BTreeMap<Digest, PathBuf>, Vec<Piece>) {
    let pieces: BTreeMap<Digest, Piece> = set.pieces().map(|piece| (piece.sha256, piece)).collect();
    let total = media.iter().flat_map(|m| m.blobs.values()).fold(0, |sum: u64, size| sum.saturating_add(*size));
    progress.phase("Reading volumes", Some(total));
    let mut good = BTreeMap::new();
    let mut bad = BTreeMap::new();
    for medium in media {
        for (blob, size) in &medium.blobs {
            let Some(piece) = pieces.get(blob).filter(|_| !good.contains_key(blob)) else { continue };
            if *size == piece.size && is_as_signed(&medium.directory, piece) {
                good.insert(*blob, medium.top.join(blob_path(blob)));
            } else {
                bad.insert(*blob, *piece);
            }
            progress.advance(*size);
        }
    }
    bad.retain(|blob, _| !good.contains_key(blob));
    (good, bad.into_values().collect())
}

/// A blob that cannot be read is as lost as one with other bytes.
fn is_as_signed(directory: &Directory, piece: &Piece) -> bool {
    let Ok((input, _)) = directory.open(&blob_path(&piece.sha256)) else { return false };
    digest_of(input.take(piece.size.saturating_add(1))).is_ok_and(|found| found == piece.sha256)
}

type Parts = (Vec<u8>, Vec<u8>, Vec<(String, Vec<u8>)>, MetadataFiles);

/// Reads the documents that go onto what is written anew; their digests were compared before, and are again when written.
fn read_again(medium: &Medium) -> Result<Parts, SourceError> {
    let (stream, sequence) = (&medium.names.stream, medium.names.sequence);
    let path = |path: Result<RelPath, _>| path.map_err(|_| SourceError::NotABundle(stream.to_string()));
    let manifest = medium.directory.read(&path(manifest_path(stream, sequence))?, MAX_BYTES)?;
    let number = medium.names.volumes.first().copied().unwrap_or(1);
    let envelope = medium.directory.read(&path(volume_path(stream, sequence, number))?, volumes::MAX_BYTES)?;
    let mut evidence = Vec::new();
    for name in &medium.names.evidence {
        let bytes = medium.directory.read(&path(evidence_path(stream, sequence, name))?, MAX_EVIDENCE_BYTES)?;
        evidence.push((name.clone(), bytes));
    }
    Ok((manifest, envelope, evidence, read_metadata(&medium.directory)?))
}

impl Found {
    /// Returns the volumes that are not wholly there.
    pub fn incomplete(&self) -> BTreeSet<u16> {
        self.lost.possible.iter().chain(&self.lost.hopeless).map(|piece| piece.volume).collect()
    }

    /// Writes one volume anew below `to`, rebuilding what is lost of it, and reads it back.
    ///
    /// A volume that is there and whole is written as well: a copy costs nothing but time.
    pub fn write(&self, volume: u16, to: &Path, progress: &dyn Progress) -> Result<WriteReport, RepairError> {
        if !(1..=self.set.volumes()).contains(&volume) {
            return Err(RepairError::NoVolume { number: volume, volumes: self.set.volumes() });
        }
        let blobs = self.set.blobs_of(volume);
        let wanted: BTreeSet<Digest> = blobs.keys().filter(|blob| !self.good.contains_key(blob)).copied().collect();
        self.check(volume, &wanted)?;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let pieces = parent.join(PIECES);
        let store = Store::open(&pieces)?;
        let written = self.rebuild_and_write((volume, &blobs, &wanted), to, &store, progress);
        // Linked into the volume by now, or of no use.
        remove_tree(&pieces)?;
        written
    }

    fn check(&self, volume: u16, wanted: &BTreeSet<Digest>) -> Result<(), RepairError> {
        let possible: BTreeSet<Digest> = self.lost.possible.iter().map(|piece| piece.sha256).collect();
        let hopeless = self.lost.hopeless.iter().filter(|p| p.volume == volume && wanted.contains(&p.sha256));
        let sizes: Vec<u64> = hopeless.filter(|p| !possible.contains(&p.sha256)).map(|p| p.size).collect();
        match sizes.len() {
            0 => Ok(()),
            count => Err(RepairError::TooMuchLost { volume, count, bytes: sizes.iter().sum() }),
        }
    }

    fn rebuild_and_write(
        &self,
        (volume, blobs, wanted): (u16, &BTreeMap<Digest, u64>, &BTreeSet<Digest>),
        to: &Path,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<WriteReport, RepairError> {
        if !wanted.is_empty() {
            let access = |digest: &Digest| self.good.get(digest).cloned().map(BlobAt::Whole);
            // Without bytes there is nothing that parity could have lost.
            if wanted.contains(&Digest::of(b"")) {
                store.insert(b"")?;
            }
            rebuild(&self.set, &access, wanted, store, progress)?;
        }
        let blobs: Vec<(Digest, u64)> = blobs.iter().map(|(blob, size)| (*blob, *size)).collect();
        let part = VolumePart { number: volume.into(), envelope: &self.envelope, blobs: &blobs };
        let options = WriteOptions { volume: Some(part), ..WriteOptions::default() };
        let files = Files { good: &self.good, rebuilt: store };
        let parts = BundleParts {
            manifest: &self.manifest,
            manifest_bytes: &self.manifest_bytes,
            evidence: &self.evidence,
            metadata: &self.metadata,
            blobs: &files,
        };
        write_proven(to, &parts, &options, progress)
            .map_err(|source| RepairError::Write { volume, source: Box::new(source) })
    }
}

struct Files<'a> {
    good: &'a BTreeMap<Digest, PathBuf>,
    rebuilt: &'a Store,
}

impl BlobProvider for Files<'_> {
    fn blob_file(&self, blob: &Digest) -> PathBuf {
        self.good.get(blob).cloned().unwrap_or_else(|| self.rebuilt.path(blob))
    }
}
