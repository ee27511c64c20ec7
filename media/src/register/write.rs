//! The only writers of a register: they judge a record as a reader would, sign it, and put it behind the last one.

use std::path::Path;

use sealift_fs::{Lock, Mode, PathError, create_dir_all, replace, write_new};
use sealift_keys::SecretKey;
use sealift_model::{Digest, MediumId, PersonId, Timestamp, json};
use sealift_trust::{Purpose, dsse};

use super::checks::{self, Heads};
use super::{HEADS, HeadsFile, Held, Register, RegisterError};
use crate::chain::{self, Found};
use crate::record::{ChainName, Event, KeyHex, Link, NOTHING, Policy, Record, Stored, file_name};
use crate::refusal::Rule;
use crate::roster::Roster;
use crate::state::Fate;
use crate::text::Line;

/// Within this many seconds the same words by the same person are one record: a command that was typed again.
const AGAIN: u64 = 600;

/// Who signs.
#[derive(Debug)]
pub struct Signer<'k> {
    /// Who.
    pub person: PersonId,
    /// With which key.
    pub key: &'k SecretKey,
}

/// What every record says beside its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// Who authorised it.
    pub authority: Option<Line>,
    /// Where.
    pub place: Line,
    /// What for.
    pub purpose: Line,
    /// Who asked for it.
    pub requester: Option<Line>,
    /// On which machine.
    pub system: Line,
    /// When it happened.
    pub time: Timestamp,
}

/// A record that is in the register now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its chain.
    pub chain: ChainName,
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: Digest,
    /// Whether an earlier run of the same command had made it.
    pub again: bool,
}

/// What a register begins with.
#[derive(Debug, Clone)]
pub struct Begin {
    /// What it is called.
    pub name: Line,
    /// How it is kept.
    pub policy: Policy,
}

/// A register that this process may change.
#[derive(Debug)]
pub struct Writer {
    register: Register,
    _lock: Lock,
}

impl std::ops::Deref for Writer {
    type Target = Register;

    fn deref(&self) -> &Register {
        &self.register
    }
}

/// Begins a register in `dir`, which must be empty or hold what a run of this that was cut left there.
pub fn begin(dir: &Path, begin: &Begin, signer: &Signer, why: &Circumstances) -> Result<Writer, RegisterError> {
    create_dir_all(dir, Mode::Public)?;
    let lock = Lock::take(dir)?;
    let key = KeyHex::of(signer.key.public());
    let event = Event::Opened { key, name: begin.name.clone(), policy: begin.policy };
    let record = why.record(event, 1, &signer.person);
    let link = Link { chain: ChainName::People, previous: NOTHING, record };
    check_key(signer)?;
    let tree = sealift_fs::Beneath::open(dir)?;
    if HeadsFile::read(&tree)?.is_some() {
        return Err(RegisterError::NotEmpty(dir.to_owned()));
    }
    let found = chain::read(&tree, &ChainName::People, None, NOTHING)?;
    let first = match found.main.as_slice() {
        [] if only_lock(dir)? => sign(&link, signer)?,
        [stored] if same(&stored.link, &link) => stored.clone(),
        _ => return Err(RegisterError::NotEmpty(dir.to_owned())),
    };
    let roster = Roster::begin(&first)?;
    let people = Found { main: vec![first.clone()], ..Found::default() };
    let media = std::collections::BTreeMap::new();
    let register = Register { dir: dir.to_owned(), people, roster, media, checks: Vec::new(), loose: Vec::new() };
    let writer = Writer { register, _lock: lock };
    writer.put(&first)?;
    writer.put_heads()?;
    Ok(writer)
}

fn only_lock(dir: &Path) -> Result<bool, PathError> {
    let mut names = sealift_fs::list_dir(dir)?;
    names.retain(|name| name != "lock" && name != "people" && !name.starts_with(".tmp-"));
    Ok(names.is_empty())
}

impl Circumstances {
    fn record(&self, event: Event, number: u64, person: &PersonId) -> Record {
        Record {
            authority: self.authority.clone(),
            event,
            number,
            person: person.clone(),
            place: self.place.clone(),
            purpose: self.purpose.clone(),
            requester: self.requester.clone(),
            system: self.system.clone(),
            time: self.time,
            under: None,
        }
    }
}

