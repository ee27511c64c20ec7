//! Whether a place can take a bundle, asked before the bundle gets its number.
//!
//! A mistyped directory or a full medium should cost nothing. What is tried is taken away again; that a place was good
//! here is no promise that writing succeeds later.

use std::collections::BTreeMap;
use std::path::Path;

use sealift_fs::{Mode, create_dir, free_bytes, list_dir, medium};

use super::plan::{Missing, carried};
use super::{BlobAt, BlobProvider, WriteError, WriteOptions, existing_error};
use crate::layout;
use crate::manifest::Manifest;
use crate::source::{Directory, TOP, shown};
use crate::staging::{PARTIAL, Staging, TRIAL, left_over};

/// Room for the documents of a bundle besides its manifest.
const DOCUMENTS: u64 = 1 << 20;
/// What operating systems put on media of their own accord.
const SYSTEM: [&str; 6] =
    ["System Volume Information", "$RECYCLE.BIN", ".Trashes", ".Spotlight-V100", ".fseventsd", ".TemporaryItems"];
/// Made by ext2 and its successors; files in it are what a check of the file system found.
const FOUND: &str = "lost+found";
/// So many names of others are told.
const NAMED: usize = 5;

/// Refuses a directory into which a bundle with this manifest could not be written now: one whose parent is missing,
/// that cannot be written to, that holds what is not ours, that takes no file of the size, or that lacks the room.
pub fn check_target(
    dir: &Path,
    manifest: &Manifest,
    blobs: &dyn BlobProvider,
    options: &WriteOptions<'_>,
) -> Result<(), WriteError> {
    let made = make(dir)?;
    let checked = check(dir, manifest, blobs, options);
    if made {
        let _ = medium::remove_empty_dir(dir);
    }
    checked
}

fn check(
    dir: &Path,
    manifest: &Manifest,
    blobs: &dyn BlobProvider,
    options: &WriteOptions<'_>,
) -> Result<(), WriteError> {
    check_files(dir, options)?;
    let missing = missing(dir, manifest, options)?;
    check_largest(dir, &missing, options)?;
    // Trying tells what mode bits do not: a read-only file system, a full one, one of another owner.
    let staging = Staging::trial(dir)?;
    let whole = missing.iter().filter_map(|blob| match blobs.blob_at(&blob.sha256) {
        BlobAt::Whole(file) => Some(file),
        BlobAt::Part { .. } => None,
    });
    if missing.is_empty() || staging.can_link(whole)? {
        return Ok(());
    }
    let wanted = missing.iter().map(|blob| (blob.sha256, blob.size)).collect();
    let left = left_over(&dir.join(PARTIAL), &wanted)?.into_values().fold(0, u64::saturating_add);
    let bytes = missing.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    check_space(dir, bytes.saturating_sub(left), manifest.to_bytes().map_or(0, |bytes| bytes.len() as u64))
}

/// Returns the blobs that are not on the medium yet.
fn missing(dir: &Path, manifest: &Manifest, options: &WriteOptions<'_>) -> Result<Vec<Missing>, WriteError> {
    let mut there = BTreeMap::new();
    if dir.join(TOP).symlink_metadata().is_ok() {
        let failed = |source| existing_error(dir, source);
        let source = Directory::open(&dir.join(TOP)).map_err(failed)?;
        there.extend(layout::survey(&source).map_err(failed)?.blobs);
    }
    Ok(carried(manifest, options).into_iter().filter(|blob| there.get(&blob.sha256) != Some(&blob.size)).collect())
}

/// Refuses a directory in which files of others lie, unless they are allowed. What a system puts on every medium of its
/// own accord is nobody's.
pub(super) fn check_files(dir: &Path, options: &WriteOptions<'_>) -> Result<(), WriteError> {
    if options.beside_other_files {
        return Ok(());
    }
    let ours = |name: &str| [TOP, PARTIAL, TRIAL, medium::PROBE_DIR].contains(&name);
    // Only root may look into it; whoever may not is not told of files there.
    let empty = |name: &str| list_dir(&dir.join(name)).map_or(true, |names| names.is_empty());
    let of_others = |name: &String| !(ours(name) || SYSTEM.contains(&name.as_str()) || name == FOUND && empty(name));
    let mut names: Vec<String> = list_dir(dir)?.into_iter().filter(of_others).collect();
    if names.is_empty() {
        return Ok(());
    }
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let names = names.iter().map(|name| sealift_model::escape::printable(name)).collect();
    Err(WriteError::OtherFiles { path: shown(dir), names, more })
}

/// Refuses a blob that is larger than any file the medium takes.
pub(super) fn check_largest(dir: &Path, missing: &[Missing], options: &WriteOptions<'_>) -> Result<(), WriteError> {
    let Some(limit) = options.largest_file else { return Ok(()) };
    missing.iter().find(|blob| blob.size > limit).map_or(Ok(()), |blob| {
        let (of, size) = (blob.of.clone(), blob.size);
        Err(WriteError::LargestFile { blob: blob.sha256, of, size, limit, path: shown(dir) })
    })
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
