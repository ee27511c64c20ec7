//! Scanning what waits: every content that has no verdict of a scanner yet, by two hands at once.
//!
//! Verdicts are kept as they come, so that a run that was stopped goes on where it was. A verdict of an engine or of
//! signatures that the scanner has replaced since is asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sealift_bundle::manifest::{FileEntry, FileRole};
use sealift_fs::PathError;
use sealift_model::escape::with_causes;
use sealift_model::{Digest, Progress, RelPath, Timestamp};
use sealift_site::site_keys::STATEMENT_PUBLIC;
use sealift_site::{SiteKeyError, SiteKeys, StatementKey};
use serde::Serialize;

use super::kiosk::CsvError;
use super::verdicts::IN_ONE;
use super::{ClosedBy, Engine, Examined, Gate, Hands, Item, Scanner, Verdict, VerdictError, Verdicts, examine};
use crate::index::IndexError;
use crate::repository::{Repository, StateError, Writer};
use crate::waiting::{Holdings, Waiting};

/// Most contents that are named as without a verdict.
const NAMED: usize = 50;

/// Why nothing (more) was scanned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// Nobody to ask.
    #[error("no scanner is configured")]
    NoScanner,
    /// A name of no station.
    #[error("no scanner of kind `kiosk` is called `{0}`")]
    NoKiosk(String),
    /// The site's keys.
    #[error("the site's keys cannot be used")]
    Keys(#[from] SiteKeyError),
    /// A station's results.
    #[error("the results in {file} cannot be taken")]
    Results {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: CsvError,
    },
    /// Verdicts that were kept.
    #[error(transparent)]
    Verdicts(#[from] VerdictError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A scanner, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Its name.
    pub scanner: String,
    /// What it is; absent if it cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Why it has no say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
}

/// A content that a scanner gave no verdict on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NoVerdict {
    /// Where the bundle has it.
    pub path: RelPath,
    /// The scanner.
    pub scanner: String,
    /// Why.
    pub reason: String,
}

/// What came of scanning one bundle's contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// Contents of it that are here and not accepted yet.
    pub contents: u64,
    /// Verdicts that were given now.
    pub given: u64,
    /// Bytes of the contents that they are about.
    pub bytes: u64,
    /// What stays without a verdict, the first of it.
    pub unknown: Vec<NoVerdict>,
    /// What speaks against it after all this.
    pub gate: Gate,
}

/// The scanners of a repository, asked who they are; and the verdicts there are.
#[derive(Debug)]
pub struct Desk {
    key: StatementKey,
    now: Timestamp,
    /// Every configured scanner, in order.
    pub asked: Vec<Asked>,
    verdicts: Verdicts,
}

impl Desk {
    /// Reads the verdicts there are, and asks every scanner that can be asked from here who it is.
    ///
    /// # Errors
    /// No scanner is configured, or the site's keys or verdicts cannot be used.
    pub fn open(writer: &Writer, hands: Option<&mut Box<dyn Hands>>) -> Result<Self, ScanError> {
        let config = writer.config();
        if config.scanners.is_empty() {
            return Err(ScanError::NoScanner);
        }
        let now = time(writer);
        let key = SiteKeys::open(&writer.layout().site())?.statement;
        let verdicts = Verdicts::load(&writer.layout().verdicts(), key.public(), Timestamp::from_unix(0))?;
        let mut desk = Self { key, now, asked: Vec::new(), verdicts };
        if let Some(hands) = hands {
            desk.asked = config.scanners.iter().enumerate().map(|(n, s)| ask(s, n, &mut **hands, now)).collect();
        }
        Ok(desk)
    }

    /// Scans what is here of a bundle.
    ///
    /// # Errors
    /// The disk. What scanners fail to say is in the answer.
    pub fn scan(
        &mut self,
        writer: &Writer,
        waiting: &Waiting,
        hands: &mut [Box<dyn Hands>],
        progress: &dyn Progress,
    ) -> Result<Scanned, ScanError> {
        let holdings = Holdings::of(writer).map_err(StateError::from)?;
        let entries = to_judge(writer, waiting)?;
        let here: Vec<&FileEntry> = entries.iter().copied().filter(|entry| holdings.has(entry)).collect();
        let jobs = self.jobs(writer, &here);
        let bytes = jobs.iter().map(|job| job.entry.size).fold(0, u64::saturating_add);
        progress.phase(&format!("Scanning bundle {}", waiting.name()), Some(bytes));
        let ((given, bytes), mut unknown) = self.run(writer, &holdings, &jobs, hands, progress)?;
        unknown.sort_unstable();
        unknown.truncate(NAMED);
        let gate = self.judge(writer, &entries);
        Ok(Scanned { contents: here.len() as u64, given, bytes, unknown, gate })
    }

