//! Targets metadata: the manifests that may be imported, each with length and digest.

use std::collections::BTreeMap;

use sealift_model::{Digest, RelPath};
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Hashes, Profile, from_value};
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
    hashes: Object<Hashes>,
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
        let info = |Object(f): Object<TargetField>| TargetInfo {
            length: f.length,
            sha256: f.hashes.0.sha256,
            custom: f.custom,
        };
        Ok(Self { targets: fields.targets.into_iter().map(|(path, field)| (path, info(field))).collect() })
    }
}
