//! DSSE v1 envelopes: a payload, its type, and signatures over both (format/evidence §2).
//!
//! The payload is handed out only by [`Envelope::verify`], so unverified bytes cannot be used by mistake.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId, json};
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::refusal::ExitClass;
use crate::statement::StatementKind;
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
    /// A kind of statement signed by a key that is for others.
    #[error("the signed statement has the predicate type `{predicate_type}`, which none of its signers may use")]
    Signer {
        /// What it is, made printable.
        predicate_type: String,
    },
    /// Too few people say so.
    #[error("{} of {required} people needed for the {} signed it ({})", people.len(), kind.noun(), listed(people))]
    People {
        /// What had to be said.
        kind: StatementKind,
        /// Who said it.
        people: Vec<PersonId>,
        /// How many must.
        required: usize,
    },
    /// The root of trust lets nobody say this.
    #[error("the root of trust allows no {}", kind.noun())]
    NotAllowed {
        /// What was said.
        kind: StatementKind,
    },
    /// Somebody who may scan found something.
    #[error("a scan by {} failed", listed(people))]
    ScanFailed {
        /// Who found it.
        people: Vec<PersonId>,
    },
}

fn listed(people: &[PersonId]) -> String {
    let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

impl EvidenceRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        match self {
            Self::People { .. } | Self::NotAllowed { .. } | Self::ScanFailed { .. } => ExitClass::Policy,
            Self::TooLarge
            | Self::Malformed { .. }
            | Self::PayloadType(_)
            | Self::Threshold { .. }
            | Self::PredicateType { .. }
            | Self::Subject { .. }
            | Self::Signer { .. } => ExitClass::Signature,
        }
    }

    /// Returns the stable word for ledgers, vectors and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::Malformed { .. } | Self::PayloadType(_) => "evidence-malformed",
            Self::Threshold { .. } | Self::Signer { .. } => "evidence-signature",
            Self::PredicateType { .. } | Self::Subject { .. } => "evidence-subject",
            Self::People { .. } => "people-missing",
            Self::NotAllowed { .. } => "people-not-allowed",
            Self::ScanFailed { .. } => "scan-failed",
        }
    }
}

