//! Repair media: exactly what a site asked for, and nothing the manifests do not list (format/request §3).
//!
//! A request is checked before anything is made of it: who signed it, that the bundle is ours, that it lists what is
//! asked for. Blobs come with the manifest of the bundle; content that the bundle takes from its base comes with the
//! manifest of an earlier bundle that carries it. What a request says moves no base.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::{Manifest, Stored};
use sealift_bundle::volumes::{NewSet, SetPurpose, VolumeRefusal, VolumeSet, carried};
use sealift_bundle::write::{BundleParts, VolumePart, WriteOptions, WriteReport, write_proven};
use sealift_keys::metadata;
use sealift_model::{Digest, Progress, Sequence, SiteId, StreamId};
use sealift_trust::request::WantedBlob;
use sealift_trust::{Request, RequestRefusal};

use super::{BuildError, Signing, attach};
use crate::config::Config;
use crate::state::State;
use crate::stream::{self, BundleRecord, StreamDir};
use crate::trust::{Published, RootChain, TrustDir};

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RepairRefusal {
    /// The site is not configured.
    #[error("the request is by site `{0}`, which mirror.toml does not know")]
    UnknownSite(SiteId),
    /// Nothing is accepted from a site without a key.
    #[error("site `{0}` has no receipt_key in mirror.toml, so nothing that it signed is accepted")]
    NoKey(SiteId),
    /// The request itself is no good.
    #[error("the request is not one that this mirror can believe")]
    Request(#[from] RequestRefusal),
    /// A bundle that this mirror did not seal.
    #[error(
        "the request of site `{site}` is for bundle {sequence} of stream `{stream}` with another manifest than this mirror sealed"
    )]
    UnknownBundle {
        /// The site.
        site: SiteId,
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// Something that the bundle does not list.
    #[error("the request asks for {wanted}, which bundle {sequence} of stream `{stream}` does not list so")]
    NotListed {
        /// The digest asked for.
        wanted: Digest,
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// A volume of a set that this mirror did not make, or that has fewer volumes.
    #[error(
        "the request asks for volume {number} of set {set}, which this mirror did not make of bundle {sequence} of stream `{stream}`"
    )]
    UnknownVolume {
        /// The set asked for.
        set: Digest,
        /// The volume asked for.
        number: u64,
        /// The stream.
        stream: StreamId,
        /// The number of the bundle.
        sequence: Sequence,
    },
}

/// A bundle on a repair medium.
#[derive(Debug)]
pub struct Repair {
    /// The bundle.
    pub record: BundleRecord,
    /// The blobs that lie on the medium, with their sizes as stored.
    pub blobs: BTreeMap<Digest, u64>,
    manifest: Manifest,
    bytes: Vec<u8>,
}

impl Repair {
    /// Returns the bytes of the blobs.
    pub fn size(&self) -> u64 {
        self.blobs.values().fold(0, |sum, size| sum.saturating_add(*size))
    }
}

/// Checks a request by the key that is pinned for its site.
///
/// # Errors
/// Which check it fails.
pub fn read_request(config: &Config, bytes: &[u8]) -> Result<Request, RepairRefusal> {
    // Read unpinned first, only to learn which site it names; the verdict is the pinned reading's.
    let named = Request::parse_verified(bytes, None)?.request.site;
    let site = config.site(&named).ok_or(RepairRefusal::UnknownSite(named))?;
    let key = site.receipt_key.ok_or_else(|| RepairRefusal::NoKey(site.name.clone()))?;
    Ok(Request::parse_verified(bytes, Some(&key))?.request)
}

