//! TUF 1.0 metadata documents: reading and checking their form (format/trust §2–§5).
//!
//! [`Signed`] keeps the bytes as received; signatures are checked over the canonical form of what was parsed from
//! them. Whether a document is *believed* is decided by [`TrustedSet`](crate::TrustedSet), not here.

mod delegations;
mod hashes;
mod keys;
mod patterns;
mod role_name;
mod root;
mod snapshot;
mod targets;
mod timestamp;

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::digest::unhex;
use sealift_model::escape::printable;
use sealift_model::{Timestamp, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use delegations::{DelegatingTargets, Delegation, Delegations, TargetFile, TargetMismatch};
pub use hashes::{HashMismatch, Hashes};
pub use keys::RoleKeys;
pub use patterns::Paths;
pub use role_name::{RoleName, RoleNameError, percent_encoded};
pub use root::Root;
pub use snapshot::Snapshot;
pub use targets::{TargetInfo, Targets};
pub use timestamp::TimestampMeta;

use crate::key::{KeyId, PublicKey, Role};
use crate::refusal::Refusal;
use crate::strict::{self, Object, present};

/// The TUF version sealift writes; every 1.x is read.
pub const SPEC_VERSION: &str = "1.0.34";

/// Which documents are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// What media carry (format/trust §2–§5): narrower than the specification wherever that makes it safer.
    Sealift,
    /// Everything the specification and its reference implementation agree on, our key checks apart (format/trust §8).
    Tuf,
}

/// The `signed` part of one role.
pub trait Body: Sized {
    /// The role that signs it.
    const ROLE: Role;
    /// Largest document read, the reference implementation's limits.
    const LIMIT: usize;
    /// Reads the fields that only this role has.
    fn read(signed: &Value, profile: Profile) -> Result<Self, Refusal>;
}

/// One metadata document: its bytes, its fields, its signatures, none of it believed yet.
#[derive(Debug, Clone)]
pub struct Signed<T> {
    raw: Vec<u8>,
    covered: Vec<u8>,
    version: u64,
    expires: Timestamp,
    body: T,
    signatures: Vec<(KeyId, Vec<u8>)>,
}

#[derive(Deserialize)]
struct Document {
    signatures: Vec<Object<SignatureEntry>>,
    signed: Value,
}

#[derive(Deserialize)]
struct SignatureEntry {
    keyid: KeyId,
    sig: String,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    version: u64,
    expires: Timestamp,
}

impl<T: Body> Signed<T> {
    /// Reads a document of role `T` and checks its form, as it must be on media.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::parse_as(bytes, Profile::Sealift)
    }

    /// Reads a document of role `T` and checks its form.
    pub fn parse_as(bytes: &[u8], profile: Profile) -> Result<Self, Refusal> {
        if bytes.len() > T::LIMIT {
            return Err(Refusal::TooLarge { role: T::ROLE, limit: T::LIMIT });
        }
        let value = json::parse(bytes).map_err(|e| malformed(T::ROLE, &e))?;
        let document: Document = from_value(T::ROLE, &value)?;
        let header: Header = from_value(T::ROLE, &document.signed)?;
        check_header(T::ROLE, &header)?;
        Ok(Self {
            raw: bytes.to_vec(),
            covered: json::canonical(&document.signed).map_err(|e| malformed(T::ROLE, &e))?,
            version: header.version,
            expires: header.expires,
            body: T::read(&document.signed, profile)?,
            signatures: read_signatures(T::ROLE, document.signatures)?,
        })
    }

    /// Returns the document as received.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Returns the bytes that signatures cover.
    pub fn covered(&self) -> &[u8] {
        &self.covered
    }

    /// Returns the version, at least 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the moment from which the document is no longer valid.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Returns the fields of the role.
    pub fn body(&self) -> &T {
        &self.body
    }

    /// Returns the ids of the keys that claim to have signed.
    pub fn signature_ids(&self) -> impl Iterator<Item = &KeyId> {
        self.signatures.iter().map(|(id, _)| id)
    }

    /// Returns the keys of `keys` whose signature on this document is good, each once, sorted by id.
    pub fn signers<'a>(&self, keys: &'a RoleKeys) -> Vec<&'a PublicKey> {
        let mut signers = BTreeMap::new();
        for (id, signature) in &self.signatures {
            // Distinct keys, not distinct ids: one key filed twice is one signer.
            if let Some(key) = keys.get(id).filter(|key| key.verifies(&self.covered, signature)) {
                signers.entry(key.material()).or_insert(key);
            }
        }
        let mut signers: Vec<_> = signers.into_values().collect();
        signers.sort_unstable_by_key(|key| key.id());
        signers
    }

    /// Refuses the document unless `root` names enough keys that signed it.
    pub fn check_threshold(&self, root: &Signed<Root>) -> Result<(), Refusal> {
        let keys = root.body.role(T::ROLE);
        let valid = self.signers(keys).len();
        if valid >= keys.threshold() {
            return Ok(());
        }
        Err(Refusal::Threshold {
            role: T::ROLE,
            version: self.version,
            valid,
            required: keys.threshold(),
            root_version: root.version,
            unknown: self.signature_ids().filter(|id| keys.get(id).is_none()).cloned().collect(),
        })
    }

    /// Refuses the document if it is no longer valid at `now`.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), Refusal> {
        if now < self.expires {
            return Ok(());
        }
        Err(Refusal::Expired { role: T::ROLE, version: self.version, expires: self.expires, now })
    }
}

