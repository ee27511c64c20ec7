//! DSSE v1 envelopes: a payload, its type, and signatures over both (format/evidence §2).
//!
//! The payload is handed out only by [`Envelope::verify`], so unverified bytes cannot be used by mistake.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_model::escape::printable;
use sealift_model::{Digest, json};
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::refusal::ExitClass;
use crate::strict::{Object, read};

/// The payload type of in-toto statements, the only one sealift reads.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Largest envelope that is read.
pub const LIMIT: usize = 8 << 20;

/// Most signatures in an envelope: each is tried with every key, over the whole payload.
pub const MOST_SIGNATURES: usize = 64;

/// Why an envelope or a statement was refused: evidence that travels with a bundle, or what a site signed itself. Whose
/// keys had to sign is the caller's to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceRefusal {
    /// Larger than the limit.
    #[error("the signed statement is larger than {LIMIT} bytes")]
    TooLarge,
    /// Not an envelope or statement of the expected form.
    #[error("the signed statement is malformed: {reason}")]
    Malformed {
        /// What is wrong, made printable.
        reason: String,
    },
    /// Another payload type than in-toto's.
    #[error("the signed statement has the payload type `{0}`, not {PAYLOAD_TYPE}")]
    PayloadType(String),
    /// Too few good signatures of the given keys.
    #[error("the signed statement has {valid} of {required} required signatures by keys that may sign it")]
    Threshold {
        /// Distinct keys that signed.
        valid: usize,
        /// How many must.
        required: usize,
    },
    /// Says something else than what was asked for.
    #[error("the signed statement has the predicate type `{found}`, not `{expected}`")]
    PredicateType {
        /// What was asked for.
        expected: String,
        /// What it is, made printable.
        found: String,
    },
    /// Is about something else.
    #[error("the signed statement is not about {}", expected.tagged())]
    Subject {
        /// The digest it should name.
        expected: Digest,
    },
}

impl EvidenceRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        ExitClass::Signature
    }

    /// Returns the stable word for ledgers, vectors and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::Malformed { .. } | Self::PayloadType(_) => "evidence-malformed",
            Self::Threshold { .. } => "evidence-signature",
            Self::PredicateType { .. } | Self::Subject { .. } => "evidence-subject",
        }
    }
}

/// An envelope whose signatures nobody has looked at yet.
#[derive(Debug, Clone)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

/// A payload that enough keys signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPayload {
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// The ids of the keys whose signature is good, sorted.
    pub signers: Vec<Digest>,
}

// Field order is alphabetical, as canonical JSON wants it.
#[derive(Serialize, Deserialize)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Object<WireSignature>>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Reads an envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceRefusal> {
        let malformed = |reason: String| EvidenceRefusal::Malformed { reason: printable(&reason) };
        if bytes.len() > LIMIT {
            return Err(EvidenceRefusal::TooLarge);
        }
        let value = json::parse(bytes).map_err(|e| malformed(e.to_string()))?;
        let wire = read::<Wire>(&value).map_err(|e| malformed(e.to_string()))?;
        if wire.payload_type != PAYLOAD_TYPE {
            return Err(EvidenceRefusal::PayloadType(printable(&wire.payload_type)));
        }
        if wire.signatures.len() > MOST_SIGNATURES {
            return Err(malformed(format!("it has more than {MOST_SIGNATURES} signatures")));
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|e| malformed(format!("base64: {e}")));
        Ok(Self {
            payload: decode(&wire.payload)?,
            signatures: wire.signatures.iter().map(|s| decode(&s.0.sig)).collect::<Result<_, _>>()?,
        })
    }

    /// Returns the payload if at least `required` distinct keys of `keys` signed it; 0 is read as 1.
    pub fn verify(&self, keys: &[PublicKey], required: usize) -> Result<VerifiedPayload, EvidenceRefusal> {
        let covered = pae(&self.payload);
        // Key ids in an envelope are hints outside the signature, so every key is tried.
        let good = |key: &&PublicKey| self.signatures.iter().any(|s| key.verifies(&covered, s));
        let signed: Vec<&PublicKey> = keys.iter().filter(good).collect();
        let distinct: BTreeSet<_> = signed.iter().map(|k| k.material()).collect();
        let required = required.max(1);
        if distinct.len() < required {
            return Err(EvidenceRefusal::Threshold { valid: distinct.len(), required });
        }
        let mut signers: Vec<_> = signed.iter().map(|k| k.id()).collect();
        signers.sort_unstable();
        Ok(VerifiedPayload { payload: self.payload.clone(), signers })
    }
}

