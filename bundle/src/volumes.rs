//! How a bundle lies on several media: the signed volume set (format/volumes).
//!
//! A set says which volume has which blob, which blobs are cut in parts, and which parity protects them. It is read
//! strictly and never trusted about content: what is on a volume is judged by the manifest's digests. Cutting a bundle is
//! `plan`'s work, parity `parity`'s.

use std::collections::BTreeMap;

use sealift_model::json::{self, JsonError, Limits, Shape};
use sealift_model::{Digest, Sequence, StreamId};
use sealift_trust::{Envelope, EvidenceRefusal, Root};

use crate::manifest::{Manifest, Stored};

mod check;
mod files;
mod plan;
mod wire;

pub use files::{SetFiles, joined, name_parts, open_at};
pub use plan::{CutError, CutPlan, CutRequest, PlannedVolume, SplitPlan, plan_volumes, shard_for};
pub use wire::SetPurpose;

/// Predicate type of a volume set.
pub const PREDICATE_TYPE: &str = "https://example.org/sealift/volumes/v1";
/// Most volumes of a set.
pub const MAX_VOLUMES: u16 = 999;
/// Most volumes of a set with parity: memory for a stripe grows with them.
pub const MAX_WITH_PARITY: u16 = 255;
/// Most parts of all split blobs together.
pub const MAX_PARTS: usize = 100_000;
/// Largest blob of parity, in bytes.
pub const MAX_PARITY_BLOB: u64 = 64 * 1024 * 1024;
/// Largest shard, in bytes, and the one that writers use.
pub const MAX_SHARD: u32 = 256 * 1024;
/// A shard is a multiple of this.
pub const SHARD_UNIT: u32 = 64;
/// Largest envelope, in bytes.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;
const LIMITS: Limits = Limits { depth: 8, string: 1024, members: crate::manifest::MAX_FILES };

/// Bytes of known digest and size on one volume: a part of a blob, or parity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Digest of the bytes, the file's name.
    pub sha256: Digest,
    /// Their size.
    pub size: u64,
    /// The volume it lies on, from 1.
    pub volume: u16,
}

/// A blob that is cut in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The blob, as the manifest lists it.
    pub blob: Digest,
    /// Its parts, in order.
    pub parts: Vec<Piece>,
}

/// The parity of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parity {
    /// Blobs of parity by volume, those of one volume in order.
    pub blobs: Vec<Piece>,
    /// Bytes of one shard.
    pub shard: u32,
    /// How many volumes hold parity: the last of the set.
    pub volumes: u16,
}

/// Where a blob of the manifest lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where<'a> {
    /// In one piece on this volume.
    Whole(u16),
    /// In these parts.
    Split(&'a [Piece]),
    /// Not in the set.
    Absent,
}

/// A volume set that keeps every rule within itself and with its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSet {
    id: Digest,
    manifest: Digest,
    purpose: SetPurpose,
    volumes: u16,
    /// The manifest's blobs by digest, each with its volume or 0.
    assigned: BTreeMap<Digest, (u64, u16)>,
    split: Vec<Split>,
    parity: Option<Parity>,
}

/// What a new set is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSet {
    /// What it is for.
    pub purpose: SetPurpose,
    /// All volumes, those of parity included.
    pub volumes: u16,
    /// The volume of each blob that lies in one piece; others are not in the set or split.
    pub assigned: BTreeMap<Digest, u16>,
    /// Blobs cut in parts, by digest.
    pub split: Vec<Split>,
    /// The parity.
    pub parity: Option<Parity>,
}

