//! Every blob on the medium: there, listed, of the signed size, with the signed bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sealift_model::{Digest, Hasher, Progress, RelPath};

use super::{Documents, VerifyError, VerifyRefusal, Volumes};
use crate::blob::{BlobFault, decode};
use crate::chain::ChainError;
use crate::layout::{BundlePart, Place, Survey, blob_path};
use crate::manifest::{Encoding, FileEntry, Stored};
use crate::source::Source;

/// Read at once; large enough that hashing, not reading, is what takes the time.
const BUFFER: usize = 512 * 1024;
/// After this many bad blobs the rest is not read: the medium is to be made again anyway.
const MAX_BAD: usize = 32;

/// One blob to verify.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    pub(super) stored: Stored,
    sha256: Digest,
    size: u64,
    of: RelPath,
}

impl Job {
    fn new(stored: Stored, entry: &FileEntry) -> Self {
        Self { stored, sha256: entry.sha256, size: entry.size, of: entry.path.clone() }
    }
}

/// Compares blobs listed and blobs there, by name and size, and returns what to hash, the largest first.
pub(super) fn jobs(bundles: &[Documents], survey: &Survey) -> Result<Vec<Job>, VerifyRefusal> {
    let mut jobs: BTreeMap<(Stored, Digest, u64), Job> = BTreeMap::new();
    for bundle in bundles {
        let own = bundle.volumes.as_ref().map(Volumes::blobs);
        let lies_here = |stored: &Stored| own.as_ref().is_none_or(|own| own.contains_key(&stored.sha256));
        for entry in &bundle.manifest.files {
            if let Some(stored) = entry.stored.filter(lies_here) {
                // Two manifests that mean different content by one blob make two jobs, and one of them will fail.
                jobs.entry((stored, entry.sha256, entry.size)).or_insert_with(|| Job::new(stored, entry));
            }
        }
    }
    let whole: BTreeSet<Digest> = jobs.values().map(|job| job.stored.sha256).collect();
    for bundle in bundles {
        for job in pieces(bundle).filter(|job| !whole.contains(&job.stored.sha256)) {
            jobs.entry((job.stored, job.sha256, job.size)).or_insert(job);
        }
    }
    let there: BTreeMap<Digest, u64> = survey.blobs.iter().copied().collect();
    let mut listed = BTreeSet::new();
    for job in jobs.values() {
        let blob = job.stored.sha256;
        let found = *there.get(&blob).ok_or_else(|| VerifyRefusal::MissingBlob { blob, of: job.of.clone() })?;
        if found != job.stored.size {
            return Err(VerifyRefusal::BlobSize {
                blob,
                of: job.of.clone(),
                expected: job.stored.size,
                found,
                more: 0,
            });
        }
        listed.insert(blob);
    }
    if let Some(blob) = there.into_keys().find(|blob| !listed.contains(blob)) {
        return Err(VerifyRefusal::UnlistedBlob(blob));
    }
    let mut jobs: Vec<Job> = jobs.into_values().collect();
    // Largest first: at the end the threads then wait for a small one.
    jobs.sort_by(|a, b| b.stored.size.cmp(&a.stored.size).then_with(|| a.cmp(b)));
    Ok(jobs)
}

/// Returns a job for each file that the volumes of a bundle have here, as bytes without a meaning: parts and parity.
fn pieces(bundle: &Documents) -> impl Iterator<Item = Job> {
    bundle.volumes.iter().flat_map(|volumes| {
        let of = Place::Bundle {
            stream: bundle.manifest.stream.clone(),
            sequence: bundle.manifest.sequence,
            part: BundlePart::Volume(volumes.here.first().copied().unwrap_or(1)),
        };
        let of = of.path();
        volumes.blobs().into_iter().map(move |(sha256, size)| {
            let stored = Stored { encoding: Encoding::Identity, sha256, size };
            Job { stored, sha256, size, of: of.clone() }
        })
    })
}

