//! What can happen to a medium and to a register's people, one variant an event.

use std::fmt;
use std::str::FromStr;

use sealift_model::digest::{hex, unhex};
use sealift_model::{Digest, PersonId, Sequence, StreamId, Timestamp};
use sealift_trust::PublicKey;
use serde::{Deserialize, Serialize};

use crate::text::Line;

/// Most bundles in one record.
pub const MAX_LOADS: usize = 64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The register begins; who signs is its first keeper.
    Opened {
        /// The keeper's public key.
        key: KeyHex,
        /// What the register is called.
        name: Line,
        /// How it is kept.
        policy: Policy,
    },
    /// A person may sign from here on, or signs with another key.
    PersonAdded {
        /// Their public key.
        key: KeyHex,
        /// What they may do; sorted, not empty.
        may: Vec<Power>,
        /// Who.
        name: PersonId,
        /// When the appointment ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A person no longer signs.
    PersonRetired {
        /// Who.
        name: PersonId,
    },
    /// The register is kept another way from here on.
    PolicySet {
        /// How.
        policy: Policy,
    },
    /// A medium begins.
    Registered(Box<Details>),
    /// Somebody else answers for it.
    Assigned {
        /// Who.
        owner: PersonId,
    },
    /// Something was written to it.
    Written(Box<Writing>),
    /// It was read and compared with what was signed.
    Verified {
        /// What.
        loads: Vec<Load>,
        /// How it ended.
        result: Outcome,
        /// What the device says it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<Line>,
    },
    /// It was sealed.
    Sealed {
        /// Number of the seal.
        seal: Line,
    },
    /// It goes from one person to another; counts when the other one has countersigned.
    HandedOver {
        /// Who has it.
        from: PersonId,
        /// Who gets it.
        to: PersonId,
    },
    /// The other person stands behind the record before.
    Countersigned {},
    /// The record before did not come to be.
    Withdrawn {},
    /// It arrived; the seal was looked at and opened.
    Received {
        /// Whether the seal, if there was one, was whole.
        intact: bool,
        /// Number of the seal that was on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Line>,
        /// What the device says it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<Line>,
    },
    /// It was given to an isolated repository.
    Imported {
        /// Digest of the repository's ledger line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ledger: Option<Digest>,
        /// What.
        loads: Vec<Load>,
        /// How it ended.
        result: Outcome,
    },
    /// It was seen where the record says, at a stock-taking.
    Seen {},
    /// What was on it was destroyed.
    Sanitised {
        /// How.
        method: Line,
    },
    /// It was destroyed; counts when the witness has countersigned.
    Destroyed {
        /// How.
        method: Line,
        /// Who saw it.
        witness: PersonId,
    },
    /// Nobody knows where it is.
    Lost {},
    /// Records that another copy of the register made at the same time are accounted for.
    Joined {
        /// Digest of their last record.
        branch: Digest,
        /// Who has the medium now.
        holder: PersonId,
    },
}

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
    fn is_sound(&self) -> bool {
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

/// What a record is about, for those who look for one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// From the connected side onto the medium.
    Out,
    /// From the medium into a repository.
    In,
    /// From one place or person to another.
    Along,
    /// Nowhere.
    Stays,
}

impl Event {
    /// Returns the word of the register.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::PersonAdded { .. } => "person-added",
            Self::PersonRetired { .. } => "person-retired",
            Self::PolicySet { .. } => "policy-set",
            Self::Registered(_) => "registered",
            Self::Assigned { .. } => "assigned",
            Self::Written(_) => "written",
            Self::Verified { .. } => "verified",
            Self::Sealed { .. } => "sealed",
            Self::HandedOver { .. } => "handed-over",
            Self::Countersigned {} => "countersigned",
            Self::Withdrawn {} => "withdrawn",
            Self::Received { .. } => "received",
            Self::Imported { .. } => "imported",
            Self::Seen {} => "seen",
            Self::Sanitised { .. } => "sanitised",
            Self::Destroyed { .. } => "destroyed",
            Self::Lost {} => "lost",
            Self::Joined { .. } => "joined",
        }
    }

    /// Tells whether it belongs to the people's chain.
    pub const fn is_of_people(&self) -> bool {
        matches!(
            self,
            Self::Opened { .. } | Self::PersonAdded { .. } | Self::PersonRetired { .. } | Self::PolicySet { .. }
        )
    }

    /// Tells which way content goes with it.
    pub const fn goes(&self) -> Goes {
        match self {
            Self::Written(_) => Goes::Out,
            Self::Imported { .. } => Goes::In,
            Self::HandedOver { .. } | Self::Received { .. } => Goes::Along,
            _ => Goes::Stays,
        }
    }

    /// Returns the bundles it names.
    pub fn loads(&self) -> &[Load] {
        match self {
            Self::Written(writing) => &writing.loads,
            Self::Verified { loads, .. } | Self::Imported { loads, .. } => loads,
            _ => &[],
        }
    }

    /// Returns what the device said it is.
    pub fn serial(&self) -> Option<&Line> {
        match self {
            Self::Written(writing) => writing.serial.as_ref(),
            Self::Verified { serial, .. } | Self::Received { serial, .. } => serial.as_ref(),
            _ => None,
        }
    }

    /// Returns what is wrong with it in itself.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let loads = self.loads();
        if loads.len() > MAX_LOADS || !loads.iter().all(Load::is_sound) {
            return Err("it names too many bundles, or a volume that cannot be");
        }
        if !loads.windows(2).all(|pair| matches!(pair, [a, b] if a < b)) {
            return Err("its bundles are not sorted, or one is there twice");
        }
        let sizes = match self {
            Self::Registered(details) => details.capacity,
            Self::Written(writing) => writing.bytes,
            _ => None,
        };
        if sizes.is_some_and(|bytes| bytes >= 1 << 53) {
            return Err("a size is beyond 2^53");
        }
        match self {
            Self::Written(_) | Self::Verified { .. } | Self::Imported { .. } if loads.is_empty() => {
                Err("it names no bundle")
            }
            Self::PersonAdded { may, key, .. } => {
                if may.is_empty() || !may.windows(2).all(|pair| matches!(pair, [a, b] if a < b)) {
                    return Err("what its person may do is nothing, or not sorted");
                }
                key.key().map(|_| ()).ok_or("its key is none that can be used")
            }
            Self::Opened { key, .. } => key.key().map(|_| ()).ok_or("its key is none that can be used"),
            _ => Ok(()),
        }
    }
}
