//! Writes a bundle to a medium: a new `SEALIFT`, or one bundle more in one of ours.
//!
//! Everything is built beside its place and made durable first. A new `SEALIFT` then gets its name in one step; an
//! existing one gets blobs, then the bundle's directory, then metadata with the timestamp file last, so that a killed run
//! leaves a medium on which all that was there before still verifies. Copies are hashed while they are copied; hard links
//! are not read. The same parts give the same bytes.

mod plan;
mod target;

use std::io;
use std::path::{Path, PathBuf};

use sealift_fs::{PathError, Store, medium, remove_file, sync_filesystem};
use sealift_model::{Digest, Progress, RelPath};

use crate::convenience::bundle_sums;
use crate::layout::{self, SUMS, blob_path, checked, metadata_path};
use crate::manifest::{Manifest, Stored};
use crate::metadata::MetadataFiles;
use crate::source::{Source, SourceError, TOP};
use crate::staging::{CopyError, Staging, digest_of};

pub use plan::{WritePlan, plan_write};
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

/// Tells where blobs lie on this machine.
pub trait BlobProvider: Sync {
    /// Returns the file with the stored bytes of a blob.
    fn blob_file(&self, blob: &Digest) -> PathBuf;
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
    /// Bytes copied; linked blobs are not counted.
    pub bytes_copied: u64,
    /// Whether blobs are hard links to the producer's store.
    pub linked: bool,
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
    /// The parts do not belong together.
    #[error("the parts of the bundle do not fit together: {0}")]
    Parts(&'static str),
}

/// Writes the bundle below `dir`, the directory that holds or will hold `SEALIFT`. It is made if only it is missing.
pub fn write(dir: &Path, parts: &BundleParts<'_>, progress: &dyn Progress) -> Result<WriteReport, WriteError> {
    check_parts(parts)?;
    let made = target::make(dir)?;
    let written = write_into(dir, parts, progress);
    if written.is_err() && made {
        // One that was filled meanwhile by somebody else stays.
        let _ = medium::remove_empty_dir(dir);
    }
    written
}

fn write_into(dir: &Path, parts: &BundleParts<'_>, progress: &dyn Progress) -> Result<WriteReport, WriteError> {
    let plan = plan_write(dir, parts)?;
    let mut staging = Staging::begin(dir)?;
    let mut writer = Writer { parts, staging: &mut staging, progress, dir, copied: 0, linked: false };
    writer.blobs(&plan)?;
    writer.documents(&plan)?;
    let (copied, linked) = (writer.copied, writer.linked);
    note_existing(&mut staging, &plan, dir)?;
    staging.write_convenience()?;
    let existed = plan.existing.is_some();
    if existed {
        merge(dir, &staging, &plan, parts)?;
    } else {
        staging.publish()?;
    }
    let blobs_written = plan.missing.len() as u64;
    Ok(WriteReport {
        path: dir.join(TOP),
        existed,
        blobs_written,
        blobs_present: parts.manifest.totals.blobs.saturating_sub(blobs_written),
        bytes_copied: copied,
        linked,
    })
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

struct Writer<'a> {
    parts: &'a BundleParts<'a>,
    staging: &'a mut Staging,
    progress: &'a dyn Progress,
    dir: &'a Path,
    copied: u64,
    linked: bool,
}

impl Writer<'_> {
    fn blobs(&mut self, plan: &WritePlan) -> Result<(), WriteError> {
        self.progress.phase("Writing blobs", Some(plan.bytes));
        let mut must_copy = false;
        for (blob, of) in &plan.missing {
            must_copy = must_copy || !self.link(blob, of)?;
            if must_copy {
                self.check_space(plan)?;
                self.copy(blob, of)?;
            }
        }
        Ok(())
    }

    fn link(&mut self, blob: &Stored, of: &RelPath) -> Result<bool, WriteError> {
        let from = self.parts.blobs.blob_file(&blob.sha256);
        let size = medium::open_file(&from).map(|(_, size)| size).map_err(|e| unreadable(blob, of, &e))?;
        if size != blob.size {
            let found = medium::open_file(&from).map_err(|e| unreadable(blob, of, &e))?.0;
            let found =
                digest_of(found).map_err(|source| WriteError::Blob { blob: blob.sha256, of: of.clone(), source })?;
            return Err(WriteError::Damaged { blob: blob.sha256, of: of.clone(), found, found_size: size });
        }
        let linked = self.staging.link(&from, &blob_path(&blob.sha256), blob.sha256)?;
        if linked {
            self.linked = true;
            self.progress.advance(blob.size);
        }
        Ok(linked)
    }

    /// Asked before the first copy only: links take no space.
    fn check_space(&self, plan: &WritePlan) -> Result<(), WriteError> {
        if self.copied > 0 {
            return Ok(());
        }
        target::check_space(self.dir, plan.bytes, self.parts.manifest_bytes.len() as u64)
    }

