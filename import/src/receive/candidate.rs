//! A bundle that asks to be accepted: its documents as copied, and every check that needs no blob.

use std::collections::{BTreeSet, HashSet};

use sealift_bundle::evidence::Agreement;
use sealift_bundle::layout;
use sealift_bundle::manifest::{FileEntry, MAX_BYTES, Manifest, UpstreamEntry};
use sealift_bundle::source::{Source, SourceError, SourceRefusal};
use sealift_model::escape::printable;
use sealift_model::{Digest, PathGrammarError, Sequence, StreamId, Timestamp};

use super::{Belief, Stop, Time, Waiver};
use crate::refusal::Refusal;
use crate::repository::{Repository, Writer};

/// How far ahead of the clock of this machine a bundle may be dated, in days.
const AHEAD_DAYS: u64 = 1;

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
    /// Who agreed to it.
    pub(super) agreement: Agreement,
    /// Why it may come in although it, or its metadata, has expired.
    pub(super) waiver: Option<Waiver>,
}

impl Candidate {
    /// Copies the documents of a bundle and judges the copies.
    pub(super) fn read(
        writer: &Writer,
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
        let id = Digest::of(&manifest_bytes);
        let mut candidate =
            Self { id, manifest, manifest_bytes, evidence: Vec::new(), agreement: Agreement::default(), waiver: None };
        candidate.check_fresh(writer, source, belief)?;
        candidate.check_order(writer, belief.time)?;
        candidate.take_evidence(source, belief)?;
        Ok(candidate)
    }

    /// Returns `stream/sequence`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.manifest.stream, self.manifest.sequence)
    }

    /// Refuses a bundle that has expired, itself or with its metadata, or that takes an upstream back in time, unless enough
    /// people waived that for it.
    fn check_fresh(&mut self, writer: &Writer, source: &dyn Source, belief: &Belief) -> Result<(), Stop> {
        let (now, not_after) = (belief.time.now, self.manifest.not_after);
        let expired = || Refusal::Expired { name: self.name(), not_after, now };
        let dated = belief.stale_refusal().or_else(|| (now >= not_after).then(expired));
        let Some(refusal) = dated.or_else(|| self.older_upstream(writer)) else { return Ok(()) };
        let place = (&self.manifest.stream, self.manifest.sequence);
        let said = belief.handed.and_on(source, place)?;
        let root = belief.set.root().body();
        self.waiver = said.waiver(self.id, &self.name(), root, (writer.floors(), now))?;
        if self.waiver.is_some() { Ok(()) } else { Err(refusal.into()) }
    }

    fn check_order(&self, writer: &Writer, time: Time) -> Result<(), Stop> {
        let manifest = &self.manifest;
        let name = || self.name();
        self.check_base(writer)?;
        // Accepting it would lift the floor of time so far that every later command refused the clock. Compared with the
        // clock and not with `now`, which the floor has part in: else each bundle could lift it by one more day.
        let clock = time.clock;
        if manifest.created > clock.plus_days(AHEAD_DAYS) {
            return Err(Refusal::FromTheFuture { name: name(), created: manifest.created, now: clock }.into());
        }
        refuse_withdrawn(manifest, &writer.index().withdrawn()?)?;
        Ok(())
    }

    /// An upstream must not go back in time: its older Release file vouches for packages that it has replaced since.
    ///
    /// The dates are the manifest's; the upstream's own signature over them is checked with the chain.
    fn older_upstream(&self, repository: &Repository) -> Option<Refusal> {
        let floors = &repository.floors().upstreams;
        upstream_dates(&self.manifest).find_map(|(upstream, date)| {
            let floor = *floors.get(&upstream)?;
            (date < floor).then(|| Refusal::UpstreamRollback { name: self.name(), upstream, date, floor })
        })
    }

    /// The base must be here, and list whatever is not carried: the manifests alone say what a stream is.
    fn check_base(&self, repository: &Repository) -> Result<(), Stop> {
        let manifest = &self.manifest;
        let Some(base) = manifest.base else { return Ok(()) };
        let row = repository.index().bundle(&manifest.stream, base.sequence)?;
        if row.is_none_or(|row| row.manifest != base.manifest) {
            return Err(Refusal::MissingBase { name: self.name(), base }.into());
        }
        let listed = crate::bundles::load(repository, &manifest.stream, base.sequence)?;
        let listed: HashSet<_> = listed.files.iter().map(|entry| (entry.sha256, entry.size)).collect();
        let absent = |entry: &&FileEntry| entry.stored.is_none() && !listed.contains(&(entry.sha256, entry.size));
        match manifest.files.iter().find(absent) {
            None => Ok(()),
            Some(entry) => Err(Refusal::NotInBase { name: self.name(), path: entry.path.clone(), base }.into()),
        }
    }
}

/// Returns the date of each upstream's Release file, by `stream/upstream suite`: the floors' name for it.
///
/// By stream: media of different streams arrive in any order, those of one stream do not.
pub(crate) fn upstream_dates(manifest: &Manifest) -> impl Iterator<Item = (String, Timestamp)> {
    let key = |u: &UpstreamEntry| format!("{}/{} {}", manifest.stream, u.name, printable(&u.suite));
    manifest.upstreams.iter().map(move |upstream| (key(upstream), upstream.date))
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
        if let Some(refusal) = belief.stale_refusal() {
            return Err(refusal.into());
        }
        let refusal =
            if belief.older { Refusal::Superseded { name, targets } } else { Refusal::NotListed { name, targets } };
        return Err(refusal.into());
    };
    let bytes = source.read(&path, signed.length.min(MAX_BYTES))?;
    let (found, found_length) = (Digest::of(&bytes), bytes.len() as u64);
    if found == signed.sha256 && found_length == signed.length {
        return Ok(bytes);
    }
    let (expected, length) = (signed.sha256, signed.length);
    Err(Refusal::ManifestDigest { name, expected, length, found, found_length }.into())
}

/// A stream whose name is no safe path (`nul`) cannot lie on a medium.
pub(super) fn unnamed(error: &PathGrammarError) -> SourceError {
    SourceRefusal::Foreign(error.to_string()).into()
}
