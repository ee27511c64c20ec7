//! What is left of a damaged trust state, and which floors it still proves.

use sealift_bundle::metadata::MetadataFiles;
use sealift_bundle::trust::verify_files;
use sealift_model::{Digest, Timestamp};
use sealift_trust::{Previous, Role, Root, Signed, Snapshot, Targets, TimestampMeta};

use super::{DOCUMENT_LIMIT, RecoverError, names};
use crate::floors::{Copies, DocumentRef, Documents, FloorFile, Floors};
use crate::index::{Index, IndexError};
use crate::layout::Layout;
use crate::ledger::{Event, Head};
use crate::repository::{StateError, read_floor_file};

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// What is wrong, for people.
    pub(super) damage: Vec<String>,
    /// What cannot be proved any more, for people.
    pub(super) lost: Vec<String>,
    /// The floors that what is left proves; `None` if not even a root is there.
    pub(super) floors: Option<Floors>,
    /// Whether a copy of the floors could be read.
    pub(super) proved: bool,
    /// Whether that in `trust/floor.json` could.
    pub(super) floor_file_is_whole: bool,
    /// Whether that in the index could.
    pub(super) index_is_whole: bool,
    /// When trust was refreshed last, if the index knows.
    pub(super) refreshed: Option<Timestamp>,
    /// Where the ledger ended, if the index knows.
    pub(super) head: Option<Head>,
    /// Events that did not reach the ledger.
    pub(super) pending: Vec<Event>,
}

impl Found {
    /// Looks at both copies and every trusted document. Stops at faults that are no damage, and at a whole state.
    pub(super) fn look(layout: &Layout) -> Result<Self, RecoverError> {
        let mut found = Self::default();
        let file = found.floor_file(layout)?;
        let index = found.index(layout)?;
        (found.floor_file_is_whole, found.index_is_whole) = (file.is_some(), index.is_some());
        found.proved = file.is_some() || index.is_some();
        found.floors = match (&file, &index) {
            (Some(file), Some(floors)) => Some(found.both(file, floors)),
            (Some(file), None) => Some(file.floors.clone()),
            (None, Some(floors)) => Some(floors.clone()),
            (None, None) => found.newest_documents(layout)?,
        };
        if let Some(floors) = found.floors.clone() {
            found.check_documents(layout, &floors);
        }
        if found.damage.is_empty() { Err(RecoverError::Whole) } else { Ok(found) }
    }

    fn floor_file(&mut self, layout: &Layout) -> Result<Option<FloorFile>, RecoverError> {
        match read_floor_file(layout) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.is_damage() => {
                self.damage.push(format!("trust/floor.json: {error}"));
                Ok(None)
            }
            Err(source) => Err(StateError::FloorFile { index: "not asked".into(), source }.into()),
        }
    }

    fn index(&mut self, layout: &Layout) -> Result<Option<Floors>, RecoverError> {
        let read = |index: &Index| -> Result<_, IndexError> {
            let event = index.pending_event()?.map(|(_, event)| event);
            Ok((index.floors()?, index.refreshed()?, index.head()?, event))
        };
        match Index::open(&layout.index()).and_then(|index| read(&index)) {
            Ok((floors, refreshed, head, event)) => {
                (self.refreshed, self.head) = (refreshed, Some(head));
                self.pending.extend(event);
                Ok(Some(floors))
            }
            Err(error) if error.is_damage() => {
                self.damage.push(format!("index.sqlite: {}", sealift_model::escape::with_causes(&error)));
                self.lost.push("whether the ledger was cut at its end: compare it with the newest receipt".into());
                Ok(None)
            }
            Err(source) => Err(StateError::from(source).into()),
        }
    }

    fn both(&mut self, file: &FloorFile, index: &Floors) -> Floors {
        match file.compare(index) {
            Copies::Agree { floors, .. } | Copies::NotCommitted(floors) => floors,
            Copies::Differ => {
                self.damage.push(format!(
                    "the copies of the floors disagree: floor.json has {}; index.sqlite has {}",
                    file.floors.describe(),
                    index.describe()
                ));
                file.floors.highest(index)
            }
        }
    }

    fn check_documents(&mut self, layout: &Layout, floors: &Floors) {
        let lower = floors
            .documents
            .into_iter()
            .flat_map(|d| [(Role::Timestamp, d.timestamp), (Role::Snapshot, d.snapshot), (Role::Targets, d.targets)]);
        for (role, named) in std::iter::once((Role::Root, floors.root)).chain(lower) {
            let path = layout.trust_document(role, named.version, named.sha256);
            let whole = sealift_fs::read_capped(&path, DOCUMENT_LIMIT).is_ok_and(|b| Digest::of(&b) == named.sha256);
            if !whole {
                self.damage.push(format!("{role} metadata version {} in trust/ is missing or changed", named.version));
            }
        }
    }

    /// Takes the newest documents in `trust/` that verify. Nothing proves that there were no newer ones.
    fn newest_documents(&mut self, layout: &Layout) -> Result<Option<Floors>, RecoverError> {
        let listed = names(&layout.trust())?;
        let of = |end: &str| {
            let version = |name: &String| name.strip_suffix(end)?.split('.').next()?.parse::<u64>().ok();
            let newest = listed.iter().filter_map(|name| Some((version(name)?, name))).max();
            newest.and_then(|(version, name)| {
                Some((version, sealift_fs::read_capped(&layout.trust().join(name), DOCUMENT_LIMIT).ok()?))
            })
        };
        self.lost.push("proof that no newer metadata and no newer bundle was accepted here".into());
        let Some((version, root)) = of(".root.json") else { return Ok(None) };
        let mut floors = Floors::new(DocumentRef { sha256: Digest::of(&root), version });
        let lower = (of(".timestamp.json"), of(".snapshot.json"), of(".targets.json"));
        if let (Some((_, timestamp)), Some(snapshot), Some(targets)) = lower {
            let files = MetadataFiles { roots: Vec::new(), timestamp, snapshot, targets };
            floors.documents = verified(&root, &files);
        }
        if floors.documents.is_none() {
            self.lost.push("the versions of timestamp, snapshot and targets metadata".into());
        }
        Ok(Some(floors))
    }
}

fn verified(root: &[u8], files: &MetadataFiles) -> Option<Documents> {
    let expiries = [
        Signed::<Root>::parse(root).ok()?.expires(),
        Signed::<TimestampMeta>::parse(&files.timestamp).ok()?.expires(),
        Signed::<Snapshot>::parse(&files.snapshot.1).ok()?.expires(),
        Signed::<Targets>::parse(&files.targets.1).ok()?.expires(),
    ];
    // They were fresh when they were accepted; whether they still are is not the question.
    let fresh = expiries.into_iter().min()?.minus_seconds(1);
    let set = verify_files(files, root, Previous::default(), fresh).ok()?;
    let reference = |version, bytes: &[u8]| DocumentRef { sha256: Digest::of(bytes), version };
    Some(Documents {
        timestamp: reference(set.timestamp()?.version(), &files.timestamp),
        snapshot: reference(set.snapshot()?.version(), &files.snapshot.1),
        targets: reference(set.targets()?.version(), &files.targets.1),
    })
}
