//! `trust recover`: puts damaged trust state together again, from what is still there and from nothing else.
//!
//! Only a state that every other command refuses is touched. What either copy of the floors still proves is never
//! lowered. What has to be taken from elsewhere (kept manifests, the ledger) is said to be lost as proof, and the person
//! who types the fingerprint of the root confirms that this is still their root of trust. The ledger keeps it all.

mod found;
mod rebuild;

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::Digest;
use sealift_trust::{Role, TrustedSet};
use serde::Serialize;

use crate::config::Config;
use crate::floors::{DocumentRef, FloorFile, Floors};
use crate::init::fingerprint;
use crate::layout::Layout;
use crate::ledger::{EventKind, EventSubject};
use crate::repository::{Caller, StateError, Writer, event_of};

use found::Found;

const DOCUMENT_LIMIT: u64 = 5_000_000;

/// What to recover, and by what it is confirmed.
#[derive(Debug, Clone)]
pub struct RecoverOptions {
    /// The state directory.
    pub dir: PathBuf,
    /// The root file as the key desk has it: the trusted one or one that led to it; without it, the trusted one here.
    pub root: Option<PathBuf>,
    /// Its fingerprint as somebody typed it.
    pub fingerprint: String,
}

/// What was recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoverReport {
    /// What was damaged.
    pub damage: Vec<String>,
    /// What cannot be proved any more.
    pub lost: Vec<String>,
    /// The floors from now on.
    pub floors: Floors,
    /// Bundles in the index from now on.
    pub bundles: u64,
}

/// Why nothing was recovered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// There is nothing to recover.
    #[error("the trust state is whole: both copies of the floors agree and every trusted document is there")]
    Whole,
    /// Another root than the one that is trusted here.
    #[error("the fingerprint typed is not that of {}: {found}", path.display())]
    Fingerprint {
        /// The file.
        path: PathBuf,
        /// Its fingerprint.
        found: String,
    },
    /// The root file does not lead to the trusted root.
    #[error("{} does not lead to root version {version}, which is trusted here", path.display())]
    OtherRoot {
        /// The file.
        path: PathBuf,
        /// The trusted version.
        version: u64,
        /// Why, if it was refused.
        #[source]
        source: Option<Box<sealift_trust::Refusal>>,
    },
    /// A trusted document is nowhere to be found.
    #[error("{role} metadata version {version} (sha256:{digest}) is neither in trust/ nor among the kept bundles")]
    Document {
        /// Its role.
        role: Role,
        /// Its version.
        version: u64,
        /// Its digest.
        digest: Digest,
    },
    /// Nothing to start from.
    #[error("neither copy of the floors can be read, and trust/ holds no root that could be the trusted one")]
    Nothing,
    /// A file.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Something else than damage keeps the state from being read, or it cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Recovers the trust state of a directory.
///
/// # Errors
/// Nothing is changed unless the fingerprint is that of the trusted root, and the state was damaged.
pub fn recover(options: &RecoverOptions, caller: &Caller) -> Result<RecoverReport, RecoverError> {
    let layout = Layout::new(&options.dir);
    Config::load(&layout.config()).map_err(StateError::from)?;
    layout.check().map_err(StateError::from)?;
    let lock = Lock::take(&options.dir).map_err(StateError::from)?;
    let mut found = match Found::look(&layout) {
        Err(RecoverError::Whole) => {
            // A run that was cut at its very end left its event.
            Writer::open_locked(&options.dir, caller.clone(), lock)?;
            return Err(RecoverError::Whole);
        }
        other => other?,
    };
    let mut floors = found.floors.clone().ok_or(RecoverError::Nothing)?;
    let documents = collect_documents(&layout, &floors, options.root.as_deref())?;
    confirm(&layout, &floors, &documents, options)?;
    let history = rebuild::History::read(&layout, &found, &floors)?;
    found.lost.extend(history.lost.iter().cloned());
    if !found.proved {
        history.raise(&mut floors);
    }
    let detail = describe(&found, &floors, &options.fingerprint);
    let event = event_of(caller, EventKind::Recovered, EventSubject::default(), &detail);
    keep_aside(&layout.floor(), found.floor_file_is_whole)?;
    // The index first: it gets everything that either copy had in one step, and with it the event. Of a run that is cut
    // after it the ledger will tell; and if anything is still damaged, the same command goes on.
    history.write_index(&layout, &found, &floors, &event)?;
    let bytes = FloorFile::new(floors.clone(), None).to_bytes().map_err(StateError::from)?;
    replace_unless_same(&layout.floor(), &bytes)?;
    restore_documents(&layout, &documents)?;
    let writer = Writer::open_locked(&options.dir, caller.clone(), lock)?;
    let bundles = writer.index().bundles(None).map_err(StateError::from)?.len() as u64;
    Ok(RecoverReport { damage: found.damage, lost: found.lost, floors, bundles })
}

fn describe(found: &Found, floors: &Floors, typed: &str) -> String {
    let lost = if found.lost.is_empty() { "nothing".to_owned() } else { found.lost.join("; ") };
    let typed = sealift_model::escape::printable(typed);
    format!("damaged: {}; lost: {lost}; now {}; fingerprint typed: {typed}", found.damage.join("; "), floors.describe())
}

/// The trusted documents, with where they belong.
type Documents = Vec<(Role, DocumentRef, Vec<u8>)>;

