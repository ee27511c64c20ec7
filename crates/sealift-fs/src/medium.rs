//! Files of a medium: opening one somebody handed over, and writing many with one sync at the end.
//!
//! [`create_plain`], [`hard_link`] and [`move_to`] sync nothing and are for a directory that has no name yet or belongs to us alone; whoever
//! writes there ends with [`sync_filesystem`](crate::append::sync_filesystem) and a rename.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::{Context, PathError};

/// Opens a regular file for reading and returns it with its size at this moment.
pub fn open_file(path: &Path) -> Result<(File, u64), PathError> {
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    // A pipe in the file's place must not hang the open.
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).context("open", path)?;
    let metadata = file.metadata().context("open", path)?;
    if metadata.is_file() {
        return Ok((file, metadata.len()));
    }
    Err(PathError::new("open", path, io::Error::other("not a regular file")))
}

/// Creates a file of mode 0644 that must not exist yet. Not synced.
pub fn create_plain(path: &Path) -> Result<File, PathError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path).context("create", path)?;
    // Media without modes (FAT) refuse this, and have nothing to set.
    let _ = file.set_permissions(fs::Permissions::from_mode(0o644));
    Ok(file)
}

/// Gives `from` a second name `to`, which must not exist; false if the file system cannot. Not synced.
pub fn hard_link(from: &Path, to: &Path) -> Result<bool, PathError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.raw_os_error().is_some_and(crate::file::can_copy_instead) => Ok(false),
        Err(e) => Err(PathError::new("link", to, e)),
    }
}

/// Renames within one file system, replacing a file of that name. Not synced.
pub fn move_to(from: &Path, to: &Path) -> Result<(), PathError> {
    fs::rename(from, to).context("rename to", to)
}

/// Removes a directory that must be empty. Not synced.
pub fn remove_empty_dir(path: &Path) -> Result<(), PathError> {
    fs::remove_dir(path).context("remove", path)
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
        assert!(create_plain(&path).is_err());
        assert!(hard_link(&path, &dir.path().join("b")).unwrap());
        assert!(hard_link(&path, &dir.path().join("b")).is_err());
    }
}
