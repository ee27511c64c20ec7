//! Files that only grow: appended to durably, cut back only to take away an unfinished end.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Context, PathError};
use crate::file::{parent, sync_dir_for};
use crate::raw::{self, OutFile};

/// Appends `bytes` to the file, making it with mode 0600 if it is not there; durable on return.
#[track_caller]
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    let new = !path.exists();
    let mut file = OutFile::append_to(path, 0o600).context("open", path)?;
    file.write_all(bytes).context("append to", path)?;
    file.sync("append").context("sync", path)?;
    if new { sync_dir_for(parent(path), "append, new file") } else { Ok(()) }
}

/// Cuts the file to its first `len` bytes; durable on return.
#[track_caller]
pub fn cut(path: &Path, len: u64) -> Result<(), PathError> {
    let mut file = OutFile::open(path).context("open", path)?;
    file.cut(len).context("cut", path)?;
    file.sync("cut").context("sync", path)
}

/// Reads at most the last `limit` bytes of a file, and returns them with the file's length.
pub fn read_tail(path: &Path, limit: u64) -> Result<(Vec<u8>, u64), PathError> {
    let mut file = File::open(path).context("open", path)?;
    let len = file.metadata().context("read", path)?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(limit))).context("read", path)?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).context("read", path)?;
    Ok((bytes, len))
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File, PathError> {
    File::open(path).context("open", path)
}

/// Makes everything written to the file system that holds `path` durable (syncfs).
#[track_caller]
pub fn sync_filesystem(path: &Path) -> Result<(), PathError> {
    raw::sync_all(path, "sync_filesystem").context("sync", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_is_cut_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        append(&path, b"one\n").unwrap();
        append(&path, b"tw").unwrap();
        assert_eq!(read_tail(&path, 3).unwrap(), (b"\ntw".to_vec(), 6));
        cut(&path, 4).unwrap();
        append(&path, b"two\n").unwrap();
        assert_eq!(read_tail(&path, 100).unwrap(), (b"one\ntwo\n".to_vec(), 8));
    }
}
