//! How many people must say a thing, and whether they did (format/statements §3).
//!
//! The only place that counts people, used on both sides of the gap. It counts names, never keys or envelopes, and knows
//! nothing of files: envelopes come in, a verdict goes out. What one person says twice, or with two keys, is said once.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::dsse::{Envelope, EvidenceRefusal};
use crate::key::Role;
use crate::metadata::Root;
use crate::people::{People, Power};
use crate::refusal::Refusal;
use crate::statement::{PersonStatement, Said, ScanResult, StatementKind};
use crate::strict::present;

/// How many people each thing takes, `custom.sealift.policy` of the root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Approvals a bundle needs.
    #[serde(default)]
    pub approve: u32,
    /// Passed scans a bundle needs.
    #[serde(default)]
    pub scan: u32,
    /// People a waiver or clock override needs; without a number there are none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub waive: Option<u32>,
}

impl Policy {
    /// Returns how many people a statement of this kind takes; `None` if none can ever be enough.
    pub fn required(self, kind: StatementKind) -> Option<usize> {
        let number = match kind.power()? {
            Power::Approve => Some(self.approve),
            Power::Scan => Some(self.scan),
            Power::Waive => self.waive,
        };
        number.and_then(|n| usize::try_from(n).ok())
    }

    /// Refuses a policy that these people can never meet, or that would let a waiver pass unsigned.
    pub(crate) fn check(self, people: &People) -> Result<(), Refusal> {
        if self.waive == Some(0) {
            return Err(malformed("its policy lets nobody's waiver count"));
        }
        let asked = [(Power::Approve, self.approve), (Power::Scan, self.scan), (Power::Waive, self.waive.unwrap_or(0))];
        for (power, number) in asked {
            let there = people.count(power);
            if usize::try_from(number).map_or(true, |n| n > there) {
                return Err(malformed(&format!(
                    "its policy asks for {number} people who may {power}, there are {there}"
                )));
            }
        }
        Ok(())
    }
}

/// What enough people say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was asked.
    pub kind: StatementKind,
    /// How many people it takes; 0 if the root asks for none.
    pub required: usize,
    /// Everybody who counted, sorted.
    pub people: Vec<PersonId>,
    /// Digests of the payloads that counted, sorted: what is used up by a waiver or override.
    pub payloads: Vec<Digest>,
    /// Waiver: until when. Override: what time it is at least. Nothing for the other kinds.
    pub granted: Option<Timestamp>,
    /// Statements that somebody signed and that have no meaning here.
    pub ignored: usize,
}

/// Judges whether enough people say this about the subject, under `root` at `now`.
///
/// Envelopes that no person signed are passed over: whether such a file may lie where it was found is for the caller to
/// say. Statements about other subjects and of other kinds are passed over as well.
///
/// # Errors
/// Too few people, a failed scan, a kind that the root does not allow, or a malformed statement that a person signed.
pub fn judge(
    kind: StatementKind,
    subject: Digest,
    envelopes: &[Envelope],
    root: &Root,
    now: Timestamp,
) -> Result<Verdict, EvidenceRefusal> {
    let required = root.policy().required(kind).ok_or(EvidenceRefusal::NotAllowed { kind })?;
    let bag = Bag::open(envelopes, root.people())?;
    let said = bag.about(kind, subject, root.people());
    refuse_failed_scans(&said)?;
    let mut tally = Tally::default();
    for statement in said.iter().filter(|s| kind != StatementKind::WaiveExpiry || s.statement.grants() > Some(now)) {
        tally.add(statement);
    }
    tally.verdict(kind, required, bag.ignored)
}

/// A payload's digest, what it says, who signed it.
type Signed = (Digest, PersonStatement, BTreeSet<PersonId>);

/// What people signed, opened.
struct Bag {
    statements: Vec<Signed>,
    ignored: usize,
}

/// A statement that answers the question, with the signers who may.
struct Relevant<'a> {
    payload: Digest,
    statement: &'a PersonStatement,
    people: BTreeSet<PersonId>,
}

impl Bag {
    fn open(envelopes: &[Envelope], people: &People) -> Result<Self, EvidenceRefusal> {
        let mut bag = Self { statements: Vec::new(), ignored: 0 };
        for opened in envelopes.iter().filter_map(|envelope| people.open(envelope)) {
            match PersonStatement::parse(opened.payload)? {
                Some(statement) => bag.statements.push((Digest::of(opened.payload), statement, opened.signers)),
                None => bag.ignored += 1,
            }
        }
        Ok(bag)
    }

    fn about<'b>(&'b self, kind: StatementKind, subject: Digest, people: &People) -> Vec<Relevant<'b>> {
        let may = |name: &&PersonId| {
            let person = people.get(name);
            kind.power().is_some_and(|power| person.is_some_and(|person| person.may(power)))
        };
        let about = self.statements.iter().filter(|(_, statement, _)| statement.is_about(kind, subject));
        let relevant = |said: &'b Signed| {
            let (payload, statement, signers) = said;
            // Only of what is here: a countersignature alone says nothing that could be read.
            let all = signers.iter().chain(self.countersigners(*payload));
            Relevant { payload: *payload, statement, people: all.filter(may).cloned().collect() }
        };
        about.map(relevant).filter(|said| !said.people.is_empty()).collect()
    }

    fn countersigners(&self, payload: Digest) -> impl Iterator<Item = &PersonId> {
        let of = move |(_, s, _): &&Signed| s.is_about(StatementKind::Countersign, payload);
        self.statements.iter().filter(of).flat_map(|(_, _, people)| people)
    }
}

/// One person who found something outweighs everybody who did not look as closely.
fn refuse_failed_scans(said: &[Relevant<'_>]) -> Result<(), EvidenceRefusal> {
    let failed = |s: &&Relevant<'_>| matches!(&s.statement.said, Said::Scan(scan) if scan.result == ScanResult::Fail);
    let people: BTreeSet<_> = said.iter().filter(failed).flat_map(|s| s.people.iter().cloned()).collect();
    if people.is_empty() { Ok(()) } else { Err(EvidenceRefusal::ScanFailed { people: people.into_iter().collect() }) }
}

/// Counts people, and the latest time each stands for.
#[derive(Default)]
struct Tally {
    people: BTreeMap<PersonId, Option<Timestamp>>,
    payloads: BTreeSet<Digest>,
}

impl Tally {
    fn add(&mut self, said: &Relevant<'_>) {
        self.payloads.insert(said.payload);
        for person in &said.people {
            let stands_for = self.people.entry(person.clone()).or_default();
            *stands_for = (*stands_for).max(said.statement.grants());
        }
    }

    fn verdict(self, kind: StatementKind, required: usize, ignored: usize) -> Result<Verdict, EvidenceRefusal> {
        let mut times: Vec<Option<Timestamp>> = self.people.values().copied().collect();
        let people: Vec<PersonId> = self.people.into_keys().collect();
        if people.len() < required {
            return Err(EvidenceRefusal::People { kind, people, required });
        }
        // Who stands for a time stands for every earlier one, so the n-th highest is what n people stand for.
        times.sort_unstable_by(|a, b| b.cmp(a));
        let granted = required.checked_sub(1).and_then(|nth| times.get(nth).copied().flatten());
        let payloads = self.payloads.into_iter().collect();
        Ok(Verdict { kind, required, people, payloads, granted, ignored })
    }
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Malformed { role: Role::Root, reason: printable(reason) }
}

#[cfg(test)]
mod tests;