/// An envelope whose signatures nobody has looked at yet.
#[derive(Debug, Clone)]
pub struct Envelope {
    payload: Vec<u8>,
    // With the key ids as found: hints, kept only to write the envelope again.
    signatures: Vec<(String, Vec<u8>)>,
    size: usize,
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
        if wire.signatures.iter().any(|Object(s)| s.keyid.chars().any(char::is_control)) {
            return Err(malformed("a key id holds a control character".into()));
        }
        if wire.signatures.len() > MOST_SIGNATURES {
            return Err(malformed(format!("it has more than {MOST_SIGNATURES} signatures")));
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|e| malformed(format!("base64: {e}")));
        Ok(Self {
            size: bytes.len(),
            payload: decode(&wire.payload)?,
            signatures: wire
                .signatures
                .iter()
                .map(|Object(s)| Ok((s.keyid.clone(), decode(&s.sig)?)))
                .collect::<Result<_, EvidenceRefusal>>()?,
        })
    }

    /// Returns the digest of the payload, which names the statement without believing it.
    pub fn payload_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// Returns the payload that nobody may have signed: to be shown or signed, never to decide by.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the envelope in its canonical encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.payload, self.signatures.clone())
    }

    /// Returns the canonical envelope with one signature more; `None` if it is not a signature of this payload by `key`.
    ///
    /// An earlier signature by the key is replaced.
    pub fn with_signature(&self, key: &PublicKey, signature: &[u8]) -> Option<Vec<u8>> {
        let covered = pae(&self.payload);
        if !key.verifies(&covered, signature) {
            return None;
        }
        let others = self.signatures.iter().filter(|(_, s)| !key.verifies(&covered, s)).cloned();
        Some(encode(&self.payload, others.chain([(key.id().to_hex(), signature.to_vec())]).collect()))
    }

    /// Returns how large the envelope was in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the payload and the tags of those keys that signed it; `None` if none did.
    pub fn signed_by<'k, T>(&self, keys: impl Iterator<Item = (T, &'k PublicKey)>) -> Option<(&[u8], Vec<T>)> {
        let covered = pae(&self.payload);
        // Key ids in an envelope are hints outside the signature, so every key is tried.
        let good =
            |(tag, key): (T, &PublicKey)| self.signatures.iter().any(|(_, s)| key.verifies(&covered, s)).then_some(tag);
        let tags: Vec<T> = keys.filter_map(good).collect();
        if tags.is_empty() { None } else { Some((&self.payload, tags)) }
    }

    /// Returns the payload if at least `required` distinct keys of `keys` signed it; 0 is read as 1.
    pub fn verify(&self, keys: &[PublicKey], required: usize) -> Result<VerifiedPayload, EvidenceRefusal> {
        let signed = self.signed_by(keys.iter().map(|key| (key, key))).map(|(_, signed)| signed).unwrap_or_default();
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

/// Returns the canonical envelope around `payload` with signatures made elsewhere over [`pae`]: 64 bytes of Ed25519, or
/// DER of ECDSA.
pub fn envelope_bytes<S: AsRef<[u8]>>(payload: &[u8], signatures: &[(Digest, S)]) -> Vec<u8> {
    encode(payload, signatures.iter().map(|(id, signature)| (id.to_hex(), signature.as_ref().to_vec())).collect())
}

fn encode(payload: &[u8], mut signatures: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    signatures.sort_unstable();
    let wire = Wire {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: signatures
            .into_iter()
            .map(|(keyid, sig)| Object(WireSignature { keyid, sig: STANDARD.encode(sig) }))
            .collect(),
    };
    json::to_canonical(&wire).expect("base64 and checked key ids have no control characters")
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
    fn refuses_what_parsers_disagree_about_and_what_has_no_end() {
        // Tests 46 to 52, for envelopes.
        let good = String::from_utf8(sealed(b"{}", &[1])).unwrap();
        let mut cases: Vec<Vec<u8>> = [
            good.replacen("\"sig\":", "\"sig\":\"\",\"sig\":", 1),
            good.replacen("\"signatures\":", "\"signatures\":[],\"signatures\":", 1),
            good.replacen("\"payloadType\":", "\"payloadType\":\"x\",\"payloadType\":", 1),
            good.replacen("\"payload\":\"e30=\"", "\"payload\":1.0", 1),
            good.replacen("\"payload\":\"e30=\"", "\"payload\":null", 1),
            good.replacen("e30=", "\\ud800", 1),
            good.replacen("\"keyid\":\"", "\"keyid\":\"\\u0000", 1),
            good.replacen("[{", &"[".repeat(10_000), 1),
            format!("\u{feff}{good}"),
            format!("{good}{good}"),
            format!("{good}\0"),
            format!("[{good}]"),
            String::new(),
        ]
        .map(String::into_bytes)
        .to_vec();
        cases.push(good.replacen("e30=", "e30\u{7f}", 1).replace('\u{7f}', "\u{0}").into_bytes());
        cases.push([good.as_bytes(), &[0xff]].concat());
        for bad in cases {
            let refused = Envelope::parse(&bad);
            assert!(matches!(refused, Err(EvidenceRefusal::Malformed { .. })), "{}", String::from_utf8_lossy(&bad));
        }
        let endless = good.replacen("e30=", &"A".repeat(LIMIT), 1);
        assert!(matches!(Envelope::parse(endless.as_bytes()), Err(EvidenceRefusal::TooLarge)));
        let many = good.replacen("[{", &format!("[{}{{", "{\"sig\":\"\"},".repeat(100_000)), 1);
        assert!(matches!(Envelope::parse(many.as_bytes()), Err(EvidenceRefusal::Malformed { .. })));
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
