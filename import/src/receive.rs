//! `receive`: takes bundles from a medium into the repository, or refuses them and changes nothing.
//!
//! Order is everything here (format/medium, format/trust): documents are copied first and judged as copied; then the
//! trust metadata, the manifest, the stream's order, the evidence; then the blobs, hashed while they are copied; then the
//! upstream's own chain over what is in the store now. The medium is never read twice for one decision. Nothing counts
//! before the one commit of the index, and everything before it is swept up by the next run.

mod belief;
mod candidate;
mod commit;
mod complete;
mod content;
mod evidence;
mod heal;
mod report;
mod retry;
mod stage;
mod statements;
mod sweep;
mod volume;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sealift_bundle::source::{Source, SourceError, TOP, open_source};
use sealift_fs::{PathError, StoreError};
use sealift_model::escape::with_causes;
use sealift_model::{Progress, Sequence, StreamId, Timestamp};

use crate::index::IndexError;
use crate::ledger::{EventKind, EventSubject};
use crate::mount::{self, Places};
use crate::refusal::Refusal;
use crate::repository::{StateError, Writer};
use crate::waiting::{self, WaitingError};

use belief::Belief;
use candidate::{Candidate, Verdict};
pub(crate) use candidate::{refuse_withdrawn, upstream_dates};
use content::Outcome;
pub(crate) use evidence::{agreement, describe as agreed};
pub use report::{Accepted, ReceiveReport, Waits};
pub use retry::complete_waiting;
pub use stage::Damaged;
use stage::Staged;
use statements::{Handed, Time};
pub use statements::{Waived, Waiver};

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
    /// A part of a bundle that cannot be read to its end.
    #[error("{part} of bundle {name} cannot be read any more")]
    Pulled {
        /// `stream/sequence`.
        name: String,
        /// Which part of it, such as `volume 2 of 5`.
        part: String,
        /// Why.
        #[source]
        source: Box<SourceError>,
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
    /// What parity is rebuilt from, or into.
    #[error("nothing can be rebuilt from parity")]
    Rebuild(#[source] Box<sealift_bundle::parity::ParityError>),
    /// The documents of a bundle that waits.
    #[error("the documents of a waiting bundle cannot be used")]
    Waiting(#[source] Box<WaitingError>),
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
    /// What came of a bundle waits for content of others; its line in the ledger stands already.
    Gap(Box<Refusal>),
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

/// What to receive, and what was said on the command line about it.
#[derive(Debug, Clone, Default)]
pub struct ReceiveOptions {
    /// The medium: a directory with `SEALIFT`, `SEALIFT` itself, or a `.sealift` file.
    pub path: PathBuf,
    /// Read it although it is mounted without the options that a medium must have; the ledger says so.
    pub allow_mount: bool,
    /// Where the system says how media are mounted.
    pub places: Places,
    /// Files with statements by people: waivers, overrides, approvals that came later than the medium.
    pub statements: Vec<PathBuf>,
}

/// Receives every bundle on the medium at `path` with nothing said about it.
pub fn receive(writer: &mut Writer, path: &Path, progress: &dyn Progress) -> Result<ReceiveReport, ReceiveError> {
    receive_with(writer, &ReceiveOptions { path: path.to_owned(), ..ReceiveOptions::default() }, progress)
}

/// Receives every bundle on a medium.
///
/// Each bundle is accepted by its own commit, in the order of its stream; what was accepted already is left as it is.
/// A refusal is written to the ledger before this returns.
pub fn receive_with(
    writer: &mut Writer,
    options: &ReceiveOptions,
    progress: &dyn Progress,
) -> Result<ReceiveReport, ReceiveError> {
    let path = options.path.as_path();
    let mut report = ReceiveReport { swept: sweep::sweep(writer)?, ..ReceiveReport::default() };
    let outcome = match on_ground(writer, options, &mut report) {
        Err(stop) => Err(stop),
        Ok(()) => open_and_receive(writer, options, &mut report, progress)?,
    };
    let mut accepted: Vec<String> = report.accepted.iter().map(Accepted::name).collect();
    if report.healed > 0 {
        accepted.push(format!("{} that the store had lost", blobs(report.healed)));
    }
    match outcome {
        Ok(()) => Ok(report),
        Err(Stop::Fault(error)) if accepted.is_empty() => Err(*error),
        Err(Stop::Fault(source)) => Err(ReceiveError::After { source, accepted }),
        Err(Stop::Medium(source)) => Err(ReceiveError::Medium { source, accepted }),
        Err(Stop::Gap(refusal)) => Err(ReceiveError::Refused { refusal, accepted }),
        Err(Stop::Refused(refusal)) => {
            sweep::clear_quarantine(writer)?;
            record_refusal(writer, &refusal, Some(&describe(path, &report)))?;
            Err(ReceiveError::Refused { refusal, accepted })
        }
    }
}

/// Takes statements that need no medium: waivers for bundles that were accepted before.
///
/// # Errors
/// A refusal is written to the ledger before this returns.
pub fn hand_over(writer: &mut Writer, statements: &[PathBuf]) -> Result<Vec<Waived>, ReceiveError> {
    let take = |writer: &mut Writer| {
        let handed = Handed::read(statements)?;
        let now = current_time(writer)?;
        statements::take_late_waivers(writer, &handed, now)
    };
    match take(writer) {
        Ok(waived) => Ok(waived),
        Err(Stop::Refused(refusal)) => {
            record_refusal(writer, &refusal, Some("statements handed over"))?;
            Err(ReceiveError::Refused { refusal, accepted: Vec::new() })
        }
        Err(Stop::Gap(refusal)) => Err(ReceiveError::Refused { refusal, accepted: Vec::new() }),
        Err(Stop::Fault(error)) => Err(*error),
        Err(Stop::Medium(source)) => Err(ReceiveError::Medium { source, accepted: Vec::new() }),
    }
}

/// Looks at what the medium lies on, before anything on it is opened, and judges that.
fn on_ground(writer: &Writer, options: &ReceiveOptions, report: &mut ReceiveReport) -> Result<(), Stop> {
    let policy = writer.config().medium.policy();
    // `SEALIFT` is what is read; it can be a mount of its own.
    let below = options.path.join(TOP);
    let read = if below.symlink_metadata().is_ok() { below.as_path() } else { options.path.as_path() };
    let ground = match mount::look(&options.places, &policy, read, writer.layout().root()) {
        Err(e) if e.path() == read => return Err(Stop::Fault(Box::new(ReceiveError::Open(Box::new(e.into()))))),
        other => other?,
    };
    let verdict = mount::judge(&ground, &policy, read);
    report.allowed_mount = options.allow_mount && verdict.is_err();
    report.ground = ground;
    if report.allowed_mount { Ok(()) } else { Ok(verdict?) }
}

fn open_and_receive(
    writer: &mut Writer,
    options: &ReceiveOptions,
    report: &mut ReceiveReport,
    progress: &dyn Progress,
) -> Result<Result<(), Stop>, ReceiveError> {
    match open_source(&options.path) {
        Ok(source) => Ok(receive_all(writer, &*source, &options.statements, report, progress)),
        Err(SourceError::Refused(refusal)) => Ok(Err(SourceError::Refused(refusal).into())),
        Err(fault) => Err(ReceiveError::Open(Box::new(fault))),
    }
}

fn blobs(count: u64) -> String {
    sealift_term::counted(count, "blob", "blobs")
}

/// Returns what the ledger says of the medium.
fn describe(path: &Path, report: &ReceiveReport) -> String {
    let allowed = if report.allowed_mount { ", read all the same by --allow-mount" } else { "" };
    format!("medium {}: {}{allowed}", path.display(), report.ground.describe())
}

fn receive_all(
    writer: &mut Writer,
    source: &dyn Source,
    statements: &[PathBuf],
    report: &mut ReceiveReport,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let handed = with_kept(writer, Handed::read(statements)?)?;
    let time = statements::time(writer, &handed)?;
    report.waived = statements::take_late_waivers(writer, &handed, time.now)?;
    report.healed = heal::heal(writer, source, progress)?;
    if report.healed > 0 {
        progress.done(&format!("Brought {} again that the store had lost.", blobs(report.healed)));
    }
    progress.phase("Checking trust metadata and manifests", None);
    let names = sealift_bundle::metadata::list_bundles(source)?;
    let mut belief = Belief::form(writer, source, time, handed)?;
    belief.medium = describe(Path::new(&source.describe()), report);
    report.older_metadata = belief.older;
    // First of all: a reset decides about the places of what the medium brings.
    if belief.stale.is_none() && !belief.resets(writer.floors().root.version).is_empty() {
        report.trust = Some(commit::commit_trust(writer, &belief)?);
    }
    let staged = receive_bundles(writer, source, &belief, &names, (report, progress))?;
    take_trust(writer, &belief, &staged, report)?;
    retry::retry(writer, &belief, &staged, (report, progress))
}

/// Adds the statements that were handed over before for bundles that wait.
fn with_kept(writer: &Writer, mut handed: Handed) -> Result<Handed, Stop> {
    for (stream, sequence) in waiting::list(writer)? {
        let dir = writer.layout().waiting_bundle(&stream, sequence);
        handed = handed.and_kept(&dir.join(waiting::STATEMENTS))?;
    }
    Ok(handed)
}

/// Takes every bundle that the medium has something of. A bundle that is not whole does not stop the others.
fn receive_bundles(
    writer: &mut Writer,
    source: &dyn Source,
    belief: &Belief,
    names: &[(StreamId, Sequence)],
    (report, progress): (&mut ReceiveReport, &dyn Progress),
) -> Result<Vec<Staged>, Stop> {
    let (mut staged, mut refused) = (Vec::new(), None);
    for (stream, sequence) in names {
        match candidate::judge_place(writer, source, names, (stream, *sequence))? {
            Verdict::Known => report.already.push(format!("{stream}/{sequence}")),
            Verdict::PassedOver => report.passed_over.push(format!("{stream}/{sequence}")),
            Verdict::New => {
                let candidate = Candidate::read(writer, source, belief, (stream, *sequence))?;
                match take(writer, source, belief, &candidate, progress)? {
                    Taken::Accepted(accepted) => report.accepted.push(*accepted),
                    Taken::Staged(part) => {
                        refused = refused.or(part.refusal());
                        staged.push(part);
                    }
                }
            }
        }
    }
    refused.map_or(Ok(staged), |refusal| Err(refusal.into()))
}

/// What was done with a bundle.
enum Taken {
    Accepted(Box<Accepted>),
    Staged(Staged),
}

/// Takes a whole bundle straight into the store, and what is not whole into the quarantine.
fn take(
    writer: &mut Writer,
    source: &dyn Source,
    belief: &Belief,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<Taken, Stop> {
    if candidate.comes_whole(writer, source)?
        && let Some(accepted) = accept(writer, source, belief, candidate, progress)?
    {
        return Ok(Taken::Accepted(Box::new(accepted)));
    }
    stage::stage(writer, source, belief, candidate, progress).map(Taken::Staged)
}

/// Takes newer trust metadata by itself where no bundle of the medium was accepted under it.
fn take_trust(writer: &mut Writer, belief: &Belief, staged: &[Staged], report: &mut ReceiveReport) -> Result<(), Stop> {
    match belief.stale_refusal() {
        // Nothing that was waived came under it, so nothing speaks for it.
        Some(refusal) if report.accepted.is_empty() && report.waived.is_empty() && staged.is_empty() => {
            Err(refusal.into())
        }
        None if report.accepted.is_empty() && belief.is_news(writer) => {
            report.trust = Some(commit::commit_trust(writer, belief)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Accepts a whole bundle; `None` if something on the medium turned out to be damaged.
fn accept(
    writer: &mut Writer,
    source: &dyn Source,
    belief: &Belief,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<Option<Accepted>, Stop> {
    let name = candidate.name();
    let Outcome::Whole(copied) = content::copy(writer, source, candidate, progress)? else { return Ok(None) };
    progress.done(&format!("Copied {} of bundle {name} into the store.", copied.describe()));
    progress.phase(&format!("Checking the upstream chain of bundle {name}"), None);
    if let Err(stop) = content::check_chain(writer, candidate) {
        copied.undo(writer);
        return Err(stop);
    }
    commit::commit_bundle(writer, belief, candidate)?;
    progress.done(&format!("Checked the upstream chain of bundle {name}."));
    Ok(Some(Accepted::new(candidate, &copied)))
}

/// Returns the time to judge by, or refuses a clock that is behind.
pub(crate) fn current_time(writer: &Writer) -> Result<Timestamp, Refusal> {
    let clock = writer.caller().clock;
    let floor = writer.floors().signed_time;
    writer.floors().now(clock).ok_or(Refusal::Clock { clock, floor })
}

/// Writes a refusal to the ledger: its only trace.
pub(crate) fn record_refusal(writer: &mut Writer, refusal: &Refusal, of: Option<&str>) -> Result<(), StateError> {
    let mut detail = format!("{}: {}", refusal.code(), with_causes(refusal));
    if let Some(medium) = of {
        let _ = write!(detail, " ({medium})");
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
