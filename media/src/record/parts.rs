//! What events are made of: what a medium is, what was written, who may do what, how a register is kept.

use std::fmt;
use std::str::FromStr;

use sealift_model::digest::{hex, unhex};
use sealift_model::{Digest, PersonId, Sequence, StreamId};
use sealift_trust::PublicKey;
use serde::{Deserialize, Serialize};

use crate::text::Line;

/// What a medium is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Bytes it says it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// Marking, as it stands on the label.
    pub classification: Line,
    /// What it is.
    pub form: MediumKind,
    /// What is written on it.
    pub label: Line,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// What the device says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Line>,
    /// Whether it can be written once only.
    pub write_once: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writing {
    /// How many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What.
    pub loads: Vec<Load>,
    /// How it was read back.
    pub method: Line,
    /// Digest of the write report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Digest>,
    /// What the device says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Line>,
    /// Digest of the medium's SHA256SUMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Digest>,
}

/// A bundle, or a volume of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The bundle id: digest of its manifest.
    pub bundle: Digest,
    /// Its number in the stream.
    pub sequence: Sequence,
    /// The stream.
    pub stream: StreamId,
    /// Which volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u32>,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<u32>,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stream, self.sequence)?;
        match (self.volume, self.volumes) {
            (Some(k), Some(n)) => write!(f, " volume {k} of {n}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Load {
    type Err = LoadError;

    /// Reads `STREAM/SEQUENCE=BUNDLE-ID`, with `:K/N` after it for a volume.
    fn from_str(text: &str) -> Result<Self, LoadError> {
        let (name, rest) = text.split_once('=').ok_or(LoadError)?;
        let (stream, sequence) = name.split_once('/').ok_or(LoadError)?;
        let rest = rest.strip_prefix("sha256:").unwrap_or(rest);
        let (digest, volume) = rest.split_once(':').map_or((rest, None), |(d, v)| (d, Some(v)));
        let volume = volume.map(|v| v.split_once('/').ok_or(LoadError)).transpose()?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| LoadError);
        let load = Self {
            bundle: digest.parse().map_err(|_| LoadError)?,
            sequence: sequence.parse().map_err(|_| LoadError)?,
            stream: stream.parse().map_err(|_| LoadError)?,
            volume: volume.map(|(k, _)| number(k)).transpose()?,
            volumes: volume.map(|(_, n)| number(n)).transpose()?,
        };
        if load.is_sound() { Ok(load) } else { Err(LoadError) }
    }
}

/// Why a text names no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use the form STREAM/NUMBER=BUNDLE-ID, or STREAM/NUMBER=BUNDLE-ID:K/N for volume K of N")]
pub struct LoadError;

impl Load {
    pub(super) fn is_sound(&self) -> bool {
        match (self.volume, self.volumes) {
            (None, None) => true,
            (Some(k), Some(n)) => 0 < k && k <= n,
            _ => false,
        }
    }
}

/// What a medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediumKind {
    /// A USB stick or memory card.
    Stick,
    /// An optical disc.
    Disc,
    /// A disk drive.
    Disk,
}

impl MediumKind {
    /// Returns the word of the register.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stick => "stick",
            Self::Disc => "disc",
            Self::Disk => "disk",
        }
    }
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should.
    Good,
    /// Not all of it is there yet.
    Part,
    /// Refused, or damaged.
    Bad,
}

impl Outcome {
    /// Returns the word of the register.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Part => "part",
            Self::Bad => "bad",
        }
    }
}

/// What a person of the register may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Have media, and record what happens to them.
    Carry,
    /// Keep the register: its people, its policy, which media there are.
    Keep,
}

/// Whether a rule refuses, warns, or is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manner {
    /// Against the rule is not recorded.
    Refuse,
    /// Against the rule is recorded, and named from then on.
    Warn,
    /// There is no such rule here.
    Off,
}

/// How a register is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Sanitise a rewritable medium before it is written for the first time.
    pub first_use: Manner,
    /// Sanitise a rewritable medium after it carried something, before it is written again.
    pub reuse: Manner,
}

/// A public key as its digits: 64 of Ed25519, 66 of P-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHex(String);

impl KeyHex {
    /// Writes a key.
    pub fn of(key: &PublicKey) -> Self {
        Self(key.to_hex())
    }

    /// Returns the key; `None` if the digits are none that can be used.
    pub fn key(&self) -> Option<PublicKey> {
        let bytes = unhex(&self.0)?;
        if hex(&bytes) != self.0 {
            return None;
        }
        match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(bytes) => PublicKey::ed25519(&bytes).ok(),
            Err(_) if bytes.len() == 33 => PublicKey::ecdsa_p256(&bytes).ok(),
            Err(_) => None,
        }
    }
}
