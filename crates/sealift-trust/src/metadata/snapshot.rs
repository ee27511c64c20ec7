//! Snapshot metadata: which version of every targets document belongs to one moment.

use serde::Deserialize;
use serde_json::Value;

use super::{Body, MetaInfo, MetaMap, Profile, RoleName, from_value, malformed};
use crate::key::Role;
use crate::refusal::Refusal;

/// The fields of snapshot metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    meta: MetaMap,
}

#[derive(Deserialize)]
struct Fields {
    meta: MetaMap,
}

impl Snapshot {
    /// Returns what is said of the top-level targets metadata.
    pub fn targets(&self) -> &MetaInfo {
        &self.meta.get("targets.json").expect("presence of targets.json is checked when the document is read").0
    }

    /// Returns what is said of the targets metadata of a delegated role.
    pub fn delegated(&self, role: &RoleName) -> Option<&MetaInfo> {
        self.meta.get(&role.in_snapshot()).map(|info| &info.0)
    }

    pub(crate) fn meta(&self) -> &MetaMap {
        &self.meta
    }
}

impl Body for Snapshot {
    const ROLE: Role = Role::Snapshot;
    const LIMIT: usize = 2_000_000;

    fn read(signed: &Value, profile: Profile) -> Result<Self, Refusal> {
        let fields: Fields = from_value(Role::Snapshot, signed)?;
        if !fields.meta.contains_key("targets.json") {
            return Err(malformed(Role::Snapshot, &"it does not list targets.json"));
        }
        fields.meta.values().try_for_each(|info| info.0.check(Role::Snapshot, profile))?;
        Ok(Self { meta: fields.meta })
    }
}
