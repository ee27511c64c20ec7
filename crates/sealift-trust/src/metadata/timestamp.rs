//! Timestamp metadata: which snapshot metadata is the newest.

use serde::Deserialize;
use serde_json::Value;

use super::{Body, MetaInfo, Profile, from_value};
use crate::key::Role;
use crate::refusal::Refusal;
use crate::strict::Object;

/// The fields of timestamp metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampMeta {
    snapshot: MetaInfo,
}

#[derive(Deserialize)]
struct Fields {
    meta: Object<Meta>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    #[serde(rename = "snapshot.json")]
    snapshot: Object<MetaInfo>,
}

impl TimestampMeta {
    /// Returns what is said of the snapshot metadata.
    pub fn snapshot(&self) -> &MetaInfo {
        &self.snapshot
    }
}

impl Body for TimestampMeta {
    const ROLE: Role = Role::Timestamp;
    const LIMIT: usize = 16_384;

    fn read(signed: &Value, profile: Profile) -> Result<Self, Refusal> {
        let fields: Fields = from_value(Role::Timestamp, signed)?;
        let Object(Meta { snapshot: Object(snapshot) }) = fields.meta;
        snapshot.check(Role::Timestamp, profile)?;
        Ok(Self { snapshot })
    }
}
