//! Verdicts as they are kept: statements signed by this site, read only with a good signature (format/scan §3).
//!
//! Of one scanner and one content the newest verdict counts. A verdict that cannot be verified stops the work: it may be the
//! one that says infected.

mod document;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError};
use sealift_model::{Digest, Timestamp};
use sealift_site::StatementKey;
use sealift_trust::{EvidenceRefusal, PublicKey};
use serde::Serialize;

use super::{Scanner, ScannerKind, shown};

/// Most verdicts in one document.
pub(crate) const IN_ONE: usize = 2000;
/// Most findings kept of one content.
pub(crate) const MOST_FINDINGS: usize = 100;
const ENDING: &str = ".dsse.json";

/// Which program looked, and what it knew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Engine {
    /// Name of the program.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Number, date or name of its signatures.
    pub signatures: String,
}

impl Engine {
    /// Reads what a scanner said of itself, and judges the age of its signatures at `now`.
    ///
    /// # Errors
    /// A sentence: it names no signatures, or they are too old, and then whatever it says is no verdict.
    pub fn read(scanner: &Scanner, said: &str, now: Timestamp) -> Result<Self, String> {
        let mut parts = said.splitn(3, '/');
        let (program, number, date) = (parts.next().unwrap_or(said), parts.next(), parts.next());
        let dated = date.and_then(ctime).filter(|_| scanner.kind == ScannerKind::Clamd);
        let told = match (scanner.kind, number, dated) {
            (ScannerKind::Clamd, Some(number), Some(date)) => Some(format!("{number} of {date}")),
            (ScannerKind::Clamd, _, _) => None,
            _ => Some(said.to_owned()).filter(|said| !said.is_empty()),
        };
        let signatures = [told, scanner.signatures.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ");
        if signatures.is_empty() {
            return Err("it names no database of signatures; if it has only your own, say so by `signatures`".into());
        }
        if let Some(most) = scanner.max_signature_days {
            let dated = dated.ok_or("its signatures have no date, and `max_signature_days` asks for one")?;
            let age = now.days_since(dated);
            if age > most {
                return Err(format!("its signatures are of {dated}, {age} days old; at most {most} are allowed"));
            }
        }
        let (name, version) = match scanner.kind {
            ScannerKind::Clamd => program.rsplit_once(' ').unwrap_or(("clamd", program)),
            _ => {
                (scanner.argv.first().map_or("command", |program| program.rsplit('/').next().unwrap_or(program)), said)
            }
        };
        let version = if version.is_empty() { "not told" } else { version };
        Ok(Self { name: shown(name), version: shown(version), signatures: shown(&signatures) })
    }
}

/// Reads `Fri Nov 20 08:00:00 2026`.
fn ctime(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, month, day, clock, year] = words.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? as u64 + 1;
    let mut clock = clock.split(':').map(|n| n.parse::<u64>().ok());
    let time = (clock.next()??, clock.next()??, clock.next()??);
    Timestamp::from_civil(year.parse().ok()?, month, day.parse().ok()?, time)
}

/// Something a scanner found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where inside the content; empty for the content itself.
    pub inside: String,
    /// What the scanner calls it.
    pub name: String,
}

/// What one scanner said of one content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Name of the scanner, as in `import.toml`.
    pub scanner: String,
    /// What it was then.
    pub engine: Engine,
    /// When it said so.
    pub time: Timestamp,
    /// The content.
    pub sha256: Digest,
    /// A path it was scanned under.
    pub path: String,
    /// Files looked at: the content itself and those inside.
    pub files: u64,
    /// What was found; nothing means clean.
    pub findings: Vec<Finding>,
}

/// Why verdicts cannot be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerdictError {
    /// A file.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Not signed by this site, or changed since.
    #[error("{} is no verdict of this site", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: EvidenceRefusal,
    },
    /// Too much for one document.
    #[error("verdicts cannot be written down")]
    Form(#[source] sealift_model::json::JsonError),
}

impl VerdictError {
    /// Tells whether a document is not this site's, in contrast to a fault of the disk.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotOurs { .. })
    }
}

/// The newest verdict of each scanner on each content.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    newest: BTreeMap<(String, Digest), Verdict>,
}

impl Verdicts {
    /// Reads the documents of `dir` that were written at `since` or later.
    ///
    /// # Errors
    /// A document that this site's key did not sign, or whose form is not the one of format/scan.
    pub fn load(dir: &Path, key: &PublicKey, since: Timestamp) -> Result<Self, VerdictError> {
        let mut names = match sealift_fs::list_dir(dir) {
            Err(e) if e.is_not_found() => Vec::new(),
            other => other?,
        };
        names.sort_unstable();
        let mut verdicts = Self::default();
        for name in names.iter().filter(|name| written(name).is_some_and(|at| at >= since)) {
            let path = dir.join(name);
            let limit = u64::try_from(sealift_trust::dsse::LIMIT).unwrap_or(u64::MAX);
            let bytes = sealift_fs::read_capped(&path, limit)?;
            let read = document::read(&bytes, key).map_err(|source| VerdictError::NotOurs { path, source })?;
            for verdict in read {
                verdicts.take(verdict);
            }
        }
        Ok(verdicts)
    }

    /// Signs verdicts, writes them below `dir`, and counts them from now on. Durable on return.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(
        &mut self,
        dir: &Path,
        key: &StatementKey,
        now: Timestamp,
        new: Vec<Verdict>,
    ) -> Result<(), VerdictError> {
        sealift_fs::create_dir_all(dir, Mode::Private)?;
        let mut groups: BTreeMap<(String, Engine, Timestamp), Vec<Verdict>> = BTreeMap::new();
        for verdict in new {
            let group = (verdict.scanner.clone(), verdict.engine.clone(), verdict.time);
            groups.entry(group).or_default().push(verdict);
        }
        for group in groups.into_values() {
            for part in group.chunks(IN_ONE) {
                let (payload, envelope) = document::write(part, key).map_err(VerdictError::Form)?;
                let name = format!("{:012}-{}{ENDING}", now.unix(), &payload.to_hex()[..16]);
                sealift_fs::replace(&dir.join(name), &envelope, Mode::Private)?;
                for verdict in part.iter().cloned() {
                    self.take(verdict);
                }
            }
        }
        Ok(())
    }

    /// Returns what a scanner said last of a content.
    pub fn of(&self, scanner: &str, content: Digest) -> Option<&Verdict> {
        self.newest.get(&(scanner.to_owned(), content))
    }

    fn take(&mut self, verdict: Verdict) {
        let key = (verdict.scanner.clone(), verdict.sha256);
        match self.newest.get(&key) {
            // Two of one second: what found something stands.
            Some(known) if known.time == verdict.time && !known.findings.is_empty() => {}
            Some(known) if known.time > verdict.time => {}
            _ => {
                self.newest.insert(key, verdict);
            }
        }
    }
}

/// Returns when a document was written, by its name.
fn written(name: &str) -> Option<Timestamp> {
    let (seconds, _) = name.strip_suffix(ENDING)?.split_once('-')?;
    seconds.parse().ok().map(Timestamp::from_unix)
}

#[cfg(test)]
mod tests;
