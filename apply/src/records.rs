//! Reads state records: one signed file each, chained, with an index that can be made anew.
//!
//! Reading takes the public statement key alone, so that whoever checks records need not be trusted to make them;
//! [`writer`] is where the private one is needed. A record exists when its file has its name; the envelope was written
//! before, so there is none without. Numbers have no gaps and each record names the digest of the one before, so that
//! none can be changed, left out or exchanged unseen. The index answers lists; it is never asked what a record says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::escape::printable;
use sealift_model::{Digest, HostId, SiteId};
use sealift_trust::PublicKey;
use serde::Serialize;

use crate::record::{self, Phase, Record};
use crate::seal;

mod index;
pub mod refusal;
pub mod writer;

pub use index::Summary;
pub use refusal::{RecordRefusal, RecordsError};
pub use writer::{Draft, RecordsWriter};

/// What stands before the first record.
pub const NONE_BEFORE: Digest = Digest::from_bytes([0; 32]);

/// State records, to be read and checked.
pub struct Records<'a> {
    dir: PathBuf,
    /// The index, where there may be one.
    index: Option<PathBuf>,
    key: &'a PublicKey,
}

/// A record and its place.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What it says.
    pub record: Record,
    /// Digest of its file.
    pub digest: Digest,
}

/// A run that left a record before on a host and none after: it was ended in the middle, or still goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// The host.
    pub host: String,
    /// The run.
    pub run: String,
    /// The plan's id.
    pub plan: String,
    /// Number of the record before.
    pub before: u64,
}

/// What a chain of good records says as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many records there are.
    pub count: u64,
    /// Digest of the last.
    pub head: Digest,
    /// The site that the records are of; `None` without records.
    pub site: Option<SiteId>,
    /// Runs without an end, in the order they began.
    pub unfinished: Vec<Unfinished>,
}

/// Name of a record's file, taken apart.
#[derive(Debug, Clone)]
struct Name {
    sequence: u64,
    stem: String,
}

impl Name {
    /// `000012-web1-before.json`; other files are not ours.
    fn of(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(".json")?;
        if stem.contains(".dsse") {
            return None;
        }
        let digits = stem.split('-').next()?;
        let good = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
        Some(Self { sequence: good.then(|| digits.parse().ok())??, stem: stem.to_owned() })
    }

    fn file(&self) -> String {
        format!("{}.json", self.stem)
    }

    /// The host, by the name alone; [`Records::checked`] holds the record to it.
    fn host(&self) -> Option<&str> {
        let rest = self.stem.split_once('-')?.1;
        rest.rsplit_once('-').map(|(host, _)| host)
    }
}

impl<'a> Records<'a> {
    /// Opens the records of the state directory `state`.
    pub fn open(state: &Path, key: &'a PublicKey) -> Self {
        Self { dir: state.join("records"), index: Some(state.join("index.sqlite")), key }
    }

    /// Opens a directory of records that stands by itself: a copy, an archive. **Writes nothing beside it.**
    pub fn of_copy(dir: &Path, key: &'a PublicKey) -> Self {
        Self { dir: dir.to_owned(), index: None, key }
    }

    fn names(&self) -> Result<Vec<Name>, PathError> {
        let files = match sealift_fs::list_dir(&self.dir) {
            // A state directory has no records before its first run; a copy that is not there is a mistake.
            Err(error) if error.is_not_found() && self.index.is_some() => Vec::new(),
            other => other?,
        };
        let mut names: Vec<Name> = files.iter().filter_map(|file| Name::of(file)).collect();
        names.sort_by(|a, b| (a.sequence, &a.stem).cmp(&(b.sequence, &b.stem)));
        Ok(names)
    }

    /// Reads a record and checks its form, name and signature.
    fn checked(&self, name: &Name) -> Result<Kept, RecordsError> {
        let (sequence, file) = (name.sequence, name.file());
        let bytes = sealift_fs::read_capped(&self.dir.join(&file), record::LIMIT)?;
        let digest = Digest::of(&bytes);
        let envelope = match sealift_fs::read_capped(&self.dir.join(format!("{}.dsse.json", name.stem)), seal::LIMIT) {
            Err(error) if error.is_not_found() => return Err(RecordRefusal::Unsigned { sequence, file }.into()),
            other => other?,
        };
        // The signature first: what nobody vouches for is not worth reading.
        seal::check(&envelope, self.key, record::PREDICATE, digest).map_err(|source| RecordRefusal::Signature {
            sequence,
            file: file.clone(),
            source,
        })?;
        let record = Record::from_bytes(&bytes).map_err(|source| RecordRefusal::Form {
            sequence,
            file: file.clone(),
            source,
        })?;
        if record.stem() != name.stem {
            return Err(RecordRefusal::Name { sequence, file, says: record.stem() }.into());
        }
        Ok(Kept { record, digest })
    }

