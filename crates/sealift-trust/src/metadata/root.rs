//! Root metadata: which keys speak for which role, and which may sign evidence.

use std::collections::BTreeMap;

use sealift_model::Digest;
use serde::Deserialize;
use serde_json::Value;

use super::{Body, from_value, malformed};
use crate::key::{PublicKey, Purpose, Role};
use crate::refusal::Refusal;
use crate::strict::{Object, present};

/// The keys of one role and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    keys: BTreeMap<Digest, PublicKey>,
    threshold: usize,
}

impl RoleKeys {
    /// Returns how many distinct keys must sign, at least 1.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Returns the key with this id.
    pub fn get(&self, id: Digest) -> Option<&PublicKey> {
        self.keys.get(&id)
    }

    /// Returns the keys, sorted by id.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.keys.values()
    }
}

/// The fields of root metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    root: RoleKeys,
    targets: RoleKeys,
    snapshot: RoleKeys,
    timestamp: RoleKeys,
    evidence: Vec<PublicKey>,
    consistent_snapshot: bool,
}

#[derive(Deserialize)]
struct Fields {
    keys: BTreeMap<Digest, Value>,
    roles: Object<RoleFields>,
    #[serde(default, deserialize_with = "present")]
    consistent_snapshot: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    custom: Option<Object<Custom>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleFields {
    root: Object<RoleField>,
    targets: Object<RoleField>,
    snapshot: Object<RoleField>,
    timestamp: Object<RoleField>,
}

#[derive(Deserialize)]
struct RoleField {
    keyids: Vec<Digest>,
    threshold: u64,
}

#[derive(Deserialize)]
struct Custom {
    #[serde(default, deserialize_with = "present")]
    sealift: Option<Object<SealiftCustom>>,
}

#[derive(Deserialize)]
struct SealiftCustom {
    #[serde(default, deserialize_with = "present")]
    evidence: Option<Object<EvidenceField>>,
}

#[derive(Deserialize)]
struct EvidenceField {
    keys: BTreeMap<Digest, Value>,
}

impl Root {
    /// Returns the keys and threshold of a role.
    pub fn role(&self, role: Role) -> &RoleKeys {
        match role {
            Role::Root => &self.root,
            Role::Targets => &self.targets,
            Role::Snapshot => &self.snapshot,
            Role::Timestamp => &self.timestamp,
        }
    }

    /// Returns the keys that may sign evidence, sorted by id.
    pub fn evidence_keys(&self) -> &[PublicKey] {
        &self.evidence
    }

    /// Tells whether snapshot and targets files carry their version in the file name.
    pub fn consistent_snapshot(&self) -> bool {
        self.consistent_snapshot
    }

    /// Refuses a root in which one key serves two purposes. Compared by public key, not by id.
    fn check_purposes(&self) -> Result<(), Refusal> {
        let mut seen: BTreeMap<[u8; 32], Purpose> = BTreeMap::new();
        let of_roles = Role::ALL.into_iter().flat_map(|r| self.role(r).keys().map(move |k| (Purpose::from(r), k)));
        let of_evidence = self.evidence.iter().map(|k| (Purpose::Evidence, k));
        for (second, key) in of_roles.chain(of_evidence) {
            let first = *seen.entry(*key.as_bytes()).or_insert(second);
            if first != second {
                return Err(Refusal::SharedKey { key_id: key.id(), first, second });
            }
        }
        Ok(())
    }
}

impl Body for Root {
    const ROLE: Role = Role::Root;
    const LIMIT: usize = 512_000;

    fn read(signed: &Value) -> Result<Self, Refusal> {
        let fields: Fields = from_value(Role::Root, signed)?;
        let keys = load_keys(&fields.keys)?;
        let Object(roles) = fields.roles;
        let evidence = fields.custom.and_then(|c| c.0.sealift).and_then(|s| s.0.evidence).map(|e| e.0.keys);
        let root = Self {
            root: role_keys(Role::Root, roles.root, &keys)?,
            targets: role_keys(Role::Targets, roles.targets, &keys)?,
            snapshot: role_keys(Role::Snapshot, roles.snapshot, &keys)?,
            timestamp: role_keys(Role::Timestamp, roles.timestamp, &keys)?,
            evidence: load_keys(&evidence.unwrap_or_default())?.into_values().collect(),
            consistent_snapshot: fields.consistent_snapshot.unwrap_or(false),
        };
        root.check_purposes()?;
        Ok(root)
    }
}

fn load_keys(objects: &BTreeMap<Digest, Value>) -> Result<BTreeMap<Digest, PublicKey>, Refusal> {
    let load = |(id, object): (&Digest, &Value)| match PublicKey::from_entry(*id, object) {
        Ok(key) => Ok((*id, key)),
        Err(source) => Err(Refusal::Key { key_id: *id, source }),
    };
    objects.iter().map(load).collect()
}

fn role_keys(
    role: Role,
    Object(field): Object<RoleField>,
    all: &BTreeMap<Digest, PublicKey>,
) -> Result<RoleKeys, Refusal> {
    let refuse = |reason: String| Err(malformed(Role::Root, &reason));
    let mut keys = BTreeMap::new();
    for id in field.keyids {
        let Some(key) = all.get(&id) else {
            return refuse(format!("role `{role}` names key {id}, which is not there"));
        };
        if keys.insert(id, key.clone()).is_some() {
            return refuse(format!("role `{role}` names key {id} twice"));
        }
    }
    // A threshold of 0 would let unsigned metadata pass.
    match usize::try_from(field.threshold) {
        Ok(threshold @ 1..) => Ok(RoleKeys { keys, threshold }),
        _ => refuse(format!("role `{role}` has the threshold {}", field.threshold)),
    }
}
