//! A bundle that asks to be accepted: its documents as copied, and every check that needs no blob.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::evidence::Agreement;
use sealift_bundle::layout;
use sealift_bundle::manifest::{MAX_BYTES, Manifest, UpstreamEntry};
use sealift_bundle::source::{Source, SourceError, SourceRefusal};
use sealift_model::escape::printable;
use sealift_model::{Digest, PathGrammarError, Sequence, StreamId, Timestamp};

use super::{Belief, Stop, Time, Waiver};
use crate::index::BundleRow;
use crate::refusal::Refusal;
use crate::repository::{Repository, StateError, Writer};
use crate::waiting;

/// How far ahead of the clock of this machine a bundle may be dated, in days.
const AHEAD_DAYS: u64 = 1;

/// What is to be done about a bundle on a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was accepted before.
    Known,
    /// Older than what is held and never accepted, on a medium that brings something newer as well.
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
    // One that never came fills its place if what is trusted now still lists it, which is asked when it is read.
    if sequence > floor || waiting::is_waiting(repository, stream, sequence) {
        return Ok(Verdict::New);
    }
    // A medium that collects bundles holds old ones too, and nobody asked for them.
    let newer = on_medium.iter().any(|(s, number)| s == stream && *number >= floor);
    Ok(if newer { Verdict::PassedOver } else { Verdict::New })
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
        let manifest_bytes = read_manifest(writer, source, belief, place)?;
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

    /// Tells whether it can go straight into the store: the medium claims to be all of it, all it does not carry is
    /// there, and no part of it waits.
    pub(super) fn comes_whole(&self, writer: &Writer, source: &dyn Source) -> Result<bool, Stop> {
        if super::volume::is_part(source, self)? {
            return Ok(false);
        }
        let store = writer.store()?;
        let (stream, sequence) = (&self.manifest.stream, self.manifest.sequence);
        let left = self.manifest.files.iter().filter(|entry| entry.stored.is_none());
        let here = left.into_iter().all(|entry| store.has(&entry.sha256, entry.size));
        Ok(here && !waiting::is_gated(writer) && !waiting::is_waiting(writer, stream, sequence))
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
        let refusal = match dated {
            Some(refusal) => Some(refusal),
            None => self.older_upstream(writer)?,
        };
        let Some(refusal) = refusal else { return Ok(()) };
        let place = (&self.manifest.stream, self.manifest.sequence);
        let said = belief.handed.and_on(source, place)?;
        let root = belief.set.root().body();
        self.waiver = said.waiver(self.id, &self.name(), root, (writer.floors(), now))?;
        if self.waiver.is_some() { Ok(()) } else { Err(refusal.into()) }
    }

    fn check_order(&self, writer: &Writer, time: Time) -> Result<(), Stop> {
        let manifest = &self.manifest;
        let name = || self.name();
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
    /// The dates are the manifest's; the upstream's own signature over them is checked with the chain. Those of a bundle that
    /// came late lie between its neighbours'.
    fn older_upstream(&self, repository: &Repository) -> Result<Option<Refusal>, StateError> {
        let manifest = &self.manifest;
        let (before, after) = match repository.floors().streams.get(&manifest.stream) {
            Some(held) if held.sequence > manifest.sequence => self.neighbours(repository)?,
            _ => (repository.floors().upstreams.clone(), BTreeMap::new()),
        };
        let name = || self.name();
        Ok(upstream_dates(manifest).find_map(|(upstream, date)| match (before.get(&upstream), after.get(&upstream)) {
            (Some(floor), _) if date < *floor => {
                Some(Refusal::UpstreamRollback { name: name(), upstream, date, floor: *floor })
            }
            (_, Some(after)) if date > *after => {
                Some(Refusal::UpstreamAhead { name: name(), upstream, date, after: *after })
            }
            _ => None,
        }))
    }

    /// Returns the dates of the accepted bundles before and after this one.
    fn neighbours(&self, repository: &Repository) -> Result<(UpstreamDates, UpstreamDates), StateError> {
        let (stream, sequence) = (&self.manifest.stream, self.manifest.sequence);
        let rows = repository.index().bundles(Some(stream))?;
        let dates = |row: Option<&BundleRow>| match row {
            None => Ok(BTreeMap::new()),
            Some(row) => crate::bundles::load(repository, stream, row.sequence).map(|m| upstream_dates(&m).collect()),
        };
        let before = rows.iter().rev().find(|row| row.sequence < sequence);
        Ok((dates(before)?, dates(rows.iter().find(|row| row.sequence > sequence))?))
    }
}

type UpstreamDates = BTreeMap<String, Timestamp>;

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
    repository: &Repository,
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
        // What is below the floor and listed no more is old content presented as new, whatever metadata came with it.
        let floor = repository.floors().streams.get(stream).map(|held| held.sequence);
        let refusal = match floor.filter(|floor| sequence < *floor) {
            Some(floor) => Refusal::Rollback { name, floor },
            None if belief.older => Refusal::Superseded { name, targets },
            None => Refusal::NotListed { name, targets },
        };
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
