//! Public keys, what they are for, and the closed list of algorithms.
//!
//! The key decides the algorithm, never the signature. Keys that accept more than one message for a signature (low
//! order, or a second encoding of a point) are refused when they are loaded, so no later check needs to think of them.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use sealift_model::digest::{hex, unhex};
use sealift_model::escape::printable;
use sealift_model::{Digest, json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::strict::{Object, read};

mod pem;

/// A role of TUF metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Names the keys of every role, itself included.
    Root,
    /// Lists the manifests that may be imported.
    Targets,
    /// Fixes which targets version belongs to which moment.
    Snapshot,
    /// Says what is newest; expires soonest.
    Timestamp,
}

impl Role {
    /// All roles, in the order they are explained.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// Returns the name used in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key is for; one key has one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Signs root metadata.
    Root,
    /// Signs targets metadata.
    Targets,
    /// Signs snapshot metadata.
    Snapshot,
    /// Signs timestamp metadata.
    Timestamp,
    /// Signs build provenance (DSSE), never metadata.
    Evidence,
}

impl Purpose {
    /// Returns the word used in key files and file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
            Self::Evidence => "evidence",
        }
    }

    /// Returns the metadata role this purpose signs; `None` for evidence.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Root => Some(Role::Root),
            Self::Targets => Some(Role::Targets),
            Self::Snapshot => Some(Role::Snapshot),
            Self::Timestamp => Some(Role::Timestamp),
            Self::Evidence => None,
        }
    }
}

impl From<Role> for Purpose {
    fn from(role: Role) -> Self {
        match role {
            Role::Root => Self::Root,
            Role::Targets => Self::Targets,
            Role::Snapshot => Self::Snapshot,
            Role::Timestamp => Self::Timestamp,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a public key is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not an object with `keytype`, `scheme` and `keyval.public` as lower-case hexadecimal digits.
    #[error("not a public key in the form of TUF metadata")]
    Malformed,
    /// A pair outside the closed list.
    #[error("key type `{keytype}` with scheme `{scheme}` is not supported (ed25519 is)")]
    Unsupported {
        /// `keytype`, made printable.
        keytype: String,
        /// `scheme`, made printable.
        scheme: String,
    },
    /// The bytes are no point of the curve, or not its one encoding.
    #[error("not a canonical Ed25519 public key")]
    NotCanonical,
    /// Not the one block of PEM that we write.
    #[error("not an Ed25519 public key in PEM: {0}")]
    Pem(&'static str),
    /// A point of low order: some signatures of it fit every message.
    #[error("weak Ed25519 public key (low order)")]
    Weak,
    /// The key is filed under an id that is not the SHA-256 of its canonical form.
    #[error("key id {stated} does not belong to this key, whose id is {computed}")]
    WrongId {
        /// The id it was filed under.
        stated: Digest,
        /// The id it has.
        computed: Digest,
    },
}

/// A public key that passed every check, with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: Digest,
    // The only scheme so far; ECDSA P-256 makes this an enum.
    key: VerifyingKey,
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
        let key = load(bytes)?;
        let canonical = json::canonical(&object_of(&key)).map_err(|_| KeyError::Malformed)?;
        Ok(Self { id: Digest::of(&canonical), key })
    }

    /// Reads a key object of TUF metadata.
    pub fn from_object(object: &Value) -> Result<Self, KeyError> {
        let fields = read::<KeyObject>(object).map_err(|_| KeyError::Malformed)?;
        match (fields.keytype.as_str(), fields.scheme.as_str()) {
            ("ed25519", "ed25519") => {}
            (keytype, scheme) => {
                return Err(KeyError::Unsupported { keytype: printable(keytype), scheme: printable(scheme) });
            }
        }
        let bytes = unhex(&fields.keyval.0.public).and_then(|b| b.try_into().ok()).ok_or(KeyError::Malformed)?;
        // The id covers the whole object, fields we do not know included.
        let canonical = json::canonical(object).map_err(|_| KeyError::Malformed)?;
        Ok(Self { id: Digest::of(&canonical), key: load(&bytes)? })
    }

    /// Reads a key object that is filed under `stated`, which must be its id.
    pub fn from_entry(stated: Digest, object: &Value) -> Result<Self, KeyError> {
        let key = Self::from_object(object)?;
        if key.id == stated { Ok(key) } else { Err(KeyError::WrongId { stated, computed: key.id }) }
    }

    /// Returns the SHA-256 of the canonical key object.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Returns the 32 bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Returns the 64 hexadecimal digits of the key.
    pub fn to_hex(&self) -> String {
        hex(self.key.as_bytes())
    }

    /// Returns the key object as we write it into metadata.
    pub fn to_object(&self) -> Value {
        object_of(&self.key)
    }

    /// Tells whether `signature` is this key's signature of exactly `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.key.verify_strict(message, &s).is_ok())
    }
}