    /// Finds a record by number or file name.
    pub fn find(&self, text: &str) -> Result<Kept, RecordsError> {
        let file = Path::new(text).file_name().and_then(|name| name.to_str()).unwrap_or(text);
        let names = self.names()?;
        let found = names.iter().find(|name| {
            text.parse() == Ok(name.sequence) || file == name.stem || file.strip_suffix(".json") == Some(&name.stem)
        });
        self.checked(found.ok_or_else(|| RecordsError::Unknown(printable(text)))?)
    }

    /// Checks every record and the chain. A run without an end is reported, not refused: nothing is wrong with what is
    /// there.
    pub fn verify(&self) -> Result<Verified, RecordsError> {
        let mut verified = Verified { count: 0, head: NONE_BEFORE, site: None, unfinished: Vec::new() };
        for name in self.names()? {
            let expected = verified.count + 1;
            if name.sequence < expected {
                return Err(RecordRefusal::Twice { sequence: name.sequence, file: name.file() }.into());
            }
            if name.sequence > expected {
                return Err(RecordRefusal::Gap { missing: expected, next: name.file() }.into());
            }
            let kept = self.checked(&name)?;
            if kept.record.previous != verified.head {
                return Err(RecordRefusal::Chain { sequence: expected, file: name.file() }.into());
            }
            (verified.count, verified.head) = (expected, kept.digest);
            verified.note(&kept.record);
        }
        Ok(verified)
    }

    /// Lists the records, of one host or all, from the index; if it does not have exactly these files, from the records
    /// themselves, and makes the index anew where that is allowed.
    pub fn list(&self, host: Option<&HostId>) -> Result<Vec<Summary>, RecordsError> {
        let names = self.names()?;
        let complete = |listed: &Vec<Summary>| listed.iter().map(|s| s.file.clone()).eq(names.iter().map(Name::file));
        let indexed = self.index.as_ref().and_then(|path| index::list(path).ok()).filter(complete);
        let mut listed = match indexed {
            Some(listed) => listed,
            None => self.summaries(&names)?,
        };
        mark_unfinished(&mut listed);
        listed.retain(|summary| host.is_none_or(|host| summary.host == host.as_str()));
        Ok(listed)
    }

    fn summaries(&self, names: &[Name]) -> Result<Vec<Summary>, RecordsError> {
        let mut listed = Vec::new();
        for name in names {
            listed.push(Summary::of(&self.checked(name)?));
        }
        if let Some(path) = &self.index {
            // Who may only read lists as well, more slowly.
            let _ = index::replace(path, &listed);
        }
        Ok(listed)
    }

    /// Returns the record that the last run on `host` left before it was ended, if that run has no end.
    pub fn left_unfinished(&self, host: &HostId) -> Result<Option<Kept>, RecordsError> {
        let last = self.names()?.into_iter().rev().find(|name| name.host() == Some(host.as_str()));
        match last {
            Some(name) => Ok(Some(self.checked(&name)?).filter(|kept| kept.record.phase == Phase::Before)),
            None => Ok(None),
        }
    }
}

impl Verified {
    fn note(&mut self, record: &Record) {
        self.site.get_or_insert_with(|| record.site.clone());
        match record.phase {
            Phase::Before => self.unfinished.push(Unfinished {
                host: record.host.to_string(),
                run: printable(&record.run),
                plan: record.plan.to_hex(),
                before: record.sequence,
            }),
            Phase::After => {
                let run = printable(&record.run);
                self.unfinished.retain(|u| u.host != record.host.as_str() || u.run != run);
            }
        }
    }
}

fn mark_unfinished(listed: &mut [Summary]) {
    let after = Phase::After.as_str();
    let key = |summary: &Summary| (summary.run.clone(), summary.host.clone());
    let ended: BTreeSet<_> = listed.iter().filter(|s| s.phase == after).map(key).collect();
    for summary in listed.iter_mut().filter(|s| s.phase != after) {
        summary.unfinished = !ended.contains(&key(summary));
    }
}

#[cfg(test)]
mod tests;