impl Writer {
    /// Opens a register for a change, and finishes what a run that was cut began.
    pub fn open(dir: &Path) -> Result<Self, RegisterError> {
        if !dir.join(HEADS).exists() {
            // Before the lock, which would make a file.
            Register::open(dir)?;
        }
        let lock = Lock::take(dir)?;
        let register = Register::open(dir)?;
        if let Some(problem) = register.people.first_problem() {
            return Err(problem.refusal.clone().into());
        }
        let writer = Self { register, _lock: lock };
        let tree = sealift_fs::Beneath::open(dir)?;
        if HeadsFile::read(&tree)?.as_ref() != Some(&writer.register.heads()) && writer.is_whole() {
            writer.put_heads()?;
        }
        Ok(writer)
    }

    fn is_whole(&self) -> bool {
        self.register.media.values().all(|held| held.found.problems.is_empty())
    }

    /// Signs a record and puts it behind the last one of its chain.
    pub fn append(
        &mut self,
        chain: &ChainName,
        event: Event,
        signer: &Signer,
        why: &Circumstances,
    ) -> Result<Appended, RegisterError> {
        check_key(signer)?;
        let (previous, number) = self.last(chain)?;
        let mut record = why.record(event, number + 1, &signer.person);
        if *chain != ChainName::People {
            record.under = Some(self.register.roster.head());
        }
        let link = Link { chain: chain.clone(), previous, record };
        if let Some(stored) = self.said_already(&link) {
            let (number, digest) = (stored.link.record.number, stored.digest);
            return Ok(Appended { chain: chain.clone(), number, digest, again: true });
        }
        self.allows(&link)?;
        let stored = sign(&link, signer)?;
        let appended = Appended { chain: chain.clone(), number: number + 1, digest: stored.digest, again: false };
        self.add(stored)?;
        Ok(appended)
    }

    fn last(&self, chain: &ChainName) -> Result<(Digest, u64), RegisterError> {
        match chain {
            ChainName::People => Ok((self.roster.head().sha256, self.roster.head().number)),
            ChainName::Medium(id) if self.register.media.contains_key(id) => {
                let (medium, _) = self.register.medium(id)?;
                Ok((medium.head, medium.number))
            }
            ChainName::Medium(_) => Ok((self.roster.id(), 0)),
        }
    }

    fn said_already(&self, link: &Link) -> Option<&Stored> {
        let records = match &link.chain {
            ChainName::People => self.register.people_records(),
            ChainName::Medium(id) => self.register.media.get(id)?.records(),
        };
        let last = records.last()?;
        let (then, now) = (last.link.record.time.unix(), link.record.time.unix());
        (same(&last.link, link) && then.abs_diff(now) < AGAIN).then_some(last)
    }

    fn allows(&self, link: &Link) -> Result<(), Rule> {
        let record = &link.record;
        let stand = self.roster.now();
        let ChainName::Medium(id) = &link.chain else { return self.roster.allows(record) };
        let held = self.register.media.get(id);
        if let (Event::Joined { branch, .. }, Some(held)) = (&record.event, held)
            && !held.branches().iter().any(|tip| tip.digest == *branch)
        {
            return Err(Rule::NoBranch(*branch));
        }
        match held.and_then(|held| held.medium.as_ref()) {
            Some(medium) => medium.allows(record, stand),
            None => self.allows_first(id, link),
        }
    }

    fn allows_first(&self, id: &MediumId, link: &Link) -> Result<(), Rule> {
        let mut begun = None;
        let stand = self.roster.now();
        crate::state::Medium::begin(link, id, stand, NOTHING).map(|medium| begun = Some(medium))?;
        let Some(serial) = begun.and_then(|medium| medium.details.serial) else { return Ok(()) };
        let media = self.register.media.values().filter_map(|held| held.medium.as_ref());
        let mut kept = media.filter(|medium| medium.fate == Fate::Kept);
        match kept.find(|medium| medium.details.serial.as_ref() == Some(&serial)) {
            Some(other) => Err(Rule::SerialTaken { other: other.id.clone(), serial }),
            None => Ok(()),
        }
    }

