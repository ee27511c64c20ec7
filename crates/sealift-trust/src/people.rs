//! People whom the root of trust names, and what each of them may say (format/statements §1).
//!
//! A person is a name with keys. Everything that counts people counts names here, never keys: two keys of one person are
//! one voice. Keys of people sign DSSE envelopes and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dsse::Envelope;
use crate::key::{KeyMaterial, PublicKey, Role};
use crate::refusal::Refusal;
use crate::strict::Object;

/// Most keys of one person.
pub const MAX_KEYS: usize = 16;
/// Most keys of all people together: each is tried with every signature of an envelope.
pub const MAX_ALL_KEYS: usize = 256;
/// Largest envelope that keys of people are tried on, in bytes. Statements by people are short; without the limit a
/// medium could make a reader hash megabytes once a key and signature.
pub const MAX_ENVELOPE: usize = 64 << 10;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// Approve bundles.
    Approve,
    /// Report scans of bundles.
    Scan,
    /// Waive an expiry or override a clock.
    Waive,
}

impl Power {
    /// All powers, in the order of the root.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Scan, Self::Waive];

    /// Returns the word used in root metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Scan => "scan",
            Self::Waive => "waive",
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person of the root of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    keys: Vec<PublicKey>,
    may: BTreeSet<Power>,
}

impl Person {
    /// Returns the person's keys, sorted by id; at least one.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Tells whether the person may do this.
    pub fn may(&self, power: Power) -> bool {
        self.may.contains(&power)
    }

    /// Returns all the person may do.
    pub fn powers(&self) -> impl Iterator<Item = Power> {
        self.may.iter().copied()
    }
}

/// The people of a root of trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People(BTreeMap<PersonId, Person>);

/// The form of `custom.sealift.people`.
pub(crate) type PeopleField = BTreeMap<PersonId, Object<PersonField>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonField {
    keys: BTreeMap<Digest, Value>,
    may: Vec<Power>,
}

impl People {
    /// Reads `custom.sealift.people`.
    pub(crate) fn read(field: &PeopleField) -> Result<Self, Refusal> {
        let mut people = Self::default();
        for (name, Object(field)) in field {
            people.0.insert(name.clone(), person(name, field)?);
        }
        if people.keys().count() > MAX_ALL_KEYS {
            return Err(malformed(&format!("its people have more than {MAX_ALL_KEYS} keys")));
        }
        people.check_shared()?;
        Ok(people)
    }

    /// One key for two people would let one of them be two voices.
    fn check_shared(&self) -> Result<(), Refusal> {
        let mut seen: BTreeMap<KeyMaterial, &PersonId> = BTreeMap::new();
        for (second, key) in self.keys() {
            let first = *seen.entry(key.material()).or_insert(second);
            if first != second {
                let (first, second) = (first.clone(), second.clone());
                return Err(Refusal::SharedPerson { key_id: key.id(), first, second });
            }
        }
        Ok(())
    }

    /// Returns the person of this name.
    pub fn get(&self, name: &PersonId) -> Option<&Person> {
        self.0.get(name)
    }

    /// Returns everybody, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&PersonId, &Person)> {
        self.0.iter()
    }

    /// Tells whether the root names nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many people may do this.
    pub fn count(&self, power: Power) -> usize {
        self.0.values().filter(|person| person.may(power)).count()
    }

    /// Returns every key with the person it belongs to.
    pub fn keys(&self) -> impl Iterator<Item = (&PersonId, &PublicKey)> {
        self.0.iter().flat_map(|(name, person)| person.keys.iter().map(move |key| (name, key)))
    }

    /// Returns whose key this is.
    pub fn owner(&self, key: &PublicKey) -> Option<&PersonId> {
        self.keys().find(|(_, known)| same(known, key)).map(|(name, _)| name)
    }

    /// Returns the payload of an envelope with the people who signed it; `None` if nobody did.
    pub fn open<'e>(&self, envelope: &'e Envelope) -> Option<Opened<'e>> {
        if envelope.size() > MAX_ENVELOPE {
            return None;
        }
        let (payload, names) = envelope.signed_by(self.keys())?;
        Some(Opened { payload, signers: names.into_iter().cloned().collect() })
    }
}

/// A payload that people signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'e> {
    /// The signed bytes.
    pub payload: &'e [u8],
    /// Who signed; at least one.
    pub signers: BTreeSet<PersonId>,
}

fn person(name: &PersonId, field: &PersonField) -> Result<Person, Refusal> {
    let refuse = |what: &str| Err(malformed(&format!("person `{name}` {what}")));
    if field.may.is_empty() || !field.may.windows(2).all(|w| matches!(w, [a, b] if a < b)) {
        return refuse("may do nothing, or what they may do is not sorted");
    }
    if field.keys.is_empty() || field.keys.len() > MAX_KEYS {
        return refuse(&format!("has {} keys; 1 to {MAX_KEYS} are allowed", field.keys.len()));
    }
    let mut keys: Vec<PublicKey> = Vec::new();
    for (stated, object) in &field.keys {
        let key = match PublicKey::from_object(object) {
            Ok(key) => key,
            Err(fault) => return refuse(&format!("has the key {stated}, which is not usable: {fault}")),
        };
        if key.id() != *stated {
            return refuse(&format!("has the key {}, filed under another id", key.id()));
        }
        if keys.iter().any(|known| same(known, &key)) {
            return refuse(&format!("has the key {stated} twice"));
        }
        keys.push(key);
    }
    Ok(Person { keys, may: field.may.iter().copied().collect() })
}

/// One key can be written in several ways, and then has several ids.
fn same(a: &PublicKey, b: &PublicKey) -> bool {
    a.material() == b.material()
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Malformed { role: Role::Root, reason: printable(reason) }
}
