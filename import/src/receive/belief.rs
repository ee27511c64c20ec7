//! What the trust metadata of a medium, judged by what was trusted before, makes believable.

use std::collections::BTreeMap;

use sealift_bundle::metadata::{MetadataFiles, read_metadata};
use sealift_bundle::source::Source;
use sealift_bundle::trust::verify_files;
use sealift_model::{Digest, StreamId, Timestamp};
use sealift_trust::{Previous, Refusal, Role, Root, Signed, Snapshot, Targets, TimestampMeta, TrustedSet};

use super::{Handed, Stop, Time};
use crate::floors::{DocumentRef, Documents};
use crate::repository::{Repository, StateError};

/// The verdict on a medium's metadata.
#[derive(Debug)]
pub(super) struct Belief {
    /// What is trusted now.
    pub(super) set: TrustedSet,
    /// The metadata as copied from the medium.
    pub(super) files: MetadataFiles,
    /// Whether the medium's metadata is older than what was trusted before, which then decided.
    pub(super) older: bool,
    /// What the ledger says of the medium.
    pub(super) medium: String,
    /// The time everything is judged by.
    pub(super) time: Time,
    /// Why the metadata would be refused if nobody had waived its expiry: it then stands for waived bundles only.
    pub(super) stale: Option<Refusal>,
    /// Statements handed over beside the medium.
    pub(super) handed: Handed,
}

impl Belief {
    /// Copies the medium's metadata and judges the copy.
    ///
    /// Metadata past its expiry is judged as of its last fresh second; what comes of it counts for bundles whose expiry
    /// was waived, and for nothing else. An expired root is never passed over.
    pub(super) fn form(repository: &Repository, source: &dyn Source, time: Time, handed: Handed) -> Result<Self, Stop> {
        let files = read_metadata(source)?;
        let stored = Stored::load(repository)?;
        let (judged, stale) = match judge(&stored, &files, time.now) {
            Err(refusal @ Refusal::Expired { role, .. }) if role != Role::Root => {
                let fresh = last_fresh(&files, stored.lower.as_ref()).unwrap_or(time.now);
                (judge(&stored, &files, fresh), Some(refusal))
            }
            other => (other, None),
        };
        let (set, older) = judged.map_err(crate::refusal::Refusal::from)?;
        Ok(Self { set, files, older, medium: String::new(), time, stale, handed })
    }

    /// Judges the metadata kept with a bundle that waits; where it is refused by now, what is trusted decides alone.
    ///
    /// That is no weaker: what is trusted lists the bundle, or the bundle is not accepted.
    pub(super) fn form_kept(
        repository: &Repository,
        source: &dyn Source,
        time: Time,
        handed: Handed,
    ) -> Result<Self, Stop> {
        let formed = Self::form(repository, source, time, handed.clone());
        let fresh = |belief: &Self| belief.stale.is_none();
        if formed.as_ref().is_ok_and(fresh) {
            return formed;
        }
        let (stored, files) = (Stored::load(repository)?, read_metadata(source)?);
        match stored.lower.is_some().then(|| stored.judge_again(&MetadataFiles::default(), time.now)) {
            Some(Ok(set)) => Ok(Self { set, files, older: true, medium: String::new(), time, stale: None, handed }),
            _ => formed,
        }
    }

    /// Tells whether something is trusted now that was not before. Versions decide: a signed document can be formatted
    /// anew by anybody, and old metadata must not pass for fresh by that.
    pub(super) fn is_news(&self, repository: &Repository) -> bool {
        let floors = repository.floors();
        let (root, documents) = self.references();
        let versions = |d: Documents| [d.timestamp.version, d.snapshot.version, d.targets.version];
        let newer = floors.documents.map(versions) != documents.map(versions);
        floors.root.version != root.version || (!self.older && newer)
    }

    /// Returns the streams that the roots after `known` reset, each with the sequence that stays.
    pub(super) fn resets(&self, known: u64) -> BTreeMap<StreamId, u64> {
        let mut all: BTreeMap<StreamId, u64> = BTreeMap::new();
        let roots =
            self.documents(known).into_iter().filter(|(role, version, _)| *role == Role::Root && *version > known);
        for root in roots.filter_map(|(.., bytes)| Signed::<Root>::parse(bytes).ok()) {
            for (stream, sequence) in root.body().reset_streams() {
                let entry = all.entry(stream.clone()).or_insert(*sequence);
                *entry = (*entry).min(*sequence);
            }
        }
        all
    }