    /// Takes a record that is signed and follows the last one of its chain.
    pub(crate) fn add(&mut self, stored: Stored) -> Result<(), RegisterError> {
        match stored.link.chain.clone() {
            ChainName::People => {
                self.register.roster.follow(&stored)?;
                self.put(&stored)?;
                self.register.people.main.push(stored);
            }
            ChainName::Medium(id) => {
                let mut medium = self.register.media.get(&id).and_then(|held| held.medium.clone());
                chain::follow(&id, &mut medium, &stored, &self.register.roster)?;
                self.put(&stored)?;
                let held =
                    self.register.media.entry(id).or_insert_with(|| Held { medium: None, found: Found::default() });
                held.medium = medium;
                held.found.aside.remove(&stored.digest);
                held.found.main.push(stored);
            }
        }
        Ok(self.put_heads()?)
    }

    /// Writes a record's file; one that is there already has the same content, since its name is its digest.
    pub(crate) fn put(&self, stored: &Stored) -> Result<(), PathError> {
        let dir = self.register.dir.join(stored.link.chain.to_string());
        create_dir_all(&dir, Mode::Public)?;
        sweep(&dir)?;
        let path = dir.join(file_name(stored.link.record.number, stored.digest));
        match write_new(&path, &stored.envelope.to_bytes(), Mode::Public) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    pub(crate) fn put_heads(&self) -> Result<(), PathError> {
        let bytes = json::to_canonical(&self.register.heads()).expect("names and digests have no control characters");
        replace(&self.register.dir.join(HEADS), &bytes, Mode::Public)
    }

    /// Puts a whole chain in the place of the one that is here; its files stay, and are a branch from now on.
    pub(crate) fn take_chain(&mut self, id: &MediumId, held: Held) -> Result<(), PathError> {
        for stored in held.found.main.iter().chain(held.found.aside.values()) {
            self.put(stored)?;
        }
        self.register.media.insert(id.clone(), held);
        self.put_heads()
    }

    /// Signs what every chain's last record is now.
    pub fn sign_check(&mut self, signer: &Signer, time: Timestamp) -> Result<String, RegisterError> {
        check_key(signer)?;
        let under = self.roster.head();
        let heads = Heads { heads: self.register.heads().heads, person: signer.person.clone(), time, under };
        let payload = heads.to_bytes(self.roster.id())?;
        let signature = signer.key.sign(&dsse::pae(&payload));
        let bytes = dsse::envelope_bytes(&payload, &[(signer.key.id(), signature)]);
        let dir = self.register.dir.join(checks::DIR);
        create_dir_all(&dir, Mode::Public)?;
        replace(&dir.join(heads.file_name()), &bytes, Mode::Public)?;
        Ok(format!("{}/{}", checks::DIR, heads.file_name()))
    }

    /// Takes over a signed check of another copy.
    pub(crate) fn put_check(&self, name: &str, bytes: &[u8]) -> Result<(), PathError> {
        let dir = self.register.dir.join(checks::DIR);
        create_dir_all(&dir, Mode::Public)?;
        match write_new(&dir.join(name), bytes, Mode::Public) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    pub(crate) fn register_mut(&mut self) -> &mut Register {
        &mut self.register
    }
}

/// Takes away what runs that were cut off left half written; the lock says that nobody is writing now.
fn sweep(dir: &Path) -> Result<(), PathError> {
    for name in sealift_fs::list_dir(dir)?.iter().filter(|name| name.starts_with(".tmp-")) {
        sealift_fs::remove_file(&dir.join(name))?;
    }
    Ok(())
}

/// Two records that say the same, whenever and wherever in the chain.
fn same(a: &Link, b: &Link) -> bool {
    let mut other = b.record.clone();
    (other.number, other.time, other.under) = (a.record.number, a.record.time, a.record.under);
    a.chain == b.chain && a.record == other
}

fn check_key(signer: &Signer) -> Result<(), Rule> {
    if signer.key.purpose() == Purpose::Person { Ok(()) } else { Err(Rule::Key(signer.key.id())) }
}

fn sign(link: &Link, signer: &Signer) -> Result<Stored, RegisterError> {
    let payload = link.to_bytes()?;
    let signature = signer.key.sign(&dsse::pae(&payload));
    // Read back as everybody else will.
    Ok(Stored::parse(&dsse::envelope_bytes(&payload, &[(signer.key.id(), signature)]))?)
}
