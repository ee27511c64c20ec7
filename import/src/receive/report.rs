//! What `receive` did.

use sealift_bundle::evidence::Agreement;
use sealift_model::{Digest, Sequence, StreamId};
use serde::Serialize;

use super::candidate::Candidate;
use super::content::Copied;
use super::stage::{Damaged, Staged};
use super::statements::{Waived, Waiver};
use crate::mount::Ground;
use crate::waiting::Missing;

/// A bundle that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Its stream.
    pub stream: StreamId,
    /// Its number.
    pub sequence: Sequence,
    /// Its id.
    pub manifest: Digest,
    /// Files it lists.
    pub files: u64,
    /// Contents copied into the store.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Contents that were in the store already.
    pub present: u64,
    /// Who agreed to it.
    pub agreement: Agreement,
    /// Why it came in although it, or its metadata, has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
}

impl Accepted {
    pub(super) fn new(candidate: &Candidate, copied: &Copied<'_>) -> Self {
        Self {
            stream: candidate.manifest.stream.clone(),
            sequence: candidate.manifest.sequence,
            manifest: candidate.id,
            files: candidate.manifest.totals.files,
            blobs: copied.count(),
            bytes: copied.bytes,
            present: copied.present,
            agreement: candidate.agreement.clone(),
            waiver: candidate.waiver.clone(),
        }
    }

    /// A bundle whose content had all come before it was accepted.
    pub(super) fn of_waiting(candidate: &Candidate) -> Self {
        let distinct: std::collections::BTreeSet<Digest> = candidate.manifest.files.iter().map(|f| f.sha256).collect();
        Self { present: distinct.len() as u64, ..Self::new(candidate, &Copied::default()) }
    }

    /// Counts what the medium brought of it just now as copied.
    pub(super) fn brought_by(mut self, part: Option<&Staged>) -> Self {
        if let Some(part) = part {
            (self.blobs, self.bytes) = (part.blobs, part.bytes);
            self.present = self.present.saturating_sub(part.blobs);
        }
        self
    }

    /// Returns `stream/sequence`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.stream, self.sequence)
    }
}

/// A bundle that goes on waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// `stream/sequence`.
    pub name: String,
    /// Which part of it this medium is, such as `volume 2 of 5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Whether this medium has something of it.
    pub from_medium: bool,
    /// Blobs that came from this medium.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What of it was damaged on this medium.
    pub damaged: Vec<Damaged>,
    /// What it waits for.
    pub missing: Missing,
}

impl Waits {
    pub(super) fn new(name: String, part: Option<&Staged>, missing: Missing) -> Self {
        let from_medium = part.is_some();
        let of = |staged: &Staged| (staged.part.clone(), staged.blobs, staged.bytes, staged.damaged.clone());
        let (part, blobs, bytes, damaged) = part.map(of).unwrap_or_default();
        Self { name, part, from_medium, blobs, bytes, damaged, missing }
    }
}

/// What became of a medium.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReceiveReport {
    /// Bundles accepted now.
    pub accepted: Vec<Accepted>,
    /// Bundles that wait, those of this medium and those that waited before.
    pub waiting: Vec<Waits>,
    /// Bundles that waited before and are refused as things stand, with the reason.
    pub held_up: Vec<(String, String)>,
    /// Bundles that had been accepted before.
    pub already: Vec<String>,
    /// Bundles older than what is held, on a medium that brings newer ones as well.
    pub passed_over: Vec<String>,
    /// What is trusted now, if only the trust metadata was newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// Whether the medium's trust metadata was older than what was trusted already.
    pub older_metadata: bool,
    /// Leftovers of an interrupted run that were removed.
    pub swept: u64,
    /// Contents that `scrub` asked for and this medium brought again.
    pub healed: u64,
    /// Bundles accepted before whose expiry was waived now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// What the medium lies on.
    pub ground: Ground,
    /// Whether it was read although it is mounted without the options that a medium must have.
    pub allowed_mount: bool,
}
