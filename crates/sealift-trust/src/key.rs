//! Public keys, what they are for, and the closed list of algorithms.
//!
//! The key decides the algorithm, never the signature. Keys that accept more than one message for a signature (low
//! order, or a second encoding of a point) are refused when they are loaded, so no later check needs to think of them.
//! Two keys are one if their [`KeyMaterial`] is; ids and spellings do not make a second signer.

use ed25519_dalek::{Signature, VerifyingKey};
use sealift_model::digest::{hex, unhex};
use sealift_model::escape::printable;
use sealift_model::{Digest, json};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::strict::{Object, read};

mod id;
mod p256;
mod pem;
mod purpose;

pub use id::{KeyId, KeyIdError};
pub use purpose::{Purpose, Role};

/// Why a public key is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not an object with `keytype`, `scheme` and `keyval.public` in the form that belongs to them.
    #[error("not a public key in the form of TUF metadata")]
    Malformed,
    /// A pair outside the closed list.
    #[error("key type `{keytype}` with scheme `{scheme}` is not supported (ed25519 and ecdsa-sha2-nistp256 are)")]
    Unsupported {
        /// `keytype`, made printable.
        keytype: String,
        /// `scheme`, made printable.
        scheme: String,
    },
    /// The bytes are no point of the curve, or not its one encoding.
    #[error("not a canonical Ed25519 public key")]
    NotCanonical,
    /// The bytes are no point of P-256 that is a public key.
    #[error("not a P-256 public key")]
    NotOnCurve,
    /// Not the one block of PEM that we write.
    #[error("not a public key in PEM: {0}")]
    Pem(&'static str),
    /// A point that is, or has a part, of low order: some signatures of it fit every message.
    #[error("weak Ed25519 public key (low order)")]
    Weak,
    /// The key is filed under an id that is not the SHA-256 of its canonical form.
    #[error("key id {stated} does not belong to this key, whose id is {computed}")]
    WrongId {
        /// The id it was filed under.
        stated: KeyId,
        /// The id it has.
        computed: Digest,
    },
}

/// A public key that passed every check, with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: Digest,
    // As read: writing the key again must give the object whose digest the id is.
    object: Value,
    verifier: Verifier,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verifier {
    Ed25519(VerifyingKey),
    EcdsaP256(Box<::p256::ecdsa::VerifyingKey>),
}

/// What makes two public keys one: the algorithm, and the point in its one encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyMaterial {
    /// The 32 bytes of RFC 8032.
    Ed25519([u8; 32]),
    /// The compressed point of SEC 1.
    EcdsaP256([u8; 33]),
}

impl KeyMaterial {
    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::EcdsaP256(bytes) => bytes,
        }
    }
}

#[derive(Deserialize)]
struct KeyObject {
    keytype: String,
    scheme: String,
    keyval: Object<KeyValue>,
}

#[derive(Deserialize)]
struct KeyValue {
    public: String,
}

impl PublicKey {
    /// Checks 32 bytes as an Ed25519 public key.
    pub fn ed25519(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        Self::written(Verifier::Ed25519(load(bytes)?))
    }

    /// Checks a point of SEC 1 (33 bytes compressed, 65 not) as an ECDSA P-256 public key.
    pub fn ecdsa_p256(point: &[u8]) -> Result<Self, KeyError> {
        Self::written(Verifier::EcdsaP256(Box::new(p256::from_sec1(point)?)))
    }

    /// Reads a key object of TUF metadata.
    pub fn from_object(object: &Value) -> Result<Self, KeyError> {
        let fields = read::<KeyObject>(object).map_err(|_| KeyError::Malformed)?;
        let public = &fields.keyval.0.public;
        let verifier = match (fields.keytype.as_str(), fields.scheme.as_str()) {
            ("ed25519", "ed25519") => {
                let bytes = unhex(public).and_then(|b| b.try_into().ok()).ok_or(KeyError::Malformed)?;
                Verifier::Ed25519(load(&bytes)?)
            }
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                let spki = pem::unwrap(public.as_bytes())?;
                Verifier::EcdsaP256(Box::new(p256::from_spki(&spki).ok_or(KeyError::Malformed)??))
            }
            (keytype, scheme) => {
                return Err(KeyError::Unsupported { keytype: printable(keytype), scheme: printable(scheme) });
            }
        };
        // The id covers the whole object, fields we do not know included.
        let canonical = json::canonical(object).map_err(|_| KeyError::Malformed)?;
        Ok(Self { id: Digest::of(&canonical), object: object.clone(), verifier })
    }

    /// Reads a key object that is filed under `stated`, which must be its id.
    pub fn from_entry(stated: &KeyId, object: &Value) -> Result<Self, KeyError> {
        let key = Self::from_object(object)?;
        if *stated == key.id { Ok(key) } else { Err(KeyError::WrongId { stated: stated.clone(), computed: key.id }) }
    }

    fn written(verifier: Verifier) -> Result<Self, KeyError> {
        let object = object_of(&verifier);
        let canonical = json::canonical(&object).map_err(|_| KeyError::Malformed)?;
        Ok(Self { id: Digest::of(&canonical), object, verifier })
    }

    /// Returns the SHA-256 of the canonical key object.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Returns what makes this key this key and no other. Signers are counted by it.
    pub fn material(&self) -> KeyMaterial {
        match &self.verifier {
            Verifier::Ed25519(key) => KeyMaterial::Ed25519(key.to_bytes()),
            Verifier::EcdsaP256(key) => KeyMaterial::EcdsaP256(p256::compressed(key)),
        }
    }

    /// Returns the 32 bytes of an Ed25519 key; `None` for another.
    pub fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        match &self.verifier {
            Verifier::Ed25519(key) => Some(key.as_bytes()),
            Verifier::EcdsaP256(_) => None,
        }
    }

    /// Returns the hexadecimal digits of the key: 64 for Ed25519, 66 for P-256.
    pub fn to_hex(&self) -> String {
        hex(self.material().as_bytes())
    }

    /// Returns the key object as it stands in metadata: as read, or as we write it.
    pub fn to_object(&self) -> Value {
        self.object.clone()
    }

    /// Tells whether `signature` is this key's signature of exactly `message`: 64 bytes for Ed25519, DER for P-256.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Ed25519(key) => {
                // Strict: no small-order R, no S from L on, no cofactor; one signature never fits two messages.
                Signature::from_slice(signature).is_ok_and(|s| key.verify_strict(message, &s).is_ok())
            }
            Verifier::EcdsaP256(key) => p256::verifies(key, message, signature),
        }
    }
}

fn object_of(verifier: &Verifier) -> Value {
    let (keytype, scheme, public) = match verifier {
        Verifier::Ed25519(key) => ("ed25519", "ed25519", hex(key.as_bytes())),
        Verifier::EcdsaP256(key) => ("ecdsa", "ecdsa-sha2-nistp256", pem::wrap(&p256::to_spki(key))),
    };
    json!({ "keytype": keytype, "keyval": { "public": public }, "scheme": scheme })
}

fn load(bytes: &[u8; 32]) -> Result<VerifyingKey, KeyError> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
    let point = key.to_edwards();
    // With a part of low order, verifiers disagree about which signatures are good.
    if key.is_weak() || !point.is_torsion_free() {
        return Err(KeyError::Weak);
    }
    // The library accepts a y above the field's prime: two encodings, and so two ids, of one key.
    if point.compress().to_bytes() != *bytes {
        return Err(KeyError::NotCanonical);
    }
    Ok(key)
}

#[cfg(test)]
pub(crate) use p256::tests::compressed_pem;

#[cfg(test)]
mod tests;
