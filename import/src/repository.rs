//! An isolated repository, open for reading ([`Repository`]) or for a change ([`Writer`]).
//!
//! Opening compares the two copies of the floors and stops if they do not agree: whatever was set back, nothing is
//! accepted, promoted or published on the strength of it. What a killed run left unfinished is settled by the next
//! writer. Nothing here decides about a bundle.

mod error;

use std::ops::Deref;
use std::path::Path;

use sealift_fs::{Lock, Mode, PathError, Store};
use sealift_model::{Digest, Timestamp};
use sealift_trust::Role;

use crate::config::Config;
use crate::floors::{Copies, DocumentRef, FloorFile, Floors};
use crate::index::{Change, Index, IndexError};
use crate::layout::Layout;
use crate::ledger::{Event, EventKind, EventSubject, Head, Ledger, LedgerError};

use error::is_lost;
pub use error::{FloorFileError, StateError};

const FLOOR_LIMIT: u64 = 16 << 20;

/// Who runs a command, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Login name and user id, `alice(1000)`.
    pub actor: String,
    /// The system's time.
    pub clock: Timestamp,
}

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    layout: Layout,
    config: Config,
    index: Index,
    floors: Floors,
    /// Whether a run was killed between the copies of the floors.
    unsettled: bool,
}

impl Repository {
    /// Opens the state directory `dir`.
    pub fn open(dir: &Path) -> Result<Self, StateError> {
        let layout = Layout::new(dir);
        let config = Config::load(&layout.config())?;
        let mut tries = 3;
        loop {
            let (index, copies, file) = read_copies(&layout)?;
            match copies {
                Copies::Agree { floors, unfinished } => {
                    return Ok(Self { layout, config, index, floors, unsettled: unfinished });
                }
                Copies::NotCommitted(floors) => return Ok(Self { layout, config, index, floors, unsettled: true }),
                // A writer may have been between the two reads.
                Copies::Differ if tries > 1 => tries -= 1,
                Copies::Differ => {
                    let index = index.floors()?.describe();
                    return Err(StateError::FloorsDiffer { file: file.floors.describe(), index });
                }
            }
        }
    }

    /// Returns the paths.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the floors.
    pub fn floors(&self) -> &Floors {
        &self.floors
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(&self.layout.ledger())
    }

    /// Opens the store of blobs.
    pub fn store(&self) -> Result<Store, PathError> {
        Store::open(&self.layout.store())
    }

    /// Reads a trusted document and checks that it is the one the floors name.
    pub fn document(&self, role: Role, named: DocumentRef) -> Result<Vec<u8>, StateError> {
        let path = self.layout.trust_document(role, named.version, named.sha256);
        let bytes = match sealift_fs::read_capped(&path, 5_000_000) {
            Err(source) if is_lost(&source) => {
                return Err(StateError::DocumentLost { role, version: named.version, source });
            }
            other => other?,
        };
        let found = Digest::of(&bytes);
        if found == named.sha256 {
            return Ok(bytes);
        }
        Err(StateError::Document { role, version: named.version, expected: named.sha256, found })
    }

    /// Checks the whole ledger, and that it ends where the index says.
    pub fn verify_ledger(&self, each: impl FnMut(&crate::ledger::Line)) -> Result<Head, StateError> {
        let found = self.ledger().verify(each)?;
        // Events on their way to the ledger may already stand there.
        let expected = self.index.head()?;
        if found == expected || self.index.pending_event()?.is_some() {
            return Ok(found);
        }
        Err(LedgerError::Head { expected: expected.number, found: found.number }.into())
    }
}

fn read_copies(layout: &Layout) -> Result<(Index, Copies, FloorFile), StateError> {
    let file = read_floor_file(layout);
    let index = Index::open(&layout.index()).and_then(|index| Ok((index.floors()?, index)));
    match (file, index) {
        (Ok(file), Ok((floors, index))) => Ok((index, file.compare(&floors), file)),
        (Err(source), Ok((floors, _))) => Err(StateError::FloorFile { index: floors.describe(), source }),
        (Ok(file), Err(source)) => Err(StateError::FloorIndex { file: file.floors.describe(), source }),
        (Err(_), Err(source)) => Err(StateError::FloorIndex { file: "nothing readable either".into(), source }),
    }
}

/// Reads the second copy of the floors.
pub(crate) fn read_floor_file(layout: &Layout) -> Result<FloorFile, FloorFileError> {
    let bytes = sealift_fs::read_capped(&layout.floor(), FLOOR_LIMIT)?;
    Ok(FloorFile::parse(&bytes)?)
}

/// A repository with the lock held: the only thing that can change it.
#[derive(Debug)]
pub struct Writer {
    repository: Repository,
    lock: Lock,
    caller: Caller,
}

