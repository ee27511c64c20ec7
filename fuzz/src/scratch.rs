//! One file a process for parsers that read a path; below /dev/shm where there is one, so that no disk is worn.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

thread_local! {
    static FILE: OnceCell<TempPath> = const { OnceCell::new() };
}

/// Writes `bytes` to the file, mode 0600, and returns its path.
pub fn write(bytes: &[u8]) -> PathBuf {
    FILE.with(|file| {
        let path = file.get_or_init(create);
        fs::write(path, bytes).expect("the scratch file takes a few kilobytes");
        path.to_path_buf()
    })
}

fn create() -> TempPath {
    let memory = Path::new("/dev/shm");
    let file = if memory.is_dir() { NamedTempFile::new_in(memory) } else { NamedTempFile::new() };
    file.expect("a temporary file can be made").into_temp_path()
}
