//! Reading files that hold secrets, and streams that carry one.
//!
//! A secret that others can read, or that somebody else may have put there, is refused before it is used; the checks are
//! made on the open file, so that nothing can be swapped between check and read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::{Context, PathError};

/// Why a private file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateError {
    /// It could not be read.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A link, directory, device or pipe.
    #[error("{} is not a regular file; a link is not followed", shown(.0))]
    NotRegular(PathBuf),
    /// Group or others have access.
    #[error("{} is open to others (mode {mode:04o}); make it private: chmod 600 {}", shown(.path), shown(.path))]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A link or file where a directory should be.
    #[error("{} is not a directory; a link is not followed there", shown(.0))]
    NotDirectory(PathBuf),
    /// Others may put something there.
    #[error("others may write to {} (mode {mode:04o}); take that away: chmod go-w {}", shown(.path), shown(.path))]
    Writable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else owns it.
    #[error("{} belongs to user {owner}, not to the user running this command ({user})", shown(.path))]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who asks.
        user: u32,
    },
}

fn shown(path: &Path) -> String {
    sealift_model::escape::printable(&path.to_string_lossy())
}

/// Reads a regular file of ours that nobody else can access, at most `limit` bytes.
pub fn read_private(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(PrivateError::NotRegular(path.to_owned()));
        }
        other => other.context("open", path)?,
    };
    let metadata = file.metadata().context("read", path)?;
    if !metadata.is_file() {
        return Err(PrivateError::NotRegular(path.to_owned()));
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(PrivateError::Owner { path: path.to_owned(), owner, user });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateError::Open { path: path.to_owned(), mode });
    }
    Ok(crate::file::read_open_capped(file, path, limit)?)
}

/// Reads a file that nobody else can read, or a pipe, to its end, at most `limit` bytes. Links are followed, and who owns
/// the file is not asked: somebody else may have put it there on purpose, as service managers do.
pub fn read_secret(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let file = File::open(path).context("open", path)?;
    let metadata = file.metadata().context("read", path)?;
    let mode = metadata.mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(PrivateError::Open { path: path.to_owned(), mode });
    }
    Ok(read_to_end(file, path, limit)?)
}

/// Reads a file or pipe (`/dev/fd/3`) to its end, at most `limit` bytes.
pub fn read_stream(path: &Path, limit: u64) -> Result<Vec<u8>, PathError> {
    read_to_end(File::open(path).context("open", path)?, path, limit)
}

/// What to do where a link stands in a directory's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Refuse it: whoever could make it decides where we write.
    Refuse,
    /// Look at where it leads, as for content that lies on a disk of its own.
    Follow,
}

/// Checks that `path` is a directory that belongs to the user running this command, or to root, and that nobody else can
/// write there. What is below is not looked at.
pub fn check_directory(path: &Path, links: Links) -> Result<(), PrivateError> {
    let metadata = match links {
        Links::Refuse => std::fs::symlink_metadata(path),
        Links::Follow => std::fs::metadata(path),
    };
    let metadata = metadata.context("look at", path)?;
    if !metadata.is_dir() {
        return Err(PrivateError::NotDirectory(path.to_owned()));
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        return Err(PrivateError::Owner { path: path.to_owned(), owner, user });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(PrivateError::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

fn read_to_end(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, PathError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).context("read", path)?;
    if bytes.len() as u64 > limit {
        let error = io::Error::other(format!("larger than the limit of {limit} bytes"));
        return Err(PathError::new("read", path, error));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Mode, replace};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn refuses_secrets_that_others_can_reach() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        replace(&path, b"secret", Mode::Private).unwrap();
        assert_eq!(read_private(&path, 6).unwrap(), b"secret");
        assert!(matches!(read_private(&path, 5), Err(PrivateError::Fs(_))));
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(read_private(&link, 6), Err(PrivateError::NotRegular(_))));
        assert_eq!(read_secret(&link, 6).unwrap(), b"secret");
        assert!(matches!(read_private(dir.path(), 6), Err(PrivateError::NotRegular(_))));
        for mode in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read_private(&path, 6), Err(PrivateError::Open { .. })), "{mode:o}");
            assert!(matches!(read_secret(&link, 6), Err(PrivateError::Open { .. })), "{mode:o}");
        }
    }

    #[test]
    fn refuses_directories_that_others_made_or_may_write_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("quarantine");
        assert!(matches!(check_directory(&path, Links::Refuse), Err(PrivateError::Fs(e)) if e.is_not_found()));
        std::fs::create_dir(&path).unwrap();
        for (mode, good) in [(0o700, true), (0o755, true), (0o775, false), (0o757, false), (0o1777, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_directory(&path, Links::Refuse).is_ok(), good, "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(check_directory(&link, Links::Refuse), Err(PrivateError::NotDirectory(_))));
        check_directory(&link, Links::Follow).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(matches!(check_directory(&dir.path().join("file"), Links::Follow), Err(PrivateError::NotDirectory(_))));
    }
}
