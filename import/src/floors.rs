//! The floors: what this repository trusts now and will not go back behind.
//!
//! They are kept twice, in the index and in `trust/floor.json`, so that neither copy can be set back or lost unseen.
//! The two are written one after the other; [`Copies`] knows the one difference that a killed run leaves behind and
//! takes every other for damage. Nothing here looks at signatures.

use std::collections::BTreeMap;

use sealift_bundle::manifest::BundleRef;
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "sealift.floor/1";
/// How far the system's clock may lie behind the floor.
const CLOCK_SLACK_SECONDS: u64 = 24 * 3600;

/// A trusted document by version and digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRef {
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Its version.
    pub version: u64,
}

/// The trusted documents below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documents {
    /// Snapshot metadata.
    pub snapshot: DocumentRef,
    /// Targets metadata.
    pub targets: DocumentRef,
    /// Timestamp metadata.
    pub timestamp: DocumentRef,
}

/// What is trusted and held. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floors {
    /// The trusted documents; absent before the first bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<Documents>,
    /// The trusted root metadata.
    pub root: DocumentRef,
    /// Latest `created` of all accepted manifests.
    pub signed_time: Timestamp,
    /// The highest bundle accepted of each stream.
    pub streams: BTreeMap<StreamId, BundleRef>,
    /// The latest `Date` of a Release file accepted of each stream's upstreams, by `stream/upstream suite`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upstreams: BTreeMap<String, Timestamp>,
    /// Statements by people that were used up, by the digest of their payload.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<Digest, Used>,
}

/// A statement by people that counted once and never counts again. Field order is the encoding's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// What it was about: a manifest, or a state of this repository.
    pub subject: Digest,
    /// Freshness waiver: until when it holds for that manifest. Clock override: absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Floors {
    /// Returns the floors of a repository that has accepted nothing.
    pub fn new(root: DocumentRef) -> Self {
        Self {
            documents: None,
            root,
            signed_time: Timestamp::from_unix(0),
            streams: BTreeMap::new(),
            upstreams: BTreeMap::new(),
            used: BTreeMap::new(),
        }
    }

    /// Returns until when the expiry of a bundle is waived; `None` if it never was.
    pub fn waived_until(&self, manifest: Digest) -> Option<Timestamp> {
        self.used.values().filter(|used| used.subject == manifest).filter_map(|used| used.until).max()
    }

    /// Returns the higher of each floor. Both must be of one root of trust.
    ///
    /// The lower documents belong together, so the set with the higher timestamp version is taken whole.
    #[must_use]
    pub fn highest(&self, other: &Self) -> Self {
        let stamp = |floors: &Self| floors.documents.map(|documents| documents.timestamp.version);
        let (mut high, low) = if (self.root.version, stamp(self)) >= (other.root.version, stamp(other)) {
            (self.clone(), other)
        } else {
            (other.clone(), self)
        };
        high.documents = high.documents.or(low.documents);
        high.signed_time = high.signed_time.max(low.signed_time);
        for (upstream, date) in &low.upstreams {
            let entry = high.upstreams.entry(upstream.clone()).or_insert(*date);
            *entry = (*entry).max(*date);
        }
        // Under a newer root a lower sequence was allowed by that root, and only by it.
        for (stream, held) in low.streams.iter().filter(|_| low.root.version == high.root.version) {
            let entry = high.streams.entry(stream.clone()).or_insert(*held);
            if held.sequence > entry.sequence {
                *entry = *held;
            }
        }
        high.used.extend(low.used.iter().map(|(payload, used)| (*payload, *used)));
        high
    }

    /// Encodes the floors as the index keeps them.
    pub fn to_text(&self) -> Result<String, JsonError> {
        let bytes = json::to_canonical(self)?;
        String::from_utf8(bytes).map_err(|e| JsonError::Malformed(e.to_string()))
    }

    /// Reads what [`Floors::to_text`] wrote.
    pub fn from_text(text: &str) -> Result<Self, JsonError> {
        json::from_canonical(text.as_bytes())
    }

    /// Returns the time to judge by: the system's, but never before what was signed already.
    ///
    /// `None` if the system's clock is more than a day behind: it would let expired metadata pass as fresh.
    pub fn now(&self, clock: Timestamp) -> Option<Timestamp> {
        let behind = clock.unix().saturating_add(CLOCK_SLACK_SECONDS) < self.signed_time.unix();
        (!behind).then(|| clock.max(self.signed_time))
    }

    /// Returns one line for people.
    pub fn describe(&self) -> String {
        let streams: Vec<_> = self.streams.iter().map(|(stream, held)| format!("{stream}/{}", held.sequence)).collect();
        let documents = self.documents.map_or_else(
            || "no other metadata".to_owned(),
            |d| {
                let (t, s, n) = (d.timestamp.version, d.snapshot.version, d.targets.version);
                format!("timestamp {t}, snapshot {s}, targets {n}")
            },
        );
        let held = if streams.is_empty() { "no bundles".to_owned() } else { streams.join(" ") };
        let used = match self.used.len() {
            0 => String::new(),
            count => format!(", {count} used statements"),
        };
        // Before the first bundle nothing has said a time.
        let time = match self.signed_time.unix() {
            0 => String::new(),
            _ => format!(", signed time {}", self.signed_time),
        };
        format!("root {}, {documents}, {held}{time}{used}", self.root.version)
    }
}

