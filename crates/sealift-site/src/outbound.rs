//! An outbound medium: what leaves the isolated side, which is receipt, need-list and requests and nothing else.
//!
//! Whatever lies on a stick that is carried out is out. So these are written only where nothing else lies, and what
//! lies there afterwards is listed by name, size and digest. Names are all this looks at: what was deleted from a medium
//! can still be read off it, so it has to be a new one or one that was wiped.

use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError};
use sealift_model::Digest;
use sealift_model::escape::printable;
use serde::Serialize;

/// Name of the receipt.
pub const RECEIPT: &str = "receipt.txt";
/// Name of the need-list.
pub const NEED: &str = "need.txt";
/// A directory that mkfs makes; nothing is in it.
const LOST: &str = "lost+found";
/// Largest file that is read back: a request that asks for everything.
const LIMIT: u64 = 128 << 20;
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
    #[error("{} holds more than what may leave: {}", dir.display(), names.join(", "))]
    Foreign {
        /// The medium.
        dir: PathBuf,
        /// What else lies there, made printable; not all of it if it is much.
        names: Vec<String>,
    },
    /// What was written does not read back.
    #[error("{} does not read back as it was written", .0.display())]
    Unreadable(PathBuf),
    /// Not a name of something that leaves.
    #[error("`{0}` is not the name of a receipt, a need-list or a request")]
    Name(String),
    /// The medium failed.
    #[error(transparent)]
    Io(#[from] PathError),
}

/// Checks that nothing but earlier receipts, need-lists and requests lie in `dir`.
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

/// Tells whether a file of this name may leave: `receipt.txt`, `need.txt`, `request-<stream>-<sequence>.txt`.
pub fn may_leave(name: &str) -> bool {
    let of_name = |text: &str| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        !text.is_empty() && text.len() <= 100 && text.bytes().all(good)
    };
    name == RECEIPT
        || name == NEED
        || name.strip_prefix("request-").and_then(|rest| rest.strip_suffix(".txt")).is_some_and(of_name)
}

fn belongs(dir: &Path, name: &str) -> bool {
    let path = dir.join(name);
    let Ok(metadata) = path.symlink_metadata() else { return false };
    match name {
        LOST => metadata.is_dir() && sealift_fs::list_dir(&path).is_ok_and(|names| names.is_empty()),
        _ => (may_leave(name) || half_written(name)) && metadata.is_file(),
    }
}

/// Tells whether this is what a run that was cut left of a file that may leave.
fn half_written(name: &str) -> bool {
    name.strip_prefix(".tmp-").is_some_and(may_leave)
}

/// Takes away what runs that were cut left; nobody is to carry half a file out.
fn sweep(dir: &Path) -> Result<(), OutboundError> {
    for name in sealift_fs::list_dir(dir)?.iter().filter(|name| half_written(name)) {
        sealift_fs::remove_file(&dir.join(name))?;
    }
    Ok(())
}

/// Writes one file that leaves and reads it back. What lies on the medium then, [`list`] says.
///
/// # Errors
/// That something else lies there, before or after; that it does not read back; or that the medium failed.
pub fn write(dir: &Path, name: &str, text: &str) -> Result<OutboundFile, OutboundError> {
    if !may_leave(name) {
        return Err(OutboundError::Name(printable(name)));
    }
    check(dir)?;
    sweep(dir)?;
    let path = dir.join(name);
    sealift_fs::replace(&path, text.as_bytes(), Mode::Public)?;
    let written = read_back(dir, name)?;
    if written.sha256 != Digest::of(text.as_bytes()) {
        return Err(OutboundError::Unreadable(path));
    }
    check(dir)?;
    Ok(written)
}

/// Lists what lies on an outbound medium, by name.
///
/// # Errors
/// That the medium failed.
pub fn list(dir: &Path) -> Result<Vec<OutboundFile>, OutboundError> {
    let names = sealift_fs::list_dir(dir)?;
    names.iter().filter(|name| may_leave(name)).map(|name| read_back(dir, name)).collect()
}

fn read_back(dir: &Path, name: &str) -> Result<OutboundFile, OutboundError> {
    let bytes = sealift_fs::read_capped(&dir.join(name), LIMIT)?;
    Ok(OutboundFile { name: name.into(), size: bytes.len() as u64, sha256: Digest::of(&bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbound_medium_holds_the_receipt_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(LOST)).unwrap();
        let written = write(dir.path(), RECEIPT, "receipt 1\n").unwrap();
        assert_eq!((written.size, written.sha256), (10, Digest::of(b"receipt 1\n")));
        assert_eq!(
            write(dir.path(), RECEIPT, "receipt 2\n").unwrap().sha256,
            Digest::of(b"receipt 2\n"),
            "the next one replaces it"
        );
        assert_eq!(sealift_fs::list_dir(dir.path()).unwrap(), [LOST, RECEIPT]);
    }

    #[test]
    fn what_a_cut_run_left_of_a_file_is_no_foreign_file_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".tmp-request-deb12-7.txt"), "half").unwrap();
        check(dir.path()).unwrap();
        write(dir.path(), RECEIPT, "receipt\n").unwrap();
        assert_eq!(sealift_fs::list_dir(dir.path()).unwrap(), [RECEIPT]);
        std::fs::write(dir.path().join(".tmp-notes.txt"), "half").unwrap();
        assert!(matches!(check(dir.path()), Err(OutboundError::Foreign { .. })));
    }

    #[test]
    fn what_was_written_before_stays_and_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), RECEIPT, "receipt\n").unwrap();
        write(dir.path(), "request-deb12-7.txt", "request\n").unwrap();
        write(dir.path(), NEED, "need\n").unwrap();
        let names: Vec<String> = list(dir.path()).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, [NEED, RECEIPT, "request-deb12-7.txt"]);
    }

    #[test]
    fn refuses_to_write_anything_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["notes.txt", "../receipt.txt", "request-.txt", "request-../x.txt", "request-a b.txt", "need.txt/"]
        {
            assert!(matches!(write(dir.path(), name, "x"), Err(OutboundError::Name(_))), "{name}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn refuses_a_medium_that_would_carry_something_else_out() {
        for plant in
            ["SEALIFT", "notes.txt", ".hidden", "lost+found/report.pdf", "receipt.txt/x", "need.txt/x", "request-X.txt"]
        {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(plant);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "secret").unwrap();
            let error = write(dir.path(), RECEIPT, "receipt\n").unwrap_err();
            let first = plant.split('/').next().unwrap();
            assert!(matches!(&error, OutboundError::Foreign { names, .. } if *names == [first]), "{plant}: {error}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{plant}: nothing was written");
        }
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join(RECEIPT)).unwrap();
        assert!(
            matches!(write(dir.path(), RECEIPT, "receipt\n"), Err(OutboundError::Foreign { .. })),
            "a link is no receipt"
        );
    }
}