/// Hashes all blobs on `threads` threads and runs `beside` on this one meanwhile.
pub(super) fn hash_while<T>(
    source: &dyn Source,
    jobs: &[Job],
    threads: usize,
    progress: &dyn Progress,
    beside: impl FnOnce() -> Result<T, ChainError>,
) -> Result<T, VerifyError> {
    let pool =
        Pool { source, jobs, progress, next: AtomicUsize::new(0), stop: AtomicBool::new(false), bad: Mutex::default() };
    let outcome = std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, 64) {
            scope.spawn(|| pool.work());
        }
        let outcome = beside();
        if outcome.is_err() {
            pool.stop.store(true, Ordering::Relaxed);
        }
        outcome
    });
    // A bad blob is the cause of whatever the chain stumbled over.
    pool.verdict()?;
    Ok(outcome?)
}

struct Pool<'a> {
    source: &'a dyn Source,
    jobs: &'a [Job],
    progress: &'a dyn Progress,
    next: AtomicUsize,
    stop: AtomicBool,
    bad: Mutex<Vec<(usize, VerifyError)>>,
}

impl Pool<'_> {
    fn work(&self) {
        let mut buffer = vec![0; BUFFER];
        while !self.stop.load(Ordering::Relaxed) {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(at) else { return };
            if let Err(error) = self.check(job, &mut buffer) {
                let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
                bad.push((at, error));
                if bad.len() >= MAX_BAD {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn verdict(&self) -> Result<(), VerifyError> {
        let mut bad = std::mem::take(&mut *self.bad.lock().unwrap_or_else(PoisonError::into_inner));
        // Threads finish in any order; which one is named must not depend on that.
        bad.sort_by_key(|(at, error)| (error.exit_class().is_none(), *at));
        let more = bad.len().saturating_sub(1);
        match bad.into_iter().next() {
            None => Ok(()),
            Some((_, VerifyError::Refused(refusal))) => Err(refusal.with_more(more).into()),
            Some((_, error)) => Err(error),
        }
    }

    fn check(&self, job: &Job, buffer: &mut [u8]) -> Result<(), VerifyError> {
        let path = blob_path(&job.stored.sha256);
        let (input, _) = self.source.open(&path)?;
        let identity = job.stored.encoding == Encoding::Identity;
        let hashed = decode(job.stored, job.size, input).and_then(|mut content| {
            let tick = |read| {
                if identity {
                    self.progress.advance(read);
                }
            };
            hash(&mut content, buffer, tick)
        });
        let blob = job.stored.sha256;
        let found = hashed.map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<BlobFault>()).cloned() {
                Some(source) => self.bad_form(job, source),
                None => self.source.fault(&path, error).into(),
            }
        })?;
        if !identity {
            self.progress.advance(job.stored.size);
        }
        let of = job.of.clone();
        match found == job.sha256 {
            true => Ok(()),
            false if identity => Err(VerifyRefusal::BlobDigest { blob, of, found, more: 0 }.into()),
            false => Err(VerifyRefusal::ContentDigest { of, expected: job.sha256, found, more: 0 }.into()),
        }
    }

    /// Says of a blob that does not decode first of all whether its bytes are the signed ones.
    fn bad_form(&self, job: &Job, source: BlobFault) -> VerifyError {
        let (blob, of) = (job.stored.sha256, job.of.clone());
        let stored = self
            .source
            .open(&blob_path(&blob))
            .ok()
            .and_then(|(mut input, _)| hash(&mut input, &mut vec![0; BUFFER], |_| ()).ok());
        match stored {
            Some(found) if found != blob => VerifyRefusal::BlobDigest { blob, of, found, more: 0 }.into(),
            _ => VerifyRefusal::BlobForm { blob, of, source: Box::new(source), more: 0 }.into(),
        }
    }
}

fn hash(input: &mut dyn Read, buffer: &mut [u8], tick: impl Fn(u64)) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    loop {
        match input.read(buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                tick(read as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
