//! Downloading files whose digest is known into the store, several at a time.
//!
//! Each goes to `partial/<digest>`, is hashed on the way, and enters the store only whole and right. What was cut stays
//! there and is continued by the next run. One failing file does not stop the others; a failing disk does.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sealift_fs::{Batch, Partial, PathError, Store, StoreError};
use sealift_model::{Digest, Progress, RelPath};

use super::{Answer, FetchError, Fetcher, Request};
use crate::config::Uri;

/// A file to download.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The upstream's address.
    pub uri: &'a Uri,
    /// The file below it.
    pub path: RelPath,
    /// The digest it must have.
    pub sha256: Digest,
    /// The size it must have.
    pub size: u64,
}

/// Why a file did not come into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// It did not arrive.
    #[error(transparent)]
    Fetch(FetchError),
    /// Something arrived that is not what the upstream's signed index lists.
    #[error("{uri} is not what the signed index lists")]
    Wrong {
        /// Its address.
        uri: String,
        /// Digest or size, expected and found.
        source: StoreError,
    },
    /// Our own disk failed.
    #[error(transparent)]
    Disk(PathError),
}

impl DownloadError {
    /// Tells whether the file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.is_not_found())
    }
}

/// What came of a list of downloads.
#[derive(Debug, Default)]
pub struct Downloaded {
    /// How many files are now in the store.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// Those that are not, by their place in the list.
    pub failed: Vec<(usize, DownloadError)>,
}

/// What the threads of one call share.
struct Work<'a> {
    fetcher: &'a Fetcher,
    wanted: &'a [Wanted<'a>],
    partial_dir: &'a Path,
    batch: Batch<'a>,
    progress: &'a dyn Progress,
    next: AtomicUsize,
    stopped: AtomicBool,
    result: Mutex<Downloaded>,
}

/// Downloads all of `wanted` into the store and makes it durable.
pub fn download(
    fetcher: &Fetcher,
    wanted: &[Wanted<'_>],
    store: &Store,
    partial_dir: &Path,
    progress: &dyn Progress,
) -> Result<Downloaded, PathError> {
    let work = Work {
        fetcher,
        wanted,
        partial_dir,
        batch: store.batch(),
        progress,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        result: Mutex::default(),
    };
    let threads = fetcher.options().jobs.clamp(1, wanted.len().max(1));
    if threads == 1 {
        work.run();
    } else {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(|| work.run()))));
    }
    // Also after failures: what is whole is kept.
    work.batch.commit()?;
    let mut done = work.result.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.failed.sort_by_key(|(place, _)| *place);
    Ok(done)
}

impl Work<'_> {
    fn run(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(wanted) = self.wanted.get(place) else { return };
            let outcome = self.one(wanted);
            let mut result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(()) => {
                    result.files += 1;
                    result.bytes += wanted.size;
                }
                Err(error) => {
                    // The other files would fail on the same disk, one timeout after the other.
                    if matches!(error, DownloadError::Disk(_)) {
                        self.stopped.store(true, Ordering::Relaxed);
                    }
                    result.failed.push((place, error));
                }
            }
        }
    }

    fn one(&self, wanted: &Wanted<'_>) -> Result<(), DownloadError> {
        let open = || Partial::open(self.partial_dir, &wanted.sha256, wanted.size).map_err(DownloadError::Disk);
        let mut partial = open()?;
        let resumed = partial.have() > 0;
        self.progress.advance(partial.have());
        let mut finished = self.fill(wanted, &mut partial).and_then(|()| self.finish(wanted, partial));
        if resumed && matches!(finished, Err(DownloadError::Wrong { .. })) {
            // What an earlier run left may have been damaged since; only a file that came in one piece is judged.
            let mut again = open()?;
            again.restart().map_err(DownloadError::Disk)?;
            finished = self.fill(wanted, &mut again).and_then(|()| self.finish(wanted, again));
        }
        finished
    }

    fn finish(&self, wanted: &Wanted<'_>, partial: Partial) -> Result<(), DownloadError> {
        partial.finish().and_then(|whole| self.batch.adopt(whole)).map_err(|error| wrong(wanted, error))
    }

    /// Fetches what is missing, continuing after cuts.
    fn fill(&self, wanted: &Wanted<'_>, partial: &mut Partial) -> Result<(), DownloadError> {
        let options = self.fetcher.options();
        let (mut left, mut wait) = (options.retries, options.backoff);
        while partial.missing() > 0 {
            let before = partial.have();
            match self.attempt(wanted, partial) {
                Ok(()) => return Ok(()),
                Err(DownloadError::Fetch(error)) if error.may_pass() => {
                    // A connection that keeps being cut but brings something every time does get there.
                    let advanced = partial.have().saturating_sub(before) >= 1 << 20;
                    if advanced {
                        (left, wait) = (options.retries, options.backoff);
                    } else if left == 0 {
                        return Err(DownloadError::Fetch(error));
                    } else {
                        left -= 1;
                    }
                }
                Err(other) => return Err(other),
            }
            std::thread::sleep(wait);
            wait = wait.saturating_mul(2);
        }
        Ok(())
    }

    fn attempt(&self, wanted: &Wanted<'_>, partial: &mut Partial) -> Result<(), DownloadError> {
        let request = Request { uri: wanted.uri, path: &wanted.path, offset: partial.have(), unless: None };
        let Answer::Body(mut body) = self.fetcher.open(&request).map_err(DownloadError::Fetch)? else {
            return Ok(());
        };
        if body.offset != partial.have() {
            partial.restart().map_err(DownloadError::Disk)?;
        }
        let mut piece = Vec::new();
        while body.read_more(&mut piece, &self.fetcher.limiter).map_err(DownloadError::Fetch)? {
            partial.append(&piece).map_err(|error| wrong(wanted, error))?;
            self.progress.advance(piece.len() as u64);
            piece.clear();
        }
        Ok(())
    }
}

fn wrong(wanted: &Wanted<'_>, error: StoreError) -> DownloadError {
    match error {
        StoreError::Io(error) => DownloadError::Disk(error),
        source => DownloadError::Wrong { uri: wanted.uri.shown(&wanted.path), source },
    }
}
