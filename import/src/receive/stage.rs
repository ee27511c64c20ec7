//! Brings what a medium has of a bundle into the quarantine, where the bundle waits for the rest.
//!
//! One bad blob does not stop the others: it is named and counts as missing. A medium that cannot be read any more does
//! stop, and what came over whole need not come again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::io::Errno;
use sealift_bundle::layout::blob_path;
use sealift_bundle::manifest::Encoding;
use sealift_bundle::source::{Source, SourceError};
use sealift_bundle::volumes::{Piece, Where};
use sealift_fs::{Batch, StoreError};
use sealift_model::{Digest, Progress, RelPath};
use serde::Serialize;

use super::belief::Belief;
use super::candidate::Candidate;
use super::content::{check_room, fault};
use super::volume::Part;
use super::{ReceiveError, Stop};
use crate::ledger::EventKind;
use crate::refusal::Refusal;
use crate::repository::Writer;
use crate::waiting::{self, Holdings, Missing, Waiting};

const THREADS: usize = 2;
/// So many reads in a row fail of a medium that was pulled; damage to a disc is not so even.
const GONE_AFTER: usize = 8;
/// What the system says where there is no device any more.
const GONE: [Errno; 6] = [Errno::NODEV, Errno::NXIO, Errno::NOMEDIUM, Errno::STALE, Errno::NOTCONN, Errno::SHUTDOWN];
/// Most damaged files named in one line.
const NAMED: usize = 5;

/// A blob that is on the medium as it should not be, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// The first file it is the content of.
    pub path: RelPath,
    /// The blob.
    pub blob: Digest,
    /// What is wrong.
    pub reason: String,
    /// Whether other bytes are there than were signed, as against bytes that cannot be read.
    pub other_bytes: bool,
}

/// What a medium brought of a bundle that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// `stream/sequence`.
    pub(super) name: String,
    /// Which part of the bundle the medium is.
    pub(super) part: Option<String>,
    /// Blobs that came now.
    pub(super) blobs: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Blobs and parts rebuilt from parity.
    pub(super) rebuilt: u64,
    /// What was damaged.
    pub(super) damaged: Vec<Damaged>,
}

impl Staged {
    /// Returns the refusal of a medium that claims to be the whole bundle and has other bytes than were signed.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let bad = self.damaged.iter().filter(|damaged| damaged.other_bytes);
        let (first, more) = (bad.clone().next()?, bad.count() - 1);
        let more = if more == 0 { String::new() } else { format!(", and {more} more blobs are not either") };
        let refusal = |reason| Refusal::Blob { name: self.name.clone(), path: first.path.clone(), reason };
        self.part.is_none().then(|| refusal(format!("{}{more}", first.reason)))
    }
}

/// A blob to copy.
struct Work {
    digest: Digest,
    size: u64,
    path: RelPath,
}

