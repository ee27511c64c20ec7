//! The state record document: one host's state at one moment of a run (format/state-record).
//!
//! Only values and their rules; keeping and chaining them is [`records`](crate::records)' work.

use std::fmt;

use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, HostId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::HostState;

/// The version of the format.
pub const SCHEMA: &str = "sealift.state-record/1";
/// Type of the statement that signs a record.
pub const PREDICATE: &str = "https://example.org/sealift/state-record/v1";
/// Largest record that is read.
pub const LIMIT: u64 = 128 << 20;
/// Most lines of a log.
pub const LOG_LINES: usize = 100_000;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Who ran it: `alice(1000)`.
    pub actor: String,
    /// When gathering the state ended.
    pub finished: Timestamp,
    /// The host.
    pub host: HostId,
    /// What apt and dpkg said; only after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<String>>,
    /// What came of the run; only after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Before or after.
    pub phase: Phase,
    /// The plan's id.
    pub plan: Digest,
    /// Digest of the record before, zeros in the first.
    pub previous: Digest,
    /// Why the outcome is what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run's name.
    pub run: String,
    /// [`SCHEMA`].
    pub schema: String,
    /// Number in the chain.
    pub sequence: u64,
    /// The site.
    pub site: SiteId,
    /// When gathering the state, or the work, began.
    pub started: Timestamp,
    /// The state; absent if the host could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<HostState>,
    /// Name and version of the tool.
    pub tool: String,
}

/// When in a run a record was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before anything was changed.
    Before,
    /// After the last change.
    After,
}

/// What came of a run on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything planned is there.
    Changed,
    /// Nothing was planned and nothing changed.
    Unchanged,
    /// Begun, and not ended as planned.
    Failed,
    /// Refused before anything was changed.
    Skipped,
    /// Could not be reached.
    Unreachable,
}

impl Phase {
    /// Returns the word used in file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl Outcome {
    /// Returns the word used in documents and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unreachable => "unreachable",
        }
    }

    /// Tells whether the host is as the plan wants it.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Changed | Self::Unchanged)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a record document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordForm {
    /// Not canonical JSON of this shape.
    #[error("not a state record of the form {SCHEMA}")]
    Json(#[source] JsonError),
    /// Another version.
    #[error("a document of the form `{0}`, not {SCHEMA}")]
    Schema(String),
    /// A rule of the format is broken.
    #[error("a state record that breaks its format: {0}")]
    Rule(&'static str),
}

impl Record {
    /// Returns the canonical encoding.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordForm> {
        json::to_canonical(self).map_err(RecordForm::Json)
    }

    /// Reads a record and checks its rules. Says nothing about who made it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordForm> {
        let record: Self = json::from_canonical(bytes).map_err(RecordForm::Json)?;
        if record.schema != SCHEMA {
            return Err(RecordForm::Schema(sealift_model::escape::printable(&record.schema)));
        }
        if record.outcome.is_some() != (record.phase == Phase::After) {
            return Err(RecordForm::Rule("`outcome` belongs in records after a run, and only there"));
        }
        record.state.as_ref().map_or(Ok(()), HostState::check).map_err(RecordForm::Rule)?;
        Ok(record)
    }

    /// Returns the name of its file without ending.
    pub fn stem(&self) -> String {
        format!("{:06}-{}-{}", self.sequence, self.host, self.phase)
    }
}