    /// Judges a bundle by the verdicts there are.
    ///
    /// # Errors
    /// The state directory.
    pub fn gate(&self, writer: &Writer, waiting: &Waiting) -> Result<Gate, StateError> {
        Ok(self.judge(writer, &to_judge(writer, waiting)?))
    }

    /// Returns the newest verdicts on what is here of a bundle.
    pub fn said<'d>(&'d self, writer: &Writer, waiting: &Waiting) -> Vec<&'d Verdict> {
        let digests: BTreeSet<Digest> = waiting.manifest.files.iter().map(|entry| entry.sha256).collect();
        let of = |scanner: &Scanner| {
            let one = |digest: &Digest| self.verdicts.of(&scanner.name, *digest);
            digests.iter().filter_map(one).collect::<Vec<_>>()
        };
        writer.config().scanners.iter().flat_map(of).collect()
    }

    /// Keeps verdicts that were given elsewhere.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(&mut self, writer: &Writer, verdicts: Vec<Verdict>) -> Result<(), VerdictError> {
        self.keep_in(&writer.layout().verdicts(), writer.caller().clock, verdicts)
    }

    fn keep_in(&mut self, dir: &Path, clock: Timestamp, verdicts: Vec<Verdict>) -> Result<(), VerdictError> {
        self.verdicts.keep(dir, &self.key, clock, verdicts)
    }

    fn judge(&self, writer: &Writer, entries: &[&FileEntry]) -> Gate {
        let config = writer.config();
        Gate::judge(
            &config.scanners,
            &self.verdicts,
            entries.iter().copied(),
            Some((self.now, config.scan.max_age_days)),
        )
    }

    /// Returns what has to be asked, the largest first.
    fn jobs<'e>(&self, writer: &Writer, entries: &[&'e FileEntry]) -> Vec<Job<'e>> {
        let days = writer.config().scan.max_age_days;
        let mut jobs = Vec::new();
        for (number, asked) in self.asked.iter().enumerate() {
            let Some(engine) = &asked.engine else { continue };
            let known = |entry: &FileEntry| {
                let verdict = self.verdicts.of(&asked.scanner, entry.sha256);
                verdict.is_some_and(|v| v.engine == *engine && super::gate::counts(v.time, self.now, days))
            };
            let open = entries.iter().filter(|entry| !known(entry));
            jobs.extend(open.map(|&entry| Job { entry, number }));
        }
        jobs.sort_by_key(|job| std::cmp::Reverse(job.entry.size));
        jobs
    }

    fn run(
        &mut self,
        writer: &Writer,
        holdings: &Holdings,
        jobs: &[Job<'_>],
        hands: &mut [Box<dyn Hands>],
        progress: &dyn Progress,
    ) -> Result<((u64, u64), Vec<NoVerdict>), ScanError> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let outcome = Outcome {
            asked: self.asked.clone(),
            desk: self,
            place: (writer.layout().verdicts(), writer.caller().clock),
            pending: Vec::new(),
            given: (0, 0),
            unknown: Vec::new(),
            fault: None,
        };
        let desk = Mutex::new(outcome);
        let (scanners, quarantine) = (&writer.config().scanners, writer.layout().quarantine());
        let work = |worker: usize, hands: &mut dyn Hands| {
            let place = quarantine.join(format!("scan-{worker}"));
            while !stop.load(Ordering::Relaxed) {
                let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                let Some(scanner) = scanners.get(job.number) else { return };
                let item = Item { entry: job.entry, content: holdings };
                let said = examine(item, (job.number, scanner), hands, &place);
                progress.advance(job.entry.size);
                let mut desk = desk.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                desk.take(job, said);
                stop.fetch_or(desk.fault.is_some(), Ordering::Relaxed);
            }
        };
        std::thread::scope(|scope| {
            for (worker, hands) in hands.iter_mut().enumerate() {
                let work = &work;
                scope.spawn(move || work(worker, &mut **hands));
            }
        });
        let mut outcome = desk.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome.flush();
        match outcome.fault {
            Some(fault) => Err(fault.into()),
            None => Ok((outcome.given, outcome.unknown)),
        }
    }
}

/// One content to be shown to one scanner.
struct Job<'e> {
    entry: &'e FileEntry,
    number: usize,
}

