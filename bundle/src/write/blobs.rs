//! Fills the directory in the making: blobs by hard link where that is possible, else by copy; then the documents.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sealift_fs::{PathError, medium};
use sealift_model::{Digest, Progress, RelPath};

use super::plan::{Missing, WritePlan};
use super::{BlobAt, BundleParts, WriteError, WriteOptions, bundle_dir, evidence_place, target, volume_place};
use crate::convenience::bundle_sums;
use crate::layout::{SUMS, blob_path, checked, metadata_path};
use crate::staging::{CopyError, Staging, digest_of};

/// What was done, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Bytes copied.
    pub(super) copied: u64,
    /// Blobs linked.
    pub(super) linked: u64,
    /// Blobs that a run before had copied.
    pub(super) taken_up: u64,
}

pub(super) struct Writer<'a> {
    parts: &'a BundleParts<'a>,
    options: &'a WriteOptions<'a>,
    dir: &'a Path,
    staging: &'a mut Staging,
    progress: &'a dyn Progress,
    counts: Counts,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        parts: &'a BundleParts<'a>,
        options: &'a WriteOptions<'a>,
        dir: &'a Path,
        staging: &'a mut Staging,
        progress: &'a dyn Progress,
    ) -> Self {
        Self { parts, options, dir, staging, progress, counts: Counts::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn blobs(&mut self, plan: &WritePlan) -> Result<(), WriteError> {
        self.progress.phase("Writing blobs", Some(plan.bytes));
        let whole = plan.missing.iter().filter_map(|blob| match self.parts.blobs.blob_at(&blob.sha256) {
            BlobAt::Whole(file) => Some(file),
            BlobAt::Part { .. } => None,
        });
        let may_link = !plan.missing.is_empty() && self.staging.can_link(whole)?;
        // Parts are copied, also where whole files are linked.
        let copied =
            |blob: &&Missing| !may_link || matches!(self.parts.blobs.blob_at(&blob.sha256), BlobAt::Part { .. });
        let bytes = plan.missing.iter().filter(copied).fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
        if bytes > 0 {
            let to_copy = bytes.saturating_sub(self.staging.left_bytes());
            target::check_space(self.dir, to_copy, self.parts.manifest_bytes.len() as u64)?;
        }
        for blob in &plan.missing {
            let from = self.parts.blobs.blob_at(&blob.sha256);
            let linked = match &from {
                BlobAt::Whole(file) if may_link => self.link(file, blob)?,
                _ => false,
            };
            if !linked && !self.take_up(blob)? {
                self.copy(&from, blob)?;
            }
        }
        Ok(())
    }

    fn take_up(&mut self, blob: &Missing) -> Result<bool, WriteError> {
        let taken = self.staging.take_blob(&blob.sha256, &mut |_| ())?;
        if taken {
            self.counts.taken_up += 1;
            self.progress.advance(blob.size);
        }
        Ok(taken)
    }

    fn link(&mut self, from: &Path, blob: &Missing) -> Result<bool, WriteError> {
        let (file, size) = medium::open_file(from).map_err(|e| unreadable(blob, &e))?;
        if size != blob.size {
            let found = digest_of(file).map_err(|source| failed(blob, source))?;
            return Err(damaged(blob, found, size));
        }
        let linked = self.staging.link(from, &blob_path(&blob.sha256), blob.sha256)?;
        if linked {
            self.counts.linked += 1;
            self.progress.advance(blob.size);
        }
        Ok(linked)
    }

    fn copy(&mut self, from: &BlobAt, blob: &Missing) -> Result<(), WriteError> {
        let mut from = open(from, blob)?;
        let tick = &mut |n| self.progress.advance(n);
        let copied = self.staging.copy(&mut from, &blob_path(&blob.sha256), blob.size, tick);
        let (found, found_size) = copied.map_err(|error| match error {
            CopyError::Read(source) => failed(blob, source),
            CopyError::Write(error) => error.into(),
        })?;
        if found != blob.sha256 {
            return Err(damaged(blob, found, found_size));
        }
        self.counts.copied = self.counts.copied.saturating_add(found_size);
        Ok(())
    }

    /// Writes manifest, evidence, volume list, their sums and the metadata.
    pub(super) fn documents(&mut self, plan: &WritePlan) -> Result<(), WriteError> {
        for (name, bytes) in self.parts.metadata.files() {
            self.staging.write(&metadata_path(&name), bytes)?;
        }
        if !plan.changes_bundle() {
            return Ok(());
        }
        let manifest = self.parts.manifest;
        let mut named = vec![("manifest.json".to_owned(), Digest::of(self.parts.manifest_bytes))];
        for (name, bytes) in self.parts.evidence {
            named.push((format!("evidence/{name}"), Digest::of(bytes)));
            if plan.evidence.contains(name) {
                self.staging.write(&evidence_place(manifest, name), bytes)?;
            }
        }
        if let Some(volume) = &self.options.volume {
            named.push((format!("volume-{}.dsse.json", volume.number), Digest::of(volume.envelope)));
            self.staging.write(&volume_place(manifest, volume.number), volume.envelope)?;
        }
        let dir = bundle_dir(manifest);
        self.staging.write(&checked(&format!("{dir}/manifest.json")), self.parts.manifest_bytes)?;
        let text = bundle_sums(plan.blobs(), named);
        Ok(self.staging.write(&checked(&format!("{dir}/{SUMS}")), text.as_bytes())?)
    }
}

fn open(from: &BlobAt, blob: &Missing) -> Result<Box<dyn Read>, WriteError> {
    let file = |path: &PathBuf| medium::open_file(path).map(|(file, _)| file).map_err(|e| unreadable(blob, &e));
    Ok(match from {
        BlobAt::Whole(path) => Box::new(file(path)?),
        BlobAt::Part { file: path, offset, size } => {
            let mut file = file(path)?;
            file.seek(SeekFrom::Start(*offset)).map_err(|source| failed(blob, source))?;
            Box::new(file.take(*size))
        }
    })
}

fn of(blob: &Missing) -> (Digest, RelPath) {
    (blob.sha256, blob.of.clone())
}

fn failed(missing: &Missing, source: io::Error) -> WriteError {
    let (blob, of) = of(missing);
    WriteError::Blob { blob, of, source }
}

fn damaged(missing: &Missing, found: Digest, found_size: u64) -> WriteError {
    let (blob, of) = of(missing);
    WriteError::Damaged { blob, of, found, found_size }
}

fn unreadable(blob: &Missing, error: &PathError) -> WriteError {
    failed(blob, io::Error::new(error.kind(), error.to_string()))
}
