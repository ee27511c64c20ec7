//! Durable writes and capped reads.
//!
//! Write order: temporary file in the same directory → write → fsync → rename or link → fsync of the directory. A failed
//! fsync is fatal for that file; it is never tried again and believed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sealift_model::{Digest, Hasher};

use crate::error::{Context, PathError};
use crate::new_file::NewFile;
use crate::raw::{self, OutFile};

/// Who may read a file we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 0644: documents and published content.
    Public,
    /// 0600: keys and state.
    Private,
}

impl Mode {
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Private => 0o600,
        }
    }

    pub(crate) fn dir_bits(self) -> u32 {
        match self {
            Self::Public => 0o755,
            Self::Private => 0o700,
        }
    }
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces the content of `path`, atomically and durably.
#[track_caller]
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), PathError> {
    let mut file = NewFile::beside(path, mode)?;
    file.write_all(bytes)?;
    file.replace()
}

/// Writes a file that must not exist yet, atomically and durably.
#[track_caller]
pub fn write_new(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), PathError> {
    let mut file = NewFile::beside(path, mode)?;
    file.write_all(bytes)?;
    if file.keep_if_absent()? {
        return Ok(());
    }
    Err(PathError::new("create", path, io::Error::from(io::ErrorKind::AlreadyExists)))
}

/// Opens a regular file for reading and returns it with its size at this moment.
pub fn open_file(path: &Path) -> Result<(File, u64), PathError> {
    // Asked before opening: a pipe would hang the open.
    let metadata = fs::metadata(path).context("open", path)?;
    if !metadata.is_file() {
        return Err(PathError::new("open", path, io::Error::other("not a regular file")));
    }
    Ok((File::open(path).context("open", path)?, metadata.len()))
}

/// Reads a regular file of at most `limit` bytes; a longer one is an error, and at most `limit + 1` bytes are read of it.
pub fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, PathError> {
    let file = File::open(path).context("open", path)?;
    read_open_capped(file, path, limit)
}

pub(crate) fn read_open_capped(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, PathError> {
    let metadata = file.metadata().context("read", path)?;
    if !metadata.is_file() {
        return Err(PathError::new("read", path, io::Error::other("not a regular file")));
    }
    let too_large =
        || PathError::new("read", path, io::Error::other(format!("larger than the limit of {limit} bytes")));
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // The file may grow while it is read; the cap holds all the same.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).context("read", path)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Copies `from` to `to` in pieces of 256 KiB, hashing while it copies; stops with an error after `limit` bytes.
///
/// `tick` is called with the size of each piece. Returns digest and length of what was copied.
pub fn copy_hashed(
    from: &mut dyn Read,
    to: &mut dyn Write,
    limit: u64,
    tick: &mut dyn FnMut(u64),
) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hasher.update(&buffer[..n]);
        if hasher.len() > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than the {limit} bytes declared")));
        }
        to.write_all(&buffer[..n])?;
        tick(n as u64);
    }
    let len = hasher.len();
    Ok((hasher.finish(), len))
}

/// Creates one directory, mode 0755 or 0700; an existing one is an error.
#[track_caller]
pub fn create_dir(path: &Path, mode: Mode) -> Result<(), PathError> {
    raw::mkdir(path, mode.dir_bits()).context("create the directory", path)?;
    sync_dir_for(parent(path), "create_dir")
}

/// Creates a directory and its parents, mode 0755 or 0700; existing ones are left as they are.
#[track_caller]
pub fn create_dir_all(path: &Path, mode: Mode) -> Result<(), PathError> {
    let mut missing = Vec::new();
    let mut next = Some(path);
    while let Some(dir) = next.filter(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()) {
        missing.push(dir);
        next = dir.parent();
    }
    for dir in missing.into_iter().rev() {
        match raw::mkdir(dir, mode.dir_bits()) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            other => other.context("create the directory", dir)?,
        }
        // Each one's name lies in the directory above: syncing only the last would let all of them go with the first.
        sync_dir_for(parent(dir), "create_dir_all")?;
    }
    Ok(())
}

/// Creates a directory that may be there already and syncs nothing: for callers that sync the file system later.
#[track_caller]
pub(crate) fn ensure_dir(path: &Path) -> Result<(), PathError> {
    match raw::mkdir(path, Mode::Public.dir_bits()) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.context("create the directory", path),
    }
}

/// Makes renames and new names in a directory durable.
#[track_caller]
pub fn sync_dir(path: &Path) -> Result<(), PathError> {
    sync_dir_for(path, "sync_dir")
}

