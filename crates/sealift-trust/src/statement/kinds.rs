//! What people say, one type a kind of statement (format/statements §2).
//!
//! Read strictly: one spelling, one subject, every field known. What a statement is worth is decided in
//! [`policy`](crate::policy), by who signed it.

use std::fmt;

use sealift_model::escape::printable;
use sealift_model::{Digest, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Statement, Subject};
use crate::dsse::EvidenceRefusal;
use crate::people::Power;
use crate::strict::{present, read};

/// Longest text in a statement by people, in bytes.
pub const MAX_TEXT: usize = 1000;

/// A kind of statement that people make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatementKind {
    /// This bundle may be imported.
    Approve,
    /// This bundle was scanned, with this result.
    Scan,
    /// This bundle may be imported although something about it has expired.
    WaiveExpiry,
    /// It is this time now or later, whatever the clock of the site says.
    OverrideClock,
    /// I stand behind what another envelope says.
    Countersign,
}

impl StatementKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Approve, Self::Scan, Self::WaiveExpiry, Self::OverrideClock, Self::Countersign];

    /// Returns the word used in file names, ledgers and receipts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Scan => "scan",
            Self::WaiveExpiry => "waive-expiry",
            Self::OverrideClock => "override-clock",
            Self::Countersign => "countersign",
        }
    }

    /// Returns the URI that marks statements of this kind.
    pub const fn predicate_type(self) -> &'static str {
        match self {
            Self::Approve => "https://example.org/sealift/approval/v1",
            Self::Scan => "https://example.org/sealift/scan/v1",
            Self::WaiveExpiry => "https://example.org/sealift/freshness-waiver/v1",
            Self::OverrideClock => "https://example.org/sealift/clock-override/v1",
            Self::Countersign => "https://example.org/sealift/countersignature/v1",
        }
    }

    /// Returns the kind that a predicate type marks.
    pub fn of_predicate_type(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.predicate_type() == uri)
    }

    /// Returns what a person must be allowed to do to be counted; `None` for a countersignature, which counts as what it
    /// countersigns.
    pub const fn power(self) -> Option<Power> {
        match self {
            Self::Approve => Some(Power::Approve),
            Self::Scan => Some(Power::Scan),
            Self::WaiveExpiry | Self::OverrideClock => Some(Power::Waive),
            Self::Countersign => None,
        }
    }

    /// Returns the kind as people call the thing, for sentences.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Approve => "approval",
            Self::Scan => "scan",
            Self::WaiveExpiry => "freshness waiver",
            Self::OverrideClock => "clock override",
            Self::Countersign => "countersignature",
        }
    }
}

impl fmt::Display for StatementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanResult {
    /// Nothing that speaks against the bundle.
    Pass,
    /// Something that does.
    Fail,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// An approval.
    Approve(Remark),
    /// The result of a scan.
    Scan(Scan),
    /// A freshness waiver.
    WaiveExpiry(FreshnessWaiver),
    /// A clock override.
    OverrideClock(ClockOverride),
    /// A countersignature.
    Countersign(Remark),
}

/// The predicate of approvals and countersignatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remark {
    /// The signer's clock: a hint.
    pub issued: Timestamp,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub note: Option<String>,
}

/// The predicate of scans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// How many findings there were; a scan with findings can pass.
    pub findings: u32,
    /// The signer's clock: a hint.
    pub issued: Timestamp,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub note: Option<String>,
    /// The verdict.
    pub result: ScanResult,
    /// Name and version of what scanned.
    pub scanner: String,
}

/// The predicate of freshness waivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreshnessWaiver {
    /// The signer's clock: a hint.
    pub issued: Timestamp,
    /// Why.
    pub reason: String,
    /// From when the waiver no longer holds.
    pub until: Timestamp,
}

/// The predicate of clock overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockOverride {
    /// Why.
    pub reason: String,
    /// It is this time now, or later.
    pub time: Timestamp,
}

/// A statement of a kind that people make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonStatement {
    /// What it is about.
    pub subject: Subject,
    /// What is said.
    pub said: Said,
}

