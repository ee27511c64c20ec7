//! The one place through which every operation that changes the disk passes.
//!
//! In a shipped tool the functions below call the operation and do nothing else. With the feature `fault`, which only
//! the crash tests turn on, [`crate::fault`] may count the operation, record it, fail it, or end the process before it.

#[cfg(not(feature = "fault"))]
use std::io;
use std::path::Path;

/// An operation that changes the disk, as the file system sees it.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "fault"), expect(dead_code, reason = "only the crash tests look inside"))]
pub(crate) enum Op<'a> {
    /// A file that is empty if it is new.
    Create { path: &'a Path, mode: u32 },
    /// A file is cut or grown.
    Truncate { path: &'a Path, len: u64 },
    /// A mode is set.
    Chmod { path: &'a Path, mode: u32 },
    /// A directory is made.
    Mkdir { path: &'a Path, mode: u32 },
    /// A name moves, replacing what had the new one.
    Rename { from: &'a Path, to: &'a Path },
    /// A file gets a second name.
    Link { from: &'a Path, to: &'a Path },
    /// A symbolic link is made.
    Symlink { target: &'a Path, link: &'a Path },
    /// A name of a file is removed.
    Unlink { path: &'a Path },
    /// An empty directory is removed.
    Rmdir { path: &'a Path },
    /// A file's content becomes durable; `why` names the place in this crate.
    SyncFile { path: &'a Path, why: &'static str },
    /// A directory's names become durable.
    SyncDir { path: &'a Path, why: &'static str },
    /// Everything of a file system becomes durable.
    SyncAll { path: &'a Path, why: &'static str },
    /// A database made a transaction durable by itself.
    Commit { path: &'a Path },
}

#[cfg(feature = "fault")]
pub(crate) use crate::fault::seam::{free, run, write};

/// Does the operation.
#[cfg(not(feature = "fault"))]
#[inline]
pub(crate) fn run<T>(_op: Op<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    act()
}

/// Writes to a file, at `_at` or at its end; may write less than all.
#[cfg(not(feature = "fault"))]
#[inline]
pub(crate) fn write(
    _path: &Path,
    _at: Option<u64>,
    bytes: &[u8],
    act: impl FnOnce(&[u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    act(bytes)
}

/// Returns the free space that was found.
#[cfg(not(feature = "fault"))]
#[inline]
pub(crate) fn free(_path: &Path, found: u64) -> u64 {
    found
}
