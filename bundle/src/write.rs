//! Writes a bundle to a medium: a new `SEALIFT`, or one bundle more in one of ours; or one volume of it.
//!
//! Everything is built beside its place, made durable, and read back past the page cache ([`Proof`]) first. A new `SEALIFT`
//! then gets its name in one step; an existing one gets blobs, then the bundle's directory, then metadata with the
//! timestamp file last, so that a killed run leaves a medium on which all that was there before still verifies. Copies
//! are hashed while they are copied; hard links are not read. The same parts give the same bytes.

mod blobs;
mod merge;
mod plan;
pub(crate) mod prove;
mod target;

use std::io;
use std::path::{Path, PathBuf};

use sealift_fs::{PathError, Store, medium};
use sealift_model::{Digest, Progress, RelPath};

use crate::layout::{self, checked};
use crate::manifest::Manifest;
use crate::metadata::MetadataFiles;
use crate::source::{SourceError, TOP};
use crate::staging::Staging;
use blobs::Writer;
use prove::Job;

pub use plan::{Missing, WritePlan, plan_write};
pub use prove::{Finding, Proof};
pub use target::check_target;

/// What goes onto the medium.
pub struct BundleParts<'a> {
    /// The manifest, as value.
    pub manifest: &'a Manifest,
    /// The same manifest, as the bytes that were signed.
    pub manifest_bytes: &'a [u8],
    /// Names and bytes of the evidence files.
    pub evidence: &'a [(String, Vec<u8>)],
    /// The trust metadata that lists the manifest.
    pub metadata: &'a MetadataFiles,
    /// Where the blobs are.
    pub blobs: &'a dyn BlobProvider,
}

/// How a bundle is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions<'a> {
    /// Only what lies on one volume of a set; `None` writes the whole bundle.
    pub volume: Option<VolumePart<'a>>,
    /// Writes where other files lie, too.
    pub beside_other_files: bool,
    /// Size in bytes of the largest file that the medium's file system takes, where that is known.
    pub largest_file: Option<u64>,
}

/// One volume of a set (format/volumes).
#[derive(Debug, Clone, Copy)]
pub struct VolumePart<'a> {
    /// Its number, from 1.
    pub number: u32,
    /// The signed list of volumes, which is written as `volume-<number>.dsse.json`.
    pub envelope: &'a [u8],
    /// Digest and size in bytes of each blob and piece that lies on it.
    pub blobs: &'a [(Digest, u64)],
}

/// Tells where blobs lie on this machine.
pub trait BlobProvider: Sync {
    /// Returns the file with the stored bytes of a blob.
    fn blob_file(&self, blob: &Digest) -> PathBuf;

    /// Returns where the bytes lie: a whole file, which may be hard-linked, or a part of one.
    fn blob_at(&self, blob: &Digest) -> BlobAt {
        BlobAt::Whole(self.blob_file(blob))
    }
}

/// Where the bytes of a blob or piece lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobAt {
    /// All of this file.
    Whole(PathBuf),
    /// A part of a file, in bytes.
    Part {
        /// The file.
        file: PathBuf,
        /// Where in it the part begins.
        offset: u64,
        /// How long it is.
        size: u64,
    },
}

