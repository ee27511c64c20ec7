//! Keys and signed documents for this crate's tests. The keys are counted numbers: insecure on purpose.

use ed25519_dalek::{Signer, SigningKey};
use sealift_model::{Digest, Timestamp, json};
use serde_json::{Map, Value, json};

use crate::key::PublicKey;

/// Returns insecure-test-key number `n`.
pub fn signing_key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

/// Returns the public half of insecure-test-key number `n`.
pub fn public(n: u8) -> PublicKey {
    PublicKey::ed25519(signing_key(n).verifying_key().as_bytes()).unwrap()
}

/// Returns the public half of insecure-test-key number `n` on P-256.
pub fn p256_public(n: u8) -> PublicKey {
    PublicKey::ecdsa_p256(p256_key(n).verifying_key().to_sec1_point(true).as_bytes()).unwrap()
}

/// Signs with insecure-test-key number `n` on P-256; DER.
pub fn p256_sign(n: u8, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = p256_key(n).sign(message);
    signature.to_der().as_bytes().to_vec()
}

fn p256_key(n: u8) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[n; 32]).unwrap()
}

/// 2026-11-22T16:00:00Z.
pub fn now() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

/// Signs the `signed` part with the keys.
pub fn sign(signed: &Value, keys: &[u8]) -> Vec<u8> {
    let covered = json::canonical(signed).unwrap();
    let one = |n: &u8| {
        let sig = sealift_model::digest::hex(&signing_key(*n).sign(&covered).to_bytes());
        json!({ "keyid": public(*n).id(), "sig": sig })
    };
    json::canonical(&json!({ "signatures": keys.iter().map(one).collect::<Vec<_>>(), "signed": signed })).unwrap()
}

/// Returns a key table of root metadata.
pub fn key_table(keys: &[u8]) -> Value {
    Value::Object(keys.iter().map(|n| (public(*n).id().to_hex(), public(*n).to_object())).collect::<Map<_, _>>())
}

/// Returns a role of root metadata.
pub fn role(keys: &[u8], threshold: u64) -> Value {
    json!({ "keyids": keys.iter().map(|n| public(*n).id().to_hex()).collect::<Vec<_>>(), "threshold": threshold })
}

/// Returns a `signed` part with the common fields; fields of `more` are added or replace them.
pub fn signed(kind: &str, version: u64, more: Value) -> Value {
    let mut value = json!({
        "_type": kind, "spec_version": "1.0.34", "version": version, "expires": now().plus_days(30),
    });
    let Value::Object(more) = more else { panic!("fields are an object") };
    value.as_object_mut().unwrap().extend(more);
    value
}

/// Root: keys 1-3 at 2 for root, 11-12 at 2 for targets, 21 snapshot, 31 timestamp, 41 evidence.
pub fn root(version: u64) -> Value {
    signed(
        "root",
        version,
        json!({
            "consistent_snapshot": true,
            "keys": key_table(&[1, 2, 3, 11, 12, 21, 31]),
            "roles": {
                "root": role(&[1, 2, 3], 2), "targets": role(&[11, 12], 2),
                "snapshot": role(&[21], 1), "timestamp": role(&[31], 1),
            },
            "custom": { "sealift": { "evidence": { "keys": key_table(&[41]) } } },
        }),
    )
}

/// What a parent says of `bytes`.
pub fn described(version: u64, bytes: &[u8]) -> Value {
    json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": Digest::of(bytes) } })
}

/// A consistent repository whose three lower documents all have `version`.
pub struct Repository {
    /// Signed root metadata, version 1.
    pub root: Vec<u8>,
    /// Signed targets metadata.
    pub targets: Vec<u8>,
    /// Signed snapshot metadata.
    pub snapshot: Vec<u8>,
    /// Signed timestamp metadata.
    pub timestamp: Vec<u8>,
}

impl Repository {
    /// Builds it, listing one manifest.
    pub fn new(version: u64) -> Self {
        let target = json!({ "length": 1, "hashes": { "sha256": Digest::of(b"m") }, "custom": { "seq": version } });
        let list = json!({ "targets": { "bundles/s/1/manifest.json": target } });
        Self::with_targets(version, &signed("targets", version, list))
    }

    /// Builds it around a targets document.
    pub fn with_targets(version: u64, targets: &Value) -> Self {
        let targets = sign(targets, &[11, 12]);
        let meta = json!({ "meta": { "targets.json": described(version, &targets) } });
        let snapshot = sign(&signed("snapshot", version, meta), &[21]);
        let meta = json!({ "meta": { "snapshot.json": described(version, &snapshot) } });
        let timestamp = sign(&signed("timestamp", version, meta), &[31]);
        Self { root: sign(&root(1), &[1, 2]), targets, snapshot, timestamp }
    }
}

/// Returns a delegation: the role's keys and threshold as the delegator names them.
pub fn delegation(name: &str, keys: &[u8], paths: &[&str], terminating: bool) -> Value {
    let mut value = role(keys, 1);
    (value["name"], value["paths"], value["terminating"]) = (name.into(), json!(paths), terminating.into());
    value
}

/// Returns the `signed` part of targets metadata that lists `targets` and delegates.
pub fn delegating(version: u64, targets: &[&str], keys: &[u8], roles: &[Value]) -> Value {
    let info = |name: &&str| json!({ "length": 1, "hashes": { "sha256": Digest::of(name.as_bytes()) } });
    let list: Map<_, _> = targets.iter().map(|name| ((*name).to_owned(), info(name))).collect();
    let delegations = json!({ "keys": key_table(keys), "roles": roles });
    signed("targets", version, json!({ "targets": list, "delegations": delegations }))
}

impl Repository {
    /// Builds it around targets metadata and that of delegated roles, all of one version and already signed.
    pub fn with_delegated(version: u64, targets: &Value, roles: &[(&str, &[u8])]) -> Self {
        let targets = sign(targets, &[11, 12]);
        let mut meta = Map::from_iter([("targets.json".to_owned(), described(version, &targets))]);
        meta.extend(roles.iter().map(|(name, bytes)| (format!("{name}.json"), described(version, bytes))));
        let snapshot = sign(&signed("snapshot", version, json!({ "meta": meta })), &[21]);
        let meta = json!({ "meta": { "snapshot.json": described(version, &snapshot) } });
        let timestamp = sign(&signed("timestamp", version, meta), &[31]);
        Self { root: sign(&root(1), &[1, 2]), targets, snapshot, timestamp }
    }
}
