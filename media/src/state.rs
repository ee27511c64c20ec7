//! What a medium's records add up to: who has it, what is on it, what waits, what was strange (format/media-register §4).
//!
//! The same function judges a record before it is signed and when a chain is read, so that nothing is in a register that
//! its rules would not have taken.

use std::collections::BTreeSet;
use std::fmt;

use sealift_model::{Digest, MediumId, PersonId, Timestamp};

use crate::record::{Details, Event, Link, Load, Manner, Outcome, Policy, Power, Record, Under};
use crate::refusal::Rule;
use crate::roster::Stand;
use crate::text::Line;

mod rules;

/// What has become of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in use.
    Kept,
    /// It exists no more.
    Destroyed,
    /// Nobody knows where it is.
    Lost,
}

impl Fate {
    /// Returns the word of lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Destroyed => "destroyed",
            Self::Lost => "lost",
        }
    }
}

/// A record that another person still has to stand behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it.
    pub by: PersonId,
    /// Who has to countersign.
    pub waits_for: PersonId,
    /// What happens then.
    pub then: Then,
}

/// What a countersignature completes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The medium is with this person.
    With(PersonId),
    /// The medium is destroyed.
    Destroyed,
}

impl Then {
    /// Returns what waits, for sentences.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::With(_) => "the hand-over",
            Self::Destroyed => "the destruction",
        }
    }
}

/// Something about a record that is true and should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Number of the record.
    pub number: u64,
    /// What.
    pub what: Strange,
}

/// What is strange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strange {
    /// Another seal than the one that was put on, or a broken one.
    Seal {
        /// Put on.
        expected: Option<Line>,
        /// Found.
        found: Option<Line>,
        /// Whether it was whole.
        intact: bool,
    },
    /// It went away without a seal and with content.
    Unsealed,
    /// Written although it was not sanitised.
    NotSanitised,
    /// Imported or verified, but nothing here says it was written to this medium.
    NotWritten(Load),
    /// What was read is not what was signed.
    Bad,
    /// Its time is before that of the record it follows.
    Earlier,
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seal =
            |seal: &Option<Line>| seal.as_ref().map_or_else(|| "no seal".to_owned(), |seal| format!("seal {seal}"));
        match self {
            Self::Seal { expected, found, intact } => {
                write!(f, "{} was put on, {} was found", seal(expected), seal(found))?;
                f.write_str(if *intact { "" } else { ", broken" })
            }
            Self::Unsealed => f.write_str("went away with content and without a seal"),
            Self::NotSanitised => f.write_str("was written without having been sanitised before"),
            Self::NotWritten(load) => write!(f, "{load} was read from it, and nothing here says it was written to it"),
            Self::Bad => f.write_str("what was read is not what was signed, or was refused"),
            Self::Earlier => f.write_str("its time is before that of the record it follows"),
        }
    }
}

/// A medium as its records leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// Its id: the control number on the label.
    pub id: MediumId,
    /// What it is.
    pub details: Details,
    /// Who answers for it.
    pub owner: Option<PersonId>,
    /// Who has it.
    pub holder: PersonId,
    /// Where it was seen last.
    pub place: Line,
    /// The seal on it.
    pub seal: Option<Line>,
    /// What is on it.
    pub loads: BTreeSet<Load>,
    /// Whether it is on its way: handed over and not received.
    pub in_transit: bool,
    /// What has become of it.
    pub fate: Fate,
    /// What waits for a second person.
    pub open: Option<Open>,
    /// What was strange, since it was last sanitised.
    pub remarks: Vec<Remark>,
    /// What was strange before that.
    pub old_remarks: Vec<Remark>,
    /// Branches that are accounted for, by the digest of their last record.
    pub joined: BTreeSet<Digest>,
    /// Number of the last record.
    pub number: u64,
    /// Digest of the last record.
    pub head: Digest,
    /// Time of the last record.
    pub time: Timestamp,
    pub(crate) under: Under,
    past: Past,
}

/// What it went through since it was sanitised, and before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Past {
    /// Ever written.
    written: bool,
    /// Ever sanitised.
    sanitised: bool,
    trip: Trip,
}

/// How far content went with it, since it was sanitised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Trip {
    /// Nowhere.
    #[default]
    Home,
    /// To another person or place.
    Carried,
    /// Into a repository.
    Imported,
}

impl Medium {
    /// Begins a medium; `digest` is that of its first record.
    pub(crate) fn begin(link: &Link, id: &MediumId, stand: &Stand, digest: Digest) -> Result<Self, Rule> {
        let record = &link.record;
        let (Event::Registered(details), Some(under)) = (&record.event, record.under) else {
            return Err(Rule::Unknown(id.clone()));
        };
        stand.member(&record.person, Power::Keep, record.time)?;
        if let Some(owner) = &details.owner {
            known(stand, owner)?;
        }
        Ok(Self {
            id: id.clone(),
            details: (**details).clone(),
            owner: details.owner.clone(),
            holder: record.person.clone(),
            place: record.place.clone(),
            seal: None,
            loads: BTreeSet::new(),
            in_transit: false,
            fate: Fate::Kept,
            open: None,
            remarks: Vec::new(),
            old_remarks: Vec::new(),
            joined: BTreeSet::new(),
            number: 1,
            head: digest,
            time: record.time,
            under,
            past: Past::default(),
        })
    }

    /// Takes the next record, or refuses it and is as before.
    pub(crate) fn follow(&mut self, record: &Record, stand: &Stand, digest: Digest) -> Result<(), Rule> {
        let mut next = self.clone();
        next.check(record, stand)?;
        next.number = record.number;
        if record.time < self.time {
            next.remark(record.number, Strange::Earlier);
        }
        next.take(record, stand.policy);
        next.head = digest;
        next.time = record.time;
        if let Some(under) = record.under {
            next.under = under;
        }
        *self = next;
        Ok(())
    }

