//! Judges a waiting bundle again, and accepts it once everything is here.
//!
//! Its documents are read as if they lay on a medium; content counts by digest, wherever it came from. Content moves from
//! the quarantine into the store before the one commit of the index, and its documents go after it.

use sealift_bundle::source::{Directory, Source};
use sealift_model::{Progress, Sequence, StreamId};

use super::belief::Belief;
use super::candidate::{self, Candidate, Verdict};
use super::commit;
use super::content;
use super::report::Accepted;
use super::stage::waiting_fault;
use super::statements::{Handed, Time};
use super::{ReceiveError, Stop};
use crate::ledger::EventKind;
use crate::repository::Writer;
use crate::waiting::{self, Holdings, Missing, Waiting};

/// What became of a waiting bundle.
pub(super) enum Completion {
    /// It is part of the repository.
    Accepted(Box<Accepted>),
    /// It goes on waiting.
    Waits(Box<Missing>),
}

/// Judges what waits at a place, and accepts it if nothing is missing.
pub(super) fn complete(
    writer: &mut Writer,
    (stream, sequence): (&StreamId, Sequence),
    (time, handed): (Time, &Handed),
    progress: &dyn Progress,
) -> Result<Completion, Stop> {
    let waiting = waiting::load(writer, stream, sequence).map_err(waiting_fault)?;
    let withheld = writer.index().withheld()?;
    let mut missing = Missing::of(&waiting, &Holdings::of(writer)?, &withheld);
    if missing.has_all_content() {
        missing.verdicts = waiting::verdicts_missing(writer, &waiting, Some(time.now))?;
    }
    if !missing.is_none() {
        return Ok(Completion::Waits(Box::new(missing)));
    }
    let source = Directory::open(&waiting.dir)?;
    let (belief, candidate) = judge(writer, &source, &waiting, (time, handed))?;
    let store_fault = |error| content::fault(ReceiveError::Store(error));
    let changed = waiting::drop_changed(writer, &waiting, &withheld, progress).map_err(store_fault)?;
    if changed > 0 {
        return go_on_waiting(writer, &waiting, changed).map(Completion::Waits);
    }
    content::check_room(&writer.layout().store(), &waiting.name(), to_write(writer, &waiting)?)?;
    progress.phase(&format!("Checking the upstream chain of bundle {}", waiting.name()), None);
    content::check_chain(writer, &candidate)?;
    waiting::adopt(writer, &waiting, &withheld).map_err(store_fault)?;
    commit::commit_bundle(writer, &belief, &candidate)?;
    waiting::drop_accepted(writer)?;
    waiting::collect(writer)?;
    progress.done(&format!("Bundle {} is whole, and its upstream chain holds.", waiting.name()));
    Ok(Completion::Accepted(Box::new(Accepted::of_waiting(&candidate))))
}

/// Says of a bundle whose content was changed in the quarantine that it waits for it again.
fn go_on_waiting(writer: &mut Writer, waiting: &Waiting, changed: u64) -> Result<Box<Missing>, Stop> {
    let missing = Missing::of(waiting, &Holdings::of(writer)?, &writer.index().withheld()?);
    let blobs = super::blobs(changed);
    let detail = format!("{blobs} changed in the quarantine and removed; waits for {}", missing.lines().join("; "));
    let event = writer.event(EventKind::Waiting, waiting.subject(), &detail);
    writer.record(&event)?;
    Ok(Box::new(missing))
}

/// Judges the kept documents under what is trusted now.
fn judge(
    writer: &Writer,
    source: &dyn Source,
    waiting: &Waiting,
    (time, handed): (Time, &Handed),
) -> Result<(Belief, Candidate), Stop> {
    let place = (&waiting.stream, waiting.sequence);
    let handed = handed.and_kept(&waiting.dir.join(waiting::STATEMENTS))?;
    let mut belief = Belief::form_kept(writer, source, time, handed)?;
    belief.medium = "all of it had come".into();
    if candidate::judge_place(writer, source, &[], place)? == Verdict::Known {
        let name = waiting.name();
        return Err(crate::refusal::Refusal::Rollback { name, floor: waiting.sequence }.into());
    }
    let candidate = Candidate::read(writer, source, &belief, place)?;
    if candidate.id != waiting.id {
        // What is here and what scanners said was compared with the other one.
        let (name, waits) = (waiting.name(), waiting.id);
        return Err(crate::refusal::Refusal::OtherWaits { name, waits, found: candidate.id }.into());
    }
    Ok((belief, candidate))
}

/// Returns the bytes that adopting it writes anew: content that is encoded in the quarantine.
fn to_write(writer: &Writer, waiting: &Waiting) -> Result<u64, Stop> {
    let holdings = Holdings::of(writer)?;
    let encoded = waiting.manifest.files.iter().filter(|entry| {
        let stored = holdings.quarantined(entry);
        !holdings.in_store(entry) && stored.is_some_and(|stored| stored.sha256 != entry.sha256)
    });
    Ok(encoded.map(|entry| entry.size).fold(0, u64::saturating_add))
}
