//! Makes a judged bundle part of the repository.

use std::fmt::Write as _;

use sealift_bundle::manifest::BundleRef;
use sealift_fs::{Mode, PathError};
use sealift_model::{Digest, StreamId};
use sealift_trust::Role;

use super::belief::Belief;
use super::candidate::{Candidate, upstream_dates};
use super::evidence::{self, AGREEMENT};
use crate::floors::Floors;
use crate::index::BundleRow;
use crate::ledger::{EventKind, EventSubject};
use crate::repository::{Repository, StateError, Writer, unrecorded};

/// Accepts a bundle: documents, trusted metadata, then the one commit that counts.
pub(super) fn commit_bundle(writer: &mut Writer, belief: &Belief, candidate: &Candidate) -> Result<(), StateError> {
    keep_documents(writer, belief, candidate)?;
    keep_trust(writer, belief)?;
    let manifest = &candidate.manifest;
    let mut floors = raised(writer.floors(), belief);
    floors.signed_time = floors.signed_time.max(manifest.created);
    let held = BundleRef { manifest: candidate.id, sequence: manifest.sequence };
    // One that came late fills its place; what is held stays.
    let late = floors.streams.get(&manifest.stream).filter(|there| there.sequence > held.sequence).copied();
    if late.is_none() {
        floors.streams.insert(manifest.stream.clone(), held);
    }
    if let Some(waiver) = &candidate.waiver {
        waiver.mark(&mut floors, candidate.id);
    }
    for (upstream, date) in upstream_dates(manifest) {
        let floor = floors.upstreams.entry(upstream).or_insert(date);
        *floor = date.max(*floor);
    }
    let clock = writer.caller().clock;
    let row = BundleRow::new(manifest, candidate.id, clock);
    let subject = EventSubject {
        bundle: Some(candidate.id),
        sequence: Some(manifest.sequence),
        stream: Some(manifest.stream.clone()),
        ..EventSubject::default()
    };
    let late = late.map_or_else(String::new, |there| format!("; late, {} is held", there.sequence));
    let waived = candidate.waiver.as_ref().map_or_else(String::new, |waiver| format!("; {}", waiver.describe()));
    let agreed = evidence::describe(&candidate.agreement);
    let detail = format!(
        "{} files, {} bytes; {}; {}{late}{waived}{agreed}",
        row.files,
        row.bytes,
        floors.describe(),
        belief.medium
    );
    let event = writer.event(EventKind::Accepted, subject, &detail);
    let fresh = belief.is_news(writer);
    writer.commit_floors(floors, &event, |change| {
        change.add_bundle(&row, &manifest.withdrawn)?;
        if fresh { change.set_refreshed(belief.time.now) } else { Ok(()) }
    })?;
    drop_old_trust(writer).map_err(|error| unrecorded(error.into()))?;
    Ok(())
}

/// Accepts newer trust metadata alone; returns a line for people.
///
/// Streams that a root on the way to the trusted one resets are lowered in the same commit: this is the only place.
pub(super) fn commit_trust(writer: &mut Writer, belief: &Belief) -> Result<String, StateError> {
    keep_trust(writer, belief)?;
    let mut floors = raised(writer.floors(), belief);
    let resets = belief.resets(writer.floors().root.version);
    let mut detail = String::from("trust metadata alone; ");
    for (stream, sequence) in &resets {
        lower(writer, &mut floors, stream, *sequence)?;
        let _ = write!(detail, "the root resets stream {stream} to {sequence}; ");
    }
    let line = floors.describe();
    let _ = write!(detail, "{line}; {}", belief.medium);
    let event = writer.event(EventKind::Accepted, EventSubject::default(), &detail);
    writer.commit_floors(floors, &event, |change| {
        for (stream, sequence) in &resets {
            change.forget_bundles_above(stream, *sequence)?;
        }
        change.set_refreshed(belief.time.now)
    })?;
    drop_old_trust(writer).map_err(|error| unrecorded(error.into()))?;
    Ok(line)
}

