//! Targets metadata as media carry it: the manifests that may be imported, each with length and digest.
//!
//! It names everything itself. Delegations are read by [`DelegatingTargets`](super::DelegatingTargets), which no medium
//! may hold (decision 0009).

use std::collections::BTreeMap;

use sealift_model::{Digest, RelPath};
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Hashes, Profile, from_value, malformed};
use crate::key::Role;
use crate::refusal::Refusal;
use crate::strict::{Object, present};

/// What is signed of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetInfo {
    /// Its exact length in bytes.
    pub length: u64,
    /// Its digest.
    pub sha256: Digest,
    /// What the signer says of it besides.
    pub custom: Option<Value>,
}

/// The fields of targets metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    targets: BTreeMap<RelPath, TargetInfo>,
}

#[derive(Deserialize)]
struct Fields {
    targets: BTreeMap<RelPath, Object<TargetField>>,
    #[serde(default, deserialize_with = "present")]
    delegations: Option<Value>,
}

#[derive(Deserialize)]
struct TargetField {
    length: u64,
    hashes: Hashes,
    #[serde(default, deserialize_with = "present")]
    custom: Option<Value>,
}

impl Targets {
    /// Returns what is signed of the target with this name.
    pub fn get(&self, path: &RelPath) -> Option<&TargetInfo> {
        self.targets.get(path)
    }

    /// Returns all targets, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&RelPath, &TargetInfo)> {
        self.targets.iter()
    }
}

impl Body for Targets {
    const ROLE: Role = Role::Targets;
    const LIMIT: usize = 5_000_000;

    fn read(signed: &Value, _profile: Profile) -> Result<Self, Refusal> {
        let fields: Fields = from_value(Role::Targets, signed)?;
        if fields.delegations.is_some() {
            return Err(Refusal::Unsupported { role: Role::Targets, what: "delegations" });
        }
        let info = |Object(field): Object<TargetField>| {
            let sha256 = field.hashes.only_sha256();
            let sha256 = sha256.ok_or(malformed(Role::Targets, &"it states a hash other than SHA-256"))?;
            Ok(TargetInfo { length: field.length, sha256, custom: field.custom })
        };
        let targets = fields.targets.into_iter().map(|(path, field)| Ok((path, info(field)?)));
        Ok(Self { targets: targets.collect::<Result<_, Refusal>>()? })
    }
}