/// Why a volume set is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeRefusal {
    /// No evidence key signed it, or it is no statement about this bundle.
    #[error("the volume set is not signed for this bundle")]
    Envelope(#[from] EvidenceRefusal),
    /// Not canonical JSON of the form.
    #[error("the volume set is no canonical statement of the type {PREDICATE_TYPE}")]
    Encoding(#[from] JsonError),
    /// It is about another manifest.
    #[error("the volume set is about the manifest {found}, not {expected}")]
    Subject {
        /// The bundle id.
        expected: Digest,
        /// What the set names.
        found: Digest,
    },
    /// A rule of §3 or §5.
    #[error("the volume set breaks a rule: {0}")]
    Rule(String),
    /// Two sets in one bundle's directory.
    #[error("volumes of two sets of bundle {stream} {sequence} are mixed on one medium")]
    Mixed {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// A number that the set does not have.
    #[error("volume {volume} of a set that has {volumes}")]
    Number {
        /// The number in the file name.
        volume: u16,
        /// How many there are.
        volumes: u16,
    },
}

impl VolumeRefusal {
    /// Returns the stable word for ledgers and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Envelope(refusal) => refusal.code(),
            Self::Encoding(_) | Self::Rule(_) => "volume-set",
            Self::Subject { .. } => "volume-subject",
            Self::Mixed { .. } => "volume-mixed",
            Self::Number { .. } => "volume-number",
        }
    }
}

/// Returns the name of a volume's file in the bundle's directory.
pub fn file_name(volume: u16) -> String {
    format!("volume-{volume}.dsse.json")
}

/// Returns the number in the name of a volume's file; `None` for other names and other spellings.
pub fn number_in(name: &str) -> Option<u16> {
    let digits = name.strip_prefix("volume-")?.strip_suffix(".dsse.json")?;
    let number = digits.parse::<u16>().ok().filter(|n| (1..=MAX_VOLUMES).contains(n))?;
    (number.to_string() == digits).then_some(number)
}

impl VolumeSet {
    /// Opens an envelope that an evidence key of `root` signed, about the manifest with this id.
    pub fn open(envelope: &[u8], root: &Root, id: Digest, manifest: &Manifest) -> Result<Self, VolumeRefusal> {
        let envelope = Envelope::parse(envelope)?;
        let signed = envelope.signed_by(root.evidence_keys().iter().map(|key| ((), key)));
        let Some((payload, _)) = signed else {
            return Err(EvidenceRefusal::Threshold { valid: 0, required: 1 }.into());
        };
        Self::parse(payload, id, manifest)
    }

    /// Reads the payload of an envelope whose signature was verified, about the manifest with this id.
    pub fn parse(payload: &[u8], id: Digest, manifest: &Manifest) -> Result<Self, VolumeRefusal> {
        Shape::new(LIMITS).feed(payload)?;
        let statement: wire::Statement = json::from_canonical(payload)?;
        let found = statement.manifest()?;
        if found != id {
            return Err(VolumeRefusal::Subject { expected: id, found });
        }
        let blobs = carried(manifest);
        let predicate = statement.predicate;
        check::rule(predicate.assignment.len() == blobs.len(), || {
            format!("{} blobs are assigned, the manifest carries {}", predicate.assignment.len(), blobs.len())
        })?;
        let assigned = blobs.iter().zip(predicate.assignment).map(|(b, volume)| (b.sha256, (b.size, volume)));
        let set = Self {
            id: Digest::of(payload),
            manifest: id,
            purpose: predicate.set,
            volumes: predicate.volumes,
            assigned: assigned.collect(),
            split: predicate.split.into_iter().map(Split::from).collect(),
            parity: predicate.parity.map(Parity::from),
        };
        check::check(&set)?;
        Ok(set)
    }

    /// Makes a set about the manifest with this id, and the payload to sign. Refuses what [`VolumeSet::parse`] would.
    pub fn new(new: NewSet, id: Digest, manifest: &Manifest) -> Result<(Self, Vec<u8>), VolumeRefusal> {
        let blobs = carried(manifest);
        let known = |blob: &Digest| blobs.binary_search_by(|b| b.sha256.cmp(blob)).is_ok();
        check::rule(new.assigned.keys().all(known), || "it names a blob the manifest does not carry".into())?;
        let assignment = blobs.iter().map(|b| new.assigned.get(&b.sha256).copied().unwrap_or(0)).collect();
        let payload = json::to_canonical(&wire::Statement::new(new, id, assignment))?;
        let set = Self::parse(&payload, id, manifest)?;
        Ok((set, payload))
    }