/// Sets the floors of a stream to the highest accepted bundle that is not above `sequence`.
fn lower(repository: &Repository, floors: &mut Floors, stream: &StreamId, sequence: u64) -> Result<(), StateError> {
    if floors.streams.get(stream).is_none_or(|held| held.sequence.get() <= sequence) {
        return Ok(());
    }
    let of_stream = format!("{stream}/");
    floors.upstreams.retain(|upstream, _| !upstream.starts_with(&of_stream));
    let rows = repository.index().bundles(Some(stream))?;
    let Some(row) = rows.iter().rev().find(|row| row.sequence.get() <= sequence) else {
        floors.streams.remove(stream);
        return Ok(());
    };
    floors.streams.insert(stream.clone(), BundleRef { manifest: row.manifest, sequence: row.sequence });
    // Within a stream the dates rise with the sequence.
    let manifest = crate::bundles::load(repository, stream, row.sequence)?;
    floors.upstreams.extend(upstream_dates(&manifest));
    Ok(())
}

fn raised(floors: &Floors, belief: &Belief) -> Floors {
    let (root, documents) = belief.references();
    Floors { documents, root, ..floors.clone() }
}

/// Writes manifest, evidence and the metadata they came with into the quarantine, then moves the whole directory.
fn keep_documents(repository: &Repository, belief: &Belief, candidate: &Candidate) -> Result<(), PathError> {
    let layout = repository.layout();
    let staged = layout.quarantine().join(candidate.id.to_hex());
    sealift_fs::create_dir_all(&staged.join("evidence"), Mode::Private)?;
    sealift_fs::create_dir_all(&staged.join("metadata"), Mode::Private)?;
    let write = |name: String, bytes: &[u8]| sealift_fs::write_new(&staged.join(name), bytes, Mode::Private);
    write("manifest.json".into(), &candidate.manifest_bytes)?;
    for (name, bytes) in &candidate.evidence {
        write(format!("evidence/{name}"), bytes)?;
    }
    for (name, bytes) in belief.files.files() {
        write(format!("metadata/{name}"), bytes)?;
    }
    if let Some(bytes) = evidence::record(&candidate.agreement) {
        write(AGREEMENT.into(), &bytes)?;
    }
    let target = layout.bundle(&candidate.manifest.stream, candidate.manifest.sequence);
    if let Some(parent) = target.parent() {
        sealift_fs::create_dir_all(parent, Mode::Private)?;
    }
    // A run that was killed right before its commit left one; the index does not know it.
    sealift_fs::remove_tree(&target)?;
    sealift_fs::rename(&staged, &target)
}

/// Writes the trusted documents beside the present ones; they count when the floors name them.
fn keep_trust(repository: &Repository, belief: &Belief) -> Result<(), PathError> {
    for (role, version, bytes) in belief.documents(repository.floors().root.version) {
        let digest = Digest::of(bytes);
        let path = repository.layout().trust_document(role, version, digest);
        let same = sealift_fs::read_capped(&path, 5_000_000).is_ok_and(|found| Digest::of(&found) == digest);
        if !same {
            sealift_fs::replace(&path, bytes, Mode::Private)?;
        }
    }
    Ok(())
}

/// Removes documents that the floors do not name and returns how many that were; the root chain stays whole.
pub(super) fn drop_old_trust(repository: &Repository) -> Result<u64, PathError> {
    let layout = repository.layout();
    let Some(named) = repository.floors().documents else { return Ok(0) };
    let keep = [
        layout.trust_document(Role::Timestamp, named.timestamp.version, named.timestamp.sha256),
        layout.trust_document(Role::Snapshot, named.snapshot.version, named.snapshot.sha256),
        layout.trust_document(Role::Targets, named.targets.version, named.targets.sha256),
    ];
    let mut count = 0;
    for name in sealift_fs::list_dir(&layout.trust())? {
        let path = layout.trust().join(&name);
        let lower = [".timestamp.json", ".snapshot.json", ".targets.json"].iter().any(|end| name.ends_with(end));
        if lower && !keep.contains(&path) {
            sealift_fs::remove_file(&path)?;
            count += 1;
        }
    }
    Ok(count)
}
