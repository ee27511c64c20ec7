//! Builds and signs TUF metadata and evidence envelopes (format/trust §2–§5).
//!
//! Documents are canonical JSON; signing the same document with the same keys gives the same bytes. Everything built
//! here is read back by the verifier before it is handed out, so nothing leaves that an importer would refuse.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId, RelPath, Timestamp, json};
use sealift_trust::metadata::{Body, SPEC_VERSION};
use sealift_trust::{
    Policy, Power, PublicKey, Refusal, Role, Root, Signed, Snapshot, Statement, TargetInfo, Targets, TimestampMeta,
};
use sealift_trust::{Purpose, dsse};
use serde_json::{Map, Value, json};

use crate::secret::SecretKey;

/// Why a document was not built or signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The document would be refused by every reader.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not metadata at all.
    #[error("not a metadata document: {0}")]
    Malformed(String),
    /// A key of another purpose.
    #[error("key {key_id} is for {purpose}, it cannot sign {wanted}")]
    WrongPurpose {
        /// The key.
        key_id: Digest,
        /// What it is for.
        purpose: Purpose,
        /// What was to be signed.
        wanted: Purpose,
    },
    /// No key to sign evidence with.
    #[error("there is no evidence key to sign with")]
    NoKey,
}

/// The keys of one role as they are to be.
#[derive(Debug, Clone)]
pub struct RoleDraft {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub threshold: usize,
}

/// Root metadata as it is to be.
#[derive(Debug, Clone)]
pub struct RootDraft {
    /// 1, or one more than the root it follows.
    pub version: u64,
    /// From when it is no longer valid.
    pub expires: Timestamp,
    /// All four roles.
    pub roles: BTreeMap<Role, RoleDraft>,
    /// Keys that may sign evidence.
    pub evidence: Vec<PublicKey>,
    /// People who may make statements.
    pub people: BTreeMap<PersonId, PersonDraft>,
    /// How many people each kind of statement takes.
    pub policy: Policy,
}

/// A person as they are to stand in a root.
#[derive(Debug, Clone)]
pub struct PersonDraft {
    /// Their keys.
    pub keys: Vec<PublicKey>,
    /// What they may do.
    pub may: BTreeSet<Power>,
}

impl RootDraft {
    /// Returns a root that names roles and evidence keys, and nothing else.
    pub fn new(version: u64, expires: Timestamp, roles: BTreeMap<Role, RoleDraft>, evidence: Vec<PublicKey>) -> Self {
        Self { version, expires, roles, evidence, people: BTreeMap::new(), policy: Policy::default() }
    }
}

/// Returns unsigned root metadata.
pub fn root(draft: &RootDraft) -> Result<Vec<u8>, MetadataError> {
    let keys = key_table(draft.roles.values().flat_map(|role| &role.keys));
    let role = |role: &RoleDraft| {
        let mut ids: Vec<_> = role.keys.iter().map(PublicKey::id).collect();
        ids.sort_unstable();
        json!({ "keyids": ids, "threshold": role.threshold })
    };
    let roles: Map<_, _> = draft.roles.iter().map(|(name, draft)| (name.as_str().to_owned(), role(draft))).collect();
    let fields = json!({
        "consistent_snapshot": true,
        "custom": { "sealift": sealift_fields(draft) },
        "keys": keys,
        "roles": roles,
    });
    unsigned::<Root>(draft.version, draft.expires, fields)
}

/// What no role of TUF uses. Without people a root has the bytes it had before there were any.
fn sealift_fields(draft: &RootDraft) -> Value {
    let mut fields = json!({ "evidence": { "keys": key_table(&draft.evidence) } });
    if !draft.people.is_empty() {
        let person = |person: &PersonDraft| json!({ "keys": key_table(&person.keys), "may": person.may });
        let people: Map<_, _> = draft.people.iter().map(|(name, draft)| (name.to_string(), person(draft))).collect();
        fields["people"] = Value::Object(people);
    }
    if draft.policy != Policy::default() {
        fields["policy"] = json!(draft.policy);
    }
    fields
}

