//! Reading what a disk holds, not what memory remembers of it (decision 0020).
//!
//! After a write the kernel answers reads from its page cache, whatever became of the bytes on their way to the medium.
//! Here a file is read with O_DIRECT; where the file system refuses that, its pages are dropped first, and the kernel is
//! asked whether they are gone. Which of these it was is part of the answer. Caches of the device itself are beyond reach.

use std::fs::File;
use std::io::{self, BufRead, IoSliceMut, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags};
use rustix::io::{Errno, ReadWriteFlags};

use crate::error::{Context, PathError};

/// What O_DIRECT asks of addresses and offsets, on any disk there is.
const ALIGNMENT: usize = 4096;
/// Read at once.
const PIECE: usize = 1 << 20;

/// What tmpfs, ramfs and FUSE call themselves. The first two take O_DIRECT and have nothing but memory; behind the third is
/// a program that reads the disk through caches of its own.
const MEMORY: [i128; 3] = [0x0102_1994, 0x8584_58f6, 0x6573_5546];

/// How a file was read. Ordered: the least that can be said of several files is the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bypass {
    /// By O_DIRECT: the page cache had no part in it.
    Direct,
    /// After its pages were dropped from the page cache.
    Dropped,
    /// The page cache could not be shown to be out of the way: the bytes may have come from memory.
    Cached,
}

/// A file that is read past the page cache. What is read must have been synced before.
#[derive(Debug)]
pub struct PastCache {
    file: File,
    path: PathBuf,
    size: u64,
    at: u64,
    bypass: Bypass,
    direct: bool,
    buffer: Vec<u8>,
    start: usize,
    filled: std::ops::Range<usize>,
}

