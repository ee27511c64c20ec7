//! Statements that people sign (format/statements): made here, signed here or where the key is, put together here.
//!
//! Only keys of people sign them, and keys of people sign nothing else. What is written is read back by the verifier
//! before it is handed out.

mod subject;

use sealift_model::{Digest, PersonId};
use sealift_trust::{Envelope, EvidenceRefusal, PersonStatement, PublicKey, Purpose, dsse};

use crate::secret::SecretKey;

pub use subject::{Shown, SubjectError, find, read_envelope};

/// Largest statement file that is read, in bytes: the largest envelope a person's keys are tried on.
pub const LIMIT: u64 = sealift_trust::people::MAX_ENVELOPE as u64;

/// Why a statement was not made or signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Every reader would refuse it.
    #[error(transparent)]
    Refused(#[from] EvidenceRefusal),
    /// A key that is for something else.
    #[error("key {key_id} is for {purpose}; statements are signed by keys of people")]
    WrongPurpose {
        /// The key.
        key_id: Digest,
        /// What it is for.
        purpose: Purpose,
    },
    /// The signature is not of this statement by this key.
    #[error("this is not a signature of this statement by key {key_id}")]
    Wrong {
        /// The key.
        key_id: Digest,
    },
    /// The envelope is not a statement of a kind that people make.
    #[error("its predicate type is `{0}`, which people do not sign here")]
    Foreign(String),
    /// With the signature it would be larger than readers take.
    #[error("with one signature more the statement would be too large")]
    TooLarge,
}

/// Returns the envelope of a statement that nobody signed yet.
pub fn unsigned(statement: &PersonStatement) -> Result<Vec<u8>, StatementError> {
    let none: [(Digest, Vec<u8>); 0] = [];
    Ok(dsse::envelope_bytes(&statement.to_bytes()?, &none))
}

/// Reads an envelope whose payload is a statement by people; says nothing about its signatures.
pub fn read(envelope: &[u8]) -> Result<(Envelope, PersonStatement), StatementError> {
    let parsed = Envelope::parse(envelope)?;
    if let Some(statement) = PersonStatement::parse(parsed.unverified_payload())? {
        return Ok((parsed, statement));
    }
    Err(StatementError::Foreign(foreign_type(parsed.unverified_payload())?))
}

fn foreign_type(payload: &[u8]) -> Result<String, EvidenceRefusal> {
    let other = sealift_trust::Statement::parse(payload)?;
    Ok(sealift_model::escape::printable(&other.predicate_type))
}

/// Returns exactly the bytes that signatures of an envelope cover.
pub fn bytes_to_sign(envelope: &[u8]) -> Result<Vec<u8>, StatementError> {
    Ok(dsse::pae(read(envelope)?.0.unverified_payload()))
}

/// Returns the statement that bytes to sign belong to. Refuses anything else: what a holder is given to sign may be
/// anything.
pub fn statement_of(to_sign: &[u8]) -> Result<PersonStatement, StatementError> {
    let other = || EvidenceRefusal::Malformed { reason: "it is not what signatures of a statement cover".into() };
    // The length before the payload has one spelling, so the split is checked by putting it together again.
    let space = |n: usize| to_sign.iter().enumerate().filter(|(_, b)| **b == b' ').nth(n).map(|(at, _)| at + 1);
    let payload = space(3).and_then(|at| to_sign.get(at..)).ok_or_else(other)?;
    if dsse::pae(payload) != to_sign {
        return Err(other().into());
    }
    match PersonStatement::parse(payload)? {
        Some(statement) => Ok(statement),
        None => Err(StatementError::Foreign(foreign_type(payload)?)),
    }
}

/// Returns the envelope with the signature of `key`, in place of an earlier one by the same key.
pub fn sign(envelope: &[u8], key: &SecretKey) -> Result<Vec<u8>, StatementError> {
    if key.purpose() != Purpose::Person {
        return Err(StatementError::WrongPurpose { key_id: key.id(), purpose: key.purpose() });
    }
    attach(envelope, key.public(), &key.sign(&bytes_to_sign(envelope)?))
}

/// Returns the envelope with a signature made elsewhere: 64 bytes of Ed25519, or DER of ECDSA P-256.
pub fn attach(envelope: &[u8], key: &PublicKey, signature: &[u8]) -> Result<Vec<u8>, StatementError> {
    let (parsed, _) = read(envelope)?;
    let wrong = StatementError::Wrong { key_id: key.id() };
    let merged = parsed.with_signature(key, signature).ok_or(wrong)?;
    // What a reader will do first with it.
    Envelope::parse(&merged)?;
    if merged.len() as u64 > LIMIT { Err(StatementError::TooLarge) } else { Ok(merged) }
}

/// Returns the file name of a statement: kind, person, and the first digits of what it is about.
pub fn file_name(statement: &PersonStatement, person: &PersonId) -> String {
    format!("{}-{person}-{}.dsse.json", statement.kind(), statement.subject.sha256.short())
}

#[cfg(test)]
mod tests;
