//! One chain of records as it lies in a directory: read, put in order from its last record back, and compared with it.
//!
//! The last record is named by the list of last records; every record names the one before by its digest. So a damaged,
//! missing or inserted file is found here without believing any signature. Whether the records were allowed is judged by
//! [`state`](crate::state) and [`roster`](crate::roster).

use std::collections::{BTreeMap, BTreeSet};

use sealift_fs::beneath::Kind;
use sealift_fs::{Beneath, PathError};
use sealift_model::{Digest, MediumId, RelPath};
use sealift_trust::EvidenceRefusal;

use crate::record::{ChainName, LIMIT, Stored, Under, read_file_name};
use crate::refusal::Refusal;
use crate::roster::{Roster, check_signature};
use crate::state::Medium;

/// Most files in one chain's directory.
pub(crate) const MAX_FILES: usize = 100_000;

/// Something wrong, at a record or at a whole chain (number 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The chain.
    pub chain: ChainName,
    /// Number of the record; 0 for the chain.
    pub number: u64,
    /// What is wrong.
    pub refusal: Refusal,
}

/// A chain as found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// From the first record to the last, as far as they hang together.
    pub(crate) main: Vec<Stored>,
    /// Records of other copies that hang on the main chain, by digest.
    pub(crate) aside: BTreeMap<Digest, Stored>,
    /// What is wrong, in no order.
    pub(crate) problems: Vec<Problem>,
}

impl Found {
    /// Returns the last records of other copies' branches.
    pub(crate) fn tips(&self) -> Vec<&Stored> {
        let followed: BTreeSet<Digest> = self.aside.values().map(|stored| stored.link.previous).collect();
        self.aside.values().filter(|stored| !followed.contains(&stored.digest)).collect()
    }

    /// Returns the last record.
    pub(crate) fn head(&self) -> Option<Under> {
        self.main.last().map(|stored| Under { number: stored.link.record.number, sha256: stored.digest })
    }

    /// Returns the first problem, by number.
    pub(crate) fn first_problem(&self) -> Option<&Problem> {
        self.problems.iter().min_by_key(|problem| problem.number)
    }
}

/// Reads the chain whose last record `head` is; `root` is what its first record follows.
///
/// A record that follows `head` and that nothing else does is the end of a run that was cut, and belongs to the chain.
pub(crate) fn read(dir: &Beneath, chain: &ChainName, head: Option<Under>, root: Digest) -> Result<Found, PathError> {
    let mut found = Found::default();
    let mut files = read_files(dir, chain, &mut found.problems)?;
    let mut back = Vec::new();
    let mut next = head;
    while let Some(under) = next {
        let Some(stored) = files.remove(&under.sha256).filter(|s| s.link.record.number == under.number) else {
            found.problems.push(missing(chain, under));
            // What follows the gap hangs on nothing; what comes before it is still good.
            found.main = forward(&mut files, root, under.number);
            files.retain(|_, stored| stored.link.record.number < under.number);
            sort_rest(chain, &mut found, files, root);
            return Ok(found);
        };
        let number = under.number - 1;
        next = (number > 0).then_some(Under { number, sha256: stored.link.previous });
        if number == 0 && stored.link.previous != root {
            let (found_id, expected) = (stored.link.previous.short(), root.short());
            let refusal = Refusal::OtherRegister { found: found_id, expected };
            found.problems.push(Problem { chain: chain.clone(), number: 1, refusal });
        }
        back.push(stored);
    }
    back.reverse();
    found.main = back;
    if found.problems.is_empty() {
        take_cut_run(&mut found, &mut files, root);
    }
    sort_rest(chain, &mut found, files, root);
    Ok(found)
}

/// Follows the records from the first on, up to (not including) `end`.
fn forward(files: &mut BTreeMap<Digest, Stored>, root: Digest, end: u64) -> Vec<Stored> {
    let mut main: Vec<Stored> = Vec::new();
    for number in 1..end {
        let last = main.last().map_or(root, |stored| stored.digest);
        let follows = |s: &&Stored| s.link.previous == last && s.link.record.number == number;
        let Some(stored) = files.values().find(follows).map(|s| s.digest).and_then(|d| files.remove(&d)) else { break };
        main.push(stored);
    }
    main
}

/// The list of last records is written after the record: a record more is a run that ended in between.
fn take_cut_run(found: &mut Found, files: &mut BTreeMap<Digest, Stored>, root: Digest) {
    let (number, last) = found.main.last().map_or((1, root), |s| (s.link.record.number + 1, s.digest));
    let follows = |s: &&Stored| s.link.previous == last && s.link.record.number == number;
    let digests: Vec<Digest> = files.values().filter(follows).map(|s| s.digest).collect();
    let followed = |digest| files.values().any(|s| s.link.previous == digest);
    if let [digest] = digests.as_slice()
        && !followed(*digest)
        && let Some(stored) = files.remove(digest)
    {
        found.main.push(stored);
    }
}