    /// Returns what the set says.
    pub fn to_new(&self) -> NewSet {
        let assigned = self.assigned.iter().filter(|(_, (_, volume))| *volume > 0);
        NewSet {
            purpose: self.purpose,
            volumes: self.volumes,
            assigned: assigned.map(|(blob, (_, volume))| (*blob, *volume)).collect(),
            split: self.split.clone(),
            parity: self.parity.clone(),
        }
    }

    /// Returns what a set of the same data without parity would say.
    pub fn without_parity(&self) -> NewSet {
        NewSet { volumes: self.data_volumes(), parity: None, ..self.to_new() }
    }

    /// Returns the digest of the payload, which names the set.
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// Returns the id of the bundle that is cut.
    pub const fn manifest(&self) -> Digest {
        self.manifest
    }

    /// Returns what the set is for.
    pub const fn purpose(&self) -> SetPurpose {
        self.purpose
    }

    /// Returns how many volumes there are, those of parity included.
    pub const fn volumes(&self) -> u16 {
        self.volumes
    }

    /// Returns how many volumes hold data: the first ones.
    pub fn data_volumes(&self) -> u16 {
        self.volumes.saturating_sub(self.parity.as_ref().map_or(0, |p| p.volumes))
    }

    /// Returns the parity.
    pub const fn parity(&self) -> Option<&Parity> {
        self.parity.as_ref()
    }

    /// Returns the blobs that are cut in parts, by digest.
    pub fn split(&self) -> &[Split] {
        &self.split
    }

    /// Tells where a blob of the manifest lies.
    pub fn find(&self, blob: &Digest) -> Where<'_> {
        match self.assigned.get(blob) {
            Some((_, volume @ 1..)) => Where::Whole(*volume),
            _ => match self.split.binary_search_by(|s| s.blob.cmp(blob)) {
                Ok(at) => self.split.get(at).map_or(Where::Absent, |split| Where::Split(&split.parts)),
                Err(_) => Where::Absent,
            },
        }
    }

    /// Returns every piece of data with its volume: whole blobs by digest, then parts.
    pub fn data(&self) -> impl Iterator<Item = Piece> {
        let whole = self.assigned.iter().filter(|(_, (_, volume))| *volume > 0);
        let whole = whole.map(|(sha256, (size, volume))| Piece { sha256: *sha256, size: *size, volume: *volume });
        whole.chain(self.split.iter().flat_map(|split| split.parts.iter().copied()))
    }

    /// Returns every piece with its volume: data, then parity.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.data().chain(self.parity.iter().flat_map(|parity| parity.blobs.iter().copied()))
    }

    /// Returns what lies in `blobs/` of a volume, by digest, with sizes. Of a volume with data this is its row.
    pub fn blobs_of(&self, volume: u16) -> BTreeMap<Digest, u64> {
        self.pieces().filter(|p| p.volume == volume).map(|p| (p.sha256, p.size)).collect()
    }

    /// Returns the blobs of the manifest of which a volume holds the whole or a part, with their whole sizes.
    pub fn manifest_blobs_of(&self, volume: u16) -> BTreeMap<Digest, u64> {
        let whole = self.assigned.iter().filter(|(_, (_, of))| *of == volume);
        let split = self.split.iter().filter(|split| split.parts.iter().any(|part| part.volume == volume));
        let split = split.filter_map(|split| Some((split.blob, self.assigned.get(&split.blob)?.0)));
        whole.map(|(blob, (size, _))| (*blob, *size)).chain(split).collect()
    }
}

/// Returns the distinct blobs that a manifest carries, by digest.
pub fn carried(manifest: &Manifest) -> Vec<Stored> {
    manifest.blobs().into_values().filter_map(|entry| entry.stored).collect()
}

#[cfg(test)]
mod tests;
