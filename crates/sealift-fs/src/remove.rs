//! Removing directory trees of our own, without following a link that somebody puts there meanwhile.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Context, PathError};
use crate::seam::{self, Op};

/// Removes a directory tree of our own without following links; one that is not there is not an error.
#[track_caller]
pub fn remove_tree(path: &Path) -> Result<(), PathError> {
    let name = CString::new(path.as_os_str().as_bytes());
    let name = name.map_err(|e| PathError::new("remove", path, e.into()))?;
    match remove_dir(CWD, &name, path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.context("remove", path),
    }
}

/// Removes the directory `name` of `parent` with everything in it; `shown` is its path.
fn remove_dir(parent: BorrowedFd<'_>, name: &CString, shown: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(dir) => dir,
        // A link where a directory was: the link goes, not what it points at.
        Err(Errno::LOOP | Errno::NOTDIR) => return remove_name(parent, name, shown, AtFlags::empty()),
        Err(e) => return Err(e.into()),
    };
    for (entry, is_dir) in entries(&dir)? {
        let shown = shown.join(std::ffi::OsStr::from_bytes(entry.as_bytes()));
        if is_dir {
            remove_dir(dir.as_fd(), &entry, &shown)?;
        } else {
            remove_name(dir.as_fd(), &entry, &shown, AtFlags::empty())?;
        }
    }
    remove_name(parent, name, shown, AtFlags::REMOVEDIR)
}

fn remove_name(parent: BorrowedFd<'_>, name: &CString, shown: &Path, flags: AtFlags) -> io::Result<()> {
    let path = shown;
    let op = if flags.contains(AtFlags::REMOVEDIR) { Op::Rmdir { path } } else { Op::Unlink { path } };
    seam::run(op, || Ok(rustix::fs::unlinkat(parent, name, flags)?))
}

fn entries(dir: &OwnedFd) -> io::Result<Vec<(CString, bool)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        let is_dir = match entry.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            }
            kind => kind == FileType::Directory,
        };
        found.push((name.to_owned(), is_dir));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn removes_all_of_a_tree_and_nothing_behind_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, kept) = (dir.path().join("tree"), dir.path().join("kept"));
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("file"), "x").unwrap();
        std::fs::write(tree.join("a/b/file"), "x").unwrap();
        symlink(&kept, tree.join("a/link")).unwrap();
        symlink(&kept, dir.path().join("link")).unwrap();
        remove_tree(&tree).unwrap();
        remove_tree(&dir.path().join("link")).unwrap();
        remove_tree(&tree).unwrap();
        assert_eq!(crate::list_dir(dir.path()).unwrap(), ["kept"]);
        assert!(kept.join("file").exists());
    }
}
