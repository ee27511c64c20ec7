//! Brings content back that `scrub` found damaged or missing.
//!
//! An accepted manifest names the content by digest, so whoever carries it may bring it: neither the metadata nor the age
//! of the medium matters, and nothing new is accepted. Only what is asked for is copied.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::FileEntry;
use sealift_bundle::source::Source;
use sealift_model::{Digest, Progress};

use super::content::{Failure, copy_one};
use super::{ReceiveError, Stop};
use crate::ledger::{EventKind, EventSubject};
use crate::repository::{Repository, StateError, Writer};
use crate::scrub;

/// Copies what is asked for and this medium carries; returns how many contents are in the store again.
pub(super) fn heal(writer: &mut Writer, source: &dyn Source, progress: &dyn Progress) -> Result<u64, Stop> {
    let wanted = scrub::wanted(writer)?;
    if wanted.is_empty() {
        return Ok(0);
    }
    let store = writer.store()?;
    let (mut healed, mut left) = (BTreeSet::new(), BTreeSet::new());
    for (digest, ways) in entries(writer, &wanted)? {
        let batch = store.batch();
        for entry in &ways {
            match copy_one(entry, &batch, source, progress) {
                Ok(()) => {
                    healed.insert(digest);
                    break;
                }
                // Not on this medium, or as damaged there: another one will bring it.
                Err(Failure::Refused) => {
                    left.insert(digest);
                }
                Err(Failure::Medium(error)) => return Err(Stop::Medium(Box::new(error))),
                Err(Failure::Store(error)) => return Err(Stop::Fault(Box::new(ReceiveError::Store(error)))),
            }
        }
        batch.commit()?;
    }
    // The ledger first: a run that is cut in between finds them again by their marks, and says so once more.
    if !healed.is_empty() {
        record(writer, &healed)?;
    }
    for digest in &healed {
        scrub::is_here_again(writer, digest)?;
    }
    Ok(healed.len() as u64)
}

/// Returns for each content the entries of accepted manifests that say how a medium carries it.
fn entries(repository: &Repository, wanted: &BTreeSet<Digest>) -> Result<BTreeMap<Digest, Vec<FileEntry>>, StateError> {
    let mut found: BTreeMap<Digest, Vec<FileEntry>> = BTreeMap::new();
    for row in repository.index().bundles(None)? {
        // A manifest that was damaged as well is the next scrub's to name again.
        let Ok(manifest) = crate::bundles::load(repository, &row.stream, row.sequence) else { continue };
        for entry in manifest.files.into_iter().filter(|e| e.stored.is_some() && wanted.contains(&e.sha256)) {
            let ways = found.entry(entry.sha256).or_default();
            if ways.iter().all(|way| way.stored != entry.stored) {
                ways.push(entry);
            }
        }
    }
    Ok(found)
}

fn record(writer: &mut Writer, healed: &BTreeSet<Digest>) -> Result<(), StateError> {
    let names: Vec<String> = healed.iter().take(20).map(|digest| digest.tagged()).collect();
    let detail = format!("{} contents brought again: {}", healed.len(), names.join(" "));
    let event = writer.event(EventKind::Healed, EventSubject::default(), &detail);
    writer.record(&event)
}