    fn copy(&mut self, blob: &Stored, of: &RelPath) -> Result<(), WriteError> {
        let from = self.parts.blobs.blob_file(&blob.sha256);
        let (mut file, _) = medium::open_file(&from).map_err(|e| unreadable(blob, of, &e))?;
        let tick = &mut |n| self.progress.advance(n);
        let copied = self.staging.copy(&mut file, &blob_path(&blob.sha256), blob.size, tick);
        let (found, found_size) = copied.map_err(|error| match error {
            CopyError::Read(source) => WriteError::Blob { blob: blob.sha256, of: of.clone(), source },
            CopyError::Write(error) => error.into(),
        })?;
        if found != blob.sha256 {
            return Err(WriteError::Damaged { blob: blob.sha256, of: of.clone(), found, found_size });
        }
        self.copied += found_size;
        Ok(())
    }

    /// Writes manifest, evidence, their sums and the metadata.
    fn documents(&mut self, plan: &WritePlan) -> Result<(), WriteError> {
        for (name, bytes) in self.parts.metadata.files() {
            self.staging.write(&metadata_path(&name), bytes)?;
        }
        if plan.bundle_present && plan.evidence.is_empty() {
            return Ok(());
        }
        let dir = bundle_dir(self.parts.manifest);
        for (name, bytes) in self.parts.evidence.iter().filter(|(name, _)| plan.evidence.contains(name)) {
            self.staging.write(&evidence_place(self.parts.manifest, name), bytes)?;
        }
        let evidence: Vec<_> = self.parts.evidence.iter().map(|(name, b)| (name.clone(), Digest::of(b))).collect();
        self.staging.write(&checked(&format!("{dir}/manifest.json")), self.parts.manifest_bytes)?;
        let text = bundle_sums(self.parts.manifest, Digest::of(self.parts.manifest_bytes), &evidence);
        Ok(self.staging.write(&checked(&format!("{dir}/{SUMS}")), text.as_bytes())?)
    }
}

fn existing_error(dir: &Path, source: SourceError) -> WriteError {
    WriteError::Existing { path: crate::source::shown(&dir.join(TOP)), source: Box::new(source) }
}

fn unreadable(blob: &Stored, of: &RelPath, error: &PathError) -> WriteError {
    let source = io::Error::new(error.kind(), error.to_string());
    WriteError::Blob { blob: blob.sha256, of: of.clone(), source }
}

fn evidence_place(manifest: &Manifest, name: &str) -> RelPath {
    checked(&format!("{}/evidence/{name}", bundle_dir(manifest)))
}

fn bundle_dir(manifest: &Manifest) -> RelPath {
    // A manifest that validates has a stream whose name is a safe path.
    checked(&format!("bundles/{}/{}", manifest.stream, manifest.sequence))
}

/// Enters what stays of an existing medium into the sums.
fn note_existing(staging: &mut Staging, plan: &WritePlan, dir: &Path) -> Result<(), WriteError> {
    let Some(existing) = &plan.existing else { return Ok(()) };
    let failed = |source| existing_error(dir, source);
    for (blob, _) in &existing.survey.blobs {
        staging.note(&blob_path(blob), *blob);
    }
    for path in existing.kept.iter().filter(|path| !staging.knows(path)).collect::<Vec<_>>() {
        let (file, _) = existing.source.open(path).map_err(failed)?;
        let digest = digest_of(file).map_err(|e| failed(existing.source.fault(path, e)))?;
        staging.note(path, digest);
    }
    Ok(())
}

/// Moves what was built into an existing `SEALIFT`, in the order that keeps it verifiable throughout.
fn merge(dir: &Path, staging: &Staging, plan: &WritePlan, parts: &BundleParts<'_>) -> Result<(), WriteError> {
    staging.sync()?;
    for (blob, _) in &plan.missing {
        staging.move_into_place(&blob_path(&blob.sha256))?;
    }
    sync_filesystem(dir)?;
    if !plan.bundle_present {
        staging.move_into_place(&bundle_dir(parts.manifest))?;
    } else if !plan.evidence.is_empty() {
        for name in &plan.evidence {
            staging.move_into_place(&evidence_place(parts.manifest, name))?;
        }
        staging.move_into_place(&checked(&format!("{}/{SUMS}", bundle_dir(parts.manifest))))?;
    }
    let metadata: Vec<String> = parts.metadata.files().into_iter().map(|(name, _)| name).collect();
    // Until the timestamp file changes, the medium is what it was before; what it names must have its name by then.
    let (last, named): (Vec<_>, Vec<_>) = metadata.iter().partition(|name| *name == "timestamp.json");
    for names in [named, last] {
        for name in names {
            staging.move_into_place(&metadata_path(name))?;
        }
        sync_filesystem(dir)?;
    }
    for name in plan.outdated(&metadata) {
        remove_file(&dir.join(TOP).join(metadata_path(&name)))?;
    }
    for name in ["HOWTO-VERIFY.txt", "verify.py", SUMS] {
        staging.move_into_place(&checked(name))?;
    }
    Ok(sync_filesystem(dir)?)
}
