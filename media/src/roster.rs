//! Who may sign in a register, at each point of its history (format/media-register §3).
//!
//! The people's chain begins with a record that its first keeper signed with the key it names; its digest is the
//! register's id. Each later record is signed by a keeper of the record before. Media's records say under which of these
//! points they were made, so that a person who retires does not make earlier records worthless.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::{Digest, PersonId, Timestamp};
use sealift_trust::PublicKey;

use crate::record::{ChainName, Event, NOTHING, Policy, Power, Record, Stored, Under};
use crate::refusal::{Refusal, Rule};
use crate::text::Line;

/// Somebody who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their key.
    pub key: PublicKey,
    /// What they may do.
    pub may: BTreeSet<Power>,
    /// When the appointment ends.
    pub until: Option<Timestamp>,
}

/// The people and the policy at one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    digest: Digest,
    /// How the register is kept.
    pub policy: Policy,
    /// Who may sign.
    pub people: BTreeMap<PersonId, Member>,
}

/// A key, by what makes it this key, and whose it is.
type Owned = (Vec<u8>, PersonId);

/// All points of a register's people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// What the register is called.
    pub name: Line,
    stands: Vec<Stand>,
    keys: BTreeMap<Vec<u8>, PersonId>,
}

impl Stand {
    /// Returns the person if they may do this at this time.
    pub fn member(&self, person: &PersonId, power: Power, time: Timestamp) -> Result<&Member, Rule> {
        let member = self.people.get(person).ok_or_else(|| Rule::Nobody(person.clone()))?;
        if let Some(until) = member.until.filter(|until| *until <= time) {
            return Err(Rule::Appointment { person: person.clone(), until });
        }
        if member.may.contains(&power) {
            return Ok(member);
        }
        let what = match power {
            Power::Keep => "keep the register",
            Power::Carry => "have media",
        };
        Err(Rule::Power { person: person.clone(), what })
    }

    /// Tells whether the person may do this at this time.
    pub fn may(&self, person: &PersonId, power: Power, time: Timestamp) -> bool {
        self.member(person, power, time).is_ok()
    }

    /// Returns whose key this is.
    pub fn owner(&self, key: &PublicKey) -> Option<&PersonId> {
        self.people.iter().find(|(_, member)| member.key.material() == key.material()).map(|(name, _)| name)
    }
}

impl Roster {
    /// Begins a register with its first record.
    pub(crate) fn begin(stored: &Stored) -> Result<Self, Refusal> {
        let record = &stored.link.record;
        let Event::Opened { key, name, policy } = &record.event else {
            return Err(broken(1, Rule::Beginning));
        };
        if record.number != 1 || stored.link.previous != NOTHING {
            return Err(broken(record.number, Rule::Beginning));
        }
        let key = key.key().ok_or_else(|| unsigned(record))?;
        check_signature(stored, &key)?;
        let keys = BTreeMap::from([(key.material().as_bytes().to_vec(), record.person.clone())]);
        let member = Member { key, may: BTreeSet::from([Power::Carry, Power::Keep]), until: None };
        let people = BTreeMap::from([(record.person.clone(), member)]);
        let stand = Stand { digest: stored.digest, policy: *policy, people };
        Ok(Self { name: name.clone(), stands: vec![stand], keys })
    }

    /// Adds the next record of the people's chain.
    pub(crate) fn follow(&mut self, stored: &Stored) -> Result<(), Refusal> {
        let record = &stored.link.record;
        let key = self.now().people.get(&record.person).map(|member| member.key.clone());
        check_signature(stored, &key.ok_or_else(|| unsigned(record))?)?;
        let (mut stand, key) = self.next(record).map_err(|rule| broken(record.number, rule))?;
        stand.digest = stored.digest;
        self.stands.push(stand);
        self.keys.extend(key);
        Ok(())
    }

    /// Refuses what the people's chain would not take next.
    pub fn allows(&self, record: &Record) -> Result<(), Rule> {
        self.next(record).map(|_| ())
    }

    fn next(&self, record: &Record) -> Result<(Stand, Option<Owned>), Rule> {
        let mut stand = self.now().clone();
        stand.member(&record.person, Power::Keep, record.time)?;
        let mut taken = None;
        match &record.event {
            Event::PersonAdded { key, may, name, until } => {
                let key = key.key().ok_or_else(|| Rule::Nobody(name.clone()))?;
                let material = key.material().as_bytes().to_vec();
                if let Some(other) = self.keys.get(&material).filter(|other| *other != name) {
                    return Err(Rule::KeyTaken(other.clone()));
                }
                taken = Some((material, name.clone()));
                let member = Member { key, may: may.iter().copied().collect(), until: *until };
                stand.people.insert(name.clone(), member);
                last_keeper(&stand, name)?;
            }
            Event::PersonRetired { name } => {
                stand.people.remove(name).ok_or_else(|| Rule::Nobody(name.clone()))?;
                last_keeper(&stand, name)?;
            }
            Event::PolicySet { policy } => stand.policy = *policy,
            _ => return Err(Rule::Beginning),
        }
        Ok((stand, taken))
    }

    /// Returns the register's id, which the first keeper tells by voice.
    pub fn id(&self) -> Digest {
        self.stands.first().map_or(NOTHING, |stand| stand.digest)
    }

    /// Returns the people of now.
    pub fn now(&self) -> &Stand {
        self.stands.last().expect("a roster is made with its first stand")
    }

    /// Returns the last point.
    pub fn head(&self) -> Under {
        Under { number: self.stands.len() as u64, sha256: self.now().digest }
    }

    /// Returns the people of a point; `None` if this register never had it.
    pub fn at(&self, under: &Under) -> Option<&Stand> {
        let index = usize::try_from(under.number.checked_sub(1)?).ok()?;
        self.stands.get(index).filter(|stand| stand.digest == under.sha256)
    }
}

fn last_keeper(stand: &Stand, name: &PersonId) -> Result<(), Rule> {
    // One whose appointment ends keeps nothing afterwards: somebody must be left who can change the people.
    let keeps = |member: &Member| member.may.contains(&Power::Keep) && member.until.is_none();
    if stand.people.values().any(keeps) { Ok(()) } else { Err(Rule::LastKeeper(name.clone())) }
}

/// Refuses a record that `key` did not sign.
pub(crate) fn check_signature(stored: &Stored, key: &PublicKey) -> Result<(), Refusal> {
    match stored.envelope.signed_by(std::iter::once(((), key))) {
        Some(_) => Ok(()),
        None => Err(Refusal::Signature {
            chain: stored.link.chain.clone(),
            number: stored.link.record.number,
            person: stored.link.record.person.clone(),
        }),
    }
}

fn unsigned(record: &Record) -> Refusal {
    Refusal::Signature { chain: ChainName::People, number: record.number, person: record.person.clone() }
}

fn broken(number: u64, rule: Rule) -> Refusal {
    Refusal::Broken { chain: ChainName::People, number, rule }
}
