//! Files that only grow: appended to durably, cut back only to take away an unfinished end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Context, PathError};

/// Appends `bytes` to the file, making it with mode 0600 if it is not there; durable on return.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).context("open", path)?;
    file.write_all(bytes).context("append to", path)?;
    file.sync_all().context("sync", path)
}

/// Cuts the file to its first `len` bytes; durable on return.
pub fn cut(path: &Path, len: u64) -> Result<(), PathError> {
    let file = OpenOptions::new().write(true).open(path).context("open", path)?;
    file.set_len(len).context("cut", path)?;
    file.sync_all().context("sync", path)
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
pub fn sync_filesystem(path: &Path) -> Result<(), PathError> {
    let file = File::open(path).context("open", path)?;
    rustix::fs::syncfs(&file).context("sync", path)
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
