//! What is done with verdicts: bundles that wait are scanned and accepted, or people decide to leave content out.

use std::collections::BTreeSet;
use std::path::Path;

use sealift_model::{Digest, Progress, Sequence, StreamId};
use serde::Serialize;

use super::work::Asked;
use super::{Desk, Gate, Hands, Infected, ScanError, Scanned, Scanner, ScannerKind, Verdict, kiosk};
use crate::ledger::{EventKind, EventSubject};
use crate::receive::{Accepted, ReceiveError, complete_waiting};
use crate::repository::{StateError, Writer};
use crate::waiting::{self, Missing, Waiting};

/// Most findings that one line of the ledger names.
const NAMED: usize = 10;

/// What became of one bundle.
#[derive(Debug, Clone, Serialize)]
pub struct BundleScan {
    /// `stream/sequence`.
    pub name: String,
    /// What was scanned, and what speaks against it.
    #[serde(flatten)]
    pub scanned: Scanned,
    /// Whether it is part of the repository now.
    pub accepted: bool,
    /// What people said of it (`scanned by alice`): information, no verdict.
    pub people: String,
    /// What it waits for besides, a line each.
    pub waits_for: Vec<String>,
}

/// What came of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ScanReport {
    /// The scanners.
    pub scanners: Vec<Asked>,
    /// The bundles.
    pub bundles: Vec<BundleScan>,
    /// Waiting bundles whose documents cannot be read, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Why a bundle was not scanned or accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// No such bundle waits.
    #[error("no bundle {0} waits here")]
    Unknown(String),
    /// There is nothing to leave out.
    #[error("no scanner found anything in bundle {0}")]
    NothingFound(String),
    /// What was found is no package.
    #[error("{} of bundle {bundle} is no package: the bundle rests on it, and there is none without it", infected.path)]
    NotAPackage {
        /// `stream/sequence`.
        bundle: String,
        /// What was found.
        infected: Box<Infected>,
    },
    /// Some scanner has not spoken.
    #[error("{} has no verdict yet on {contents} of bundle {bundle}, the first is {first}", scanner)]
    NotScanned {
        /// `stream/sequence`.
        bundle: String,
        /// The scanner.
        scanner: String,
        /// How many, with their noun.
        contents: String,
        /// The first.
        first: String,
    },
    /// Scanning.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Accepting. Verdicts that were given are kept.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Scans what waits, or only `which` of it, and accepts every bundle that nothing speaks against any more.
///
/// # Errors
/// A bundle that does not wait, or a fault. What was accepted stays accepted, and verdicts are kept.
pub fn scan(
    writer: &mut Writer,
    which: &[(StreamId, Sequence)],
    hands: &mut [Box<dyn Hands>],
    progress: &dyn Progress,
) -> Result<ScanReport, DecideError> {
    if let Some((stream, sequence)) = which.iter().find(|(s, n)| !waiting::is_waiting(writer, s, *n)) {
        return Err(DecideError::Unknown(format!("{stream}/{sequence}")));
    }
    let mut desk = Desk::open(writer, hands.first_mut())?;
    let (bundles, unreadable) = waiting::load_all(writer).map_err(StateError::from)?;
    let unreadable = unreadable.into_iter().map(|(name, e)| (name, sealift_model::escape::with_causes(&e))).collect();
    let mut report = ScanReport { scanners: desk.asked.clone(), bundles: Vec::new(), unreadable };
    let chosen = |w: &&Waiting| which.is_empty() || which.iter().any(|(s, n)| *s == w.stream && *n == w.sequence);
    for waiting in bundles.iter().filter(chosen) {
        let scanned = desk.scan(writer, waiting, hands, progress)?;
        if scanned.given > 0 {
            record(writer, waiting, &desk.asked, &scanned)?;
        }
        progress.done(&format!("Scanned {} of bundle {}.", contents(scanned.given), waiting.name()));
        let done = if scanned.gate.is_open() { Some(complete(writer, waiting, progress)?) } else { None };
        let people =
            done.as_ref().and_then(|done| done.as_ref().ok()).map(|done| crate::receive::agreed(&done.agreement));
        let people = people.unwrap_or_default().trim_start_matches("; ").to_owned();
        let (accepted, waits_for) = outcome(done);
        report.bundles.push(BundleScan { name: waiting.name(), scanned, accepted, people, waits_for });
    }
    Ok(report)
}

/// What was left out of a bundle.
#[derive(Debug, Clone, Serialize)]
pub struct WithheldReport {
    /// `stream/sequence`.
    pub name: String,
    /// What is left out.
    pub withheld: Vec<Infected>,
    /// Whether the bundle is part of the repository now.
    pub accepted: bool,
    /// What it waits for besides, a line each.
    pub waits_for: Vec<String>,
}

/// Decides that a waiting bundle is to be accepted without the packages that a scanner found something in.
///
/// They are never published from then on, in whatever bundle they come; their blobs stay in the quarantine.
///
/// # Errors
/// Nothing was found, something found is no package, a scanner has not spoken, or a fault.
pub fn accept_without_infected(
    writer: &mut Writer,
    (stream, sequence): (&StreamId, Sequence),
    reason: &str,
    progress: &dyn Progress,
) -> Result<WithheldReport, DecideError> {
    let name = format!("{stream}/{sequence}");
    if !waiting::is_waiting(writer, stream, sequence) {
        return Err(DecideError::Unknown(name));
    }
    let loaded = waiting::load(writer, stream, sequence);
    let bundle = loaded.map_err(|e| ReceiveError::Waiting(Box::new(e)))?;
    let gate = Desk::open(writer, None)?.gate(writer, &bundle)?;
    // A run that was cut short may have decided already.
    let decided = gate.infected.is_empty() && is_decided(writer, &bundle)?;
    if !decided {
        check(&gate, &name)?;
    }
    withhold(writer, &bundle, &gate, reason)?;
    let (accepted, waits_for) = outcome(Some(complete(writer, &bundle, progress)?));
    Ok(WithheldReport { name, withheld: gate.infected, accepted, waits_for })
}

