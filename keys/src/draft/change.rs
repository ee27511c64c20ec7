//! Changes to the content of a draft, made on its JSON so that fields nobody here knows stay as they are.

use std::fmt;

use sealift_model::escape::printable;
use sealift_model::{Digest, Timestamp};
use sealift_trust::{PublicKey, Purpose, Role};
use serde_json::{Map, Value, json};

use crate::attach::same_key;

/// Fewest digits that name a key.
const MIN_DIGITS: usize = 8;

/// A key, by itself or by the first digits of its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRef {
    /// The public key.
    Key(Box<PublicKey>),
    /// At least eight hexadecimal digits, with which the id begins.
    Id(String),
}

/// One change.
#[derive(Debug, Clone)]
pub enum Change {
    /// A key more for a purpose.
    AddKey {
        /// What for.
        purpose: Purpose,
        /// The key.
        key: PublicKey,
    },
    /// A key less.
    RemoveKey {
        /// What it was for.
        purpose: Purpose,
        /// The key.
        key: KeyRef,
    },
    /// How many must sign for a role.
    Threshold {
        /// The role.
        role: Role,
        /// How many.
        required: u64,
    },
    /// When the root expires.
    Expires(Timestamp),
    /// A person more, or a key more of a person that is there, or other rights.
    AddPerson {
        /// Who.
        name: String,
        /// Their key.
        key: PublicKey,
        /// What they may: `approve`, `scan`, `waive`.
        may: Vec<String>,
    },
    /// A person less.
    RemovePerson {
        /// Who.
        name: String,
    },
    /// How many people a kind of statement needs.
    Policy {
        /// `approve`, `scan` or `waive`.
        kind: String,
        /// How many.
        required: u64,
    },
}

/// Why a change does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Nothing of the purpose has this key.
    #[error("no {purpose} key {key}")]
    NoKey {
        /// The purpose.
        purpose: Purpose,
        /// What was looked for.
        key: String,
    },
    /// The first digits fit more than one key.
    #[error("more than one {purpose} key begins with {key}")]
    Several {
        /// The purpose.
        purpose: Purpose,
        /// What was looked for.
        key: String,
    },
    /// The key is there already.
    #[error("{purpose} has key {key} already")]
    There {
        /// The purpose.
        purpose: Purpose,
        /// The key.
        key: Digest,
    },
    /// Nobody of that name.
    #[error("nobody is named `{0}`")]
    NoPerson(String),
    /// People's keys are added with their names.
    #[error("a person's key is added together with the person's name")]
    Nameless,
    /// The metadata has no such part, though every root has.
    #[error("the metadata has no `{0}`")]
    Shape(&'static str),
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "{}", key.id()),
            Self::Id(digits) => f.write_str(&printable(digits)),
        }
    }
}

impl KeyRef {
    /// Takes the first digits of a key id; `None` unless there are at least eight, lower case.
    pub fn id(digits: &str) -> Option<Self> {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let fits = (MIN_DIGITS..=64).contains(&digits.len()) && digits.bytes().all(lower);
        fits.then(|| Self::Id(digits.to_owned()))
    }

    /// Tells whether this is the key, filed under `id`.
    pub fn is(&self, id: &str, key: &PublicKey) -> bool {
        match self {
            Self::Key(this) => same_key(this, key),
            Self::Id(digits) => id.starts_with(digits.as_str()) || key.id().to_hex().starts_with(digits.as_str()),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddKey { purpose, key } => write!(f, "{purpose}: add key {}", key.id()),
            Self::RemoveKey { purpose, key } => write!(f, "{purpose}: remove key {key}"),
            Self::Threshold { role, required } => write!(f, "{role}: threshold {required}"),
            Self::Expires(at) => write!(f, "expires {at}"),
            Self::AddPerson { name, key, may } => {
                write!(f, "person {}: key {}, may {}", printable(name), key.id(), printable(&may.join(", ")))
            }
            Self::RemovePerson { name } => write!(f, "person {}: removed", printable(name)),
            Self::Policy { kind, required } => write!(f, "policy: {} {required}", printable(kind)),
        }
    }
}

impl Change {
    pub(super) fn apply(&self, signed: &mut Value) -> Result<(), ChangeError> {
        match self {
            Self::AddKey { purpose, key } => add_key(signed, *purpose, key),
            Self::RemoveKey { purpose, key } => remove_key(signed, *purpose, key),
            Self::Threshold { role, required } => {
                role_of(signed, *role)?.insert("threshold".into(), (*required).into());
                Ok(())
            }
            Self::Expires(at) => {
                let fields = signed.as_object_mut().ok_or(ChangeError::Shape("signed"))?;
                fields.insert("expires".into(), at.to_string().into());
                Ok(())
            }
            Self::AddPerson { name, key, may } => add_person(signed, name, key, may),
            Self::RemovePerson { name } => {
                let people = below(signed, &["custom", "sealift", "people"])?;
                people.remove(name).map(drop).ok_or_else(|| ChangeError::NoPerson(printable(name)))
            }
            Self::Policy { kind, required } => {
                let policy = below(signed, &["custom", "sealift", "policy"])?;
                // format/statements §1: absent means that there are no waivers; a 0 would let nobody's count.
                if kind == "waive" && *required == 0 {
                    policy.remove(kind);
                } else {
                    policy.insert(kind.clone(), (*required).into());
                }
                Ok(())
            }
        }
    }
}

