//! The decision: what speaks against a set of contents, by the verdicts that are kept.

use std::collections::BTreeMap;

use sealift_bundle::manifest::FileEntry;
use sealift_model::{Digest, RelPath, Timestamp};
use serde::Serialize;

use super::{Finding, Scanner, Verdicts};

/// Content that a scanner found something in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Infected {
    /// The content.
    pub sha256: Digest,
    /// Where the bundle has it.
    pub path: RelPath,
    /// Whether it is a package, and not an index or signed file that the bundle rests on.
    pub is_package: bool,
    /// Who found it.
    pub scanner: String,
    /// What.
    pub findings: Vec<Finding>,
}

impl Infected {
    /// Returns package, place inside and name, for people.
    pub fn describe(&self) -> String {
        let of = |finding: &Finding| {
            let inside = if finding.inside.is_empty() { "the file itself" } else { finding.inside.as_str() };
            format!("{} ({inside})", finding.name)
        };
        let mut names: Vec<String> = self.findings.iter().take(3).map(of).collect();
        if self.findings.len() > names.len() {
            names.push(format!("{} more", self.findings.len() - names.len()));
        }
        format!("{}: {} says {}", self.path, self.scanner, names.join(", "))
    }
}

/// A scanner that said nothing (any more) about some contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// The scanner.
    pub scanner: String,
    /// How many contents.
    pub contents: u64,
    /// The first of them.
    pub first: RelPath,
    /// All of them.
    #[serde(skip)]
    pub digests: Vec<Digest>,
}

impl Blocked {
    fn new(scanner: &Scanner, entry: &FileEntry) -> Self {
        Self { scanner: scanner.name.clone(), contents: 0, first: entry.path.clone(), digests: Vec::new() }
    }
}

/// A scanner that has not passed everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClosedBy {
    /// The scanner.
    pub scanner: String,
    /// Contents that it found something in.
    pub infected: u64,
    /// Contents that it has not spoken of.
    pub unknown: u64,
}

/// What speaks against letting contents in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// Found infected.
    pub infected: Vec<Infected>,
    /// Without a verdict.
    pub unknown: Vec<Blocked>,
}

impl Gate {
    /// Judges contents: every scanner must have called each of them clean, before a time and at most so many days before.
    /// Without a time the age is not judged.
    pub fn judge<'e>(
        scanners: &[Scanner],
        verdicts: &Verdicts,
        entries: impl Iterator<Item = &'e FileEntry>,
        at: Option<(Timestamp, u64)>,
    ) -> Self {
        let contents: BTreeMap<Digest, &FileEntry> = entries.map(|entry| (entry.sha256, entry)).collect();
        let mut gate = Self::default();
        for scanner in scanners {
            let mut unknown: Option<Blocked> = None;
            for entry in contents.values() {
                match verdicts.of(&scanner.name, entry.sha256) {
                    // An old finding stands until something newer is said.
                    Some(verdict) if !verdict.findings.is_empty() => gate.infected.push(Infected {
                        sha256: entry.sha256,
                        path: entry.path.clone(),
                        is_package: entry.role == sealift_bundle::manifest::FileRole::Package,
                        scanner: scanner.name.clone(),
                        findings: verdict.findings.clone(),
                    }),
                    Some(verdict) if at.is_none_or(|(now, days)| counts(verdict.time, now, days)) => {}
                    _ => {
                        let blocked = unknown.get_or_insert_with(|| Blocked::new(scanner, entry));
                        blocked.contents += 1;
                        blocked.digests.push(entry.sha256);
                    }
                }
            }
            gate.unknown.extend(unknown);
        }
        gate
    }

    /// Tells whether nothing speaks against it.
    pub fn is_open(&self) -> bool {
        self.infected.is_empty() && self.unknown.is_empty()
    }

    /// Returns the scanners that have not passed everything, by name.
    pub fn closed_by(&self) -> Vec<ClosedBy> {
        let mut by: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for infected in &self.infected {
            by.entry(&infected.scanner).or_default().0 += 1;
        }
        for blocked in &self.unknown {
            by.entry(&blocked.scanner).or_default().1 += blocked.contents;
        }
        let one =
            |(scanner, (infected, unknown)): (&str, _)| ClosedBy { scanner: scanner.to_owned(), infected, unknown };
        by.into_iter().map(one).collect()
    }
}

/// Tells whether a clean verdict of `time` still counts; one from the future never does.
pub(super) fn counts(time: Timestamp, now: Timestamp, days: u64) -> bool {
    time <= now && now < time.plus_days(days)
}

#[cfg(test)]
mod tests;