/// Parts branches of other copies from files that belong nowhere.
fn sort_rest(chain: &ChainName, found: &mut Found, mut rest: BTreeMap<Digest, Stored>, root: Digest) {
    let mut known: BTreeMap<Digest, u64> = found.main.iter().map(|s| (s.digest, s.link.record.number)).collect();
    known.insert(root, 0);
    loop {
        let hangs = |s: &&Stored| known.get(&s.link.previous) == Some(&(s.link.record.number - 1));
        let Some(digest) = rest.values().find(hangs).map(|s| s.digest) else { break };
        if let Some(stored) = rest.remove(&digest) {
            known.insert(digest, stored.link.record.number);
            found.aside.insert(digest, stored);
        }
    }
    for stored in rest.values() {
        let number = stored.link.record.number;
        let refusal = Refusal::Stray { file: format!("{chain}/{}", stored.file_name()) };
        found.problems.push(Problem { chain: chain.clone(), number, refusal });
    }
}

fn missing(chain: &ChainName, under: Under) -> Problem {
    let refusal = Refusal::Missing { chain: chain.clone(), number: under.number, digits: under.sha256.short() };
    Problem { chain: chain.clone(), number: under.number, refusal }
}

fn read_files(
    dir: &Beneath,
    chain: &ChainName,
    problems: &mut Vec<Problem>,
) -> Result<BTreeMap<Digest, Stored>, PathError> {
    let mut files = BTreeMap::new();
    let Some(path) = dir_of(chain).filter(|path| matches!(dir.kind(path), Ok(Some(Kind::Dir)))) else {
        return Ok(files);
    };
    for (name, kind) in dir.list(Some(&path), MAX_FILES)? {
        if name.starts_with(".tmp-") {
            continue;
        }
        let file = format!("{chain}/{name}");
        let Some((number, digits)) = read_file_name(&name).filter(|_| matches!(kind, Kind::File(_))) else {
            let refusal = Refusal::Stray { file: sealift_model::escape::printable(&file) };
            problems.push(Problem { chain: chain.clone(), number: 0, refusal });
            continue;
        };
        match read_one(dir, chain, &file, (number, digits))? {
            Ok(stored) => drop(files.insert(stored.digest, stored)),
            Err(reason) => {
                let refusal = Refusal::Damaged { file, reason };
                problems.push(Problem { chain: chain.clone(), number, refusal });
            }
        }
    }
    Ok(files)
}

fn read_one(
    dir: &Beneath,
    chain: &ChainName,
    file: &str,
    (number, digits): (u64, &str),
) -> Result<Result<Stored, EvidenceRefusal>, PathError> {
    let Ok(path) = RelPath::new(file) else { return Ok(Err(EvidenceRefusal::TooLarge)) };
    if !matches!(dir.kind(&path)?, Some(Kind::File(size)) if size <= LIMIT as u64) {
        return Ok(Err(EvidenceRefusal::TooLarge));
    }
    let bytes = dir.read(&path, LIMIT as u64)?;
    Ok(Stored::parse(&bytes).and_then(|stored| {
        let named = stored.link.record.number == number && stored.digest.short() == digits;
        if named && stored.link.chain == *chain {
            return Ok(stored);
        }
        Err(EvidenceRefusal::Malformed { reason: "it is not the record that its name says".to_owned() })
    }))
}

/// Returns the directory of a chain, below the register.
pub(crate) fn dir_of(chain: &ChainName) -> Option<RelPath> {
    RelPath::new(&chain.to_string()).ok()
}

/// Replays the people's chain. Stops at the first record that does not hold.
pub(crate) fn roster(found: &mut Found) -> Option<Roster> {
    let problem = |number, refusal| Problem { chain: ChainName::People, number, refusal };
    let mut records = found.main.iter();
    let mut roster = match Roster::begin(records.next()?) {
        Ok(roster) => roster,
        Err(refusal) => {
            found.problems.push(problem(1, refusal));
            return None;
        }
    };
    for stored in records {
        if let Err(refusal) = roster.follow(stored) {
            found.problems.push(problem(stored.link.record.number, refusal));
            break;
        }
    }
    Some(roster)
}

/// Replays a medium's chain. Returns the medium as the records up to the first bad one leave it.
pub(crate) fn medium(id: &MediumId, found: &mut Found, roster: &Roster) -> Option<Medium> {
    let mut medium: Option<Medium> = None;
    for stored in &found.main {
        if let Err(refusal) = follow(id, &mut medium, stored, roster) {
            let (chain, number) = (stored.link.chain.clone(), stored.link.record.number);
            found.problems.push(Problem { chain, number, refusal });
            break;
        }
    }
    medium
}

/// Judges one record by the people it was made under, and takes it.
pub(crate) fn follow(
    id: &MediumId,
    medium: &mut Option<Medium>,
    stored: &Stored,
    roster: &Roster,
) -> Result<(), Refusal> {
    let record = &stored.link.record;
    let (chain, number) = (stored.link.chain.clone(), record.number);
    let under = record.under.filter(|under| medium.as_ref().is_none_or(|m| m.under.number <= under.number));
    let stand = under.and_then(|under| roster.at(&under));
    let stand = stand.ok_or(Refusal::People { chain: chain.clone(), number })?;
    let member = stand.people.get(&record.person);
    let unsigned = Refusal::Signature { chain: chain.clone(), number, person: record.person.clone() };
    check_signature(stored, &member.ok_or(unsigned)?.key)?;
    let taken = match medium {
        Some(medium) => medium.follow(record, stand, stored.digest),
        None => Medium::begin(&stored.link, id, stand, stored.digest).map(|begun| *medium = Some(begun)),
    };
    taken.map_err(|rule| Refusal::Broken { chain, number, rule })
}