/// Tells whether the bundle lists content that is withheld.
fn is_decided(writer: &Writer, bundle: &Waiting) -> Result<bool, StateError> {
    let withheld = writer.index().withheld()?;
    Ok(bundle.manifest.files.iter().any(|entry| withheld.contains(&entry.sha256)))
}

fn check(gate: &Gate, bundle: &str) -> Result<(), DecideError> {
    if gate.infected.is_empty() {
        return Err(DecideError::NothingFound(bundle.to_owned()));
    }
    if let Some(infected) = gate.infected.iter().find(|infected| !infected.is_package) {
        return Err(DecideError::NotAPackage { bundle: bundle.to_owned(), infected: Box::new(infected.clone()) });
    }
    let found: BTreeSet<Digest> = gate.infected.iter().map(|infected| infected.sha256).collect();
    let open = gate.unknown.iter().find(|blocked| blocked.digests.iter().any(|digest| !found.contains(digest)));
    open.map_or(Ok(()), |blocked| {
        Err(DecideError::NotScanned {
            bundle: bundle.to_owned(),
            scanner: blocked.scanner.clone(),
            contents: contents(blocked.contents),
            first: blocked.first.to_string(),
        })
    })
}

/// One commit and one line of the ledger for each content: the index is made anew from these lines if it is lost.
fn withhold(writer: &mut Writer, bundle: &Waiting, gate: &Gate, reason: &str) -> Result<(), StateError> {
    let mut seen = BTreeSet::new();
    for infected in gate.infected.iter().filter(|infected| seen.insert(infected.sha256)) {
        let subject = EventSubject { content: Some(infected.sha256), ..subject(bundle) };
        let event = writer.event(EventKind::Withheld, subject, &format!("{}: {reason}", infected.describe()));
        writer.commit(&event, |tx| tx.withhold(infected.sha256, bundle.id, reason))?;
    }
    Ok(())
}

fn complete(
    writer: &mut Writer,
    bundle: &Waiting,
    progress: &dyn Progress,
) -> Result<Result<Accepted, Missing>, ReceiveError> {
    complete_waiting(writer, (&bundle.stream, bundle.sequence), progress)
}

/// Tells whether a bundle was accepted, and what it waits for if not.
fn outcome(done: Option<Result<Accepted, Missing>>) -> (bool, Vec<String>) {
    done.map_or((false, Vec::new()), |done| {
        done.map_or_else(|missing| (false, missing.lines()), |_| (true, Vec::new()))
    })
}

fn record(writer: &mut Writer, waiting: &Waiting, asked: &[Asked], scanned: &Scanned) -> Result<(), StateError> {
    let engines: Vec<String> = asked
        .iter()
        .filter_map(|a| {
            Some(format!(
                "{} ({} {}, {})",
                a.scanner,
                a.engine.as_ref()?.name,
                a.engine.as_ref()?.version,
                a.engine.as_ref()?.signatures
            ))
        })
        .collect();
    let found: Vec<String> = scanned.gate.infected.iter().take(NAMED).map(Infected::describe).collect();
    let found = if found.is_empty() { "nothing found".to_owned() } else { found.join("; ") };
    let detail = format!("{} by {}: {found}", contents(scanned.given), engines.join(", "));
    let event = writer.event(EventKind::Scanned, subject(waiting), &detail);
    writer.record(&event)
}

/// Takes the results of the station `name` out of a file; returns how many verdicts there were and how many of them infected.
///
/// # Errors
/// No such station, a line that cannot be understood, or a fault. Then nothing was taken.
pub fn take_results(writer: &mut Writer, file: &Path, name: &str) -> Result<(u64, u64), DecideError> {
    let is_station = |s: &Scanner| s.name == name && s.kind == ScannerKind::Kiosk;
    let mut desk = Desk::open(writer, None)?;
    if !writer.config().scanners.iter().any(is_station) {
        return Err(ScanError::NoKiosk(sealift_model::escape::printable(name)).into());
    }
    let bytes = sealift_fs::read_capped(file, kiosk::LIMIT).map_err(StateError::from)?;
    let shown = sealift_model::escape::printable(&file.display().to_string());
    let read = kiosk::read(&bytes, name, writer.caller().clock);
    let verdicts = read.map_err(|source| ScanError::Results { file: shown, source })?;
    let count = |list: &[Verdict]| u64::try_from(list.len()).unwrap_or(u64::MAX);
    let (all, found): (u64, Vec<Verdict>) =
        (count(&verdicts), verdicts.iter().filter(|v| !v.findings.is_empty()).cloned().collect());
    desk.keep(writer, verdicts).map_err(ScanError::from)?;
    let detail =
        format!("results of {name}: {}, {} infected; {}", contents(all), found.len(), Digest::of(&bytes).tagged());
    let event = writer.event(EventKind::Scanned, EventSubject::default(), &detail);
    writer.record(&event)?;
    Ok((all, count(&found)))
}

fn subject(waiting: &Waiting) -> EventSubject {
    EventSubject {
        bundle: Some(waiting.id),
        sequence: Some(waiting.sequence),
        stream: Some(waiting.stream.clone()),
        ..EventSubject::default()
    }
}

fn contents(count: u64) -> String {
    sealift_term::counted(count, "content", "contents")
}
