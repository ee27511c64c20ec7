//! What can happen to a medium and to a register's people, one variant an event.

use sealift_model::{Digest, PersonId, Timestamp};
use serde::{Deserialize, Serialize};

use super::parts::{Details, KeyHex, Load, Outcome, Policy, Power, Writing};
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