    /// Refuses what the chain would not take next.
    pub fn allows(&self, record: &Record, stand: &Stand) -> Result<(), Rule> {
        self.check(record, stand)
    }

    /// Tells whether it can be written again.
    pub fn is_rewritable(&self) -> bool {
        !self.details.write_once
    }

    /// Tells whether it carried something since it was sanitised, and so must be before it is written again.
    pub fn must_be_sanitised(&self) -> bool {
        self.past.trip > Trip::Home && self.is_rewritable() && self.fate == Fate::Kept
    }

    /// Returns what it is doing, in one word.
    pub fn condition(&self) -> &'static str {
        match (self.fate, &self.open) {
            (Fate::Destroyed | Fate::Lost, _) => self.fate.as_str(),
            (Fate::Kept, Some(Open { then: Then::With(_), .. })) => "hand-over open",
            (Fate::Kept, Some(Open { then: Then::Destroyed, .. })) => "destruction open",
            (Fate::Kept, None) if self.in_transit => "in transit",
            (Fate::Kept, None) if self.past.trip == Trip::Imported && self.is_rewritable() => "to sanitise",
            (Fate::Kept, None) if !self.loads.is_empty() => "loaded",
            (Fate::Kept, None) => "empty",
        }
    }

    fn remark(&mut self, number: u64, what: Strange) {
        self.remarks.push(Remark { number, what });
    }

    fn take(&mut self, record: &Record, policy: Policy) {
        let number = record.number;
        if !matches!(record.event, Event::Lost {} | Event::Joined { .. } | Event::Withdrawn {} | Event::Assigned { .. })
        {
            self.place = record.place.clone();
        }
        match &record.event {
            Event::Assigned { owner } => self.owner = Some(owner.clone()),
            Event::Written(writing) => self.take_written(number, &writing.loads, policy),
            Event::Verified { loads, result, .. } => self.take_read(number, loads, *result),
            Event::Imported { loads, result, .. } => {
                self.take_read(number, loads, *result);
                self.past.trip = Trip::Imported;
            }
            Event::Sealed { seal } => self.seal = Some(seal.clone()),
            Event::HandedOver { from, to } => {
                let waits_for = if record.person == *from { to } else { from };
                self.wait(record, waits_for, Then::With(to.clone()));
            }
            Event::Destroyed { witness, .. } => self.wait(record, witness, Then::Destroyed),
            Event::Countersigned {} => self.complete(number),
            Event::Withdrawn {} => self.open = None,
            Event::Received { intact, seal, .. } => self.take_received(number, *intact, seal.as_ref()),
            Event::Sanitised { .. } => self.clear(),
            Event::Lost {} => (self.fate, self.open) = (Fate::Lost, None),
            Event::Joined { branch, holder } => {
                self.joined.insert(*branch);
                self.holder = holder.clone();
            }
            // The check lets none of the others through.
            _ => {}
        }
    }

    fn take_written(&mut self, number: u64, loads: &[Load], policy: Policy) {
        let strange = (self.must_be_sanitised() && policy.reuse == Manner::Warn)
            || (self.is_new() && policy.first_use == Manner::Warn);
        if strange {
            self.remark(number, Strange::NotSanitised);
        }
        self.past.written = true;
        self.loads.extend(loads.iter().cloned());
    }

    fn take_read(&mut self, number: u64, loads: &[Load], result: Outcome) {
        for load in loads {
            // Who reads may know the bundle and not the volume.
            let whole = |on: &Load| Load { volume: None, volumes: None, ..on.clone() };
            let same = |on: &Load| on == load || (load.volume.is_none() && whole(on) == *load);
            if !self.loads.iter().any(same) {
                self.remark(number, Strange::NotWritten(load.clone()));
            }
        }
        if result == Outcome::Bad {
            self.remark(number, Strange::Bad);
        }
    }

    fn take_received(&mut self, number: u64, intact: bool, found: Option<&Line>) {
        let expected = self.seal.take();
        if expected.as_ref() != found || (found.is_some() && !intact) {
            self.remark(number, Strange::Seal { expected, found: found.cloned(), intact });
        }
        self.in_transit = false;
        self.carry();
    }

    fn wait(&mut self, record: &Record, waits_for: &PersonId, then: Then) {
        let (number, time, by) = (record.number, record.time, record.person.clone());
        self.open = Some(Open { number, time, by, waits_for: waits_for.clone(), then });
    }

    fn complete(&mut self, number: u64) {
        match self.open.take().map(|open| open.then) {
            Some(Then::With(person)) => {
                self.holder = person;
                self.in_transit = true;
                self.carry();
                if !self.loads.is_empty() && self.seal.is_none() {
                    self.remark(number, Strange::Unsealed);
                }
            }
            Some(Then::Destroyed) => self.fate = Fate::Destroyed,
            None => {}
        }
    }

    fn carry(&mut self) {
        if !self.loads.is_empty() {
            self.past.trip = self.past.trip.max(Trip::Carried);
        }
    }

    fn clear(&mut self) {
        self.loads.clear();
        self.old_remarks.append(&mut self.remarks);
        self.past.sanitised = true;
        self.past.trip = Trip::Home;
    }

    fn is_new(&self) -> bool {
        self.is_rewritable() && !self.past.written && !self.past.sanitised
    }
}

fn known(stand: &Stand, person: &PersonId) -> Result<(), Rule> {
    if stand.people.contains_key(person) { Ok(()) } else { Err(Rule::Nobody(person.clone())) }
}