/// Returns the bytes an envelope signature covers (DSSE v1, pre-authentication encoding).
pub fn pae(payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Returns the canonical envelope around `payload` with signatures made elsewhere over [`pae`].
pub fn envelope_bytes(payload: &[u8], signatures: &[(Digest, [u8; 64])]) -> Vec<u8> {
    let mut signatures = signatures.to_vec();
    signatures.sort_unstable_by_key(|(id, _)| *id);
    let wire = Wire {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: signatures
            .iter()
            .map(|(id, sig)| Object(WireSignature { keyid: id.to_hex(), sig: STANDARD.encode(sig) }))
            .collect(),
    };
    json::to_canonical(&wire).expect("base64 and hexadecimal text has no control characters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{public, signing_key};
    use ed25519_dalek::Signer;

    fn sealed(payload: &[u8], keys: &[u8]) -> Vec<u8> {
        let sign = |n: &u8| (public(*n).id(), signing_key(*n).sign(&pae(payload)).to_bytes());
        envelope_bytes(payload, &keys.iter().map(sign).collect::<Vec<_>>())
    }

    #[test]
    fn encoding_is_the_one_of_the_specification() {
        let expected = b"DSSEv1 28 application/vnd.in-toto+json 5 hello";
        assert_eq!(pae(b"hello"), expected);
    }

    #[test]
    fn payload_comes_out_when_a_given_key_signed_it() {
        let verified = Envelope::parse(&sealed(b"{}", &[1])).unwrap().verify(&[public(1), public(2)], 1).unwrap();
        assert_eq!(verified, VerifiedPayload { payload: b"{}".to_vec(), signers: vec![public(1).id()] });
    }

    #[test]
    fn refuses_foreign_keys_and_one_key_counted_twice() {
        let envelope = Envelope::parse(&sealed(b"{}", &[1, 1])).unwrap();
        assert_eq!(envelope.verify(&[public(2)], 1), Err(EvidenceRefusal::Threshold { valid: 0, required: 1 }));
        assert_eq!(envelope.verify(&[], 0), Err(EvidenceRefusal::Threshold { valid: 0, required: 1 }));
        let twice = [public(1), public(1)];
        assert_eq!(envelope.verify(&twice, 2), Err(EvidenceRefusal::Threshold { valid: 1, required: 2 }));
    }

    #[test]
    fn refuses_a_signature_over_the_payload_alone() {
        let sig = signing_key(1).sign(b"{}").to_bytes();
        let bytes = envelope_bytes(b"{}", &[(public(1).id(), sig)]);
        assert!(Envelope::parse(&bytes).unwrap().verify(&[public(1)], 1).is_err());
    }

    #[test]
    fn refuses_more_signatures_than_anybody_needs() {
        let sig = |n: usize| (Digest::of(&n.to_be_bytes()), [7; 64]);
        let many: Vec<_> = (0..MOST_SIGNATURES).map(sig).collect();
        assert!(Envelope::parse(&envelope_bytes(b"{}", &many)).is_ok());
        let more: Vec<_> = (0..=MOST_SIGNATURES).map(sig).collect();
        assert!(matches!(Envelope::parse(&envelope_bytes(b"{}", &more)), Err(EvidenceRefusal::Malformed { .. })));
    }

    #[test]
    fn refuses_other_forms() {
        let good = String::from_utf8(sealed(b"{}", &[1])).unwrap();
        assert!(Envelope::parse(good.as_bytes()).is_ok());
        for (from, to) in [
            ("in-toto+json", "in-toto+xml"),
            ("\"payload\":\"e30=\"", "\"payload\":\"e30\""),
            ("\"payload\":\"e30=\"", "\"payload\":\"e3-=\""),
            ("\"payload\":", "\"payload\":\"\",\"payload\":"),
            ("signatures", "signature"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(Envelope::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
