//! Signing a document and checking that it is signed: a DSSE envelope around an in-toto statement about its digest.
//!
//! Plans and state records are signed beside themselves, so that a document stays the plain JSON a person can read.

use sealift_model::Digest;
use sealift_model::json::JsonError;
use sealift_site::StatementKey;
use sealift_trust::{Envelope, EvidenceRefusal, PublicKey, Statement, Subject};

/// Largest envelope that is read.
pub const LIMIT: u64 = 64 << 10;

/// Returns the envelope by which `key` signs `document`.
pub fn sign(key: &StatementKey, name: &str, predicate_type: &str, document: &[u8]) -> Result<Vec<u8>, JsonError> {
    let statement = Statement {
        subjects: vec![Subject { name: name.to_owned(), sha256: Digest::of(document) }],
        predicate_type: predicate_type.to_owned(),
        predicate: serde_json::json!({}),
    };
    Ok(key.sign_dsse(&statement.to_bytes()?))
}

/// Checks that `envelope` is signed by `key` and is about `document`.
pub fn check(envelope: &[u8], key: &PublicKey, predicate_type: &str, document: Digest) -> Result<(), EvidenceRefusal> {
    let verified = Envelope::parse(envelope)?.verify(std::slice::from_ref(key), 1)?;
    Statement::parse(&verified.payload)?.check_about(predicate_type, document)
}
