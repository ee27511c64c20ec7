//! Files of a medium: opening one somebody handed over, and writing many with one sync at the end.
//!
//! [`create_plain`], [`hard_link`] and [`move_to`] sync nothing and are for a directory that has no name yet or belongs to us alone; whoever
//! writes there ends with [`sync_filesystem`](crate::append::sync_filesystem) and a rename.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::error::{Context, PathError};
use crate::raw::{self, OutFile};

/// Name of the directory in which the capacity of a medium is tried. What a killed run leaves there takes all the room.
pub const PROBE_DIR: &str = ".SEALIFT.probe";

/// Opens a regular file for reading and returns it with its size at this moment.
///
/// Looked at before it is opened, as [`Beneath`](crate::Beneath) does; links on the way are followed, because somebody
/// typed this path.
pub fn open_file(path: &Path) -> Result<(File, u64), PathError> {
    use rustix::fs::{Mode, OFlags};
    let irregular = |what| PathError::new("open", path, io::Error::other(what));
    let seen = File::from(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).context("open", path)?);
    let seen = seen.metadata().context("open", path)?;
    if !seen.is_file() {
        return Err(irregular("not a regular file"));
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).context("open", path)?);
    let opened = file.metadata().context("open", path)?;
    if !opened.is_file() || (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(irregular("replaced while it was opened"));
    }
    Ok((file, opened.len()))
}

/// Creates a file of mode 0644 that must not exist yet. Not synced.
#[track_caller]
pub fn create_plain(path: &Path) -> Result<OutFile, PathError> {
    let file = OutFile::create_new(path, 0o644).context("create", path)?;
    // Media without modes (FAT) refuse this, and have nothing to set.
    let _ = file.set_mode(0o644);
    Ok(file)
}

/// Gives `from` a second name `to`, which must not exist; false if the file system cannot. Not synced.
pub fn hard_link(from: &Path, to: &Path) -> Result<bool, PathError> {
    match raw::link(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.raw_os_error().is_some_and(crate::file::can_copy_instead) => Ok(false),
        Err(e) => Err(PathError::new("link", to, e)),
    }
}

/// Asks the kernel to begin writing a file to the medium, so that the sync at the end has less to wait for. An advice.
pub fn begin_writeback(file: &OutFile) {
    // "Not needed in memory soon" starts the writing of dirty pages at once.
    let _ = rustix::fs::fadvise(file.file(), 0, None, rustix::fs::Advice::DontNeed);
}

/// Reserves room for `bytes` behind the content of a file without writing it; false if the file system cannot.
///
/// Not an operation of the [seam](crate::seam): content and names stay as they are.
pub fn reserve(file: &OutFile, bytes: u64) -> Result<bool, PathError> {
    use rustix::io::Errno;
    match rustix::fs::fallocate(file.file(), rustix::fs::FallocateFlags::KEEP_SIZE, 0, bytes) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(false),
        Err(e) => Err(PathError::new("reserve room in", file.path(), e.into())),
    }
}

/// Tells whether two names are one file; false if either cannot be looked at.
pub fn same_file(one: &Path, other: &Path) -> bool {
    let look = |path: &Path| path.symlink_metadata().ok().filter(std::fs::Metadata::is_file);
    match (look(one), look(other)) {
        (Some(one), Some(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Renames within one file system, replacing a file of that name. Not synced.
pub fn move_to(from: &Path, to: &Path) -> Result<(), PathError> {
    raw::rename(from, to).context("rename to", to)
}

/// Removes a directory that must be empty. Not synced.
pub fn remove_empty_dir(path: &Path) -> Result<(), PathError> {
    raw::rmdir(path).context("remove", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        create_plain(&path).unwrap();
        assert_eq!(open_file(&path).unwrap().1, 0);
        assert!(open_file(dir.path()).is_err());
        assert!(open_file(Path::new("/dev/zero")).is_err());
        assert!(create_plain(&path).is_err());
        assert!(hard_link(&path, &dir.path().join("b")).unwrap());
        assert!(hard_link(&path, &dir.path().join("b")).is_err());
    }
}
