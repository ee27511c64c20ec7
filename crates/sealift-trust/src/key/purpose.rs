//! The roles of TUF metadata, and what keys are for.
//!
//! A key has one purpose, so that a signature given for one thing can never be shown as a signature for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A role of TUF metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Names the keys of every role, itself included.
    Root,
    /// Lists the manifests that may be imported.
    Targets,
    /// Fixes which targets version belongs to which moment.
    Snapshot,
    /// Says what is newest; expires soonest.
    Timestamp,
}

impl Role {
    /// All roles, in the order they are explained.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// Returns the name used in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key is for; one key has one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Signs root metadata.
    Root,
    /// Signs targets metadata.
    Targets,
    /// Signs snapshot metadata.
    Snapshot,
    /// Signs timestamp metadata.
    Timestamp,
    /// Signs build provenance (DSSE), never metadata.
    Evidence,
    /// Signs what a person says (DSSE): approvals, scans, waivers; never metadata.
    Person,
}

impl Purpose {
    /// Returns the word used in key files and file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
            Self::Evidence => "evidence",
            Self::Person => "person",
        }
    }

    /// Returns the metadata role this purpose signs; `None` for those that sign statements.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Root => Some(Role::Root),
            Self::Targets => Some(Role::Targets),
            Self::Snapshot => Some(Role::Snapshot),
            Self::Timestamp => Some(Role::Timestamp),
            Self::Evidence | Self::Person => None,
        }
    }
}

impl From<Role> for Purpose {
    fn from(role: Role) -> Self {
        match role {
            Role::Root => Self::Root,
            Role::Targets => Self::Targets,
            Role::Snapshot => Self::Snapshot,
            Role::Timestamp => Self::Timestamp,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