/// What the workers bring together.
struct Outcome<'d> {
    desk: &'d mut Desk,
    asked: Vec<Asked>,
    place: (PathBuf, Timestamp),
    pending: Vec<Verdict>,
    /// How many, and the bytes they are about.
    given: (u64, u64),
    unknown: Vec<NoVerdict>,
    fault: Option<VerdictError>,
}

impl Outcome<'_> {
    fn take(&mut self, job: &Job<'_>, said: std::io::Result<Examined>) {
        let Some(Asked { scanner, engine: Some(engine), .. }) = self.asked.get(job.number) else { return };
        let time = self.place.1;
        let unknown = |reason| NoVerdict { path: job.entry.path.clone(), scanner: scanner.clone(), reason };
        match said {
            Ok(Examined::Whole { files, findings }) => {
                self.given = (self.given.0 + 1, self.given.1.saturating_add(job.entry.size));
                let (scanner, engine, path) = (scanner.clone(), engine.clone(), job.entry.path.to_string());
                self.pending.push(Verdict { scanner, engine, time, sha256: job.entry.sha256, path, files, findings });
                if self.pending.len() >= IN_ONE {
                    self.flush();
                }
            }
            Ok(Examined::Unknown(reason)) => self.unknown.push(unknown(reason)),
            Err(error) => self.unknown.push(unknown(format!("it cannot be read: {}", with_causes(&error)))),
        }
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() && self.fault.is_none() {
            let (dir, clock) = &self.place;
            self.fault = self.desk.keep_in(dir, *clock, pending).err();
        }
    }
}

fn ask(scanner: &Scanner, number: usize, hands: &mut dyn Hands, now: Timestamp) -> Asked {
    let name = scanner.name.clone();
    if !scanner.is_live() {
        return Asked { scanner: name, engine: None, silent: None };
    }
    let known = hands.engine(number).and_then(|said| Engine::read(scanner, &said, now));
    match known {
        Ok(engine) => Asked { scanner: name, engine: Some(engine), silent: None },
        Err(reason) => Asked { scanner: name, engine: None, silent: Some(reason) },
    }
}

/// The time that verdicts are judged by: never before what was signed already.
fn time(writer: &Writer) -> Timestamp {
    writer.caller().clock.max(writer.floors().signed_time)
}

/// Returns the contents of a bundle that verdicts are asked for, each once: those that the newest accepted bundles do not
/// list and that are not withheld.
pub(crate) fn to_judge<'w>(repository: &Repository, waiting: &'w Waiting) -> Result<Vec<&'w FileEntry>, StateError> {
    let mut passed: BTreeSet<Digest> = repository.index().withheld()?;
    // Not whatever lies in the store: a run that was cut short may have left content there that nobody accepted.
    for (stream, held) in &repository.floors().streams {
        let manifest = crate::bundles::load(repository, stream, held.sequence)?;
        passed.extend(manifest.files.iter().map(|entry| entry.sha256));
    }
    let mut contents: BTreeMap<Digest, &FileEntry> = BTreeMap::new();
    for entry in &waiting.manifest.files {
        if passed.contains(&entry.sha256) {
            continue;
        }
        let known = contents.entry(entry.sha256).or_insert(entry);
        // What must stay whole for the bundle to be one decides what may be left out.
        if known.role == FileRole::Package && entry.role != FileRole::Package {
            *known = entry;
        }
    }
    Ok(contents.into_values().collect())
}

/// Returns the scanners that have not passed every content of a waiting bundle; without a time, whatever the
/// age of what they said.
///
/// # Errors
/// The verdicts, or the public key that they are read by.
pub(crate) fn closed_by(
    repository: &Repository,
    waiting: &Waiting,
    now: Option<Timestamp>,
) -> Result<Vec<ClosedBy>, StateError> {
    let config = repository.config();
    if config.scanners.is_empty() {
        return Ok(Vec::new());
    }
    let layout = repository.layout();
    let key = sealift_site::statement_key::read_public(&layout.site().join(STATEMENT_PUBLIC))?;
    let verdicts = Verdicts::load(&layout.verdicts(), &key, Timestamp::from_unix(0));
    let verdicts = verdicts.map_err(|error| StateError::Verdicts(Box::new(error)))?;
    let entries = to_judge(repository, waiting)?;
    let at = now.map(|now| (now, config.scan.max_age_days));
    Ok(Gate::judge(&config.scanners, &verdicts, entries.into_iter(), at).closed_by())
}

impl From<PathError> for ScanError {
    fn from(error: PathError) -> Self {
        Self::State(error.into())
    }
}

impl From<IndexError> for ScanError {
    fn from(error: IndexError) -> Self {
        Self::State(error.into())
    }
}
