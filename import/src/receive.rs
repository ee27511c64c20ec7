//! `receive`: takes bundles from a medium into the repository, or refuses them and changes nothing.
//!
//! Order is everything here (format/medium, format/trust): documents are copied first and judged as copied; then the
//! trust metadata, the manifest, the stream's order, the evidence; then the blobs, hashed while they are copied; then the
//! upstream's own chain over what is in the store now. The medium is never read twice for one decision. Nothing counts
//! before the one commit of the index, and everything before it is swept up by the next run.

mod belief;
mod candidate;
mod commit;
mod content;
mod report;
mod sweep;

use std::fmt::Write as _;
use std::path::Path;

use sealift_bundle::source::{Source, SourceError, open_source};
use sealift_fs::{PathError, StoreError};
use sealift_model::{Digest, Progress, Timestamp};

use crate::index::IndexError;
use crate::ledger::{EventKind, EventSubject};
use crate::refusal::Refusal;
use crate::repository::{StateError, Writer};

use belief::Belief;
pub(crate) use candidate::refuse_withdrawn;
use candidate::{Candidate, Verdict};
pub use report::{Accepted, ReceiveReport};
pub(crate) use sweep::leftovers;

/// Why nothing (more) was received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// A decision. It stands in the ledger.
    #[error("refused ({})", refusal.code())]
    Refused {
        /// The decision.
        #[source]
        refusal: Box<Refusal>,
        /// Bundles of the same medium that were accepted before.
        accepted: Vec<String>,
    },
    /// There is no medium, or none that can be opened.
    #[error("the medium cannot be opened")]
    Open(#[source] Box<SourceError>),
    /// The medium cannot be read (any more).
    #[error("the medium cannot be read")]
    Medium {
        /// Why.
        #[source]
        source: Box<SourceError>,
        /// Bundles of the same medium that were accepted before.
        accepted: Vec<String>,
    },
    /// A fault after bundles of the same medium had been accepted.
    #[error("stopped after other bundles of the medium were accepted")]
    After {
        /// The fault.
        source: Box<ReceiveError>,
        /// Bundles of the same medium that were accepted before.
        accepted: Vec<String>,
    },
    /// The disk is too small.
    #[error("bundle {name} needs {needed} more bytes, {free} are free on the disk of the store")]
    Full {
        /// `stream/sequence`.
        name: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// A blob that an accepted bundle brought is gone.
    #[error("the store has lost the content of {path} (sha256:{digest}), which bundle {base} brought")]
    Lost {
        /// The file.
        path: String,
        /// The content.
        digest: Digest,
        /// `stream/sequence`.
        base: String,
    },
    /// Content in the store that cannot be read back.
    #[error("the store cannot be read")]
    Content(#[source] Box<sealift_bundle::chain::ChainError>),
    /// The store's disk.
    #[error("the store cannot be written")]
    Store(#[source] StoreError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What stops the work inside this module: a decision or a fault.
#[derive(Debug)]
enum Stop {
    Refused(Box<Refusal>),
    Medium(Box<SourceError>),
    Fault(Box<ReceiveError>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Refused(refusal) => Refusal::from(refusal).into(),
            fault => Self::Medium(Box::new(fault)),
        }
    }
}

impl<E: Into<StateError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Fault(Box::new(ReceiveError::State(error.into())))
    }
}

/// Receives every bundle on the medium at `path` (a directory with `SEALIFT`, `SEALIFT` itself, or a `.sealift` file).
///
/// Each bundle is accepted by its own commit, in the order of its stream; what was accepted already is left as it is.
/// A refusal is written to the ledger before this returns.
pub fn receive(writer: &mut Writer, path: &Path, progress: &dyn Progress) -> Result<ReceiveReport, ReceiveError> {
    let mut report = ReceiveReport { swept: sweep::sweep(writer)?, ..ReceiveReport::default() };
    let outcome = match open_source(path) {
        Ok(source) => receive_all(writer, &*source, &mut report, progress),
        Err(SourceError::Refused(refusal)) => Err(SourceError::Refused(refusal).into()),
        Err(fault) => return Err(ReceiveError::Open(Box::new(fault))),
    };
    let accepted = report.accepted.iter().map(Accepted::name).collect();
    match outcome {
        Ok(()) => Ok(report),
        Err(Stop::Fault(error)) if report.accepted.is_empty() => Err(*error),
        Err(Stop::Fault(source)) => Err(ReceiveError::After { source, accepted }),
        Err(Stop::Medium(source)) => Err(ReceiveError::Medium { source, accepted }),
        Err(Stop::Refused(refusal)) => {
            sweep::clear_quarantine(writer)?;
            record_refusal(writer, &refusal, Some(path))?;
            Err(ReceiveError::Refused { refusal, accepted })
        }
    }
}

fn receive_all(
    writer: &mut Writer,
    source: &dyn Source,
    report: &mut ReceiveReport,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let now = current_time(writer)?;
    progress.phase("Checking trust metadata and manifests", None);
    let names = sealift_bundle::metadata::list_bundles(source)?;
    let belief = Belief::form(writer, source, now)?;
    report.older_metadata = belief.older;
    for (stream, sequence) in &names {
        match candidate::judge_place(writer, source, &names, (stream, *sequence))? {
            Verdict::Known => report.already.push(format!("{stream}/{sequence}")),
            Verdict::PassedOver => report.passed_over.push(format!("{stream}/{sequence}")),
            Verdict::New => {
                let candidate = Candidate::read(writer, source, &belief, (stream, *sequence))?;
                report.accepted.push(accept(writer, source, &belief, &candidate, progress)?);
            }
        }
    }
    if report.accepted.is_empty() && belief.is_news(writer) {
        report.trust = Some(commit::commit_trust(writer, &belief)?);
    }
    Ok(())
}

fn accept(
    writer: &mut Writer,
    source: &dyn Source,
    belief: &Belief,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<Accepted, Stop> {
    let name = candidate.name();
    let copied = content::copy(writer, source, candidate, progress)?;
    progress.done(&format!("Copied {} of bundle {name} into the store.", copied.describe()));
    progress.phase(&format!("Checking the upstream chain of bundle {name}"), None);
    if let Err(stop) = content::check_chain(writer, candidate) {
        copied.undo(writer);
        return Err(stop);
    }
    commit::commit_bundle(writer, belief, candidate)?;
    progress.done(&format!("Checked the upstream chain of bundle {name}."));
    Ok(Accepted::new(candidate, &copied))
}

/// Returns the time to judge by, or refuses a clock that is behind.
pub(crate) fn current_time(writer: &Writer) -> Result<Timestamp, Refusal> {
    let clock = writer.caller().clock;
    let floor = writer.floors().signed_time;
    writer.floors().now(clock).ok_or(Refusal::Clock { clock, floor })
}

/// Writes a refusal to the ledger: its only trace.
pub(crate) fn record_refusal(writer: &mut Writer, refusal: &Refusal, of: Option<&Path>) -> Result<(), StateError> {
    let mut detail = format!("{}: {refusal}", refusal.code());
    let mut source = std::error::Error::source(refusal);
    while let Some(cause) = source {
        detail.push_str(": ");
        detail.push_str(&cause.to_string());
        source = cause.source();
    }
    if let Some(path) = of {
        let _ = write!(detail, " (medium {})", path.display());
    }
    let event = writer.event(EventKind::Refused, EventSubject::default(), &detail);
    writer.record(&event)
}

impl From<PathError> for ReceiveError {
    fn from(error: PathError) -> Self {
        Self::State(error.into())
    }
}

impl From<IndexError> for ReceiveError {
    fn from(error: IndexError) -> Self {
        Self::State(error.into())
    }
}
