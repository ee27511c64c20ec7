//! Reading a tree we do not trust: a medium, a directory somebody handed over.
//!
//! All opens go through one directory handle with openat2(2) and RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV,
//! so that nothing outside the tree is ever reached, whatever links or mounts are in it. What is to be read is looked at
//! before it is opened, because opening alone moves some devices and waits at a pipe; only regular files are read.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use sealift_model::RelPath;

use crate::error::{Context, PathError};

/// An open directory below which files are reached by checked relative paths only.
#[derive(Debug)]
pub struct Beneath {
    dir: OwnedFd,
    path: PathBuf,
}

/// What stands at a path of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of this many bytes.
    File(u64),
    /// A directory.
    Dir,
    /// A link, device, pipe, socket, or another file system.
    Other,
}

impl Beneath {
    /// Opens the directory `path`; the last segment must not be a symbolic link.
    pub fn open(path: &Path) -> Result<Self, PathError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let dir = rustix::fs::open(path, flags, Mode::empty()).context("open the directory", path)?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Returns the path the tree was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn openat(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        rustix::fs::openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    /// Looks at a path without opening what is there.
    fn look(&self, path: &str) -> rustix::io::Result<Stat> {
        rustix::fs::fstat(self.openat(path, OFlags::PATH)?)
    }

    /// Tells what stands at a path; `None` if nothing does. A path that leads over a link, or onto another file system, is
    /// [`Kind::Other`].
    pub fn kind(&self, path: &RelPath) -> Result<Option<Kind>, PathError> {
        match self.look(path.as_str()) {
            Ok(stat) => Ok(Some(kind_of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::XDEV | Errno::NOTDIR) => Ok(Some(Kind::Other)),
            Err(error) => Err(error).context("look at", &self.path.join(path)),
        }
    }

    /// Opens a regular file and returns it with its size at this moment.
    pub fn open_file(&self, path: &RelPath) -> Result<(File, u64), PathError> {
        let shown = self.path.join(path);
        let irregular = |what| PathError::new("open", &shown, io::Error::other(what));
        let seen = self.look(path.as_str()).context("open", &shown)?;
        let Kind::File(size) = kind_of(&seen) else { return Err(irregular("not a regular file")) };
        // NONBLOCK: it may have been replaced by a pipe since.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.openat(path.as_str(), flags).context("open", &shown)?;
        let opened = rustix::fs::fstat(&file).context("open", &shown)?;
        if (opened.st_dev, opened.st_ino, opened.st_mode) != (seen.st_dev, seen.st_ino, seen.st_mode) {
            return Err(irregular("replaced while it was opened"));
        }
        Ok((File::from(file), size))
    }

    /// Reads a regular file of at most `limit` bytes.
    pub fn read(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>, PathError> {
        let (file, _) = self.open_file(path)?;
        crate::file::read_open_capped(file, &self.path.join(path), limit)
    }

    /// Lists a directory of the tree, at most `limit` entries, sorted by name. `None` lists the tree's own directory.
    ///
    /// Names are returned as they are; they become paths only through [`RelPath`].
    pub fn list(&self, path: Option<&RelPath>, limit: usize) -> Result<Vec<(String, Kind)>, PathError> {
        let shown = path.map_or_else(|| self.path.clone(), |p| self.path.join(p));
        let name = path.map_or(".", RelPath::as_str);
        let fd = self.openat(name, OFlags::RDONLY | OFlags::DIRECTORY).context("list", &shown)?;
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&fd).context("list", &shown)? {
            let entry = entry.context("list", &shown)?;
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            if entries.len() == limit {
                return Err(PathError::new("list", &shown, io::Error::other(format!("more than {limit} entries"))));
            }
            let stat = rustix::fs::statat(&fd, entry.file_name(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
                .context("list", &shown)?;
            entries.push((String::from_utf8_lossy(bytes).into_owned(), kind_of(&stat)));
        }
        entries.sort();
        Ok(entries)
    }
}

fn kind_of(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
        FileType::Directory => Kind::Dir,
        _ => Kind::Other,
    }
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |kind: &Self| match kind {
            Self::Dir => (0, 0),
            Self::File(size) => (1, *size),
            Self::Other => (2, 0),
        };
        rank(self).cmp(&rank(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn rel(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn links_pipes_and_directories_are_not_read() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("d")).unwrap();
        std::fs::write(tree.path().join("d/f"), "content").unwrap();
        symlink(outside.path(), tree.path().join("out")).unwrap();
        symlink("d/f", tree.path().join("inside")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, tree.path().join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
        let beneath = Beneath::open(tree.path()).unwrap();
        assert_eq!(beneath.read(&rel("d/f"), 7).unwrap(), b"content");
        assert!(beneath.read(&rel("d/f"), 6).is_err());
        for bad in ["out/secret", "inside", "pipe", "d", "missing"] {
            assert!(beneath.read(&rel(bad), 100).is_err(), "{bad}");
        }
        for (path, kind) in [
            ("d/f", Some(Kind::File(7))),
            ("d", Some(Kind::Dir)),
            ("missing", None),
            ("d/missing", None),
            ("pipe", Some(Kind::Other)),
            ("inside", Some(Kind::Other)),
            ("out/secret", Some(Kind::Other)),
            ("d/f/below-a-file", Some(Kind::Other)),
        ] {
            assert_eq!(beneath.kind(&rel(path)).unwrap(), kind, "{path}");
        }
        let names = beneath.list(None, 10).unwrap();
        assert_eq!(names.iter().filter(|(_, kind)| *kind == Kind::Other).count(), 3);
        assert!(beneath.list(None, 3).is_err());
    }

    #[test]
    fn a_pipe_a_socket_and_a_terminal_are_not_even_opened() {
        let tree = tempfile::tempdir().unwrap();
        let pipe = tree.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
        let beneath = Beneath::open(tree.path()).unwrap();
        for name in ["pipe", "socket"] {
            assert!(beneath.open_file(&rel(name)).unwrap_err().to_string().starts_with("cannot open"), "{name}");
        }
        // A writer that waits for a reader would have been let through by an open for reading.
        let writer = rustix::fs::open(&pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
        assert_eq!(writer.unwrap_err(), Errno::NXIO);
        let devices = Beneath::open(Path::new("/dev")).unwrap();
        assert!(devices.open_file(&rel("null")).is_err());
    }

    #[test]
    fn a_file_that_grows_is_read_up_to_the_cap_only() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("log");
        std::fs::write(&path, "12345").unwrap();
        let (file, size) = Beneath::open(tree.path()).unwrap().open_file(&rel("log")).unwrap();
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(size, 5);
        assert!(crate::file::read_open_capped(file, &path, 100).is_err());
    }
}
