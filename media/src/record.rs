//! One signed record: what happened to a medium, or to the register's people (format/media-register §2).
//!
//! Read strictly: one spelling, every field known. A record says which one it follows, so that records form a chain; what
//! it is worth is decided in [`chain`](crate::chain) and [`state`](crate::state).

use std::fmt;

use sealift_model::escape::printable;
use sealift_model::{Digest, MediumId, PersonId, Timestamp};
use sealift_trust::{Envelope, EvidenceRefusal, Statement, Subject, people};
use serde::{Deserialize, Serialize};

use crate::text::Line;

mod event;
mod parts;

pub use event::{Event, Goes};
pub use parts::{Details, KeyHex, Load, LoadError, Manner, MediumKind, Outcome, Policy, Power, Writing};

/// The predicate type of records.
pub const PREDICATE_TYPE: &str = "https://example.org/sealift/custody/v1";

/// Largest record file, in bytes: the largest envelope a person's key is tried on.
pub const LIMIT: usize = people::MAX_ENVELOPE;

/// What precedes the first record of the register itself.
pub const NOTHING: Digest = Digest::from_bytes([0; 32]);

/// Which chain a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainName {
    /// The register's own: who may sign.
    People,
    /// A medium's.
    Medium(MediumId),
}

impl ChainName {
    /// Reads the name of a statement's subject.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None if text == "people" => Some(Self::People),
            Some(("media", id)) => id.parse().ok().map(Self::Medium),
            _ => None,
        }
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::People => f.write_str("people"),
            Self::Medium(id) => write!(f, "media/{id}"),
        }
    }
}

/// A point of the people's chain: who may sign what is read there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Under {
    /// Number of the record.
    pub number: u64,
    /// Digest of its payload.
    pub sha256: Digest,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Who authorised it: a name, or the number of a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Line>,
    /// What happened.
    pub event: Event,
    /// 1, 2, 3, … in its chain.
    pub number: u64,
    /// Who says so, and signs.
    pub person: PersonId,
    /// Where.
    pub place: Line,
    /// What for.
    pub purpose: Line,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Line>,
    /// The machine it was recorded on.
    pub system: Line,
    /// When it happened: the signer's clock or word. Order is given by `number`.
    pub time: Timestamp,
    /// Under which people; absent in their own chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Under>,
}

/// A record in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The chain.
    pub chain: ChainName,
    /// Digest of the payload of the record before; the register's id in a medium's first, zeros in the register's first.
    pub previous: Digest,
    /// What it says.
    pub record: Record,
}

impl Link {
    /// Returns the payload to sign.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EvidenceRefusal> {
        let predicate = serde_json::to_value(&self.record).map_err(|e| malformed(&e.to_string()))?;
        let statement = Statement {
            subjects: vec![Subject { name: self.chain.to_string(), sha256: self.previous }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        };
        let payload = statement.to_bytes().map_err(|e| malformed(&e.to_string()))?;
        // Nothing is signed that no reader would take.
        Self::parse(&payload)?;
        Ok(payload)
    }

    /// Reads a payload. Refuses every spelling but the one that [`Link::to_bytes`] writes.
    pub fn parse(payload: &[u8]) -> Result<Self, EvidenceRefusal> {
        let statement = Statement::parse(payload)?;
        let [subject] = statement.subjects.as_slice() else {
            return Err(malformed("it has several subjects"));
        };
        statement.check_about(PREDICATE_TYPE, subject.sha256)?;
        let chain = ChainName::parse(&subject.name).ok_or_else(|| malformed("it belongs to no chain"))?;
        let record: Record =
            serde_json::from_value(statement.predicate.clone()).map_err(|e| malformed(&e.to_string()))?;
        let again = serde_json::to_value(&record).map_err(|e| malformed(&e.to_string()))?;
        // The first catches null for an absent field, the second order, white space and other algorithms.
        if again != statement.predicate || statement.to_bytes().ok().as_deref() != Some(payload) {
            return Err(malformed("it is not in canonical form"));
        }
        let link = Self { chain, previous: subject.sha256, record };
        link.check()?;
        Ok(link)
    }

    fn check(&self) -> Result<(), EvidenceRefusal> {
        let of_people = self.chain == ChainName::People;
        if self.record.number == 0 || self.record.number > (1 << 53) - 1 {
            return Err(malformed("its number is not 1 or higher"));
        }
        if self.record.event.is_of_people() != of_people || self.record.under.is_some() == of_people {
            return Err(malformed("its event belongs to the other kind of chain"));
        }
        self.record.event.check().map_err(malformed)
    }
}

/// A record with the file it lies in: not yet believed.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The envelope.
    pub envelope: Envelope,
    /// What it says, if it was signed.
    pub link: Link,
    /// Digest of the payload: what the next record names, what paper shows.
    pub digest: Digest,
}

impl Stored {
    /// Reads a record file.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceRefusal> {
        if bytes.len() > LIMIT {
            return Err(EvidenceRefusal::TooLarge);
        }
        let envelope = Envelope::parse(bytes)?;
        if envelope.to_bytes() != bytes {
            return Err(malformed("its envelope is not in canonical form"));
        }
        let link = Link::parse(envelope.unverified_payload())?;
        Ok(Self { digest: envelope.payload_digest(), envelope, link })
    }

    /// Returns the name of its file: number, and the first digits of the digest.
    pub fn file_name(&self) -> String {
        file_name(self.link.record.number, self.digest)
    }
}

/// Returns the name of a record's file.
pub fn file_name(number: u64, digest: Digest) -> String {
    format!("{number}-{}.dsse.json", digest.short())
}

/// Reads a file name back into number and digits; `None` for every other spelling.
pub fn read_file_name(name: &str) -> Option<(u64, &str)> {
    let (number, digits) = name.strip_suffix(".dsse.json")?.split_once('-')?;
    let digits_ok = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    let number_ok = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
    (digits_ok && number_ok).then(|| Some((number.parse().ok()?, digits))).flatten()
}

fn malformed(reason: &str) -> EvidenceRefusal {
    EvidenceRefusal::Malformed { reason: printable(reason) }
}

#[cfg(test)]
mod tests;