/// Returns unsigned targets metadata.
pub fn targets(
    version: u64,
    expires: Timestamp,
    targets: &BTreeMap<RelPath, TargetInfo>,
) -> Result<Vec<u8>, MetadataError> {
    let entry = |info: &TargetInfo| {
        let mut entry = json!({ "hashes": { "sha256": info.sha256 }, "length": info.length });
        if let Some(custom) = &info.custom {
            entry["custom"] = custom.clone();
        }
        entry
    };
    let list: Map<_, _> = targets.iter().map(|(path, info)| (path.as_str().to_owned(), entry(info))).collect();
    unsigned::<Targets>(version, expires, json!({ "targets": list }))
}

/// Returns unsigned snapshot metadata that names exactly this targets document.
pub fn snapshot(version: u64, expires: Timestamp, targets: &[u8]) -> Result<Vec<u8>, MetadataError> {
    let named = Signed::<Targets>::parse(targets)?.version();
    let meta = json!({ "meta": { "targets.json": described(named, targets) } });
    unsigned::<Snapshot>(version, expires, meta)
}

/// Returns unsigned timestamp metadata that names exactly this snapshot document.
pub fn timestamp(version: u64, expires: Timestamp, snapshot: &[u8]) -> Result<Vec<u8>, MetadataError> {
    let named = Signed::<Snapshot>::parse(snapshot)?.version();
    let meta = json!({ "meta": { "snapshot.json": described(named, snapshot) } });
    unsigned::<TimestampMeta>(version, expires, meta)
}

/// Adds the signature of `key` to a document, in place of an earlier one by the same key.
pub fn sign_metadata(document: &[u8], key: &SecretKey) -> Result<Vec<u8>, MetadataError> {
    let role = role_of(document)?;
    if key.purpose() != role.into() {
        return Err(MetadataError::WrongPurpose { key_id: key.id(), purpose: key.purpose(), wanted: role.into() });
    }
    match role {
        Role::Root => add_signature::<Root>(document, key),
        Role::Targets => add_signature::<Targets>(document, key),
        Role::Snapshot => add_signature::<Snapshot>(document, key),
        Role::Timestamp => add_signature::<TimestampMeta>(document, key),
    }
}

/// Returns the role a document says it belongs to.
pub fn role_of(document: &[u8]) -> Result<Role, MetadataError> {
    let value = parse(document)?;
    let kind = value.get("signed").and_then(|s| s.get("_type")).and_then(Value::as_str).unwrap_or_default();
    let role = Role::ALL.into_iter().find(|role| role.as_str() == kind);
    let what = || match kind {
        "" => "it names no role; bundles are signed in the draft's targets.json".to_owned(),
        other => format!("its type is `{}`", printable(other)),
    };
    role.ok_or_else(|| MetadataError::Malformed(what()))
}

/// Seals a statement in an envelope signed by `keys`.
pub fn sign_statement<'a>(
    statement: &Statement,
    keys: impl Iterator<Item = &'a SecretKey>,
) -> Result<Vec<u8>, MetadataError> {
    sign_payload(&statement.to_bytes().map_err(|e| MetadataError::Malformed(e.to_string()))?, keys)
}

/// Signs the payload of a statement that another crate encodes, such as a volume set, with evidence keys.
///
/// # Errors
/// A key of another purpose, or none.
pub fn sign_payload<'a>(payload: &[u8], keys: impl Iterator<Item = &'a SecretKey>) -> Result<Vec<u8>, MetadataError> {
    let covered = dsse::pae(payload);
    let mut signatures = Vec::new();
    for key in keys {
        if key.purpose() != Purpose::Evidence {
            let (key_id, purpose) = (key.id(), key.purpose());
            return Err(MetadataError::WrongPurpose { key_id, purpose, wanted: Purpose::Evidence });
        }
        signatures.push((key.id(), key.sign(&covered)));
    }
    if signatures.is_empty() { Err(MetadataError::NoKey) } else { Ok(dsse::envelope_bytes(payload, &signatures)) }
}

fn add_signature<T: Body>(document: &[u8], key: &SecretKey) -> Result<Vec<u8>, MetadataError> {
    // Signed over what the verifier will see, not over what we think we wrote.
    let covered = Signed::<T>::parse(document)?.covered().to_vec();
    put_signature::<T>(document, key.id(), &key.sign(&covered))
}