/// Finds every document that the floors name, in its place or wherever the same bytes are kept.
fn collect_documents(layout: &Layout, floors: &Floors, given: Option<&Path>) -> Result<Documents, RecoverError> {
    let lower = floors.documents.map(|named| {
        [(Role::Timestamp, named.timestamp), (Role::Snapshot, named.snapshot), (Role::Targets, named.targets)]
    });
    let mut all = Vec::new();
    for (role, named) in [(Role::Root, floors.root)].into_iter().chain(lower.into_iter().flatten()) {
        let bytes = find_document(layout, role, named, given)?;
        let missing = || RecoverError::Document { role, version: named.version, digest: named.sha256 };
        all.push((role, named, bytes.ok_or_else(missing)?));
    }
    Ok(all)
}

fn find_document(
    layout: &Layout,
    role: Role,
    named: DocumentRef,
    given: Option<&Path>,
) -> Result<Option<Vec<u8>>, PathError> {
    let place = layout.trust_document(role, named.version, named.sha256);
    let kept = kept_metadata(layout)?;
    for path in std::iter::once(place).chain(kept).chain(given.map(Path::to_owned)) {
        match sealift_fs::read_capped(&path, DOCUMENT_LIMIT) {
            Ok(bytes) if Digest::of(&bytes) == named.sha256 => return Ok(Some(bytes)),
            // What is elsewhere is a chance, not a need.
            _ => {}
        }
    }
    Ok(None)
}

/// Returns the metadata files that accepted bundles came with.
fn kept_metadata(layout: &Layout) -> Result<Vec<PathBuf>, PathError> {
    let mut found = Vec::new();
    for stream in names(&layout.bundles())? {
        let below = layout.bundles().join(stream);
        for sequence in names(&below)? {
            let metadata = below.join(sequence).join("metadata");
            found.extend(names(&metadata)?.into_iter().map(|name| metadata.join(name)));
        }
    }
    Ok(found)
}

/// Returns the names in a directory; none if it is none.
fn names(dir: &Path) -> Result<Vec<String>, PathError> {
    match sealift_fs::list_dir(dir) {
        Err(e) if e.is_not_found() || e.kind() == std::io::ErrorKind::NotADirectory => Ok(Vec::new()),
        other => other,
    }
}

/// Checks that what was typed is the fingerprint of the trusted root, or of one that led to it.
fn confirm(
    layout: &Layout,
    floors: &Floors,
    documents: &Documents,
    options: &RecoverOptions,
) -> Result<(), RecoverError> {
    let trusted = documents.iter().find(|(role, ..)| *role == Role::Root).map(|(.., bytes)| bytes.as_slice());
    let trusted = trusted.ok_or(RecoverError::Nothing)?;
    let place = layout.trust_document(Role::Root, floors.root.version, floors.root.sha256);
    let path = options.root.clone().unwrap_or(place);
    let bytes = match &options.root {
        Some(path) => sealift_fs::read_capped(path, DOCUMENT_LIMIT)?,
        None => trusted.to_vec(),
    };
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let found = fingerprint(&bytes);
    if plain(&found) != plain(&options.fingerprint) {
        return Err(RecoverError::Fingerprint { path, found });
    }
    leads_to(layout, &bytes, floors.root).map_err(|source| RecoverError::OtherRoot {
        path,
        version: floors.root.version,
        source,
    })
}

/// Follows the kept roots from `first` to the trusted one.
fn leads_to(layout: &Layout, first: &[u8], trusted: DocumentRef) -> Result<(), Option<Box<sealift_trust::Refusal>>> {
    if Digest::of(first) == trusted.sha256 {
        return Ok(());
    }
    // The time decides about nothing but expiry, which a root in the middle of a chain does not have.
    let mut set = TrustedSet::new(first, sealift_model::Timestamp::from_unix(0)).map_err(|e| Some(Box::new(e)))?;
    while set.root().version() < trusted.version {
        let next = layout.trust_document(Role::Root, set.root().version() + 1, trusted.sha256);
        let bytes = sealift_fs::read_capped(&next, DOCUMENT_LIMIT).map_err(|_| None)?;
        set.update_root(&bytes).map_err(|e| Some(Box::new(e)))?;
    }
    if Digest::of(set.root().raw()) == trusted.sha256 { Ok(()) } else { Err(None) }
}

fn restore_documents(layout: &Layout, documents: &Documents) -> Result<(), PathError> {
    for (role, named, bytes) in documents {
        replace_unless_same(&layout.trust_document(*role, named.version, named.sha256), bytes)?;
    }
    Ok(())
}

fn replace_unless_same(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    let there = sealift_fs::read_capped(path, DOCUMENT_LIMIT).is_ok_and(|found| found == bytes);
    if there { Ok(()) } else { sealift_fs::replace(path, bytes, Mode::Private) }
}

/// Keeps what is about to be replaced under another name, for whoever wants to know what happened.
///
/// What is whole never takes the place of what was kept before: an earlier run that was cut may have made it so.
fn keep_aside(path: &Path, whole: bool) -> Result<(), PathError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".damaged");
    let aside = path.with_file_name(name);
    if whole && aside.symlink_metadata().is_ok() {
        return Ok(());
    }
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        sealift_fs::remove_file(&aside)?;
        sealift_fs::link_or_copy(path, &aside)?;
        // Before what it is a copy of is replaced.
        path.parent().map_or(Ok(()), sealift_fs::sync_dir)?;
    }
    Ok(())
}
