//! Between the two forms: a medium's directory and the single file (format/medium §2).
//!
//! Neither direction verifies signatures; both keep every signed byte, check the structure, and check blobs against their
//! names while copying. A result appears whole or not at all and never replaces anything.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sealift_fs::{Mode, NewFile, PathError, copy_hashed, free_bytes};
use sealift_model::{Digest, Progress, RelPath, Sequence, StreamId};
use sealift_trust::Envelope;

use crate::convenience::bundle_sums;
use crate::layout::{self, BundlePart, Place, SUMS, checked};
use crate::manifest::{LIMITS, MAX_BYTES, Manifest, ManifestError};
use crate::source::{
    BLOCK, BLOCK_SIZE, Container, Directory, MAX_ENTRY_BYTES, Source, SourceError, TOP, canonical_header, shown,
};
use crate::staging::{CopyError, Staging};
use crate::volumes::{self, VolumeRefusal, VolumeSet};

/// What was packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// The file or directory made.
    pub path: PathBuf,
    /// Entries copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// What is to be copied cannot be read or is refused.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The target's disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The target is there already.
    #[error("{0} exists")]
    Exists(String),
    /// A blob is not what its name says.
    #[error("blob {blob} is damaged or forged: its digest is {found}")]
    BlobDigest {
        /// Its name.
        blob: Digest,
        /// The digest found.
        found: Digest,
    },
    /// A file that ustar cannot hold.
    #[error("{path} has {size} bytes; the single file can hold {MAX_ENTRY_BYTES} at most")]
    TooLarge {
        /// The file.
        path: RelPath,
        /// Its size.
        size: u64,
    },
    /// A file that changed its size.
    #[error("{0} changed while it was read")]
    Changed(RelPath),
    /// A manifest that cannot be read, so that its sums cannot be written.
    #[error("{path} is refused")]
    Manifest {
        /// The manifest.
        path: RelPath,
        /// The rule it breaks.
        #[source]
        source: ManifestError,
    },
    /// A list of volumes that cannot be read, so that its sums cannot be written.
    #[error("{path} is refused")]
    Volumes {
        /// The list.
        path: RelPath,
        /// The rule it breaks.
        #[source]
        source: VolumeRefusal,
    },
    /// Not enough space.
    #[error("{free} bytes are free at {path}, {needed} are needed")]
    Space {
        /// Where.
        path: String,
        /// Needed in bytes.
        needed: u64,
        /// Free in bytes.
        free: u64,
    },
}

impl PackError {
    /// Tells whether the content was refused, in contrast to a disk that failed.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Source(SourceError::Refused(_))
                | Self::BlobDigest { .. }
                | Self::Manifest { .. }
                | Self::Volumes { .. }
        )
    }
}

/// Packs the medium at `from` (the directory holding `SEALIFT`, or `SEALIFT`) into the new file `to`.
pub fn pack(from: &Path, to: &Path, progress: &dyn Progress) -> Result<PackReport, PackError> {
    let source = Directory::open(from)?;
    let places = layout::survey(&source)?.places();
    refuse_existing(to)?;
    let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sizes = places.iter().map(|place| source.open(&place.path()).map(|(_, size)| size));
    let total = sizes.sum::<Result<u64, SourceError>>()?;
    check_space(parent, total.saturating_add((places.len() as u64 + 1) * 2 * BLOCK))?;
    progress.phase("Packing", Some(total));
    let mut file = NewFile::beside(to, Mode::Public)?;
    let mut report = PackReport { path: to.to_owned(), files: 0, bytes: 0 };
    for place in &places {
        report.bytes += pack_one(&source, place, &mut file, progress)?;
        report.files += 1;
    }
    file.write_all(&[0; 2 * BLOCK_SIZE])?;
    if file.keep_if_absent()? { Ok(report) } else { Err(PackError::Exists(shown(to))) }
}

fn pack_one(source: &dyn Source, place: &Place, file: &mut NewFile, progress: &dyn Progress) -> Result<u64, PackError> {
    let path = place.path();
    let (mut input, size) = source.open(&path)?;
    let header = canonical_header(&path, size).ok_or_else(|| PackError::TooLarge { path: path.clone(), size })?;
    file.write_all(&header)?;
    let target = file.target().to_owned();
    let mut output = Output { file, error: None };
    let copied = copy_hashed(&mut input, &mut output, size, &mut |n| progress.advance(n));
    let (found, len) = match (copied, output.error) {
        (_, Some(error)) => return Err(PathError::new("write", &target, error).into()),
        (Err(e), None) if e.kind() == io::ErrorKind::FileTooLarge => return Err(PackError::Changed(path)),
        (Err(e), None) => return Err(source.fault(&path, e).into()),
        (Ok(done), None) => done,
    };
    if len != size {
        return Err(PackError::Changed(path));
    }
    check_blob(place, found)?;
    let padding = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
    file.write_all([0; BLOCK_SIZE].get(..padding).unwrap_or_default())?;
    Ok(size)
}

