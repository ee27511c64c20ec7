//! What another copy of the register has, taken over (format/media-register §5).
//!
//! Whoever has a medium writes its records, so one copy's chain normally continues the other's. Where both wrote at the
//! same time, nothing is thrown away and nothing is chosen: the other side's records are kept beside, and a keeper says
//! who has the medium.

use std::collections::BTreeSet;
use std::path::Path;

use sealift_fs::Beneath;
use sealift_model::{Digest, MediumId};

use crate::record::{ChainName, Stored};
use crate::refusal::Refusal;
use crate::register::{Held, Register, RegisterError, Writer};

/// What came of one medium's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// The medium was not known here; this many records.
    New(usize),
    /// This many records more.
    Forward(usize),
    /// All of it was here already.
    Nothing,
    /// Both copies wrote after the same record; the others are kept beside, ending with this one.
    Beside(Digest),
    /// The other copy accounts for what was written here; its chain is the chain from now on.
    Settled,
}

/// What came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Records about people that are new here.
    pub people: usize,
    /// What came of each medium.
    pub media: Vec<(MediumId, Came)>,
    /// Signed checks that are new here.
    pub checks: usize,
}

impl Merged {
    /// Tells whether some medium's records have to be settled by a keeper.
    pub fn is_open(&self) -> bool {
        self.media.iter().any(|(_, came)| matches!(came, Came::Beside(_)))
    }
}

/// Takes over what the copy in `other` has. A copy with anything wrong in it is refused whole.
pub fn merge(writer: &mut Writer, other: &Path) -> Result<Merged, RegisterError> {
    let theirs = Register::open(other)?;
    let (found, expected) = (theirs.roster().id(), writer.roster().id());
    if found != expected {
        return Err(Refusal::OtherRegister { found: found.short(), expected: expected.short() }.into());
    }
    if let Some(problem) = theirs.problems().into_iter().chain(writer.problems()).next() {
        return Err(problem.refusal.clone().into());
    }
    let mut merged = Merged { people: merge_people(writer, &theirs)?, ..Merged::default() };
    for (id, held) in theirs.media() {
        let came = merge_medium(writer, id, held)?;
        merged.media.push((id.clone(), came));
    }
    merged.checks = merge_checks(writer, &theirs)?;
    Ok(merged)
}

fn merge_people(writer: &mut Writer, theirs: &Register) -> Result<usize, RegisterError> {
    let ours: Vec<Digest> = writer.people_records().iter().map(|stored| stored.digest).collect();
    let shared = ours.iter().zip(theirs.people_records()).take_while(|(ours, theirs)| **ours == theirs.digest).count();
    let more = theirs.people_records().get(shared..).unwrap_or_default();
    if shared < ours.len() && !more.is_empty() {
        return Err(Refusal::TwoPeople { number: shared as u64 }.into());
    }
    for stored in more {
        writer.add(stored.clone())?;
    }
    Ok(more.len())
}

fn merge_medium(writer: &mut Writer, id: &MediumId, theirs: &Held) -> Result<Came, RegisterError> {
    let Some(ours) = writer.register_mut().media.get(id).cloned() else {
        let count = theirs.records().len();
        writer.take_chain(id, theirs.clone())?;
        return Ok(Came::New(count));
    };
    let shared = ours.records().iter().zip(theirs.records()).take_while(|(a, b)| a.digest == b.digest).count();
    let (tail, more) = (after(&ours, shared), after(theirs, shared));
    let Some(last) = more.last() else { return Ok(Came::Nothing) };
    let joined = |held: &Held, digest: Digest| held.medium.as_ref().is_some_and(|m| m.joined.contains(&digest));
    if tail.last().is_none_or(|ours_last| joined(theirs, ours_last.digest)) {
        let mut held = theirs.clone();
        held.found.aside.extend(ours.found.aside.clone());
        held.found.aside.extend(tail.iter().map(|stored| (stored.digest, stored.clone())));
        let main: BTreeSet<Digest> = held.found.main.iter().map(|stored| stored.digest).collect();
        held.found.aside.retain(|digest, _| !main.contains(digest));
        writer.take_chain(id, held)?;
        return Ok(if tail.is_empty() { Came::Forward(more.len()) } else { Came::Settled });
    }
    let mut held = ours.clone();
    let known = more.iter().all(|stored| held.found.aside.contains_key(&stored.digest));
    held.found.aside.extend(more.iter().map(|stored| (stored.digest, stored.clone())));
    let settled = joined(&held, last.digest);
    if !known {
        writer.take_chain(id, held)?;
    }
    Ok(if settled { Came::Nothing } else { Came::Beside(last.digest) })
}

fn after(held: &Held, shared: usize) -> Vec<Stored> {
    held.records().get(shared..).unwrap_or_default().to_vec()
}

fn merge_checks(writer: &mut Writer, theirs: &Register) -> Result<usize, RegisterError> {
    let here: BTreeSet<String> = writer.checks().iter().map(|checked| checked.file.clone()).collect();
    let mut new = 0;
    let tree = Beneath::open(&theirs.dir)?;
    for checked in theirs.checks().iter().filter(|checked| !here.contains(&checked.file)) {
        let Some((_, name)) = checked.file.split_once('/') else { continue };
        let Some(bytes) = theirs.read_check_again(&tree, &checked.file)? else { continue };
        writer.put_check(name, &bytes)?;
        new += 1;
    }
    Ok(new)
}

/// Takes over one record that was carried as a file, if it is the next one here.
pub fn merge_record(writer: &mut Writer, bytes: &[u8]) -> Result<(ChainName, Came), RegisterError> {
    let stored = Stored::parse(bytes)?;
    let (chain, number) = (stored.link.chain.clone(), stored.link.record.number);
    let (records, head) = match &chain {
        ChainName::People => (writer.people_records().to_vec(), writer.roster().head().sha256),
        ChainName::Medium(id) => match writer.register_mut().media.get(id) {
            Some(held) => (held.records().to_vec(), writer.medium(id)?.0.head),
            None => (Vec::new(), writer.roster().id()),
        },
    };
    if records.iter().any(|known| known.digest == stored.digest) {
        return Ok((chain, Came::Nothing));
    }
    if stored.link.previous != head {
        return Err(Refusal::Gap { chain, number }.into());
    }
    writer.add(stored)?;
    Ok((chain, Came::Forward(1)))
}
