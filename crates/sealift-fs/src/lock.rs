//! One writer at a time, by flock on a file in the state directory.
//!
//! Functions that change state take `&Lock`, so a caller that forgot to lock does not compile. The kernel releases the
//! lock when the process ends, however it ends.

use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::error::{Context, PathError};
use crate::raw::OutFile;

/// Proof that this process is the only writer of a state directory.
#[derive(Debug)]
pub struct Lock {
    _file: OutFile,
    path: PathBuf,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is locked by another process", .0.display())]
    Held(PathBuf),
    /// The lock file cannot be opened.
    #[error(transparent)]
    Io(#[from] PathError),
}

impl Lock {
    /// Takes the lock file `dir/lock` without waiting.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("lock");
        let file = OutFile::resume(&path, 0o600).context("open the lock", &path)?;
        match rustix::fs::flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file, path }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Held(dir.to_owned())),
            Err(e) => Err(PathError::new("lock", &path, e.into()).into()),
        }
    }

    /// Returns the lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(LockError::Held(_))));
        drop(first);
        Lock::take(dir.path()).unwrap();
    }
}