impl PersonStatement {
    /// Reads a payload. `None` means a statement of a predicate type that people do not use here.
    ///
    /// Errors are refusals of the form: the caller must have verified a signature before.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, EvidenceRefusal> {
        let statement = Statement::parse(payload)?;
        let Some(kind) = StatementKind::of_predicate_type(&statement.predicate_type) else { return Ok(None) };
        // Also refuses fields and digest algorithms that the statement's reader passes over.
        if statement.to_bytes().ok().as_deref() != Some(payload) {
            return Err(malformed("it is not in canonical form"));
        }
        let said = Said::read(kind, &statement.predicate)?;
        let [subject] =
            <[Subject; 1]>::try_from(statement.subjects).map_err(|_| malformed("it has several subjects"))?;
        check_text("the name of its subject", &subject.name)?;
        Ok(Some(Self { subject, said }))
    }

    /// Returns the canonical payload to sign. Refuses what [`PersonStatement::parse`] would.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EvidenceRefusal> {
        let statement = Statement {
            subjects: vec![self.subject.clone()],
            predicate_type: self.kind().predicate_type().to_owned(),
            predicate: self.said.predicate(),
        };
        let bytes = statement.to_bytes().map_err(|e| malformed(&e.to_string()))?;
        match Self::parse(&bytes)? {
            Some(again) if again == *self => Ok(bytes),
            _ => Err(malformed("it does not read back")),
        }
    }

    /// Returns what kind it is.
    pub const fn kind(&self) -> StatementKind {
        match self.said {
            Said::Approve(_) => StatementKind::Approve,
            Said::Scan(_) => StatementKind::Scan,
            Said::WaiveExpiry(_) => StatementKind::WaiveExpiry,
            Said::OverrideClock(_) => StatementKind::OverrideClock,
            Said::Countersign(_) => StatementKind::Countersign,
        }
    }

    /// Tells whether it is of this kind and about these bytes.
    pub fn is_about(&self, kind: StatementKind, subject: Digest) -> bool {
        self.kind() == kind && self.subject.sha256 == subject
    }

    /// Returns the time it grants: until when, or what time it is.
    pub const fn grants(&self) -> Option<Timestamp> {
        match &self.said {
            Said::WaiveExpiry(waiver) => Some(waiver.until),
            Said::OverrideClock(clock) => Some(clock.time),
            Said::Approve(_) | Said::Scan(_) | Said::Countersign(_) => None,
        }
    }

    /// Returns what is said in one line, for people.
    pub fn describe(&self) -> String {
        let (head, text) = match &self.said {
            Said::Approve(said) => ("approved".to_owned(), said.note.as_deref()),
            Said::Countersign(said) => ("countersigned".to_owned(), said.note.as_deref()),
            Said::Scan(scan) => {
                let result = if scan.result == ScanResult::Pass { "passed" } else { "failed" };
                let (scanner, count) = (printable(&scan.scanner), scan.findings);
                let findings = if count == 1 { "finding" } else { "findings" };
                (format!("scan by {scanner} {result} with {count} {findings}"), scan.note.as_deref())
            }
            Said::WaiveExpiry(waiver) => (format!("expiry waived until {}", waiver.until), Some(&*waiver.reason)),
            Said::OverrideClock(clock) => (format!("it is {} or later", clock.time), Some(&*clock.reason)),
        };
        text.map_or_else(|| head.clone(), |text| format!("{head}: {}", printable(text)))
    }
}

impl Said {
    fn read(kind: StatementKind, predicate: &Value) -> Result<Self, EvidenceRefusal> {
        let said = match kind {
            StatementKind::Approve => Self::Approve(typed(predicate)?),
            StatementKind::Scan => Self::Scan(typed(predicate)?),
            StatementKind::WaiveExpiry => Self::WaiveExpiry(typed(predicate)?),
            StatementKind::OverrideClock => Self::OverrideClock(typed(predicate)?),
            StatementKind::Countersign => Self::Countersign(typed(predicate)?),
        };
        said.texts().try_for_each(|(what, text)| check_text(what, text))?;
        Ok(said)
    }

    fn predicate(&self) -> Value {
        let value = match self {
            Self::Approve(said) | Self::Countersign(said) => serde_json::to_value(said),
            Self::Scan(said) => serde_json::to_value(said),
            Self::WaiveExpiry(said) => serde_json::to_value(said),
            Self::OverrideClock(said) => serde_json::to_value(said),
        };
        value.expect("structs of text, times and small integers are values")
    }

    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = match self {
            Self::Approve(said) | Self::Countersign(said) => [said.note.as_deref().map(|t| ("its note", t)), None],
            Self::Scan(scan) => [scan.note.as_deref().map(|t| ("its note", t)), Some(("its scanner", &*scan.scanner))],
            Self::WaiveExpiry(waiver) => [Some(("its reason", &*waiver.reason)), None],
            Self::OverrideClock(clock) => [Some(("its reason", &*clock.reason)), None],
        };
        texts.into_iter().flatten()
    }
}

fn typed<T: DeserializeOwned>(predicate: &Value) -> Result<T, EvidenceRefusal> {
    read(predicate).map_err(|e| malformed(&e.to_string()))
}

/// Texts are shown to people who decide by them: nothing hidden, nothing endless.
fn check_text(what: &str, text: &str) -> Result<(), EvidenceRefusal> {
    let fault = match text.len() {
        0 => "empty",
        1..=MAX_TEXT if printable(text) == text => return Ok(()),
        1..=MAX_TEXT => "not printable",
        _ => "longer than 1000 bytes",
    };
    Err(malformed(&format!("{what} is {fault}")))
}

fn malformed(reason: &str) -> EvidenceRefusal {
    EvidenceRefusal::Malformed { reason: printable(reason) }
}

#[cfg(test)]
mod tests;
