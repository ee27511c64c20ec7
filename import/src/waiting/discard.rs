//! Gives a waiting bundle up.

use sealift_model::{Sequence, StreamId};

use super::{Waiting, WaitingError};
use crate::ledger::{EventKind, EventSubject};
use crate::repository::{StateError, Writer};

/// Why nothing was discarded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscardError {
    /// No such bundle waits.
    #[error("no bundle {0} waits here")]
    Unknown(String),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Removes the documents of a waiting bundle, and what the quarantine has for it alone; returns how many blobs that were.
///
/// The line in the ledger comes first: what is gone without a trace would be worse than a line twice. It can be received
/// again as if it had never come.
///
/// # Errors
/// That nothing waits there, or a fault.
pub fn discard(
    writer: &mut Writer,
    (stream, sequence): (&StreamId, Sequence),
    reason: &str,
) -> Result<u64, DiscardError> {
    let name = format!("{stream}/{sequence}");
    if !super::is_waiting(writer, stream, sequence) {
        return Err(DiscardError::Unknown(name));
    }
    let known: Option<Waiting> = match super::load(writer, stream, sequence) {
        Ok(waiting) => Some(waiting),
        Err(WaitingError::Io(error)) if !error.is_not_found() => return Err(StateError::from(error).into()),
        // Damaged documents are one more reason.
        Err(_) => None,
    };
    let subject = EventSubject {
        bundle: known.map(|waiting| waiting.id),
        sequence: Some(sequence),
        stream: Some(stream.clone()),
        ..EventSubject::default()
    };
    let event = writer.event(EventKind::Discarded, subject, reason);
    writer.record(&event)?;
    super::quarantine::remove(writer, stream, sequence).map_err(StateError::from)?;
    Ok(super::collect(writer)?)
}
