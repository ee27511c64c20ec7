//! Root metadata: which keys speak for which role, and which may sign evidence.

use std::collections::BTreeMap;

use sealift_model::StreamId;
use serde::Deserialize;
use serde_json::Value;

use super::keys::{KeyTable, RoleField, RoleKeys};
use super::{Body, Profile, from_value};
use crate::key::{KeyId, KeyMaterial, PublicKey, Purpose, Role};
use crate::people::{People, PeopleField};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::strict::{Object, present};

/// The fields of root metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    root: RoleKeys,
    targets: RoleKeys,
    snapshot: RoleKeys,
    timestamp: RoleKeys,
    evidence: Vec<PublicKey>,
    people: People,
    policy: Policy,
    reset_streams: BTreeMap<StreamId, u64>,
    consistent_snapshot: bool,
}

#[derive(Deserialize)]
struct Fields {
    keys: BTreeMap<KeyId, Value>,
    roles: Object<RoleFields>,
    #[serde(default, deserialize_with = "present")]
    consistent_snapshot: Option<bool>,
}

#[derive(Deserialize)]
struct CustomFields {
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
struct Custom {
    #[serde(default, deserialize_with = "present")]
    sealift: Option<Object<SealiftCustom>>,
}

#[derive(Deserialize)]
struct SealiftCustom {
    #[serde(default, deserialize_with = "present")]
    evidence: Option<Object<EvidenceField>>,
    #[serde(default, deserialize_with = "present")]
    people: Option<PeopleField>,
    #[serde(default, deserialize_with = "present")]
    policy: Option<Object<Policy>>,
    #[serde(default, deserialize_with = "present")]
    reset_streams: Option<BTreeMap<StreamId, u64>>,
}

#[derive(Deserialize)]
struct EvidenceField {
    keys: BTreeMap<KeyId, Value>,
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

    /// Returns the people who may make statements.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Returns how many people each kind of statement takes.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Returns the streams whose floor this root lowers when it becomes trusted, each with the sequence from which bundles
    /// count as never accepted: those above it. 0 forgets the stream.
    pub fn reset_streams(&self) -> &BTreeMap<StreamId, u64> {
        &self.reset_streams
    }

    /// Tells whether snapshot and targets files carry their version in the file name.
    pub fn consistent_snapshot(&self) -> bool {
        self.consistent_snapshot
    }

    /// Reads what is ours in a root: the keys that may sign statements.
    fn read_custom(&mut self, signed: &Value) -> Result<(), Refusal> {
        let fields: CustomFields = from_value(Role::Root, signed)?;
        let Some(Object(custom)) = fields.custom.and_then(|c| c.0.sealift) else { return Ok(()) };
        self.people = People::read(&custom.people.unwrap_or_default())?;
        self.policy = custom.policy.map(|p| p.0).unwrap_or_default();
        self.policy.check(&self.people)?;
        self.reset_streams = custom.reset_streams.unwrap_or_default();
        let evidence = custom.evidence.map(|e| e.0.keys);
        let keys = KeyTable::load(Role::Root, &evidence.unwrap_or_default(), Profile::Sealift)?;
        self.evidence = keys.into_keys().collect();
        Ok(())
    }

    /// Refuses a root in which one key serves two purposes. Compared by public key, not by id.
    fn check_purposes(&self) -> Result<(), Refusal> {
        let mut seen: BTreeMap<KeyMaterial, Purpose> = BTreeMap::new();
        let of_roles = Role::ALL.into_iter().flat_map(|r| self.role(r).keys().map(move |k| (Purpose::from(r), k)));
        let of_evidence = self.evidence.iter().map(|k| (Purpose::Evidence, k));
        let of_people = self.people.keys().map(|(_, key)| (Purpose::Person, key));
        for (second, key) in of_roles.chain(of_evidence).chain(of_people) {
            let first = *seen.entry(key.material()).or_insert(second);
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

    fn read(signed: &Value, profile: Profile) -> Result<Self, Refusal> {
        let fields: Fields = from_value(Role::Root, signed)?;
        let keys = KeyTable::load(Role::Root, &fields.keys, profile)?;
        let Object(roles) = fields.roles;
        let mut root = Self {
            root: keys.role("root", roles.root)?,
            targets: keys.role("targets", roles.targets)?,
            snapshot: keys.role("snapshot", roles.snapshot)?,
            timestamp: keys.role("timestamp", roles.timestamp)?,
            evidence: Vec::new(),
            people: People::default(),
            policy: Policy::default(),
            reset_streams: BTreeMap::new(),
            consistent_snapshot: fields.consistent_snapshot.unwrap_or(false),
        };
        // Other producers may mean something else by `custom`, and may sign two roles with one key.
        if profile == Profile::Sealift {
            root.read_custom(signed)?;
            root.check_purposes()?;
        }
        Ok(root)
    }
}