/// Finds what the requests ask for. Changes nothing.
///
/// # Errors
/// A request for what this mirror did not make, or content that no bundle carries any more.
pub fn plan(state: &State, requests: &[Request], roots: &RootChain) -> Result<Vec<Repair>, BuildError> {
    let published = TrustDir::of(state.dir()).published(roots)?;
    let mut repairs: BTreeMap<(StreamId, Sequence), Repair> = BTreeMap::new();
    for request in requests {
        let (repair, contents) = asked(state, request, roots)?;
        check_listed(published.as_ref(), &repair.record)?;
        let from_earlier = earlier(state, &repair, &contents, published.as_ref())?;
        for repair in from_earlier.into_iter().chain([repair]).filter(|repair| !repair.blobs.is_empty()) {
            let key = (repair.record.stream.clone(), repair.record.sequence);
            match repairs.get_mut(&key) {
                Some(there) => there.blobs.extend(repair.blobs),
                None => drop(repairs.insert(key, repair)),
            }
        }
    }
    for repair in repairs.values() {
        let gone = repair.blobs.iter().find(|(blob, size)| !state.store().has(blob, **size));
        if let Some((blob, _)) = gone {
            return Err(BuildError::NoBlob(*blob));
        }
    }
    Ok(repairs.into_values().collect())
}

/// Returns the bundle that a request is about with the blobs asked for of it, and the contents asked for besides.
fn asked(state: &State, request: &Request, roots: &RootChain) -> Result<(Repair, BTreeSet<Digest>), BuildError> {
    let (stream, sequence) = (&request.bundle.stream, request.bundle.sequence);
    let dir = StreamDir::of(state.dir(), stream);
    let unknown = || RepairRefusal::UnknownBundle { site: request.site.clone(), stream: stream.clone(), sequence };
    let record = dir.sequences()?.contains(&sequence).then(|| dir.record(sequence)).transpose()?;
    let record = record.filter(|record| record.manifest == request.bundle.manifest).ok_or_else(unknown)?;
    let mut repair = Repair::of(&dir, record)?;
    let not_listed =
        |wanted: &WantedBlob| RepairRefusal::NotListed { wanted: wanted.digest, stream: stream.clone(), sequence };
    let stored: BTreeMap<Digest, u64> = carried(&repair.manifest).iter().map(|s| (s.sha256, s.size)).collect();
    for wanted in &request.blobs {
        stored.get(&wanted.digest).filter(|size| **size == wanted.size).ok_or_else(|| not_listed(wanted))?;
        repair.blobs.insert(wanted.digest, wanted.size);
    }
    let taken: BTreeSet<(Digest, u64)> =
        repair.manifest.files.iter().filter(|f| f.stored.is_none()).map(|f| (f.sha256, f.size)).collect();
    let foreign = request.contents.iter().find(|wanted| !taken.contains(&(wanted.digest, wanted.size)));
    if let Some(wanted) = foreign {
        return Err(not_listed(wanted).into());
    }
    if !request.volumes.is_empty() {
        repair.blobs.extend(of_volumes(&dir, &repair, request, roots)?);
    }
    Ok((repair, request.contents.iter().map(|wanted| wanted.digest).collect()))
}

/// Returns the blobs of the volumes asked for. A part alone completes nothing, so a split blob comes whole.
fn of_volumes(
    dir: &StreamDir,
    repair: &Repair,
    request: &Request,
    roots: &RootChain,
) -> Result<BTreeMap<Digest, u64>, BuildError> {
    let root = roots.newest().body();
    let mut blobs = BTreeMap::new();
    let sets = dir.volume_sets(repair.record.sequence)?;
    let sets: Vec<VolumeSet> = sets
        .iter()
        .filter_map(|envelope| VolumeSet::open(envelope, root, repair.record.manifest, &repair.manifest).ok())
        .collect();
    for wanted in &request.volumes {
        let unknown = || RepairRefusal::UnknownVolume {
            set: wanted.set,
            number: wanted.number,
            stream: repair.record.stream.clone(),
            sequence: repair.record.sequence,
        };
        let set = sets.iter().find(|set| set.id() == wanted.set).ok_or_else(unknown)?;
        let number = u16::try_from(wanted.number).ok().filter(|n| *n <= set.volumes()).ok_or_else(unknown)?;
        blobs.extend(set.manifest_blobs_of(number));
    }
    Ok(blobs)
}