/// `trust/floor.json`. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorFile {
    /// The floors that a change under way replaces; absent when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Floors>,
    /// The floors.
    pub floors: Floors,
    schema: String,
}

/// How the two copies stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copies {
    /// They agree; `unfinished` if the file still names the floors before.
    Agree {
        /// The floors.
        floors: Floors,
        /// Whether the file is to be written once more.
        unfinished: bool,
    },
    /// A run was killed after it wrote the file and before it committed: the index is right.
    NotCommitted(Floors),
    /// They differ as no run leaves them.
    Differ,
}

impl FloorFile {
    /// Makes the file's content; `before` while the index still has other floors.
    pub fn new(floors: Floors, before: Option<Floors>) -> Self {
        Self { before, floors, schema: SCHEMA.into() }
    }

    /// Encodes it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JsonError> {
        json::to_canonical(self)
    }

    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let file: Self = json::from_canonical(bytes)?;
        if file.schema != SCHEMA {
            return Err(JsonError::Malformed(format!("schema `{}`, not {SCHEMA}", file.schema)));
        }
        Ok(file)
    }

    /// Compares the file with the floors of the index.
    pub fn compare(&self, index: &Floors) -> Copies {
        if self.floors == *index {
            return Copies::Agree { floors: index.clone(), unfinished: self.before.is_some() };
        }
        match &self.before {
            Some(before) if before == index => Copies::NotCommitted(index.clone()),
            _ => Copies::Differ,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(sequence: u64) -> Floors {
        let root = DocumentRef { sha256: Digest::of(b"root"), version: 1 };
        let held = BundleRef {
            manifest: Digest::of(&sequence.to_be_bytes()),
            sequence: sealift_model::Sequence::new(sequence).unwrap(),
        };
        let mut floors = Floors::new(root);
        floors.streams.insert("deb12".parse().unwrap(), held);
        floors
    }

    #[test]
    fn only_the_difference_of_a_killed_run_is_forgiven() {
        let pending = FloorFile::new(floors(2), Some(floors(1)));
        assert_eq!(pending.compare(&floors(1)), Copies::NotCommitted(floors(1)));
        assert_eq!(pending.compare(&floors(2)), Copies::Agree { floors: floors(2), unfinished: true });
        assert_eq!(pending.compare(&floors(3)), Copies::Differ);
        let settled = FloorFile::new(floors(2), None);
        assert_eq!(settled.compare(&floors(1)), Copies::Differ, "an index set back");
        assert_eq!(settled.compare(&floors(3)), Copies::Differ, "a file set back");
        assert_eq!(FloorFile::parse(&pending.to_bytes().unwrap()).unwrap(), pending);
        assert_eq!(Floors::from_text(&floors(1).to_text().unwrap()).unwrap(), floors(1));
    }

    #[test]
    fn a_clock_behind_signed_time_is_lifted_for_a_day_and_then_refused() {
        let mut floors = floors(1);
        floors.signed_time = Timestamp::from_unix(1_000_000);
        assert_eq!(floors.now(Timestamp::from_unix(1_000_007)), Some(Timestamp::from_unix(1_000_007)));
        assert_eq!(floors.now(Timestamp::from_unix(1_000_000 - 86_400)), Some(Timestamp::from_unix(1_000_000)));
        assert_eq!(floors.now(Timestamp::from_unix(1_000_000 - 86_401)), None);
    }
}
