//! Which record may follow, and by whom.

use sealift_model::PersonId;

use super::{Fate, Medium, Open, known};
use crate::record::{Event, Manner, Power, Record};
use crate::refusal::Rule;
use crate::roster::Stand;

impl Medium {
    pub(super) fn check(&self, record: &Record, stand: &Stand) -> Result<(), Rule> {
        if self.fate != Fate::Kept {
            return Err(Rule::Gone { id: self.id.clone(), how: self.fate.as_str() });
        }
        if let Some(open) = &self.open {
            return self.check_open(record, stand, open);
        }
        self.check_person(record, stand)?;
        self.check_device(record)?;
        self.check_event(record, stand)
    }

    /// Nothing happens to a medium of which it is not certain who has it, but what makes it certain.
    fn check_open(&self, record: &Record, stand: &Stand, open: &Open) -> Result<(), Rule> {
        let person = &record.person;
        match &record.event {
            Event::Countersigned {} if *person == open.waits_for => {
                stand.member(person, Power::Carry, record.time).map(|_| ())
            }
            Event::Countersigned {} => {
                Err(Rule::OtherSigner { person: person.clone(), waits_for: open.waits_for.clone() })
            }
            Event::Withdrawn {} if *person == open.by || *person == open.waits_for => Ok(()),
            Event::Withdrawn {} => stand.member(person, Power::Keep, record.time).map(|_| ()),
            Event::Lost {} => self.check_loser(person, record, stand),
            _ => Err(Rule::Open {
                id: self.id.clone(),
                what: open.then.what(),
                number: open.number,
                waits_for: open.waits_for.clone(),
            }),
        }
    }

    fn check_person(&self, record: &Record, stand: &Stand) -> Result<(), Rule> {
        let person = &record.person;
        match &record.event {
            Event::Assigned { .. } | Event::Joined { .. } => stand.member(person, Power::Keep, record.time).map(|_| ()),
            Event::Lost {} => self.check_loser(person, record, stand),
            Event::Seen {} => stand.member(person, Power::Carry, record.time).map(|_| ()),
            Event::HandedOver { from, to } if person == to => {
                stand.member(person, Power::Carry, record.time)?;
                self.check_holder(from)
            }
            _ => {
                stand.member(person, Power::Carry, record.time)?;
                self.check_holder(person)
            }
        }
    }

    fn check_holder(&self, person: &PersonId) -> Result<(), Rule> {
        if *person == self.holder {
            return Ok(());
        }
        Err(Rule::NotHolder { id: self.id.clone(), holder: self.holder.clone(), person: person.clone() })
    }

    fn check_loser(&self, person: &PersonId, record: &Record, stand: &Stand) -> Result<(), Rule> {
        if self.owner.as_ref() == Some(person) || *person == self.holder {
            return Ok(());
        }
        stand.member(person, Power::Keep, record.time).map(|_| ())
    }

    /// Two sticks can have one label; the number the device itself says is compared wherever it is known.
    fn check_device(&self, record: &Record) -> Result<(), Rule> {
        match (record.event.serial(), &self.details.serial) {
            (Some(found), Some(registered)) if found != registered => {
                Err(Rule::Serial { id: self.id.clone(), found: found.clone(), registered: registered.clone() })
            }
            _ => Ok(()),
        }
    }

    fn check_event(&self, record: &Record, stand: &Stand) -> Result<(), Rule> {
        let id = || self.id.clone();
        match &record.event {
            Event::Registered(_) => Err(Rule::Taken(id())),
            Event::Countersigned {} | Event::Withdrawn {} => Err(Rule::NothingOpen(id())),
            Event::Assigned { owner } => known(stand, owner),
            Event::Joined { holder, .. } => stand.member(holder, Power::Carry, record.time).map(|_| ()),
            Event::Written(_) => {
                self.check_unsealed()?;
                self.check_written(stand)
            }
            Event::Sanitised { .. } if self.details.write_once => Err(Rule::NotErasable(id())),
            Event::Verified { .. } | Event::Imported { .. } | Event::Sealed { .. } | Event::Sanitised { .. } => {
                self.check_unsealed()
            }
            Event::HandedOver { from, to } => {
                if from == to {
                    return Err(Rule::OnePerson(to.clone()));
                }
                if record.person != *from && record.person != *to {
                    return Err(Rule::OtherSigner { person: record.person.clone(), waits_for: from.clone() });
                }
                stand.member(to, Power::Carry, record.time).map(|_| ())
            }
            Event::Destroyed { witness, .. } => {
                if *witness == record.person {
                    return Err(Rule::OnePerson(witness.clone()));
                }
                stand.member(witness, Power::Carry, record.time).map(|_| ())
            }
            Event::Received { .. } | Event::Seen {} | Event::Lost {} => Ok(()),
            Event::Opened { .. }
            | Event::PersonAdded { .. }
            | Event::PersonRetired { .. }
            | Event::PolicySet { .. } => Err(Rule::Beginning),
        }
    }

    fn check_unsealed(&self) -> Result<(), Rule> {
        match &self.seal {
            Some(seal) => Err(Rule::Sealed { id: self.id.clone(), seal: seal.clone() }),
            None => Ok(()),
        }
    }

    fn check_written(&self, stand: &Stand) -> Result<(), Rule> {
        let policy = stand.policy;
        if self.details.write_once && self.past.written {
            return Err(Rule::WriteOnce(self.id.clone()));
        }
        if self.must_be_sanitised() && policy.reuse == Manner::Refuse {
            return Err(Rule::NotSanitised(self.id.clone()));
        }
        if self.is_new() && policy.first_use == Manner::Refuse {
            return Err(Rule::FirstUse(self.id.clone()));
        }
        Ok(())
    }
}
