//! Keeps state records: one signed file each, chained, with an index that can be rebuilt.
//!
//! A record exists when its file has its name; the envelope was written before, so there is none without. Numbers have
//! no gaps and each record names the digest of the one before, so that none can be changed, left out or exchanged
//! unseen. The index answers lists; it is never asked what a record says.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::escape::printable;
use sealift_model::{Digest, HostId, Timestamp};
use sealift_site::StatementKey;
use sealift_trust::EvidenceRefusal;

use crate::record::{self, Outcome, Phase, Record, RecordForm};
use crate::seal;

mod index;

pub use index::{IndexError, Summary};

/// What stands before the first record.
pub const NONE_BEFORE: Digest = Digest::from_bytes([0; 32]);

/// The records of a state directory.
pub struct Records<'a> {
    dir: PathBuf,
    index: PathBuf,
    key: &'a StatementKey,
}

/// What a record says besides its place in the chain.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who runs it.
    pub actor: String,
    /// Name and version of the tool.
    pub tool: String,
    /// The plan's id.
    pub plan: Digest,
    /// The run's name.
    pub run: String,
    /// The host.
    pub host: HostId,
    /// Before or after.
    pub phase: Phase,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The host's state.
    pub state: Option<crate::state::HostState>,
    /// What came of it, and why; only after.
    pub outcome: Option<(Outcome, Option<String>)>,
    /// What was said; only after.
    pub log: Vec<String>,
}