impl Deref for Writer {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        &self.repository
    }
}

impl Writer {
    /// Takes the lock of `dir`, opens it, and settles what a killed run left.
    pub fn open(dir: &Path, caller: Caller) -> Result<Self, StateError> {
        // The configuration is read first: a lock file must not appear in a directory that is none of ours.
        let layout = Layout::new(dir);
        Config::load(&layout.config())?;
        layout.check()?;
        Self::open_locked(dir, caller, Lock::take(dir)?)
    }

    /// Opens `dir` under a lock that is held already, and settles what a killed run left.
    pub(crate) fn open_locked(dir: &Path, caller: Caller, lock: Lock) -> Result<Self, StateError> {
        let repository = Repository::open(dir)?;
        let mut writer = Self { repository, lock, caller };
        if writer.repository.unsettled {
            writer.write_floor_file(&writer.repository.floors.clone(), None)?;
            writer.repository.unsettled = false;
        }
        writer.flush_events()?;
        crate::publish::settle(&mut writer)?;
        Ok(writer)
    }

    /// Returns the lock.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Returns who runs the command.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Makes an event of this caller and tool.
    pub fn event(&self, event: EventKind, subject: EventSubject, detail: &str) -> Event {
        event_of(&self.caller, event, subject, detail)
    }

    /// Changes the index in one commit and records the event.
    pub fn commit<T>(
        &mut self,
        event: &Event,
        change: impl FnOnce(&Change<'_>) -> Result<T, IndexError>,
    ) -> Result<T, StateError> {
        let result = self.change(|tx| {
            tx.add_event(event)?;
            change(tx)
        })?;
        self.flush_events().map_err(unrecorded)?;
        Ok(result)
    }

    /// Changes the index in one commit that no line of the ledger tells of: notes of this tool to itself.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&Change<'_>) -> Result<T, IndexError>,
    ) -> Result<T, StateError> {
        let tx = self.repository.index.change()?;
        let result = change(&tx)?;
        tx.commit()?;
        Ok(result)
    }

    /// Raises the floors, changes the index and records the event. **The commit of the index is the commit point.**
    pub fn commit_floors(
        &mut self,
        floors: Floors,
        event: &Event,
        change: impl FnOnce(&Change<'_>) -> Result<(), IndexError>,
    ) -> Result<(), StateError> {
        self.write_floor_file(&floors, Some(self.repository.floors.clone()))?;
        let tx = self.repository.index.change()?;
        change(&tx)?;
        tx.set_floors(&floors)?;
        tx.add_event(event)?;
        tx.commit()?;
        self.repository.floors = floors;
        self.write_floor_file(&self.repository.floors, None).map_err(unrecorded)?;
        self.flush_events().map_err(unrecorded)
    }

    /// Records something that changed nothing else.
    pub fn record(&mut self, event: &Event) -> Result<(), StateError> {
        self.commit(event, |_| Ok(()))
    }

    fn write_floor_file(&self, floors: &Floors, before: Option<Floors>) -> Result<(), StateError> {
        let bytes = FloorFile::new(floors.clone(), before).to_bytes()?;
        Ok(sealift_fs::replace(&self.repository.layout.floor(), &bytes, Mode::Private)?)
    }

    /// Moves events from the index to the ledger. A run may have been killed after any step of it.
    fn flush_events(&mut self) -> Result<(), StateError> {
        let ledger = self.repository.ledger();
        while let Some((id, event)) = self.repository.index.pending_event()? {
            let last = ledger.last()?;
            let recorded = self.repository.index.head()?;
            let head = match last {
                // It was appended, but the run was killed before the index knew.
                Some((line, head)) if line.previous == recorded.digest && line.records(&event) => head,
                last => {
                    let found = last.map_or(Head::EMPTY, |(_, head)| head);
                    if found != recorded {
                        return Err(LedgerError::Head { expected: recorded.number, found: found.number }.into());
                    }
                    ledger.append(event)?
                }
            };
            let tx = self.repository.index.change()?;
            tx.set_head(head)?;
            tx.remove_event(id)?;
            tx.commit()?;
        }
        Ok(())
    }
}

/// Marks a fault that came after the commit.
pub(crate) fn unrecorded(error: StateError) -> StateError {
    StateError::Unrecorded(Box::new(error))
}

/// Makes an event of this tool.
pub(crate) fn event_of(caller: &Caller, event: EventKind, subject: EventSubject, detail: &str) -> Event {
    Event {
        actor: sealift_model::escape::printable(&caller.actor),
        detail: sealift_model::escape::printable(detail),
        event,
        subject,
        time: caller.clock,
        tool: concat!("sealift-import ", env!("CARGO_PKG_VERSION")).into(),
    }
}
