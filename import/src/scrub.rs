//! `scrub`: reads everything again that this repository keeps, and says what is no longer as it was accepted.
//!
//! A disk loses bits without a word, and what was verified once is believed ever after. A blob that is not what its name
//! says is set aside at once, so that nothing is published from it; the next `receive` of any medium that carries it puts
//! it back. Nothing here decides what is trusted: the digests come from manifests that were accepted.

use std::collections::{BTreeMap, BTreeSet};

use sealift_fs::{Mode, PathError, StoreError};
use sealift_model::escape::with_causes;
use sealift_model::{Digest, Progress, RelPath};
use sealift_trust::Role;
use serde::Serialize;

use crate::index::BundleRow;
use crate::ledger::{EventKind, EventSubject, LedgerError};
use crate::repository::{Repository, StateError, Writer};

/// Most digests that one line of the ledger names.
const NAMED: usize = 20;

/// Content that is not there or not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The content.
    pub sha256: Digest,
    /// A file that has it; absent if no accepted bundle lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<RelPath>,
    /// `stream/sequence` of the accepted bundles that list it.
    pub bundles: Vec<String>,
    /// What is wrong with it.
    pub reason: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScrubReport {
    /// Blobs read.
    pub blobs: u64,
    /// Bytes read of them.
    pub bytes: u64,
    /// Accepted bundles whose manifests were read.
    pub bundles: u64,
    /// Content that cannot be read or has another digest; it was set aside.
    pub damaged: Vec<Damage>,
    /// Content that accepted bundles list and that is not there.
    pub missing: Vec<Damage>,
    /// Manifests, trusted metadata and lines of the ledger that are not as they were, a sentence each.
    pub documents: Vec<String>,
}

impl ScrubReport {
    /// Tells whether everything is as it was accepted.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty() && self.documents.is_empty()
    }
}

/// Content that accepted bundles list.
struct Listed {
    size: u64,
    path: RelPath,
    bundles: Vec<String>,
}

/// Reads everything again. Damaged blobs are set aside, and what was found stands in the ledger.
pub fn scrub(writer: &mut Writer, progress: &dyn Progress) -> Result<ScrubReport, StateError> {
    let mut report = ScrubReport::default();
    let listed = listed(writer, &mut report)?;
    check_blobs(writer, &listed, &mut report, progress)?;
    check_documents(writer, &mut report);
    for damage in report.damaged.iter().chain(&report.missing).filter(|damage| damage.path.is_some()) {
        ask_for(writer, &damage.sha256)?;
    }
    let event = writer.event(EventKind::Scrubbed, EventSubject::default(), &sentence(&report));
    writer.record(&event)?;
    Ok(report)
}

