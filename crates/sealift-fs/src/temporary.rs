//! Temporary names beside a target: found again by the next run, never taken from a run that is still writing.
//!
//! A temporary file is locked (flock) by whoever writes it, until it has its own name. One that can be locked is what a
//! killed run left, and is removed. Only the holder of that lock removes it, so two writers cannot take each other's.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};

use crate::raw::{self, OutFile};

/// Longest target name that is made a part of the temporary name.
const LONGEST: usize = 200;
const PREFIX: &str = ".tmp-";

/// Makes a temporary file for `target`, removing the one that a killed run left for it.
#[track_caller]
pub(crate) fn create(target: &Path, mode: u32) -> io::Result<(OutFile, PathBuf)> {
    let name = target.file_name().and_then(|name| name.to_str()).filter(|name| name.len() <= LONGEST);
    if let Some(name) = name {
        let path = target.with_file_name(format!("{PREFIX}{name}"));
        for _ in 0..3 {
            match OutFile::create_new(&path, mode) {
                Ok(file) if locked(file.file(), &path)? => return Ok((file, path)),
                // Somebody took it for a leftover before it was locked.
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if !remove_leftover(&path)? {
                        break;
                    }
                }
                Err(e) => return Err(e),
            }
        }
    }
    // Another run is writing the same target now, or it has no name to go by.
    random(target, mode)
}

#[track_caller]
fn random(target: &Path, mode: u32) -> io::Result<(OutFile, PathBuf)> {
    let mut builder = tempfile::Builder::new();
    // Its own cleaning up would pass by the seam.
    builder.prefix(PREFIX).disable_cleanup(true);
    let made = builder.make_in(crate::file::parent(target), |path| OutFile::create_new(path, mode))?;
    let (file, path) = made.into_parts();
    Ok((file, path.to_path_buf()))
}

/// Locks an open file; false if another process has it, or if `path` is not this file (any more).
fn locked(file: &File, path: &Path) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        // A file system without locks has one writer at a time: a medium.
        Ok(()) | Err(rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOLCK) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
        Err(e) => return Err(e.into()),
    }
    let here = file.metadata()?;
    Ok(fs::symlink_metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())))
}

/// Removes what a killed run left; false if it is no leftover.
fn remove_leftover(path: &Path) -> io::Result<bool> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // Gone meanwhile, or nothing that can be opened: another name will do.
        Err(e) => return Ok(e.kind() == io::ErrorKind::NotFound),
    };
    if !file.metadata()?.is_file() || !locked(&file, path)? {
        return Ok(false);
    }
    raw::unlink(path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::list_dir;
    use crate::{Mode, NewFile};
    use std::os::unix::fs::symlink;

    #[test]
    fn what_a_killed_run_left_is_taken_away_by_the_next_write_of_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a");
        fs::write(dir.path().join(".tmp-a"), "half of").unwrap();
        crate::replace(&target, b"whole", Mode::Private).unwrap();
        assert_eq!(list_dir(dir.path()).unwrap(), ["a"]);
    }

    #[test]
    fn two_writers_of_one_file_do_not_take_each_others() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a");
        let mut first = NewFile::beside(&target, Mode::Public).unwrap();
        let mut second = NewFile::beside(&target, Mode::Public).unwrap();
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        second.replace().unwrap();
        first.replace().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(list_dir(dir.path()).unwrap(), ["a"]);
    }

    #[test]
    fn links_and_directories_of_that_name_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("kept"), "kept").unwrap();
        symlink("kept", dir.path().join(".tmp-a")).unwrap();
        fs::create_dir(dir.path().join(".tmp-b")).unwrap();
        for name in ["a", "b"] {
            crate::replace(&dir.path().join(name), b"new", Mode::Public).unwrap();
        }
        assert_eq!(fs::read(dir.path().join("kept")).unwrap(), b"kept");
        assert_eq!(list_dir(dir.path()).unwrap(), [".tmp-a", ".tmp-b", "a", "b", "kept"]);
    }
}