/// Remembers whether a copy failed on the writing side.
struct Output<'a> {
    file: &'a mut NewFile,
    error: Option<io::Error>,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|e| {
            let kind = e.kind();
            self.error = Some(e);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Unpacks the single file `from` into `to/SEALIFT`, which must not exist; `to` is made if need be.
pub fn unpack(from: &Path, to: &Path, progress: &dyn Progress) -> Result<PackReport, PackError> {
    let source = Container::open(from)?;
    refuse_existing(&to.join(TOP))?;
    let made = !to.exists();
    sealift_fs::create_dir_all(to, Mode::Public)?;
    let unpacked = unpack_into(&source, to, progress);
    if unpacked.is_err() && made {
        // Nothing else was in it; one that was filled meanwhile by somebody else stays.
        let _ = sealift_fs::medium::remove_empty_dir(to);
    }
    unpacked
}

fn unpack_into(source: &Container, to: &Path, progress: &dyn Progress) -> Result<PackReport, PackError> {
    let total = source.places().map(|(_, size)| size).sum();
    check_space(to, total)?;
    progress.phase("Unpacking", Some(total));
    let mut staging = Staging::begin(to)?;
    let mut bundles: BTreeMap<(StreamId, Sequence), Unpacked> = BTreeMap::new();
    for (place, size) in source.places() {
        let found = unpack_one(source, place, size, &mut staging, progress)?;
        if let Place::Bundle { stream, sequence, part } = place {
            bundles.entry((stream.clone(), *sequence)).or_default().note(part, found);
        }
    }
    for (bundle, unpacked) in bundles {
        write_bundle_sums(source, &bundle, unpacked, &mut staging)?;
    }
    staging.write_convenience()?;
    staging.sync()?;
    Ok(PackReport { path: staging.publish()?, files: source.places().len() as u64, bytes: total })
}

fn unpack_one(
    source: &Container,
    place: &Place,
    size: u64,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<Digest, PackError> {
    let path = place.path();
    let (mut input, _) = source.open(&path)?;
    let copied = staging.copy(&mut input, &path, size, &mut |n| progress.advance(n));
    let (found, _) = copied.map_err(|error| match error {
        CopyError::Read(error) => PackError::Source(source.fault(&path, error)),
        CopyError::Write(error) => error.into(),
    })?;
    check_blob(place, found)?;
    Ok(found)
}

/// The documents of one bundle as they were unpacked, for its sums.
#[derive(Default)]
struct Unpacked {
    documents: Vec<(String, Digest)>,
    volumes: Vec<u16>,
}

impl Unpacked {
    fn note(&mut self, part: &BundlePart, found: Digest) {
        let name = match part {
            BundlePart::Manifest => "manifest.json".to_owned(),
            BundlePart::Evidence(name) => format!("evidence/{name}"),
            BundlePart::Volume(volume) => {
                self.volumes.push(*volume);
                volumes::file_name(*volume)
            }
        };
        self.documents.push((name, found));
    }
}

fn write_bundle_sums(
    source: &Container,
    (stream, sequence): &(StreamId, Sequence),
    unpacked: Unpacked,
    staging: &mut Staging,
) -> Result<(), PackError> {
    let dir = format!("bundles/{stream}/{sequence}");
    let path = checked(&format!("{dir}/manifest.json"));
    let bytes = source.read_json(&path, MAX_BYTES, LIMITS)?;
    let manifest = Manifest::parse(&bytes).map_err(|source| PackError::Manifest { path, source })?;
    let mut blobs: BTreeSet<Digest> = BTreeSet::new();
    if let Some(first) = unpacked.volumes.first() {
        let path = checked(&format!("{dir}/{}", volumes::file_name(*first)));
        let envelope = Envelope::parse(&source.read(&path, volumes::MAX_BYTES)?).map_err(VolumeRefusal::from);
        let set = envelope
            .and_then(|envelope| VolumeSet::parse(envelope.unverified_payload(), Digest::of(&bytes), &manifest))
            .map_err(|source| PackError::Volumes { path, source })?;
        blobs.extend(unpacked.volumes.iter().flat_map(|volume| set.blobs_of(*volume).into_keys()));
    } else {
        blobs.extend(manifest.blobs().into_keys());
    }
    let text = bundle_sums(blobs.into_iter(), unpacked.documents);
    Ok(staging.write(&checked(&format!("{dir}/{SUMS}")), text.as_bytes())?)
}

fn check_blob(place: &Place, found: Digest) -> Result<(), PackError> {
    match place {
        Place::Blob(blob) if *blob != found => Err(PackError::BlobDigest { blob: *blob, found }),
        _ => Ok(()),
    }
}

fn refuse_existing(path: &Path) -> Result<(), PackError> {
    if path.symlink_metadata().is_ok() { Err(PackError::Exists(shown(path))) } else { Ok(()) }
}

fn check_space(dir: &Path, needed: u64) -> Result<(), PackError> {
    let free = free_bytes(dir)?;
    if free >= needed { Ok(()) } else { Err(PackError::Space { path: shown(dir), needed, free }) }
}
