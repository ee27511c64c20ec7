//! What `receive` did.

use sealift_bundle::evidence::Agreement;
use sealift_model::{Digest, Sequence, StreamId};
use serde::Serialize;

use super::candidate::Candidate;
use super::content::Copied;
use super::statements::{Waived, Waiver};
use crate::mount::Ground;

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
    pub(super) fn new(candidate: &Candidate, copied: &Copied) -> Self {
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

    /// Returns `stream/sequence`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.stream, self.sequence)
    }
}

/// What became of a medium.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReceiveReport {
    /// Bundles accepted now.
    pub accepted: Vec<Accepted>,
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