fn check_header(role: Role, header: &Header) -> Result<(), Refusal> {
    let reason = |reason: String| Err(Refusal::Malformed { role, reason });
    if header.kind != role.as_str() {
        return reason(format!("its type is `{}`", printable(&header.kind)));
    }
    let parts: Vec<&str> = header.spec_version.split('.').collect();
    let numeric = parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    if !(2..=3).contains(&parts.len()) || !numeric || parts.first() != Some(&"1") {
        return reason(format!("specification version `{}` is not 1.x", printable(&header.spec_version)));
    }
    if header.version == 0 {
        return reason("its version is 0".into());
    }
    Ok(())
}

fn read_signatures(role: Role, entries: Vec<Object<SignatureEntry>>) -> Result<Vec<(KeyId, Vec<u8>)>, Refusal> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(entries.len());
    for Object(entry) in entries {
        if !seen.insert(entry.keyid.clone()) {
            return Err(Refusal::Malformed { role, reason: format!("two signatures by key {}", entry.keyid) });
        }
        // Text that is no signature counts as a bad one: other good signatures may still reach the threshold.
        out.push((entry.keyid, unhex(&entry.sig).unwrap_or_default()));
    }
    Ok(out)
}

/// What a parent document says of a child: version always, length and digest if it wants.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MetaInfo {
    version: u64,
    #[serde(default, deserialize_with = "present")]
    length: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    hashes: Option<Hashes>,
}

impl MetaInfo {
    /// Returns the version the parent names.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the length in bytes, if the parent names it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Refuses bytes that are not the ones the parent describes.
    pub fn check_bytes(&self, role: Role, bytes: &[u8]) -> Result<(), Refusal> {
        let found = bytes.len() as u64;
        match self.length {
            Some(expected) if expected != found => return Err(Refusal::Length { role, expected, found }),
            _ => {}
        }
        match self.hashes.as_ref().map_or(Ok(()), |hashes| hashes.check(bytes)) {
            Ok(()) => Ok(()),
            Err(HashMismatch::Sha256 { expected, found }) => Err(Refusal::Digest { role, expected, found }),
            Err(source) => Err(Refusal::Hash { role, source }),
        }
    }

    fn check(&self, role: Role, profile: Profile) -> Result<(), Refusal> {
        if self.version == 0 {
            return Err(Refusal::Malformed { role, reason: "it names a version 0".into() });
        }
        let narrow = self.hashes.as_ref().is_none_or(|hashes| hashes.only_sha256().is_some());
        if profile == Profile::Sealift && !narrow {
            return Err(Refusal::Malformed { role, reason: "it states a hash other than SHA-256".into() });
        }
        Ok(())
    }
}

pub(crate) type MetaMap = BTreeMap<String, Object<MetaInfo>>;

pub(crate) fn malformed(role: Role, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::Malformed { role, reason: printable(&error.to_string()) }
}

pub(crate) fn from_value<T: DeserializeOwned>(role: Role, value: &Value) -> Result<T, Refusal> {
    strict::read(value).map_err(|e| malformed(role, &e))
}