impl PastCache {
    /// Opens a regular file; the last segment must not be a symbolic link.
    pub fn open(path: &Path) -> Result<Self, PathError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty()).context("open", path)?);
        Self::of(file, path)
    }

    /// Takes over an open regular file; `path` is for messages.
    pub fn of(file: File, path: &Path) -> Result<Self, PathError> {
        let metadata = file.metadata().context("read", path)?;
        if !metadata.is_file() {
            return Err(PathError::new("read", path, io::Error::other("not a regular file")));
        }
        let flags = rustix::fs::fcntl_getfl(&file).context("read", path)?;
        let direct = rustix::fs::fcntl_setfl(&file, flags | OFlags::DIRECT).is_ok();
        let buffer = vec![0; PIECE + ALIGNMENT];
        let start = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        let (path, size) = (path.to_owned(), metadata.len());
        let bypass = if is_memory(&file).context("read", &path)? { Bypass::Cached } else { Bypass::Direct };
        let mut opened = Self { file, path, size, at: 0, bypass, direct, buffer, start, filled: 0..0 };
        if !direct {
            opened.drop_pages().context("read", &opened.path)?;
        }
        Ok(opened)
    }

    /// Returns the file's size when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns how the bytes that were read until now were read.
    pub fn bypass(&self) -> Bypass {
        self.bypass
    }

    /// Goes on without O_DIRECT: drops the file's pages and asks whether the next one is still there.
    fn drop_pages(&mut self) -> io::Result<()> {
        let flags = rustix::fs::fcntl_getfl(&self.file)?;
        rustix::fs::fcntl_setfl(&self.file, flags - OFlags::DIRECT)?;
        self.direct = false;
        let dropped = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
        let gone = dropped.is_ok() && !self.answered_from_memory();
        self.bypass = self.bypass.max(if gone { Bypass::Dropped } else { Bypass::Cached });
        Ok(())
    }

    /// Reads without waiting for the disk, which succeeds only from memory.
    fn answered_from_memory(&self) -> bool {
        let mut byte = [0_u8];
        let slices = &mut [IoSliceMut::new(&mut byte)];
        // A file system that cannot tell says so, and the advice is believed.
        rustix::io::preadv2(self.file.as_fd(), slices, self.at, ReadWriteFlags::NOWAIT).is_ok_and(|read| read > 0)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.filled = 0..0;
        // Asking for more behind the end would be an unaligned read.
        while self.at < self.size {
            let target = self.buffer.get_mut(self.start..self.start + PIECE).unwrap_or_default();
            match rustix::io::pread(&self.file, target, self.at) {
                Ok(read) => {
                    self.filled = self.start..self.start + read;
                    self.at = if read == 0 { self.size } else { self.at.saturating_add(read as u64) };
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::OPNOTSUPP) if self.direct => self.drop_pages()?,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Reads the rest of the file piece by piece and returns how many bytes that were.
    pub fn each(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<u64, PathError> {
        let mut total = 0_u64;
        loop {
            let read = match self.fill_buf() {
                Ok([]) => return Ok(total),
                Ok(piece) => {
                    sink(piece);
                    piece.len()
                }
                Err(e) => return Err(PathError::new("read back", &self.path, e)),
            };
            self.consume(read);
            total = total.saturating_add(read as u64);
        }
    }
}

/// Tells whether the file system has or may have everything in memory, whatever it says to O_DIRECT.
fn is_memory(file: &File) -> io::Result<bool> {
    let kind = i128::from(rustix::fs::fstatfs(file)?.f_type) & 0xffff_ffff;
    Ok(MEMORY.contains(&kind))
}

impl BufRead for PastCache {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.filled.is_empty() {
            self.fill()?;
        }
        Ok(self.buffer.get(self.filled.clone()).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.filled.start = self.filled.start.saturating_add(amount).min(self.filled.end);
    }
}

impl Read for PastCache {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    fn file_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut file = File::create(&path).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        (dir, path)
    }

    #[test]
    fn every_byte_is_read_whatever_the_length() {
        for len in [0, 1, 4095, 4096, 4097, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 5000] {
            let bytes: Vec<u8> = (0..len).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
            let (_dir, path) = file_of(&bytes);
            let (mut found, mut file) = (Vec::new(), PastCache::open(&path).unwrap());
            assert_eq!(file.each(&mut |piece| found.extend_from_slice(piece)).unwrap(), len as u64);
            assert!(found == bytes, "{len} bytes, {:?}", file.bypass());
            let mut again = Vec::new();
            PastCache::open(&path).unwrap().read_to_end(&mut again).unwrap();
            assert!(again == bytes, "{len} bytes");
        }
    }

    #[test]
    fn without_o_direct_the_pages_are_dropped_and_the_rest_is_read() {
        let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|n| u8::try_from(n % 253).unwrap()).collect();
        let (_dir, path) = file_of(&bytes);
        let mut file = PastCache::open(&path).unwrap();
        let mut found = vec![0; 1000];
        file.read_exact(&mut found).unwrap();
        file.drop_pages().unwrap();
        file.read_to_end(&mut found).unwrap();
        assert!(found == bytes);
        assert_ne!(file.bypass(), Bypass::Direct);
    }

    #[test]
    fn nothing_is_proven_by_a_file_system_that_is_memory() {
        let shm = Path::new("/dev/shm");
        let is_tmpfs = || rustix::fs::statfs(shm).is_ok_and(|found| i128::from(found.f_type) == MEMORY[0]);
        if !is_tmpfs() {
            return;
        }
        let dir = tempfile::tempdir_in(shm).unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, vec![7; 2 * PIECE + 5]).unwrap();
        let mut file = PastCache::open(&path).unwrap();
        assert_eq!(file.each(&mut |_| ()).unwrap(), 2 * PIECE as u64 + 5);
        assert_eq!(file.bypass(), Bypass::Cached);
    }

    #[test]
    fn links_and_directories_are_not_read() {
        let (dir, path) = file_of(b"x");
        std::os::unix::fs::symlink(&path, dir.path().join("link")).unwrap();
        assert!(PastCache::open(&dir.path().join("link")).is_err());
        assert!(PastCache::open(dir.path()).is_err());
    }

    #[test]
    fn a_file_cut_meanwhile_ends_and_does_not_hang() {
        let (_dir, path) = file_of(&vec![1; 3 * PIECE]);
        let mut file = PastCache::open(&path).unwrap();
        let mut writer = File::options().write(true).open(&path).unwrap();
        writer.rewind().unwrap();
        writer.set_len(10).unwrap();
        assert!(file.each(&mut |_| ()).unwrap() <= 10);
    }
}
