//! What is to be done about the media: those nobody has looked at, those without an owner, hand-overs that stay open.
//!
//! Whether the records are what was signed is another question, answered first, by
//! [`Register::problems`](crate::Register::problems). Nothing here changes anything.

use std::fmt;

use sealift_model::{MediumId, PersonId, Timestamp};

use crate::record::Power;
use crate::register::{Held, Register};
use crate::state::{Fate, Medium, Strange};

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// About which medium; none if about the register.
    pub medium: Option<MediumId>,
    /// What.
    pub what: Todo,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    /// Nothing was recorded for this many days.
    Idle(u64),
    /// Nobody answers for it.
    NoOwner,
    /// Who answers for it is no longer among the people.
    OwnerGone(PersonId),
    /// Who has it may not have media any more.
    HolderGone(PersonId),
    /// A second person has not signed.
    Open {
        /// What waits.
        what: &'static str,
        /// For whom.
        waits_for: PersonId,
        /// For how many days.
        days: u64,
    },
    /// On its way with content and without a seal.
    Unsealed,
    /// A record says something that should not be.
    Strange {
        /// Number of the record.
        number: u64,
        /// What.
        what: Strange,
    },
    /// Another copy of the register has other records after the same one.
    Branch {
        /// First digits of the last one's digest.
        digits: String,
    },
    /// Nobody signed a check of the whole register for this many days; none if never.
    Unchecked(Option<u64>),
}

impl Todo {
    /// Returns the stable word for `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::NoOwner => "no-owner",
            Self::OwnerGone(_) => "owner-gone",
            Self::HolderGone(_) => "holder-gone",
            Self::Open { .. } => "open",
            Self::Unsealed => "unsealed",
            Self::Strange { what: Strange::Seal { .. }, .. } => "seal-differs",
            Self::Strange { .. } => "strange",
            Self::Branch { .. } => "branch",
            Self::Unchecked(_) => "unchecked",
        }
    }
}

impl fmt::Display for Todo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle(days) => write!(f, "nothing was recorded for {days} days"),
            Self::NoOwner => f.write_str("has no owner"),
            Self::OwnerGone(person) => write!(f, "its owner {person} is no longer among the people"),
            Self::HolderGone(person) => write!(f, "is with {person}, who may not have media any more"),
            Self::Open { what, waits_for, days } => {
                write!(f, "{what} waits for the countersignature of {waits_for} since {days} days")
            }
            Self::Unsealed => f.write_str("is in transit with content and without a seal"),
            Self::Strange { number, what } => write!(f, "record {number}: {what}"),
            Self::Branch { digits } => {
                write!(f, "another copy of the register has other records of it, ending with {digits}")
            }
            Self::Unchecked(Some(days)) => write!(f, "nobody signed a check of the register for {days} days"),
            Self::Unchecked(None) => f.write_str("nobody ever signed a check of the register"),
        }
    }
}

/// Returns what is to be done at `now`, where nothing may be older than `days`.
pub fn findings(register: &Register, now: Timestamp, days: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, held) in register.media() {
        let Some(medium) = &held.medium else { continue };
        let todo = of_medium(register, held, medium, now, days);
        findings.extend(todo.into_iter().map(|what| Finding { medium: Some(id.clone()), what }));
    }
    let last = register.checks().last().map(|checked| now.days_since(checked.time));
    if last.is_none_or(|age| age >= days) {
        findings.push(Finding { medium: None, what: Todo::Unchecked(last) });
    }
    findings
}

fn of_medium(register: &Register, held: &Held, medium: &Medium, now: Timestamp, days: u64) -> Vec<Todo> {
    let mut todo: Vec<Todo> = held.branches().iter().map(|tip| Todo::Branch { digits: tip.digest.short() }).collect();
    if medium.fate != Fate::Kept {
        return todo;
    }
    let idle = now.days_since(medium.time);
    if idle >= days {
        todo.push(Todo::Idle(idle));
    }
    let people = register.roster().now();
    match &medium.owner {
        None => todo.push(Todo::NoOwner),
        Some(owner) if !people.people.contains_key(owner) => todo.push(Todo::OwnerGone(owner.clone())),
        Some(_) => {}
    }
    if !people.may(&medium.holder, Power::Carry, now) {
        todo.push(Todo::HolderGone(medium.holder.clone()));
    }
    if let Some(open) = &medium.open {
        let (waits_for, days) = (open.waits_for.clone(), now.days_since(open.time));
        todo.push(Todo::Open { what: open.then.what(), waits_for, days });
    }
    if medium.in_transit && medium.seal.is_none() && !medium.loads.is_empty() {
        todo.push(Todo::Unsealed);
    }
    // That it once went unsealed, or that a clock was wrong, cannot be put right any more; `show` has it.
    let lasting = medium.remarks.iter().filter(|r| !matches!(r.what, Strange::Unsealed | Strange::Earlier));
    todo.extend(lasting.map(|remark| Todo::Strange { number: remark.number, what: remark.what.clone() }));
    todo
}