impl BlobProvider for Store {
    fn blob_file(&self, blob: &Digest) -> PathBuf {
        self.path(blob)
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteReport {
    /// The `SEALIFT` directory.
    pub path: PathBuf,
    /// Whether it was there before.
    pub existed: bool,
    /// Blobs that are new on the medium.
    pub blobs_written: u64,
    /// Blobs that were there.
    pub blobs_present: u64,
    /// Blobs of [`WriteReport::blobs_written`] that a run before had copied when it was cut.
    pub blobs_taken_up: u64,
    /// Bytes copied; linked blobs are not counted.
    pub bytes_copied: u64,
    /// Whether blobs are hard links to the producer's store.
    pub linked: bool,
    /// Digest of `SHA256SUMS`, which names every file on the medium.
    pub sums: Digest,
    /// What reading back showed.
    pub proof: Proof,
}

/// Why nothing was written, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// What is on the medium cannot be read, or is not ours.
    #[error("cannot add to {path}")]
    Existing {
        /// The `SEALIFT` directory.
        path: String,
        /// Why.
        #[source]
        source: Box<SourceError>,
    },
    /// Another bundle has this stream and sequence.
    #[error("{0} is on the medium already, with another content")]
    Taken(RelPath),
    /// Other volumes of the bundle, or all of it, lie there: most often the medium was not changed.
    #[error("{path} holds {there} already")]
    OtherPart {
        /// The `SEALIFT` directory.
        path: String,
        /// What lies there.
        there: PartThere,
    },
    /// A bundle on the medium is not listed any more, so the medium would not verify.
    #[error("{0} is on the medium but not listed by the new targets metadata")]
    Unlisted(RelPath),
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
    /// A blob is not where the provider says.
    #[error("cannot read blob {blob} ({of})")]
    Blob {
        /// Its digest.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A blob is not what the manifest lists.
    #[error("blob {blob} ({of}) has {found_size} bytes and the digest {found}; the local store is damaged")]
    Damaged {
        /// Its digest.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
        /// The digest found.
        found: Digest,
        /// The size found.
        found_size: u64,
    },
    /// Files of somebody else lie there.
    #[error("{path} holds files that are not sealift's: {}{}", names.join(", "), and_more(*more))]
    OtherFiles {
        /// Where.
        path: String,
        /// Some of them.
        names: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// A blob is larger than any file that the medium's file system takes.
    #[error("blob {blob} ({of}) has {size} bytes, and the file system at {path} takes no file of more than {limit}")]
    LargestFile {
        /// Its digest.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
        /// Its size in bytes.
        size: u64,
        /// The largest size in bytes.
        limit: u64,
        /// Where.
        path: String,
    },
    /// A file is not on the medium as it was written.
    #[error("{path} is not on the medium as it was written: {finding}{}", and_more(*more))]
    NotProven {
        /// The file, under the name that it had when it was read back.
        path: String,
        /// What is there instead.
        finding: Finding,
        /// How many more files differ, at least.
        more: usize,
    },
    /// A file was written without an error and cannot be read back.
    #[error("{path} was written and cannot be read back")]
    NotReadBack {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<PathError>,
    },
    /// The parts do not belong together.
    #[error("the parts of the bundle do not fit together: {0}")]
    Parts(&'static str),
}

/// How much of a bundle lies on a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartThere {
    /// All of it, not cut.
    Whole(RelPath),
    /// Volumes of it, with their numbers.
    Volumes(RelPath, Vec<u16>),
}

impl std::fmt::Display for PartThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bundle) => write!(f, "the whole of {bundle}"),
            Self::Volumes(bundle, numbers) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                let noun = if numbers.len() == 1 { "volume" } else { "volumes" };
                write!(f, "{noun} {} of {bundle}", numbers.join(", "))
            }
        }
    }
}

fn and_more(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more") }
}

/// Writes the whole bundle below `dir` as [`write_proven`] does, and nothing beside files of others.
pub fn write(dir: &Path, parts: &BundleParts<'_>, progress: &dyn Progress) -> Result<WriteReport, WriteError> {
    write_proven(dir, parts, &WriteOptions::default(), progress)
}

/// Writes the bundle, or one volume of it, below `dir`, the directory that holds or will hold `SEALIFT`, and reads it back
/// past the page cache before it gets its name. `dir` is made if only it is missing.
///
/// A run that was cut is finished by calling this again: what it left is read, and not written again if it is right.
pub fn write_proven(
    dir: &Path,
    parts: &BundleParts<'_>,
    options: &WriteOptions<'_>,
    progress: &dyn Progress,
) -> Result<WriteReport, WriteError> {
    check_parts(parts)?;
    let made = target::make(dir)?;
    let written = write_into(dir, parts, options, progress);
    if written.is_err() && made {
        // One that was filled meanwhile by somebody else stays.
        let _ = medium::remove_empty_dir(dir);
    }
    written
}

