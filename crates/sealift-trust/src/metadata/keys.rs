//! The keys a document names, and which of them speak for a role.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Profile, malformed};
use crate::key::{KeyError, KeyId, PublicKey, Role};
use crate::refusal::Refusal;
use crate::strict::Object;

/// Keys that the reference implementation reads and sealift does not verify with.
const FOREIGN: [(&str, &str); 8] = [
    ("rsa", "rsassa-pss-sha256"),
    ("rsa", "rsassa-pss-sha384"),
    ("rsa", "rsassa-pss-sha512"),
    ("rsa", "rsa-pkcs1v15-sha256"),
    ("rsa", "rsa-pkcs1v15-sha384"),
    ("rsa", "rsa-pkcs1v15-sha512"),
    ("ecdsa", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
];

/// The keys of one role and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    keys: BTreeMap<KeyId, PublicKey>,
    threshold: usize,
}

impl RoleKeys {
    /// Returns how many distinct keys must sign, at least 1.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Returns the key with this id.
    pub fn get(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.get(id)
    }

    /// Tells whether `key` may sign for the role, under whatever id.
    pub fn names(&self, key: &PublicKey) -> bool {
        self.keys.values().any(|own| own.material() == key.material())
    }

    /// Returns the keys, sorted by id.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.keys.values()
    }
}

/// What a document says of a role: its keys and its threshold.
#[derive(Deserialize)]
pub(crate) struct RoleField {
    pub(crate) keyids: Vec<KeyId>,
    pub(crate) threshold: u64,
}

/// All keys of one document, by id.
pub(crate) struct KeyTable {
    document: Role,
    profile: Profile,
    keys: BTreeMap<KeyId, PublicKey>,
}

impl KeyTable {
    /// Reads the key objects of a document of role `document`.
    pub(crate) fn load(document: Role, objects: &BTreeMap<KeyId, Value>, profile: Profile) -> Result<Self, Refusal> {
        let mut keys = BTreeMap::new();
        for (id, object) in objects {
            let loaded = match profile {
                Profile::Sealift => PublicKey::from_entry(id, object),
                Profile::Tuf => PublicKey::from_object(object),
            };
            match loaded {
                Ok(key) => drop(keys.insert(id.clone(), key)),
                Err(KeyError::Unsupported { keytype, scheme })
                    if profile == Profile::Tuf && FOREIGN.contains(&(keytype.as_str(), scheme.as_str())) => {}
                Err(source) => return Err(Refusal::Key { role: document, key_id: id.clone(), source }),
            }
        }
        Ok(Self { document, profile, keys })
    }

    /// Returns the keys of the role `name`.
    pub(crate) fn role(&self, name: &str, Object(field): Object<RoleField>) -> Result<RoleKeys, Refusal> {
        let refuse = |reason: String| Err(malformed(self.document, &reason));
        let mut keys = BTreeMap::new();
        for (at, id) in field.keyids.iter().enumerate() {
            if field.keyids.iter().take(at).any(|before| before == id) {
                return refuse(format!("role `{name}` names key {id} twice"));
            }
            match (self.keys.get(id), self.profile) {
                (Some(key), _) => drop(keys.insert(id.clone(), key.clone())),
                (None, Profile::Sealift) => {
                    return refuse(format!("role `{name}` names key {id}, which is not there"));
                }
                // A key nobody has signs nothing.
                (None, Profile::Tuf) => {}
            }
        }
        // A threshold of 0 would let unsigned metadata pass.
        let (Ok(threshold @ 1..), true) = (usize::try_from(field.threshold), self.reachable(&field)) else {
            return refuse(format!("role `{name}` has the threshold {} of {} keys", field.threshold, keys.len()));
        };
        Ok(RoleKeys { keys, threshold })
    }

    /// Tells whether so many keys are there at all; the specification does not ask.
    fn reachable(&self, field: &RoleField) -> bool {
        self.profile == Profile::Tuf || field.threshold <= field.keyids.len() as u64
    }

    /// Returns the keys, sorted by id.
    pub(crate) fn into_keys(self) -> impl Iterator<Item = PublicKey> {
        self.keys.into_values()
    }
}