#[track_caller]
pub(crate) fn sync_dir_for(path: &Path, why: &'static str) -> Result<(), PathError> {
    let dir = OpenOptions::new().read(true).custom_flags(libc_o_directory()).open(path).context("open", path)?;
    match raw::sync_dir(&dir, path, why) {
        // Some FUSE file systems (media) have no directory sync; their writes are read back instead.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput || e.kind() == io::ErrorKind::Unsupported => Ok(()),
        other => other.context("sync", path),
    }
}

fn libc_o_directory() -> i32 {
    i32::try_from(rustix::fs::OFlags::DIRECTORY.bits()).unwrap_or(0)
}

/// Renames, replacing a file of that name, and syncs both directories.
#[track_caller]
pub fn rename(from: &Path, to: &Path) -> Result<(), PathError> {
    raw::rename(from, to).context("rename to", to)?;
    sync_dir_for(parent(to), "rename, new name")?;
    if parent(from) == parent(to) { Ok(()) } else { sync_dir_for(parent(from), "rename, old name") }
}

/// Gives `from` a second name `to`: a hard link where the file system allows, else a copy. `to` must not exist.
///
/// Not synced; callers end a batch with [`sync_dir`].
#[track_caller]
pub fn link_or_copy(from: &Path, to: &Path) -> Result<(), PathError> {
    match raw::link(from, to) {
        Ok(()) => Ok(()),
        Err(e) if matches!(e.raw_os_error(), Some(code) if can_copy_instead(code)) => {
            let mut target = OutFile::create_new(to, 0o666).context("create", to)?;
            let mut source = File::open(from).context("open", from)?;
            io::copy(&mut source, &mut target).context("copy to", to)?;
            target.sync("link_or_copy").context("sync", to)
        }
        Err(e) => Err(PathError::new("link", to, e)),
    }
}

pub(crate) fn can_copy_instead(code: i32) -> bool {
    use rustix::io::Errno;
    [Errno::XDEV, Errno::PERM, Errno::MLINK, Errno::OPNOTSUPP, Errno::NOSYS].iter().any(|e| e.raw_os_error() == code)
}

/// Removes a file; one that is not there is not an error.
#[track_caller]
pub fn remove_file(path: &Path) -> Result<(), PathError> {
    match raw::unlink(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.context("remove", path),
    }
}

/// Returns the names in a directory, sorted; names that are not UTF-8 are an error.
pub fn list_dir(path: &Path) -> Result<Vec<String>, PathError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).context("list", path)? {
        let name = entry.context("list", path)?.file_name();
        names.push(name.into_string().map_err(|_| {
            PathError::new("list", path, io::Error::new(io::ErrorKind::InvalidData, "a file name is not UTF-8"))
        })?);
    }
    names.sort();
    Ok(names)
}

/// Returns the bytes a user without reserve may still write below `path`.
pub fn free_bytes(path: &Path) -> Result<u64, PathError> {
    let stat = rustix::fs::statvfs(path).context("ask the free space of", path)?;
    Ok(crate::seam::free(path, stat.f_bavail.saturating_mul(stat.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn replace_leaves_old_or_new_and_no_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        replace(&path, b"one", Mode::Private).unwrap();
        replace(&path, b"two", Mode::Private).unwrap();
        assert_eq!(read_capped(&path, 3).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(NewFile::beside(&path, Mode::Public).unwrap());
        assert_eq!(list_dir(dir.path()).unwrap(), ["a"]);
        assert!(write_new(&path, b"three", Mode::Public).is_err());
        assert_eq!(read_capped(&path, 3).unwrap(), b"two");
    }

    #[test]
    fn reads_stop_at_the_cap() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        replace(&path, &[7; 100], Mode::Public).unwrap();
        assert_eq!(read_capped(&path, 100).unwrap().len(), 100);
        assert!(read_capped(&path, 99).unwrap_err().to_string().starts_with("cannot read"));
        assert!(read_capped(dir.path(), 99).is_err());
        let mut sink = Vec::new();
        assert!(copy_hashed(&mut &[7_u8; 100][..], &mut sink, 99, &mut |_| ()).is_err());
        let (digest, len) = copy_hashed(&mut &[7_u8; 100][..], &mut sink, 100, &mut |_| ()).unwrap();
        assert_eq!((digest, len), (Digest::of(&[7; 100]), 100));
    }
}
