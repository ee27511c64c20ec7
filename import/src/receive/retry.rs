//! The end of every receive: what waits is judged again.

use sealift_model::escape::with_causes;
use sealift_model::{Progress, Sequence, StreamId};

use super::belief::Belief;
use super::complete::{self, Completion};
use super::report::{Accepted, ReceiveReport, Waits};
use super::stage::Staged;
use super::statements::{self, Handed};
use super::{ReceiveError, Stop, record_refusal, with_kept};
use crate::refusal::Refusal;
use crate::repository::{StateError, Writer};
use crate::waiting::{self, Missing};

/// Judges everything that waits again: what came may be what it waited for.
///
/// What is refused though this medium has nothing of it is only told; it is as it was before.
pub(super) fn retry(
    writer: &mut Writer,
    belief: &Belief,
    staged: &[Staged],
    (report, progress): (&mut ReceiveReport, &dyn Progress),
) -> Result<(), Stop> {
    let mut first = None;
    for (stream, sequence) in waiting::list(writer)? {
        let name = format!("{stream}/{sequence}");
        let part = staged.iter().find(|part| part.name == name);
        match complete::complete(writer, (&stream, sequence), (belief.time, &belief.handed), progress) {
            Ok(Completion::Accepted(accepted)) => report.accepted.push(accepted.brought_by(part)),
            Ok(Completion::Waits(missing)) => {
                first = first.or(part.and(gap(writer, &stream, &name, &missing)?));
                report.waiting.push(Waits::new(name, part, *missing));
            }
            Err(Stop::Refused(refusal)) if part.is_none() => report.held_up.push((name, with_causes(&*refusal))),
            Err(Stop::Fault(error)) if part.is_none() && matches!(*error, ReceiveError::Waiting(_)) => {
                report.held_up.push((name, with_causes(&*error)));
            }
            Err(stop) => return Err(stop),
        }
    }
    first.map_or(Ok(()), |refusal| Err(Stop::Gap(Box::new(refusal))))
}

/// Returns the refusal of a bundle that leaves to others what is not here.
fn gap(writer: &Writer, stream: &StreamId, name: &str, missing: &Missing) -> Result<Option<Refusal>, StateError> {
    let (Some(first), base) = (missing.base.first.clone(), missing.named_base) else { return Ok(None) };
    let held = match base {
        None => None,
        Some(base) => writer.index().bundle(stream, base.sequence)?.filter(|row| row.manifest == base.manifest),
    };
    let contents = missing.base.describe();
    Ok(Some(Refusal::Gap { name: name.to_owned(), contents, first, base, lost: held.is_some() }))
}

/// Judges everything that waits again, without a medium: for what decides apart from content, such as scanners.
///
/// # Errors
/// That one of them is refused, or a fault. What is accepted stays accepted.
pub fn complete_waiting(
    writer: &mut Writer,
    (stream, sequence): (&StreamId, Sequence),
    progress: &dyn Progress,
) -> Result<Result<Accepted, Missing>, ReceiveError> {
    let run = |writer: &mut Writer| {
        let handed = with_kept(writer, Handed::default())?;
        let time = statements::time(writer, &handed)?;
        complete::complete(writer, (stream, sequence), (time, &handed), progress)
    };
    let accepted = Vec::new();
    match run(writer) {
        Ok(Completion::Accepted(done)) => Ok(Ok(*done)),
        Ok(Completion::Waits(missing)) => Ok(Err(*missing)),
        Err(Stop::Fault(error)) => Err(*error),
        Err(Stop::Medium(source)) => Err(ReceiveError::Medium { source, accepted }),
        Err(Stop::Gap(refusal) | Stop::Refused(refusal)) => {
            record_refusal(writer, &refusal, Some("waiting"))?;
            Err(ReceiveError::Refused { refusal, accepted })
        }
    }
}
