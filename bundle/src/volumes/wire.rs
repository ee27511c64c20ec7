//! The statement as it stands in the payload. Field order is the encoding's.

use sealift_model::Digest;
use serde::{Deserialize, Serialize};

use super::{NewSet, PREDICATE_TYPE, Parity, Piece, Split, VolumeRefusal, check::rule};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const SUBJECT: &str = "manifest.json";

/// What a set is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SetPurpose {
    /// The whole bundle, cut.
    Volumes,
    /// Some of its blobs, sent again.
    Repair,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    pub(super) predicate: Predicate,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Subject>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    digest: SubjectDigest,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    sha256: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Predicate {
    pub(super) assignment: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parity: Option<WireParity>,
    pub(super) set: SetPurpose,
    pub(super) split: Vec<WireSplit>,
    pub(super) volumes: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireParity {
    blobs: Vec<WirePiece>,
    shard: u32,
    volumes: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSplit {
    blob: Digest,
    parts: Vec<WirePiece>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePiece {
    sha256: Digest,
    size: u64,
    volume: u16,
}

impl Statement {
    pub(super) fn new(new: NewSet, manifest: Digest, assignment: Vec<u16>) -> Self {
        let pieces = |pieces: Vec<Piece>| pieces.into_iter().map(WirePiece::from).collect::<Vec<_>>();
        let split = |split: Split| WireSplit { blob: split.blob, parts: pieces(split.parts) };
        let parity = |p: Parity| WireParity { blobs: pieces(p.blobs), shard: p.shard, volumes: p.volumes };
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            predicate: Predicate {
                assignment,
                parity: new.parity.map(parity),
                set: new.purpose,
                split: new.split.into_iter().map(split).collect(),
                volumes: new.volumes,
            },
            predicate_type: PREDICATE_TYPE.to_owned(),
            subject: vec![Subject { digest: SubjectDigest { sha256: manifest }, name: SUBJECT.to_owned() }],
        }
    }

    /// Returns the id of the bundle the statement is about, if it is a volume set at all.
    pub(super) fn manifest(&self) -> Result<Digest, VolumeRefusal> {
        rule(self.kind == STATEMENT_TYPE, || "it is no in-toto statement".into())?;
        rule(self.predicate_type == PREDICATE_TYPE, || "it is a statement of another type".into())?;
        match self.subject.as_slice() {
            [one] if one.name == SUBJECT => Ok(one.digest.sha256),
            _ => Err(VolumeRefusal::Rule(format!("its subject is not one {SUBJECT}"))),
        }
    }
}

impl From<WirePiece> for Piece {
    fn from(wire: WirePiece) -> Self {
        Self { sha256: wire.sha256, size: wire.size, volume: wire.volume }
    }
}

impl From<Piece> for WirePiece {
    fn from(piece: Piece) -> Self {
        Self { sha256: piece.sha256, size: piece.size, volume: piece.volume }
    }
}

impl From<WireSplit> for Split {
    fn from(wire: WireSplit) -> Self {
        Self { blob: wire.blob, parts: wire.parts.into_iter().map(Piece::from).collect() }
    }
}

impl From<WireParity> for Parity {
    fn from(wire: WireParity) -> Self {
        let blobs = wire.blobs.into_iter().map(Piece::from).collect();
        Self { blobs, shard: wire.shard, volumes: wire.volumes }
    }
}