fn object_of(key: &VerifyingKey) -> Value {
    json!({ "keytype": "ed25519", "keyval": { "public": hex(key.as_bytes()) }, "scheme": "ed25519" })
}

fn load(bytes: &[u8; 32]) -> Result<VerifyingKey, KeyError> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
    if key.is_weak() {
        return Err(KeyError::Weak);
    }
    // The library accepts a y above the field's prime: two encodings, and so two ids, of one key.
    if key.to_edwards().compress().to_bytes() != *bytes {
        return Err(KeyError::NotCanonical);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::signing_key;

    #[test]
    fn refuses_weak_and_second_encodings() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut zero_y = [0; 32];
        // y = p + 1 is another encoding of y = 1, y = p + 3 another of y = 3.
        let mut above = [0xff; 32];
        above[0] = 0xee;
        above[31] = 0x7f;
        let mut above_three = above;
        above_three[0] = 0xf0;
        assert_eq!(PublicKey::ed25519(&identity), Err(KeyError::Weak));
        assert_eq!(PublicKey::ed25519(&zero_y), Err(KeyError::Weak));
        zero_y[31] = 0x80;
        for bytes in [zero_y, above, above_three] {
            assert!(PublicKey::ed25519(&bytes).is_err(), "{}", hex(&bytes));
        }
        // Every second encoding there is (y from p to p + 18, either sign) is refused.
        for low in 0xed..=0xff_u8 {
            for sign in [0x7f, 0xff] {
                let mut bytes = [0xff; 32];
                bytes[0] = low;
                bytes[31] = sign;
                assert!(PublicKey::ed25519(&bytes).is_err(), "{}", hex(&bytes));
            }
        }
    }

    #[test]
    fn refuses_algorithms_outside_the_list_and_wrong_ids() {
        let key = PublicKey::ed25519(signing_key(1).verifying_key().as_bytes()).unwrap();
        assert_eq!(PublicKey::from_entry(key.id(), &key.to_object()).unwrap(), key);
        assert!(matches!(PublicKey::from_entry(Digest::of(b"x"), &key.to_object()), Err(KeyError::WrongId { .. })));
        for (field, text) in [("keytype", "rsa"), ("scheme", "ed25519ph"), ("keytype", "ED25519")] {
            let mut object = key.to_object();
            object[field] = text.into();
            assert!(matches!(PublicKey::from_object(&object), Err(KeyError::Unsupported { .. })), "{text}");
        }
        let mut upper = key.to_object();
        upper["keyval"]["public"] = key.to_hex().to_uppercase().into();
        assert_eq!(PublicKey::from_object(&upper), Err(KeyError::Malformed));
    }

    #[test]
    fn a_signature_fits_one_message() {
        use ed25519_dalek::Signer;
        let secret = signing_key(1);
        let key = PublicKey::ed25519(secret.verifying_key().as_bytes()).unwrap();
        let signature = secret.sign(b"message").to_bytes();
        assert!(key.verifies(b"message", &signature));
        assert!(!key.verifies(b"messagf", &signature));
        assert!(!key.verifies(b"message", &signature[..63]));
        assert!(!key.verifies(b"message", &[]));
    }
}