/// Puts a signature into a document, in place of an earlier one by the same key. Whether it is good is not asked.
pub(crate) fn put_signature<T: Body>(document: &[u8], key: Digest, signature: &[u8]) -> Result<Vec<u8>, MetadataError> {
    let mut value = parse(document)?;
    let id = key.to_hex();
    let Some(signatures) = value.get_mut("signatures").and_then(Value::as_array_mut) else {
        return Err(MetadataError::Malformed("it has no list of signatures".into()));
    };
    signatures.retain(|entry| entry.get("keyid").and_then(Value::as_str) != Some(&id));
    signatures.push(json!({ "keyid": id, "sig": sealift_model::digest::hex(signature) }));
    signatures.sort_by(|a, b| key_id(a).cmp(key_id(b)));
    encode::<T>(&value)
}

/// Returns exactly the bytes that signatures of a document cover.
pub fn bytes_to_sign(document: &[u8]) -> Result<Vec<u8>, MetadataError> {
    Ok(match role_of(document)? {
        Role::Root => Signed::<Root>::parse(document)?.covered().to_vec(),
        Role::Targets => Signed::<Targets>::parse(document)?.covered().to_vec(),
        Role::Snapshot => Signed::<Snapshot>::parse(document)?.covered().to_vec(),
        Role::Timestamp => Signed::<TimestampMeta>::parse(document)?.covered().to_vec(),
    })
}

/// Returns the document without signatures that bytes to sign belong to, and its role. Refuses bytes that are anything
/// but the canonical `signed` part of metadata: what a holder is given to sign may be anything.
pub fn document_of(to_sign: &[u8]) -> Result<(Role, Vec<u8>), MetadataError> {
    let document = json!({ "signatures": [], "signed": parse_covered(to_sign)? });
    let bytes = written(&document)?;
    if bytes_to_sign(&bytes)? != to_sign {
        return Err(MetadataError::Malformed("it is not in the canonical form that signatures cover".into()));
    }
    Ok((role_of(&bytes)?, bytes))
}

/// Writes a document: canonical, but that control characters in strings (the line ends of a P-256 key) are escaped, since
/// the bytes that signatures cover are no JSON where they have them.
pub(crate) fn written(document: &Value) -> Result<Vec<u8>, MetadataError> {
    Ok(escaped(&json::canonical(document).map_err(|e| MetadataError::Malformed(e.to_string()))?))
}

/// Reads the bytes that signatures cover.
pub(crate) fn parse_covered(bytes: &[u8]) -> Result<Value, MetadataError> {
    parse(&escaped(bytes))
}

/// There is no white space outside the strings of the canonical form, so every control character is inside one.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\n' => out.extend(b"\\n"),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

fn key_id(entry: &Value) -> &str {
    entry.get("keyid").and_then(Value::as_str).unwrap_or_default()
}

fn unsigned<T: Body>(version: u64, expires: Timestamp, fields: Value) -> Result<Vec<u8>, MetadataError> {
    let mut signed = json!({
        "_type": T::ROLE.as_str(), "expires": expires, "spec_version": SPEC_VERSION, "version": version,
    });
    if let (Value::Object(signed), Value::Object(fields)) = (&mut signed, fields) {
        signed.extend(fields);
    }
    encode::<T>(&json!({ "signatures": [], "signed": signed }))
}

fn encode<T: Body>(document: &Value) -> Result<Vec<u8>, MetadataError> {
    let bytes = written(document)?;
    Signed::<T>::parse(&bytes)?;
    Ok(bytes)
}

fn parse(document: &[u8]) -> Result<Value, MetadataError> {
    // The largest role's limit; the role's own is checked when the role is known.
    if document.len() > Targets::LIMIT {
        return Err(MetadataError::Malformed("it is too large".into()));
    }
    json::parse(document).map_err(|e| MetadataError::Malformed(e.to_string()))
}

fn described(version: u64, bytes: &[u8]) -> Value {
    json!({ "hashes": { "sha256": Digest::of(bytes) }, "length": bytes.len(), "version": version })
}

fn key_table<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Value {
    Value::Object(keys.into_iter().map(|key| (key.id().to_hex(), key.to_object())).collect())
}

#[cfg(test)]
mod tests;