/// Returns the object at a path, made where it is missing.
fn below<'v>(value: &'v mut Value, path: &[&'static str]) -> Result<&'v mut Map<String, Value>, ChangeError> {
    let mut here = value.as_object_mut().ok_or(ChangeError::Shape("signed"))?;
    for name in path {
        let next = here.entry(*name).or_insert_with(|| json!({}));
        here = next.as_object_mut().ok_or(ChangeError::Shape(name))?;
    }
    Ok(here)
}

fn role_of(signed: &mut Value, role: Role) -> Result<&mut Map<String, Value>, ChangeError> {
    below(signed, &["roles", role.as_str()])
}

fn key_ids(signed: &mut Value, role: Role) -> Result<&mut Vec<Value>, ChangeError> {
    let ids = role_of(signed, role)?.entry("keyids").or_insert_with(|| json!([]));
    ids.as_array_mut().ok_or(ChangeError::Shape("keyids"))
}

/// Returns ids and keys of a purpose; entries that are no keys were refused when the draft was read.
pub(super) fn keys_of(signed: &Value, purpose: Purpose) -> Vec<(String, PublicKey)> {
    let load = |id: &str, object: &Value| Some((id.to_owned(), PublicKey::from_object(object).ok()?));
    let Some(role) = purpose.role() else {
        let table = signed.pointer("/custom/sealift/evidence/keys").and_then(Value::as_object);
        return table.into_iter().flatten().filter_map(|(id, object)| load(id, object)).collect();
    };
    let ids = signed.pointer(&format!("/roles/{role}/keyids")).and_then(Value::as_array);
    let ids = ids.into_iter().flatten().filter_map(Value::as_str);
    ids.filter_map(|id| load(id, signed.get("keys")?.get(id)?)).collect()
}

fn add_key(signed: &mut Value, purpose: Purpose, key: &PublicKey) -> Result<(), ChangeError> {
    let id = key.id();
    if keys_of(signed, purpose).iter().any(|(_, known)| same_key(known, key)) {
        return Err(ChangeError::There { purpose, key: id });
    }
    if purpose == Purpose::Evidence {
        below(signed, &["custom", "sealift", "evidence", "keys"])?.insert(id.to_hex(), key.to_object());
        return Ok(());
    }
    let role = purpose.role().ok_or(ChangeError::Nameless)?;
    below(signed, &["keys"])?.insert(id.to_hex(), key.to_object());
    let ids = key_ids(signed, role)?;
    ids.push(id.to_hex().into());
    ids.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Ok(())
}

fn remove_key(signed: &mut Value, purpose: Purpose, key: &KeyRef) -> Result<(), ChangeError> {
    let keys = keys_of(signed, purpose);
    let mut fitting = keys.iter().filter(|(id, known)| key.is(id, known)).map(|(id, _)| id);
    let id = match (fitting.next(), fitting.next()) {
        (Some(id), None) => id,
        (None, _) => return Err(ChangeError::NoKey { purpose, key: key.to_string() }),
        (Some(_), Some(_)) => return Err(ChangeError::Several { purpose, key: key.to_string() }),
    };
    if purpose == Purpose::Evidence {
        below(signed, &["custom", "sealift", "evidence", "keys"])?.remove(id);
        return Ok(());
    }
    let role = purpose.role().ok_or(ChangeError::Nameless)?;
    key_ids(signed, role)?.retain(|entry| entry.as_str() != Some(id));
    let used = Role::ALL.into_iter().any(|role| keys_of(signed, role.into()).iter().any(|(other, _)| other == id));
    if !used {
        below(signed, &["keys"])?.remove(id);
    }
    Ok(())
}

fn add_person(signed: &mut Value, name: &str, key: &PublicKey, may: &[String]) -> Result<(), ChangeError> {
    let people = below(signed, &["custom", "sealift", "people"])?;
    let person = people.entry(name).or_insert_with(|| json!({ "keys": {}, "may": [] }));
    let person = person.as_object_mut().ok_or(ChangeError::Shape("people"))?;
    let keys = person.entry("keys").or_insert_with(|| json!({})).as_object_mut();
    keys.ok_or(ChangeError::Shape("people"))?.insert(key.id().to_hex(), key.to_object());
    let mut may = may.to_vec();
    may.sort();
    may.dedup();
    person.insert("may".into(), may.into());
    Ok(())
}
