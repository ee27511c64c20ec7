//! Reading back what was written, past the page cache, after everything was written and synced (decision 0020).
//!
//! Never earlier: a medium that lies about its size overwrites the first files with the last ones. A difference is named
//! with what was found instead, because "zeros" and "the content of another file" say what is wrong with the medium.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sealift_fs::{Bypass, PastCache, PathError};
use sealift_model::{Digest, Hasher, Progress, RelPath};

use super::WriteError;
use crate::source::shown;

/// Two reads under way keep a medium busy while one of them is hashed.
const THREADS: usize = 2;
/// After this many bad files the rest is not read: the medium is of no use.
const MAX_BAD: usize = 8;
/// By how many of its first bytes a file is recognised where it does not belong.
pub(crate) const HEAD: usize = 4096;

/// A file of which every byte was hashed while it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenFile {
    pub(crate) sha256: Digest,
    pub(crate) size: u64,
    /// Digest of the first [`HEAD`] bytes, where they were seen.
    pub(crate) head: Option<Digest>,
}

impl WrittenFile {
    /// A file that an earlier run wrote.
    pub(super) fn known(sha256: Digest, size: u64) -> Self {
        Self { sha256, size, head: None }
    }
}

/// What reading back showed: all that was written is on the medium.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// Files that were read back.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How: the least that holds for all of them. `None` if no file was read back.
    pub bypass: Option<Bypass>,
    /// Files that are hard links to the producer's own store: on the same disk, so no medium, and not read back.
    pub linked: u64,
}

/// What a file was read back as.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// This many of its bytes are there.
    Short(u64),
    /// All of it is zeros.
    Zeros,
    /// Zeros from this byte on.
    ZerosFrom(u64),
    /// It has, or begins with, the bytes of this other file.
    OtherFile(String),
    /// Something else.
    Changed,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(bytes) => write!(f, "only {bytes} bytes are there"),
            Self::Zeros => f.write_str("nothing but zeros"),
            Self::ZerosFrom(byte) => write!(f, "zeros from byte {byte} on"),
            Self::OtherFile(path) => write!(f, "it has the bytes of {path}; the medium is smaller than it says"),
            Self::Changed => f.write_str("other bytes than were written"),
        }
    }
}

/// What is to be read back: where it lies now, and what it should be.
pub(super) struct Job {
    pub(super) name: RelPath,
    pub(super) at: PathBuf,
    pub(super) file: WrittenFile,
}

/// Reads all files back and compares. Everything must have been synced.
pub(super) fn prove(jobs: &[Job], linked: u64, progress: &dyn Progress) -> Result<Proof, WriteError> {
    let bytes = jobs.iter().fold(0_u64, |sum, job| sum.saturating_add(job.file.size));
    progress.phase("Reading back", Some(bytes));
    let large = jobs.iter().filter(|job| job.file.size >= HEAD as u64);
    let heads = large.filter_map(|job| Some((job.file.head?, &job.name))).collect();
    let pool = Pool {
        jobs,
        heads,
        progress,
        next: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        found: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| pool.work());
        }
    });
    let Found { bypass, mut bad } = pool.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    bad.sort_by_key(|(at, _)| *at);
    let more = bad.len().saturating_sub(1);
    match bad.into_iter().next() {
        None => Ok(Proof { files: jobs.len() as u64, bytes, bypass, linked }),
        Some((_, WriteError::NotProven { path, finding, .. })) => Err(WriteError::NotProven { path, finding, more }),
        Some((_, error)) => Err(error),
    }
}

#[derive(Default)]
struct Found {
    bypass: Option<Bypass>,
    bad: Vec<(usize, WriteError)>,
}

struct Pool<'a> {
    jobs: &'a [Job],
    heads: BTreeMap<Digest, &'a RelPath>,
    progress: &'a dyn Progress,
    next: AtomicUsize,
    stop: AtomicBool,
    found: Mutex<Found>,
}

impl Pool<'_> {
    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(at) else { return };
            let outcome = self.check(job);
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(bypass) => found.bypass = found.bypass.max(Some(bypass)),
                Err(error) => found.bad.push((at, error)),
            }
            if found.bad.len() >= MAX_BAD {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn check(&self, job: &Job) -> Result<Bypass, WriteError> {
        let unreadable = |source: PathError| WriteError::NotReadBack { path: shown(&job.at), source: Box::new(source) };
        let mut file = PastCache::open(&job.at).map_err(unreadable)?;
        let mut seen = Seen::default();
        let mut sink = |piece: &[u8]| {
            self.progress.advance(piece.len() as u64);
            seen.add(piece);
        };
        file.each(&mut sink).map_err(unreadable)?;
        let bypass = file.bypass();
        match seen.judge(job, &self.heads) {
            None => Ok(bypass),
            Some(finding) => Err(WriteError::NotProven { path: shown(&job.at), finding, more: 0 }),
        }
    }
}

/// What a file turned out to be.
#[derive(Default)]
struct Seen {
    hasher: Hasher,
    head: Vec<u8>,
    /// Where the zeros begin that reach to the end.
    zeros_from: u64,
}

impl Seen {
    fn add(&mut self, piece: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..room).unwrap_or_default());
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            self.zeros_from = self.hasher.len().saturating_add(last as u64).saturating_add(1);
        }
        self.hasher.update(piece);
    }

    /// Compares; `None` if it is what was written.
    fn judge(self, job: &Job, heads: &BTreeMap<Digest, &RelPath>) -> Option<Finding> {
        let (size, zeros_from) = (self.hasher.len(), self.zeros_from);
        if self.hasher.finish() == job.file.sha256 {
            return None;
        }
        let head = Digest::of(&self.head);
        let other = heads.get(&head).filter(|_| job.file.head != Some(head));
        Some(match other {
            Some(name) => Finding::OtherFile(name.to_string()),
            None if zeros_from == 0 && size > 0 => Finding::Zeros,
            None if size < job.file.size => Finding::Short(size),
            // Some files end in a few zeros of their own.
            None if size.saturating_sub(zeros_from) >= HEAD as u64 => Finding::ZerosFrom(zeros_from),
            None => Finding::Changed,
        })
    }
}

/// Returns the whole file's digest, size and head, read past the page cache.
pub(crate) fn read_whole(path: &Path, tick: &mut dyn FnMut(u64)) -> Result<WrittenFile, PathError> {
    let (mut seen, mut file) = (Seen::default(), PastCache::open(path)?);
    let size = file.each(&mut |piece| {
        tick(piece.len() as u64);
        seen.add(piece);
    })?;
    Ok(WrittenFile { head: Some(Digest::of(&seen.head)), sha256: seen.hasher.finish(), size })
}

#[cfg(test)]
mod tests;
