//! Hashes every file below a directory with two threads of the bare sha2 crate: what `verify` is measured against.

#![allow(clippy::print_stdout, reason = "the count is the answer of this program")]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os().nth(1).map(PathBuf::from).context("usage: bare-sha2 DIR")?;
    let mut files = Vec::new();
    collect(&dir, &mut files)?;
    files.sort_by_key(|(size, _)| *size);
    let (count, queue) = (files.len(), Mutex::new(files));
    let threads: Vec<anyhow::Result<u64>> = thread::scope(|scope| {
        let workers = [scope.spawn(|| drain(&queue)), scope.spawn(|| drain(&queue))];
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a thread ended early")))
            .collect()
    });
    let bytes = threads.into_iter().sum::<anyhow::Result<u64>>()?;
    println!("{count} files, {bytes} bytes");
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<(u64, PathBuf)>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push((entry.metadata()?.len(), entry.path()));
        }
    }
    Ok(())
}

fn drain(queue: &Mutex<Vec<(u64, PathBuf)>>) -> anyhow::Result<u64> {
    let (mut buffer, mut total) = (vec![0_u8; 1 << 20], 0);
    loop {
        let next = queue.lock().ok().and_then(|mut queue| queue.pop());
        let Some((_, path)) = next else { return Ok(total) };
        let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
            total += u64::try_from(count)?;
        }
        std::hint::black_box(hasher.finalize());
    }
}
