//! A bundle that asks to be accepted: its documents as copied, and every check that needs no blob.

use std::collections::BTreeSet;

use sealift_bundle::evidence::verify_evidence;
use sealift_bundle::layout;
use sealift_bundle::manifest::{MAX_BYTES, Manifest};
use sealift_bundle::source::{Source, SourceError, SourceRefusal};
use sealift_model::{Digest, PathGrammarError, Sequence, StreamId, Timestamp};
use sealift_trust::PublicKey;

use super::{Belief, Stop};
use crate::refusal::Refusal;
use crate::repository::Repository;

const EVIDENCE_LIMIT: u64 = 8 << 20;

/// What is to be done about a bundle on a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was accepted before.
    Known,
    /// Older than what is held, on a medium that brings something newer as well.
    PassedOver,
    /// It has to be judged.
    New,
}

/// Decides by a bundle's place in its stream alone.
pub(super) fn judge_place(
    repository: &Repository,
    source: &dyn Source,
    on_medium: &[(StreamId, Sequence)],
    (stream, sequence): (&StreamId, Sequence),
) -> Result<Verdict, Stop> {
    let name = || format!("{stream}/{sequence}");
    if let Some(row) = repository.index().bundle(stream, sequence)? {
        let bytes = source.read(&layout::manifest_path(stream, sequence).map_err(|e| unnamed(&e))?, MAX_BYTES)?;
        let found = Digest::of(&bytes);
        if found == row.manifest {
            return Ok(Verdict::Known);
        }
        return Err(Refusal::Equivocation { name: name(), known: row.manifest, found }.into());
    }
    let Some(floor) = repository.floors().streams.get(stream).map(|held| held.sequence) else {
        return Ok(Verdict::New);
    };
    if sequence > floor {
        return Ok(Verdict::New);
    }
    // A medium that collects bundles holds old ones too; only one that ends below the floor presents old as new.
    if on_medium.iter().any(|(s, number)| s == stream && *number >= floor) {
        return Ok(Verdict::PassedOver);
    }
    Err(Refusal::Rollback { name: name(), floor }.into())
}

/// A bundle's documents, copied and judged.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The bundle id.
    pub(super) id: Digest,
    /// The manifest.
    pub(super) manifest: Manifest,
    /// Its bytes.
    pub(super) manifest_bytes: Vec<u8>,
    /// Evidence files by name.
    pub(super) evidence: Vec<(String, Vec<u8>)>,
}

impl Candidate {
    /// Copies the documents of a bundle and judges the copies.
    pub(super) fn read(
        repository: &Repository,
        source: &dyn Source,
        belief: &Belief,
        place: (&StreamId, Sequence),
    ) -> Result<Self, Stop> {
        let manifest_bytes = read_manifest(source, belief, place)?;
        let (stream, sequence) = place;
        let name = format!("{stream}/{sequence}");
        let parsed = Manifest::parse(&manifest_bytes);
        let manifest = parsed.map_err(|source| Refusal::Manifest { name: name.clone(), source })?;
        if manifest.stream != *stream || manifest.sequence != sequence {
            let found = format!("{}/{}", manifest.stream, manifest.sequence);
            return Err(Refusal::OtherBundle { name, found }.into());
        }
        let candidate =
            Self { id: Digest::of(&manifest_bytes), manifest, manifest_bytes, evidence: read_evidence(source, place)? };
        candidate.check_order(repository, belief.set.now())?;
        candidate.check_evidence(belief.set.evidence_keys())?;
        Ok(candidate)
    }

    /// Returns `stream/sequence`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.manifest.stream, self.manifest.sequence)
    }

    fn check_order(&self, repository: &Repository, now: Timestamp) -> Result<(), Stop> {
        let manifest = &self.manifest;
        let name = || self.name();
        if let Some(base) = manifest.base {
            let row = repository.index().bundle(&manifest.stream, base.sequence)?;
            if row.is_none_or(|row| row.manifest != base.manifest) {
                return Err(Refusal::MissingBase { name: name(), base }.into());
            }
        }
        if now > manifest.not_after {
            return Err(Refusal::Expired { name: name(), not_after: manifest.not_after, now }.into());
        }
        // Accepting it would lift the floor of time so far that every later command refused the clock.
        if manifest.created > now.plus_days(1) {
            return Err(Refusal::FromTheFuture { name: name(), created: manifest.created, now }.into());
        }
        refuse_withdrawn(manifest, &repository.index().withdrawn()?)?;
        Ok(())
    }

    /// Every evidence file must be signed and about this bundle, and one of them be a build provenance.
    fn check_evidence(&self, keys: &[PublicKey]) -> Result<(), Refusal> {
        let mut provenance = false;
        for (file, bytes) in &self.evidence {
            let refused = |source| Refusal::Evidence { name: self.name(), file: file.clone(), source };
            provenance |= verify_evidence(keys, file, bytes, self.id).map_err(refused)?.is_provenance();
        }
        if provenance { Ok(()) } else { Err(Refusal::NoProvenance { name: self.name() }) }
    }
}

/// Refuses a manifest that lists content which an accepted bundle withdrew.
pub(crate) fn refuse_withdrawn(manifest: &Manifest, withdrawn: &BTreeSet<Digest>) -> Result<(), Refusal> {
    match manifest.files.iter().find(|entry| withdrawn.contains(&entry.sha256)) {
        None => Ok(()),
        Some(entry) => Err(Refusal::Withdrawn {
            name: format!("{}/{}", manifest.stream, manifest.sequence),
            path: entry.path.clone(),
        }),
    }
}

fn read_manifest(
    source: &dyn Source,
    belief: &Belief,
    (stream, sequence): (&StreamId, Sequence),
) -> Result<Vec<u8>, Stop> {
    let path = layout::manifest_path(stream, sequence).map_err(|e| unnamed(&e))?;
    let name = format!("{stream}/{sequence}");
    let targets = belief.targets_version();
    let Some(signed) = belief.set.target(&path) else {
        let refusal =
            if belief.older { Refusal::Superseded { name, targets } } else { Refusal::NotListed { name, targets } };
        return Err(refusal.into());
    };
    let bytes = source.read(&path, MAX_BYTES)?;
    let (found, found_length) = (Digest::of(&bytes), bytes.len() as u64);
    if found == signed.sha256 && found_length == signed.length {
        return Ok(bytes);
    }
    let (expected, length) = (signed.sha256, signed.length);
    Err(Refusal::ManifestDigest { name, expected, length, found, found_length }.into())
}

fn read_evidence(
    source: &dyn Source,
    (stream, sequence): (&StreamId, Sequence),
) -> Result<Vec<(String, Vec<u8>)>, Stop> {
    let mut files = Vec::new();
    for name in layout::list_evidence(source, stream, sequence)? {
        let bytes =
            source.read(&layout::evidence_path(stream, sequence, &name).map_err(|e| unnamed(&e))?, EVIDENCE_LIMIT)?;
        files.push((name, bytes));
    }
    Ok(files)
}

/// A stream whose name is no safe path (`nul`) cannot lie on a medium.
fn unnamed(error: &PathGrammarError) -> SourceError {
    SourceRefusal::Foreign(error.to_string()).into()
}
