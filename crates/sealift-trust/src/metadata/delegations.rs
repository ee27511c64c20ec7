//! Targets metadata as the whole specification has it: any path, several hashes, delegations.
//!
//! Only [`Profile::Tuf`](super::Profile) reads it; what media carry is [`Targets`](super::Targets), which names
//! everything itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::keys::{KeyTable, RoleField, RoleKeys};
use super::patterns::{Paths, is_plain};
use super::{Body, HashMismatch, Hashes, Profile, RoleName, Targets, from_value, malformed};
use crate::key::{KeyId, Role};
use crate::refusal::Refusal;
use crate::strict::{Object, present};

/// What is signed of one target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TargetFile {
    /// Its exact length in bytes.
    pub length: u64,
    /// Its hashes.
    pub hashes: Hashes,
}

/// Why bytes are not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetMismatch {
    /// Another length.
    #[error("the target is {found} bytes long, {expected} were signed")]
    Length {
        /// Signed.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// Another content.
    #[error("the target is not the one that was signed")]
    Hash(#[from] HashMismatch),
}

impl TargetFile {
    /// Refuses bytes that are not the ones that were signed.
    pub fn check_bytes(&self, bytes: &[u8]) -> Result<(), TargetMismatch> {
        let found = bytes.len() as u64;
        if found != self.length {
            return Err(TargetMismatch::Length { expected: self.length, found });
        }
        Ok(self.hashes.check(bytes)?)
    }
}

/// One delegation: which role may name which paths, and by whose signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    name: RoleName,
    keys: RoleKeys,
    paths: Paths,
    terminating: bool,
}

impl Delegation {
    /// Returns the name of the role.
    pub fn name(&self) -> &RoleName {
        &self.name
    }

    /// Returns the keys of the role, as this delegator names them.
    pub fn keys(&self) -> &RoleKeys {
        &self.keys
    }

    /// Tells whether the role may say something of this path.
    pub fn covers(&self, path: &str) -> bool {
        self.paths.cover(path)
    }

    /// Tells whether a search that follows this delegation looks nowhere else afterwards.
    pub fn is_terminating(&self) -> bool {
        self.terminating
    }
}

/// The delegations of one document, in the order in which they are searched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delegations(Vec<Delegation>);

impl Delegations {
    /// Returns all of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Delegation> {
        self.0.iter()
    }

    /// Returns the delegation to this role.
    pub fn get(&self, name: &RoleName) -> Option<&Delegation> {
        self.0.iter().find(|delegation| delegation.name == *name)
    }
}

/// The fields of targets metadata, delegations included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegatingTargets {
    targets: BTreeMap<String, TargetFile>,
    delegations: Delegations,
}

impl DelegatingTargets {
    /// Returns what is signed of the target with this path.
    pub fn get(&self, path: &str) -> Option<&TargetFile> {
        self.targets.get(path)
    }

    /// Returns the delegations.
    pub fn delegations(&self) -> &Delegations {
        &self.delegations
    }
}

#[derive(Deserialize)]
struct Fields {
    targets: BTreeMap<String, Object<TargetFile>>,
    #[serde(default, deserialize_with = "present")]
    delegations: Option<Object<DelegationsField>>,
}

#[derive(Deserialize)]
struct DelegationsField {
    keys: BTreeMap<KeyId, Value>,
    #[serde(default, deserialize_with = "present")]
    roles: Option<Vec<Object<DelegationField>>>,
    #[serde(default, deserialize_with = "present")]
    succinct_roles: Option<Value>,
}

#[derive(Deserialize)]
struct DelegationField {
    name: RoleName,
    keyids: Vec<KeyId>,
    threshold: u64,
    terminating: bool,
    #[serde(default, deserialize_with = "present")]
    paths: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    path_hash_prefixes: Option<Vec<String>>,
}

impl Body for DelegatingTargets {
    const ROLE: Role = Role::Targets;
    const LIMIT: usize = Targets::LIMIT;

    fn read(signed: &Value, profile: Profile) -> Result<Self, Refusal> {
        let fields: Fields = from_value(Role::Targets, signed)?;
        let delegations = fields.delegations.map(|field| read_delegations(field, profile)).transpose()?;
        let targets = fields.targets.into_iter().map(|(path, Object(file))| (path, file)).collect();
        Ok(Self { targets, delegations: delegations.unwrap_or_default() })
    }
}

fn read_delegations(Object(field): Object<DelegationsField>, profile: Profile) -> Result<Delegations, Refusal> {
    if field.succinct_roles.is_some() {
        return Err(Refusal::Unsupported { role: Role::Targets, what: "succinct roles" });
    }
    let keys = KeyTable::load(Role::Targets, &field.keys, profile)?;
    let mut seen = BTreeSet::new();
    let mut delegations = Vec::new();
    for Object(field) in field.roles.ok_or(malformed(Role::Targets, &"its delegations have no roles"))? {
        if !seen.insert(field.name.clone()) {
            return Err(malformed(Role::Targets, &format!("it delegates to `{}` twice", field.name)));
        }
        delegations.push(read_delegation(field, &keys)?);
    }
    Ok(Delegations(delegations))
}

fn read_delegation(field: DelegationField, keys: &KeyTable) -> Result<Delegation, Refusal> {
    let paths = match (field.paths, field.path_hash_prefixes) {
        (Some(patterns), None) if !patterns.iter().all(|pattern| is_plain(pattern)) => {
            return Err(Refusal::Unsupported {
                role: Role::Targets,
                what: "sets of characters, or long path patterns",
            });
        }
        (Some(patterns), None) => Paths::Patterns(patterns),
        (None, Some(prefixes)) => Paths::HashPrefixes(prefixes),
        _ => {
            let reason = format!("role `{}` has not exactly one of paths and path_hash_prefixes", field.name);
            return Err(malformed(Role::Targets, &reason));
        }
    };
    let role = RoleField { keyids: field.keyids, threshold: field.threshold };
    Ok(Delegation {
        keys: keys.role(&field.name.to_string(), Object(role))?,
        name: field.name,
        paths,
        terminating: field.terminating,
    })
}
