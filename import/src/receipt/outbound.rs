//! An outbound medium: what leaves the isolated side, which is the receipt and nothing else.
//!
//! Whatever lies on a stick that is carried out is out. So a receipt is written only where nothing else lies, and what
//! lies there afterwards is listed by name, size and digest. Names are all this looks at: what was deleted from a medium
//! can still be read off it, so it has to be a new one or one that was wiped.

use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError};
use sealift_model::Digest;
use sealift_model::escape::printable;
use serde::Serialize;

/// The one file of an outbound medium.
pub const NAME: &str = "receipt.txt";
/// A directory that mkfs makes; nothing is in it.
const LOST: &str = "lost+found";
const LIMIT: u64 = 1 << 20;
/// Most names that a refusal lists.
const SHOWN: usize = 10;

/// A file on an outbound medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboundFile {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its content.
    pub sha256: Digest,
}

/// Why nothing was written, or what was written is not to be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// Something else lies there.
    #[error("{} holds more than a receipt: {}", dir.display(), names.join(", "))]
    Foreign {
        /// The medium.
        dir: PathBuf,
        /// What else lies there, made printable; not all of it if it is much.
        names: Vec<String>,
    },
    /// What was written does not read back.
    #[error("{} does not read back as it was written", .0.display())]
    Unreadable(PathBuf),
    /// The medium failed.
    #[error(transparent)]
    Io(#[from] PathError),
}

/// Checks that nothing but an earlier receipt lies in `dir`.
///
/// # Errors
/// What else lies there, or that it cannot be listed.
pub fn check(dir: &Path) -> Result<(), OutboundError> {
    let foreign: Vec<String> = sealift_fs::list_dir(dir)?.into_iter().filter(|name| !belongs(dir, name)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = foreign.iter().take(SHOWN).map(|name| printable(name)).collect();
    if foreign.len() > SHOWN {
        names.push(format!("and {} more", foreign.len() - SHOWN));
    }
    Err(OutboundError::Foreign { dir: dir.to_owned(), names })
}

fn belongs(dir: &Path, name: &str) -> bool {
    let path = dir.join(name);
    let Ok(metadata) = path.symlink_metadata() else { return false };
    match name {
        NAME => metadata.is_file(),
        LOST => metadata.is_dir() && sealift_fs::list_dir(&path).is_ok_and(|names| names.is_empty()),
        _ => false,
    }
}

/// Writes the receipt, reads it back, and returns what lies on the medium: exactly that.
///
/// # Errors
/// That something else lies there, before or after; that it does not read back; or that the medium failed.
pub fn write(dir: &Path, receipt: &str) -> Result<OutboundFile, OutboundError> {
    check(dir)?;
    let path = dir.join(NAME);
    sealift_fs::replace(&path, receipt.as_bytes(), Mode::Public)?;
    let bytes = sealift_fs::read_capped(&path, LIMIT)?;
    if bytes != receipt.as_bytes() {
        return Err(OutboundError::Unreadable(path));
    }
    check(dir)?;
    Ok(OutboundFile { name: NAME.into(), size: bytes.len() as u64, sha256: Digest::of(&bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbound_medium_holds_the_receipt_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(LOST)).unwrap();
        let written = write(dir.path(), "receipt 1\n").unwrap();
        assert_eq!((written.size, written.sha256), (10, Digest::of(b"receipt 1\n")));
        assert_eq!(
            write(dir.path(), "receipt 2\n").unwrap().sha256,
            Digest::of(b"receipt 2\n"),
            "the next one replaces it"
        );
        assert_eq!(sealift_fs::list_dir(dir.path()).unwrap(), [LOST, NAME]);
    }

    #[test]
    fn refuses_a_medium_that_would_carry_something_else_out() {
        for plant in ["SEALIFT", "notes.txt", ".hidden", "lost+found/report.pdf", "receipt.txt/x"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(plant);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "secret").unwrap();
            let error = write(dir.path(), "receipt\n").unwrap_err();
            let first = plant.split('/').next().unwrap();
            assert!(matches!(&error, OutboundError::Foreign { names, .. } if *names == [first]), "{plant}: {error}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{plant}: nothing was written");
        }
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join(NAME)).unwrap();
        assert!(matches!(write(dir.path(), "receipt\n"), Err(OutboundError::Foreign { .. })), "a link is no receipt");
    }
}