fn sentence(report: &ScrubReport) -> String {
    if report.is_clean() {
        return format!("{} blobs, {} bytes, {} bundles: all whole", report.blobs, report.bytes, report.bundles);
    }
    let names = |list: &[Damage]| {
        let names: Vec<String> = list.iter().take(NAMED).map(|damage| damage.sha256.tagged()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    format!(
        "{} damaged: {}; {} missing: {}; {} documents: {}",
        report.damaged.len(),
        names(&report.damaged),
        report.missing.len(),
        names(&report.missing),
        report.documents.len(),
        report.documents.join("; ")
    )
}

/// Returns what the accepted bundles list, and notes those whose manifest is not the accepted one.
fn listed(repository: &Repository, report: &mut ScrubReport) -> Result<BTreeMap<Digest, Listed>, StateError> {
    let mut listed: BTreeMap<Digest, Listed> = BTreeMap::new();
    for row in repository.index().bundles(None)? {
        report.bundles += 1;
        match crate::bundles::load(repository, &row.stream, row.sequence) {
            Ok(manifest) => {
                for file in manifest.files {
                    let new = || Listed { size: file.size, path: file.path, bundles: Vec::new() };
                    let known = listed.entry(file.sha256).or_insert_with(new);
                    if known.bundles.last() != Some(&row.name()) {
                        known.bundles.push(row.name());
                    }
                }
            }
            Err(error) => report.documents.push(with_causes(&error)),
        }
    }
    Ok(listed)
}

fn check_blobs(
    writer: &Writer,
    listed: &BTreeMap<Digest, Listed>,
    report: &mut ScrubReport,
    progress: &dyn Progress,
) -> Result<(), StateError> {
    let store = writer.store()?;
    let present: BTreeSet<Digest> = store.digests()?.into_iter().collect();
    progress.phase("Reading the store", Some(listed.values().map(|known| known.size).sum()));
    let damage = |sha256: Digest, reason: String| {
        let known = listed.get(&sha256);
        let bundles = known.map(|known| known.bundles.clone()).unwrap_or_default();
        Damage { sha256, path: known.map(|known| known.path.clone()), bundles, reason }
    };
    for digest in &present {
        let size = listed.get(digest).map(|known| known.size);
        match store.verify(digest) {
            Ok(found) if size.is_none_or(|size| size == found) => {
                report.blobs += 1;
                report.bytes += found;
            }
            Ok(found) => {
                report.damaged.push(damage(*digest, format!("{found} bytes, {} are listed", size.unwrap_or(0))));
            }
            Err(error) => report.damaged.push(damage(*digest, reason(&error))),
        }
        progress.advance(size.unwrap_or(0));
    }
    for damage in &report.damaged {
        set_aside(writer, &damage.sha256, &store.path(&damage.sha256))?;
    }
    // What people decided to leave out is not missed.
    let withheld = writer.index().withheld()?;
    let gone = listed.keys().filter(|digest| !present.contains(digest) && !withheld.contains(digest));
    report.missing.extend(gone.map(|digest| damage(*digest, "not in the store".into())));
    Ok(())
}

fn reason(error: &StoreError) -> String {
    match error {
        StoreError::WrongDigest { got, .. } => format!("its bytes have the digest {got}"),
        other => with_causes(other),
    }
}

/// Checks manifests, trusted metadata and ledger, as far as this repository knows what they were.
fn check_documents(repository: &Repository, report: &mut ScrubReport) {
    let floors = repository.floors();
    let mut named = vec![(Role::Root, floors.root)];
    if let Some(lower) = floors.documents {
        named.extend([
            (Role::Timestamp, lower.timestamp),
            (Role::Snapshot, lower.snapshot),
            (Role::Targets, lower.targets),
        ]);
    }
    let bad = named.into_iter().filter_map(|(role, document)| repository.document(role, document).err());
    report.documents.extend(bad.map(|error| with_causes(&error)));
    match repository.verify_ledger(|_| ()) {
        Ok(_) => {}
        Err(StateError::Ledger(error @ LedgerError::Io(_))) => report.documents.push(with_causes(&error)),
        Err(error) => report.documents.push(with_causes(&error)),
    }
}

/// Takes a damaged blob out of the store, under a name that says what it was to be.
fn set_aside(repository: &Repository, digest: &Digest, blob: &std::path::Path) -> Result<(), PathError> {
    let dir = repository.layout().wanted();
    sealift_fs::create_dir_all(&dir, Mode::Private)?;
    sealift_fs::rename(blob, &dir.join(digest.to_hex()))
}

/// Notes content that the next medium which carries it is to bring again.
fn ask_for(repository: &Repository, digest: &Digest) -> Result<(), PathError> {
    let dir = repository.layout().wanted();
    sealift_fs::create_dir_all(&dir, Mode::Private)?;
    let mark = dir.join(digest.to_hex());
    if mark.exists() { Ok(()) } else { sealift_fs::write_new(&mark, b"", Mode::Private) }
}

/// Returns the content that a scrub found damaged or missing and that no medium has brought again yet.
pub fn wanted(repository: &Repository) -> Result<BTreeSet<Digest>, PathError> {
    match sealift_fs::list_dir(&repository.layout().wanted()) {
        Ok(names) => Ok(names.iter().filter_map(|name| name.parse().ok()).collect()),
        Err(e) if e.is_not_found() => Ok(BTreeSet::new()),
        Err(e) => Err(e),
    }
}

/// Takes away the mark of content that is in the store again, and the damaged bytes with it.
pub(crate) fn is_here_again(repository: &Repository, digest: &Digest) -> Result<(), PathError> {
    sealift_fs::remove_file(&repository.layout().wanted().join(digest.to_hex()))
}

/// Names the newest accepted bundles that carry `digest` themselves: the media to look for.
pub fn carriers(repository: &Repository, digest: &Digest) -> Result<Vec<BundleRow>, StateError> {
    let mut found = Vec::new();
    for row in repository.index().bundles(None)?.into_iter().rev() {
        let Ok(manifest) = crate::bundles::load(repository, &row.stream, row.sequence) else { continue };
        if manifest.files.iter().any(|file| file.sha256 == *digest && file.stored.is_some()) {
            found.push(row);
        }
    }
    Ok(found)
}