    /// Returns references to what is trusted now.
    pub(super) fn references(&self) -> (DocumentRef, Option<Documents>) {
        let set = &self.set;
        let reference = |version, raw: &[u8]| DocumentRef { sha256: Digest::of(raw), version };
        let root = reference(set.root().version(), set.root().raw());
        let documents = match (set.timestamp(), set.snapshot(), set.targets()) {
            (Some(t), Some(s), Some(n)) => Some(Documents {
                timestamp: reference(t.version(), t.raw()),
                snapshot: reference(s.version(), s.raw()),
                targets: reference(n.version(), n.raw()),
            }),
            _ => None,
        };
        (root, documents)
    }

    /// Returns role, version and bytes of every document that is trusted now, with the roots that led from `known` to it.
    ///
    /// Roots before the known one stay out: nothing that is trusted vouches for what a medium says they were.
    pub(super) fn documents(&self, known: u64) -> Vec<(Role, u64, &[u8])> {
        let trusted = self.set.root().version();
        let mut all: Vec<(Role, u64, &[u8])> = Vec::new();
        let between = self.files.roots.iter().filter(|(version, _)| (known + 1..trusted).contains(version));
        all.extend(between.map(|(version, bytes)| (Role::Root, *version, bytes.as_slice())));
        all.push((Role::Root, trusted, self.set.root().raw()));
        all.extend(self.set.timestamp().map(|d| (Role::Timestamp, d.version(), d.raw())));
        all.extend(self.set.snapshot().map(|d| (Role::Snapshot, d.version(), d.raw())));
        all.extend(self.set.targets().map(|d| (Role::Targets, d.version(), d.raw())));
        all
    }

    /// Returns why nothing that was not waived may come in under this metadata; `None` if it is fresh.
    pub(super) fn stale_refusal(&self) -> Option<crate::refusal::Refusal> {
        self.stale.clone().map(Into::into)
    }

    /// Returns the version of the targets metadata that decides.
    pub(super) fn targets_version(&self) -> u64 {
        self.set.targets().map_or(0, sealift_trust::Signed::version)
    }
}

/// Judges a medium's documents at `now`; tells whether they are older than those trusted before, which then decided.
fn judge(stored: &Stored, files: &MetadataFiles, now: Timestamp) -> Result<(TrustedSet, bool), Refusal> {
    match verify_files(files, &stored.root, stored.previous(), now) {
        Ok(set) => Ok((set, false)),
        // A medium may have been weeks on its way. Older metadata is not believed, but what it came with may
        // still be listed by the newer metadata that is; that is asked instead.
        Err(Refusal::Rollback { .. }) if stored.lower.is_some() => Ok((stored.judge_again(files, now)?, true)),
        Err(refusal) => Err(refusal),
    }
}

/// Returns the last second at which none of the documents below the root had expired. Nothing is believed of them by it.
fn last_fresh(medium: &MetadataFiles, stored: Option<&MetadataFiles>) -> Option<Timestamp> {
    let of = |files: &MetadataFiles| {
        let expiries = [
            Signed::<TimestampMeta>::parse(&files.timestamp).ok()?.expires(),
            Signed::<Snapshot>::parse(&files.snapshot.1).ok()?.expires(),
            Signed::<Targets>::parse(&files.targets.1).ok()?.expires(),
        ];
        expiries.into_iter().min()
    };
    [Some(medium), stored].into_iter().flatten().filter_map(of).min().map(|expires| expires.minus_seconds(1))
}

/// The documents trusted before.
struct Stored {
    root: Vec<u8>,
    lower: Option<MetadataFiles>,
}

impl Stored {
    fn load(repository: &Repository) -> Result<Self, StateError> {
        let floors = repository.floors();
        let root = repository.document(Role::Root, floors.root)?;
        let Some(named) = floors.documents else { return Ok(Self { root, lower: None }) };
        let lower = MetadataFiles {
            roots: Vec::new(),
            timestamp: repository.document(Role::Timestamp, named.timestamp)?,
            snapshot: (named.snapshot.version, repository.document(Role::Snapshot, named.snapshot)?),
            targets: (named.targets.version, repository.document(Role::Targets, named.targets)?),
        };
        Ok(Self { root, lower: Some(lower) })
    }

    fn previous(&self) -> Previous<'_> {
        let lower = self.lower.as_ref();
        Previous { timestamp: lower.map(|f| f.timestamp.as_slice()), snapshot: lower.map(|f| f.snapshot.1.as_slice()) }
    }

    /// Judges the stored documents at `now`, under the newest root that the medium proves.
    fn judge_again(&self, medium: &MetadataFiles, now: Timestamp) -> Result<TrustedSet, Refusal> {
        let mut files = self.lower.clone().unwrap_or_default();
        // Roots up to the trusted one decide nothing, and a medium made before it does not lead to it.
        let trusted = Signed::<Root>::parse(&self.root)?.version();
        files.roots = medium.roots.iter().filter(|(version, _)| *version > trusted).cloned().collect();
        verify_files(&files, &self.root, self.previous(), now)
    }
}
