//! Whether a place can take a bundle, asked before the bundle gets its number.
//!
//! A mistyped directory or a full medium should cost nothing. What is tried is taken away again; that a place was good
//! here is no promise that writing succeeds later.

use std::collections::BTreeMap;
use std::path::Path;

use sealift_fs::{Mode, create_dir, free_bytes, medium};

use super::{BlobProvider, WriteError, existing_error};
use crate::layout;
use crate::manifest::{Manifest, Stored};
use crate::source::{Directory, TOP, shown};
use crate::staging::Staging;

/// Room for the documents of a bundle besides its manifest.
const DOCUMENTS: u64 = 1 << 20;

/// Refuses a directory into which a bundle with this manifest could not be written now: one whose parent is missing,
/// that cannot be written to, that holds what is not ours, or that lacks the room.
pub fn check_target(dir: &Path, manifest: &Manifest, blobs: &dyn BlobProvider) -> Result<(), WriteError> {
    let made = make(dir)?;
    let checked = check(dir, manifest, blobs);
    if made {
        let _ = medium::remove_empty_dir(dir);
    }
    checked
}

fn check(dir: &Path, manifest: &Manifest, blobs: &dyn BlobProvider) -> Result<(), WriteError> {
    let missing = missing(dir, manifest)?;
    // Trying tells what mode bits do not: a read-only file system, a full one, one of another owner.
    let staging = Staging::begin(dir)?;
    if missing.is_empty() || staging.can_link(missing.iter().map(|blob| blobs.blob_file(&blob.sha256)))? {
        return Ok(());
    }
    let bytes = missing.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    check_space(dir, bytes, manifest.to_bytes().map_or(0, |bytes| bytes.len() as u64))
}

/// Returns the blobs that are not on the medium yet.
fn missing(dir: &Path, manifest: &Manifest) -> Result<Vec<Stored>, WriteError> {
    let mut there = BTreeMap::new();
    if dir.join(TOP).symlink_metadata().is_ok() {
        let failed = |source| existing_error(dir, source);
        let source = Directory::open(&dir.join(TOP)).map_err(failed)?;
        there.extend(layout::survey(&source).map_err(failed)?.blobs);
    }
    let stored = manifest.blobs().into_values().filter_map(|entry| entry.stored);
    Ok(stored.filter(|blob| there.get(&blob.sha256) != Some(&blob.size)).collect())
}

/// Makes the directory if only it is missing, not its parents; tells whether it did.
pub(super) fn make(dir: &Path) -> Result<bool, WriteError> {
    if dir.symlink_metadata().is_ok() {
        return Ok(false);
    }
    create_dir(dir, Mode::Public)?;
    Ok(true)
}

/// Asks for room to copy blobs of this size, a manifest, and the other documents.
pub(super) fn check_space(dir: &Path, blobs: u64, manifest: u64) -> Result<(), WriteError> {
    let needed = blobs.saturating_add(manifest).saturating_add(DOCUMENTS);
    let free = free_bytes(dir)?;
    if free >= needed { Ok(()) } else { Err(WriteError::Space { path: shown(dir), needed, free }) }
}