/// Why the records as a whole, or one of them, are refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordRefusal {
    /// A record whose envelope is not what it should be.
    #[error("record {sequence} ({file}) is not signed by this site's statement key")]
    Signature {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
        /// What is wrong.
        #[source]
        source: EvidenceRefusal,
    },
    /// A record without envelope.
    #[error("record {sequence} ({file}) has no signature beside it")]
    Unsigned {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
    },
    /// A record that is no record.
    #[error("record {sequence} ({file}) is malformed")]
    Form {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
        /// What is wrong.
        #[source]
        source: RecordForm,
    },
    /// A record under another's name.
    #[error("record {sequence} ({file}) says it is {says}")]
    Name {
        /// The number of its file.
        sequence: u64,
        /// Its file.
        file: String,
        /// Its own words.
        says: String,
    },
    /// A number is missing.
    #[error("record {missing} is missing: the chain goes on with {next}")]
    Gap {
        /// The number that is not there.
        missing: u64,
        /// The next file.
        next: String,
    },
    /// Two files with one number.
    #[error("there are two records with number {sequence}: {file} is the second")]
    Twice {
        /// The number.
        sequence: u64,
        /// The second file.
        file: String,
    },
    /// The chain is broken.
    #[error("record {sequence} ({file}) does not follow the record before it: that one was changed or exchanged")]
    Chain {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
    },
}

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A refusal.
    #[error(transparent)]
    Refused(#[from] RecordRefusal),
    /// A record that cannot be written in its format.
    #[error("the state record cannot be written")]
    Form(#[from] RecordForm),
    /// The index.
    #[error("the index of the records cannot be used")]
    Index(#[from] IndexError),
    /// There is no such record.
    #[error("there is no record `{0}`")]
    Unknown(String),
}

/// A record and its place.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What it says.
    pub record: Record,
    /// Digest of its file.
    pub digest: Digest,
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
}

impl<'a> Records<'a> {
    /// Opens the records of the state directory `state`.
    pub fn open(state: &Path, key: &'a StatementKey) -> Self {
        Self { dir: state.join("records"), index: state.join("index.sqlite"), key }
    }

    fn names(&self) -> Result<Vec<Name>, PathError> {
        let files = match sealift_fs::list_dir(&self.dir) {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        let mut names: Vec<Name> = files.iter().filter_map(|file| Name::of(file)).collect();
        names.sort_by(|a, b| (a.sequence, &a.stem).cmp(&(b.sequence, &b.stem)));
        Ok(names)
    }

    /// Returns the number the next record will have.
    pub fn next_sequence(&self) -> Result<u64, RecordsError> {
        Ok(self.names()?.last().map_or(1, |last| last.sequence + 1))
    }

    /// Signs and appends a record.
    pub fn append(&self, _lock: &Lock, draft: Draft) -> Result<Kept, RecordsError> {
        sealift_fs::create_dir_all(&self.dir, Mode::Public)?;
        let last = self.names()?.pop();
        let previous = match &last {
            Some(name) => self.checked(name)?.digest,
            None => NONE_BEFORE,
        };
        let record = chained(draft, last.map_or(1, |name| name.sequence + 1), previous, self.key);
        let bytes = record.to_bytes()?;
        let stem = record.stem();
        let envelope =
            seal::sign(self.key, &format!("{stem}.json"), record::PREDICATE, &bytes).map_err(RecordForm::Json)?;
        sealift_fs::replace(&self.dir.join(format!("{stem}.dsse.json")), &envelope, Mode::Public)?;
        sealift_fs::write_new(&self.dir.join(format!("{stem}.json")), &bytes, Mode::Public)?;
        let kept = Kept { record, digest: Digest::of(&bytes) };
        // The record is there. An index that could not take it is rebuilt when it is next asked.
        let _ = index::add(&self.index, &kept);
        Ok(kept)
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
        seal::check(&envelope, self.key.public(), record::PREDICATE, digest)
            .map_err(|source| RecordRefusal::Signature { sequence, file: file.clone(), source })?;
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

    /// Checks every record and the chain; returns how many there are and the digest of the last.
    pub fn verify(&self) -> Result<(u64, Digest), RecordsError> {
        let (mut count, mut head) = (0, NONE_BEFORE);
        for name in self.names()? {
            let expected = count + 1;
            if name.sequence < expected {
                return Err(RecordRefusal::Twice { sequence: name.sequence, file: name.file() }.into());
            }
            if name.sequence > expected {
                return Err(RecordRefusal::Gap { missing: expected, next: name.file() }.into());
            }
            let kept = self.checked(&name)?;
            if kept.record.previous != head {
                return Err(RecordRefusal::Chain { sequence: expected, file: name.file() }.into());
            }
            (count, head) = (expected, kept.digest);
        }
        Ok((count, head))
    }

    /// Lists the records, of one host or all, from the index; rebuilds it if it does not have exactly these files.
    pub fn list(&self, host: Option<&HostId>) -> Result<Vec<Summary>, RecordsError> {
        let files: Vec<String> = self.names()?.iter().map(Name::file).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let listed = match index::list(&self.index) {
            Ok(listed) if listed.iter().map(|s| &s.file).eq(files.iter()) => listed,
            _ => self.rebuild()?,
        };
        Ok(listed.into_iter().filter(|summary| host.is_none_or(|host| summary.host == host.as_str())).collect())
    }

    fn rebuild(&self) -> Result<Vec<Summary>, RecordsError> {
        sealift_fs::remove_file(&self.index)?;
        for name in self.names()? {
            index::add(&self.index, &self.checked(&name)?)?;
        }
        Ok(index::list(&self.index)?)
    }
}

fn chained(draft: Draft, sequence: u64, previous: Digest, key: &StatementKey) -> Record {
    let after = draft.phase == Phase::After;
    let (outcome, reason) = draft.outcome.map_or((None, None), |(outcome, reason)| (Some(outcome), reason));
    Record {
        actor: printable(&draft.actor),
        finished: draft.finished,
        host: draft.host,
        log: after.then(|| draft.log.iter().take(record::LOG_LINES).map(|line| printable(line)).collect()),
        outcome,
        phase: draft.phase,
        plan: draft.plan,
        previous,
        reason: reason.map(|text| printable(&text)),
        run: draft.run,
        schema: record::SCHEMA.into(),
        sequence,
        site: key.site().clone(),
        started: draft.started,
        state: draft.state,
        tool: draft.tool,
    }
}

#[cfg(test)]
mod tests;