fn write_into(
    dir: &Path,
    parts: &BundleParts<'_>,
    options: &WriteOptions<'_>,
    progress: &dyn Progress,
) -> Result<WriteReport, WriteError> {
    target::check_files(dir, options)?;
    let plan = plan_write(dir, parts, options)?;
    target::check_largest(dir, &plan.missing, options)?;
    let mut staging = Staging::take_up(dir, &plan.wanted())?;
    let mut writer = Writer::new(parts, options, dir, &mut staging, progress);
    writer.blobs(&plan)?;
    writer.documents(&plan)?;
    let counts = writer.counts();
    merge::note_existing(&mut staging, &plan, dir)?;
    let sums = staging.write_convenience()?;
    staging.sync()?;
    let proof = prove::prove(&jobs(dir, &staging, &plan, parts), counts.linked, progress)?;
    let existed = plan.existing.is_some();
    if existed {
        merge::merge(dir, &staging, &plan, (parts, options))?;
    } else {
        staging.publish()?;
    }
    Ok(WriteReport {
        path: dir.join(TOP),
        existed,
        blobs_written: plan.missing.len() as u64,
        blobs_present: plan.present.len() as u64,
        blobs_taken_up: counts.taken_up,
        bytes_copied: counts.copied,
        linked: counts.linked > 0,
        sums,
        proof,
    })
}

/// Returns what is read back: all that this run wrote, and the blobs of this bundle that were on the medium before.
fn jobs(dir: &Path, staging: &Staging, plan: &WritePlan, parts: &BundleParts<'_>) -> Vec<Job> {
    let new =
        staging.written().map(|(name, file)| Job { name: name.clone(), at: staging.path(name), file: file.clone() });
    let there = plan.present.iter().filter_map(|(blob, size)| {
        let name = layout::blob_path(blob);
        let at = dir.join(TOP).join(&name);
        let linked = matches!(parts.blobs.blob_at(blob), BlobAt::Whole(file) if medium::same_file(&file, &at));
        (!linked).then(|| Job { name, at, file: prove::WrittenFile::known(*blob, *size) })
    });
    new.chain(there).collect()
}

fn check_parts(parts: &BundleParts<'_>) -> Result<(), WriteError> {
    if parts.manifest.to_bytes().ok().as_deref() != Some(parts.manifest_bytes) {
        return Err(WriteError::Parts("the manifest's value and bytes differ"));
    }
    let named = |(name, bytes): &(String, Vec<u8>)| {
        layout::is_evidence(name) && bytes.len() as u64 <= layout::MAX_EVIDENCE_BYTES
    };
    if !parts.evidence.iter().all(named) || parts.evidence.len() > layout::MAX_EVIDENCE {
        return Err(WriteError::Parts("an evidence file has a name or size that no reader accepts"));
    }
    Ok(())
}

fn existing_error(dir: &Path, source: SourceError) -> WriteError {
    WriteError::Existing { path: crate::source::shown(&dir.join(TOP)), source: Box::new(source) }
}

fn evidence_place(manifest: &Manifest, name: &str) -> RelPath {
    checked(&format!("{}/evidence/{name}", bundle_dir(manifest)))
}

fn bundle_dir(manifest: &Manifest) -> RelPath {
    // A manifest that validates has a stream whose name is a safe path.
    checked(&format!("bundles/{}/{}", manifest.stream, manifest.sequence))
}

fn volume_place(manifest: &Manifest, number: u32) -> RelPath {
    checked(&format!("{}/volume-{number}.dsse.json", bundle_dir(manifest)))
}