/// Finds earlier bundles of the stream that carry `contents`, as few as there may be.
fn earlier(
    state: &State,
    repair: &Repair,
    contents: &BTreeSet<Digest>,
    published: Option<&Published>,
) -> Result<Vec<Repair>, BuildError> {
    let dir = StreamDir::of(state.dir(), &repair.record.stream);
    let mut missing = contents.clone();
    let mut candidates = Vec::new();
    if !missing.is_empty() {
        for sequence in dir.sequences()?.into_iter().filter(|sequence| *sequence < repair.record.sequence) {
            let record = dir.record(sequence)?;
            if check_listed(published, &record).is_ok() {
                candidates.push(Repair::of(&dir, record)?);
            }
        }
    }
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let best = candidates.iter().enumerate().max_by_key(|(_, c)| c.contents(&missing).len());
        let found = best.map(|(at, candidate)| (at, candidate.contents(&missing)));
        let Some((at, found)) = found.filter(|(_, found)| !found.is_empty()) else {
            return Err(BuildError::NotCarried {
                stream: repair.record.stream.clone(),
                sequence: repair.record.sequence,
                count: missing.len(),
            });
        };
        let mut candidate = candidates.swap_remove(at);
        candidate.blobs = found.iter().map(|(_, stored)| (stored.sha256, stored.size)).collect();
        missing.retain(|content| !found.iter().any(|(found, _)| found == content));
        chosen.push(candidate);
    }
    Ok(chosen)
}

impl Repair {
    fn of(dir: &StreamDir, record: BundleRecord) -> Result<Self, BuildError> {
        let (manifest, bytes) = dir.manifest(&record)?;
        Ok(Self { record, blobs: BTreeMap::new(), manifest, bytes })
    }

    /// Returns which of `wanted` this bundle carries, and as which blobs.
    fn contents(&self, wanted: &BTreeSet<Digest>) -> Vec<(Digest, Stored)> {
        let files = self.manifest.files.iter().filter(|file| wanted.contains(&file.sha256));
        let found: BTreeMap<Digest, Stored> = files.filter_map(|file| Some((file.sha256, file.stored?))).collect();
        found.into_iter().collect()
    }
}

/// Only what the published metadata lists would be accepted.
fn check_listed(published: Option<&Published>, record: &BundleRecord) -> Result<(), BuildError> {
    if published.is_some_and(|published| stream::lists(published.targets().body(), record)) {
        return Ok(());
    }
    Err(BuildError::NotSealed { stream: record.stream.clone(), sequence: record.sequence })
}

/// Writes one bundle of a repair medium below `to`, with its set of the purpose `repair`, and reads it back.
///
/// # Errors
/// A key that is missing, or that the medium fails.
pub fn write(
    state: &State,
    repair: &Repair,
    signing: &Signing,
    (to, options): (&std::path::Path, &WriteOptions<'_>),
    progress: &dyn Progress,
) -> Result<WriteReport, BuildError> {
    let Repair { record, blobs, manifest, bytes } = repair;
    let assigned = blobs.keys().map(|blob| (*blob, 1)).collect();
    let set = NewSet { purpose: SetPurpose::Repair, volumes: 1, assigned, split: Vec::new(), parity: None };
    let (_, payload) = VolumeSet::new(set, record.manifest, manifest)?;
    let envelope = metadata::sign_payload(&payload, super::seal::evidence_keys(signing))?;
    let published = TrustDir::of(state.dir()).published(&signing.roots)?;
    let published =
        published.ok_or_else(|| BuildError::NotSealed { stream: record.stream.clone(), sequence: record.sequence })?;
    let evidence = attach::vouched(
        StreamDir::of(state.dir(), &record.stream).evidence(record.sequence)?,
        &signing.roots,
        record.manifest,
    );
    let metadata = published.files(&signing.roots);
    let parts =
        BundleParts { manifest, manifest_bytes: bytes, evidence: &evidence, metadata: &metadata, blobs: state.store() };
    let blobs: Vec<(Digest, u64)> = blobs.iter().map(|(blob, size)| (*blob, *size)).collect();
    let volume = VolumePart { number: 1, envelope: &envelope, blobs: &blobs };
    let options = WriteOptions { volume: Some(volume), ..*options };
    write_proven(to, &parts, &options, progress).map_err(|source| BuildError::Write {
        stream: record.stream.clone(),
        sequence: record.sequence,
        source: Box::new(source),
    })
}

impl From<VolumeRefusal> for BuildError {
    fn from(refusal: VolumeRefusal) -> Self {
        Self::Volumes(Box::new(refusal))
    }
}