/// Keeps the documents of a bundle and copies what the medium has of it and the quarantine lacks.
pub(super) fn stage(
    writer: &mut Writer,
    source: &dyn Source,
    belief: &Belief,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<Staged, Stop> {
    let part = Part::read(source, belief, candidate)?;
    let new = keep_documents(writer, belief, candidate, part.as_ref())?;
    let place = (&candidate.manifest.stream, candidate.manifest.sequence);
    let waiting = waiting::load(writer, place.0, place.1).map_err(waiting_fault)?;
    let described = part.as_ref().map(Part::describe);
    let mut staged = Staged { name: candidate.name(), part: described, ..Staged::default() };
    let outcome = bring(writer, source, (&waiting, part.as_ref()), &mut staged, progress);
    let missing = Missing::of(&waiting, &Holdings::of(writer)?, &writer.index().withheld()?);
    let refused = staged.refusal().is_some();
    if !missing.has_all_content() && (new || staged.blobs > 0) && !refused {
        record(writer, belief, &waiting, &staged, &missing)?;
    }
    outcome.map_err(|stop| of_part(stop, &staged))?;
    Ok(staged)
}

/// Says which medium it is that cannot be read, where several belong together.
fn of_part(stop: Stop, staged: &Staged) -> Stop {
    match (stop, &staged.part) {
        (Stop::Medium(source), Some(part)) => {
            fault(ReceiveError::Pulled { name: staged.name.clone(), part: part.clone(), source })
        }
        (stop, _) => stop,
    }
}

/// Copies what the bundle lacks, then what mends the rest: joins parts, and takes parity while anything is missing.
fn bring(
    writer: &Writer,
    source: &dyn Source,
    (waiting, part): (&Waiting, Option<&Part>),
    staged: &mut Staged,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let withheld = writer.index().withheld()?;
    copy(writer, source, &plan(waiting, part, &Holdings::of(writer)?), staged, progress)?;
    waiting::join(writer, waiting).map_err(|e| fault(ReceiveError::Store(e)))?;
    if Missing::of(waiting, &Holdings::of(writer)?, &withheld).carried.is_none() {
        return Ok(());
    }
    let holdings = Holdings::of(writer)?;
    let parity = part.map(|part| parity(part, &holdings)).unwrap_or_default();
    copy(writer, source, &parity, staged, progress)?;
    mend(writer, waiting, staged, progress)
}

/// Rebuilds what parity makes good, and joins what that makes whole.
fn mend(writer: &Writer, waiting: &Waiting, staged: &mut Staged, progress: &dyn Progress) -> Result<(), Stop> {
    let failed = |error| fault(ReceiveError::Rebuild(Box::new(error)));
    staged.rebuilt = waiting::rebuild(writer, waiting, progress).map_err(failed)?;
    if staged.rebuilt > 0 {
        progress.done(&format!("Rebuilt {} of bundle {} from parity.", super::blobs(staged.rebuilt), staged.name));
        waiting::join(writer, waiting).map_err(|e| fault(ReceiveError::Store(e)))?;
    }
    Ok(())
}

fn keep_documents(writer: &Writer, belief: &Belief, candidate: &Candidate, part: Option<&Part>) -> Result<bool, Stop> {
    let people = belief.set.root().body().people();
    let documents = waiting::Documents {
        place: (&candidate.manifest.stream, candidate.manifest.sequence),
        manifest: &candidate.manifest_bytes,
        evidence: &candidate.evidence,
        metadata: belief.files.files(),
        statements: belief.handed.concerning(people, candidate.id),
        set: part.map(|part| (part.set.id(), part.envelope.as_slice())),
    };
    if let Ok(there) = waiting::load(writer, documents.place.0, documents.place.1)
        && there.id != candidate.id
    {
        return Err(Refusal::OtherWaits { name: candidate.name(), waits: there.id, found: candidate.id }.into());
    }
    Ok(waiting::park(writer, &documents)?)
}

/// Documents that cannot be read are the disk's fault or damage, never the medium's.
pub(super) fn waiting_fault(error: waiting::WaitingError) -> Stop {
    fault(ReceiveError::Waiting(Box::new(error)))
}

/// Returns what has to come of this medium: of a whole one everything that is missing, of a volume what is its own.
fn plan(waiting: &Waiting, part: Option<&Part>, holdings: &Holdings) -> Vec<Work> {
    let mut work = Vec::new();
    for (digest, entry) in waiting.manifest.blobs() {
        let Some(stored) = entry.stored else { continue };
        // Parity counts blobs as media carry them, and the store has encoded ones decoded.
        let encoded = stored.encoding != Encoding::Identity && !holdings.has_blob(&digest, stored.size);
        let for_parity = encoded && part.is_some_and(|part| part.set.parity().is_some());
        if holdings.has(entry) && !for_parity {
            continue;
        }
        let here = |volume: u16| part.is_none_or(|part| part.numbers.contains(&volume));
        let path = || entry.path.clone();
        match part.map_or(Where::Whole(0), |part| part.set.find(&digest)) {
            Where::Whole(volume) if here(volume) => work.push(Work { digest, size: stored.size, path: path() }),
            Where::Split(parts) => {
                let lacking = parts.iter().filter(|p| here(p.volume) && !holdings.has_blob(&p.sha256, p.size));
                work.extend(lacking.map(|piece| Work { digest: piece.sha256, size: piece.size, path: path() }));
            }
            _ => {}
        }
    }
    work.sort_by_key(|work| std::cmp::Reverse(work.size));
    work
}

/// Returns the parity that this medium has and the quarantine lacks.
fn parity(part: &Part, holdings: &Holdings) -> Vec<Work> {
    let blobs = part.set.parity().map(|parity| parity.blobs.as_slice()).unwrap_or_default();
    let lacks = |piece: &&Piece| part.numbers.contains(&piece.volume) && !holdings.has_blob(&piece.sha256, piece.size);
    let work = |piece: &Piece| Work { digest: piece.sha256, size: piece.size, path: blob_path(&piece.sha256) };
    blobs.iter().filter(lacks).map(work).collect()
}

fn copy(
    writer: &Writer,
    source: &dyn Source,
    work: &[Work],
    staged: &mut Staged,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    if work.is_empty() {
        return Ok(());
    }
    let quarantine = waiting::quarantine(writer)?;
    let bytes = work.iter().map(|work| work.size).fold(0, u64::saturating_add);
    check_room(&writer.layout().quarantine_store(), &staged.name, bytes)?;
    progress.phase(&format!("Copying what is here of bundle {}", staged.name), Some(bytes));
    let batch = quarantine.batch();
    let copier = Copier { source, batch: &batch, progress, run: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let results = copier.all(work);
    batch.commit()?;
    let mut fault = None;
    for (at, result) in results {
        let Some(work) = work.get(at) else { continue };
        match result {
            Ok(()) => {
                staged.blobs += 1;
                staged.bytes = staged.bytes.saturating_add(work.size);
            }
            Err(Bad::Blob { reason, other_bytes }) => {
                let (path, blob) = (work.path.clone(), work.digest);
                staged.damaged.push(Damaged { path, blob, reason, other_bytes });
            }
            Err(Bad::Stop(stop)) => fault = Some(*stop),
        }
    }
    staged.damaged.sort_by(|a, b| a.path.cmp(&b.path));
    let kept = format!(
        "Copied {}, {}, of bundle {}.",
        super::blobs(staged.blobs),
        sealift_term::bytes(staged.bytes),
        staged.name
    );
    progress.done(&kept);
    match fault {
        Some(stop) => Err(stop),
        // Nothing at all could be read, or not even what was read before: that is no damage to a blob.
        None if !staged.damaged.is_empty() => still_there(source),
        None => Ok(()),
    }
}

fn still_there(source: &dyn Source) -> Result<(), Stop> {
    let read = sealift_bundle::metadata::read_metadata(source);
    match read {
        Err(SourceError::Refused(_)) | Ok(_) => Ok(()),
        Err(fault) => Err(Stop::Medium(Box::new(fault))),
    }
}

/// Why one blob did not come.
enum Bad {
    Blob { reason: String, other_bytes: bool },
    Stop(Box<Stop>),
}

struct Copier<'c> {
    source: &'c dyn Source,
    batch: &'c Batch<'c>,
    progress: &'c dyn Progress,
    /// Reads that failed in a row.
    run: AtomicUsize,
    stop: AtomicBool,
}

impl Copier<'_> {
    fn all(&self, work: &[Work]) -> BTreeMap<usize, Result<(), Bad>> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(BTreeMap::new());
        let run = || {
            while !self.stop.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(one) = work.get(at) else { return };
                let result = self.one(one);
                self.stop.fetch_or(matches!(result, Err(Bad::Stop(_))), Ordering::Relaxed);
                results.lock().unwrap_or_else(PoisonError::into_inner).insert(at, result);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..THREADS.min(work.len()) {
                scope.spawn(run);
            }
            run();
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn one(&self, work: &Work) -> Result<(), Bad> {
        let path = blob_path(&work.digest);
        let (mut bytes, _) = match self.source.open(&path) {
            Ok(opened) => opened,
            Err(SourceError::Refused(refusal)) => {
                return Err(Bad::Blob { reason: refusal.to_string(), other_bytes: true });
            }
            Err(fault) => return Err(self.unreadable(fault)),
        };
        match self.batch.insert_stream(&mut bytes, &work.digest, work.size, self.progress) {
            Ok(()) => {
                self.run.store(0, Ordering::Relaxed);
                Ok(())
            }
            Err(StoreError::Source { source, .. }) => Err(self.unreadable(self.source.fault(&path, source))),
            Err(error @ (StoreError::WrongDigest { .. } | StoreError::WrongSize { .. })) => {
                Err(Bad::Blob { reason: error.to_string(), other_bytes: true })
            }
            Err(error) => Err(Bad::Stop(Box::new(fault(ReceiveError::Store(error))))),
        }
    }

    /// Tells a bad place on a medium from a medium that is gone.
    fn unreadable(&self, error: SourceError) -> Bad {
        let failed = self.run.fetch_add(1, Ordering::Relaxed) + 1;
        if failed >= GONE_AFTER || is_gone(&error) {
            return Bad::Stop(Box::new(Stop::Medium(Box::new(error))));
        }
        Bad::Blob { reason: sealift_model::escape::with_causes(&error), other_bytes: false }
    }
}

fn is_gone(error: &SourceError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = next {
        let code = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        if code.is_some_and(|code| GONE.iter().any(|gone| gone.raw_os_error() == code)) {
            return true;
        }
        next = one.source();
    }
    false
}

/// Writes into the ledger what came of a bundle, and what it waits for.
fn record(
    writer: &mut Writer,
    belief: &Belief,
    waiting: &Waiting,
    staged: &Staged,
    missing: &Missing,
) -> Result<(), Stop> {
    let part = staged.part.as_ref().map_or_else(String::new, |part| format!("{part}: "));
    let rebuilt = match staged.rebuilt {
        0 => String::new(),
        count => format!(", {count} rebuilt from parity"),
    };
    let named: Vec<&str> = staged.damaged.iter().take(NAMED).map(|damaged| damaged.path.as_str()).collect();
    let damaged = match staged.damaged.len() {
        0 => String::new(),
        count => format!("; {count} damaged: {}", named.join(" ")),
    };
    let detail = format!(
        "{part}{} blobs, {} bytes came{rebuilt}{damaged}; waits for {}; {}",
        staged.blobs,
        staged.bytes,
        missing.lines().join("; "),
        belief.medium
    );
    let event = writer.event(EventKind::Waiting, waiting.subject(), &detail);
    Ok(writer.record(&event)?)
}

#[cfg(test)]
mod tests;
