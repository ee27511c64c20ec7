//! Verifies everything on a medium, offline, from a root of trust that came by another way.
//!
//! root → timestamp → snapshot → targets → each manifest → its evidence → every blob → every upstream's own chain. Nothing
//! is written. The order is from small to large, so that a forged medium is refused before gigabytes are read; whatever is
//! on the medium and verified by nothing is refused as well.

mod blobs;
mod documents;
mod refusal;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};

use sealift_model::escape::printable;
use sealift_model::{Digest, Progress, Sequence, StreamId, Timestamp};
use sealift_trust::metadata::Body;
use sealift_trust::{Previous, Refusal, Signed, Snapshot, Targets, TrustedSet};
use serde::Serialize;

use crate::blob::decode;
use crate::chain::{Content, UpstreamReport, verify_upstreams};
use crate::evidence::{Agreement, EvidenceReport};
use crate::layout::{self, MetadataName, Survey, blob_path};
use crate::manifest::{BundleKind, FileEntry, Stored, Totals};
use crate::source::Source;
use crate::tagged::tagged;
use crate::trust::verify_metadata;
use crate::volumes::SetPurpose;

pub use documents::{Documents, Volumes, read_documents, read_volumes};
pub use refusal::{VerifyError, VerifyRefusal};

/// What to verify against.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions<'a> {
    /// The root of trust: a root file that came by another way than the medium.
    pub root: &'a [u8],
    /// The time expiry is judged at.
    pub now: Timestamp,
    /// How many threads hash; 0 counts as 1.
    pub threads: usize,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The medium or file.
    pub path: String,
    /// Always true: a medium that does not verify has no report.
    pub verified: bool,
    /// The trust metadata.
    pub trust: TrustReport,
    /// The bundles, by stream and sequence.
    pub bundles: Vec<BundleReport>,
    /// Blobs hashed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The trust metadata everything rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustReport {
    /// Digest of the pinned root file.
    #[serde(serialize_with = "tagged")]
    pub pinned_root: Digest,
    /// Version of the root that the chain led to.
    pub root_version: u64,
    /// Version of the targets metadata.
    pub targets_version: u64,
    /// The earliest expiry of all four documents.
    pub expires: Timestamp,
}

/// One verified bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleReport {
    /// The stream.
    pub stream: StreamId,
    /// The number in it.
    pub sequence: Sequence,
    /// The bundle id.
    #[serde(serialize_with = "tagged")]
    pub manifest: Digest,
    /// Complete or incremental.
    pub kind: BundleKind,
    /// The base of an incremental bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseReport>,
    /// When it was built.
    pub created: Timestamp,
    /// Until when it may be imported.
    pub not_after: Timestamp,
    /// Its sums.
    pub totals: Totals,
    /// Which volumes of it are here; absent if it is not cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<VolumesReport>,
    /// Its evidence.
    pub evidence: Vec<EvidenceReport>,
    /// Who approved and scanned it, and how many must.
    pub agreement: Agreement,
    /// Its upstreams' own chains.
    pub upstreams: Vec<UpstreamReport>,
}

/// The volumes of a bundle that are on a medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumesReport {
    /// The id of the volume set.
    #[serde(serialize_with = "tagged")]
    pub set: Digest,
    /// What the set is for.
    pub purpose: SetPurpose,
    /// The numbers of those that are here.
    pub here: Vec<u16>,
    /// How many there are.
    pub of: u16,
    /// How many of them, the last, hold parity.
    pub parity: u16,
    /// Blobs and pieces on those that are here.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The base an incremental bundle needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BaseReport {
    /// Its bundle id.
    #[serde(serialize_with = "tagged")]
    pub manifest: Digest,
    /// Its number.
    pub sequence: Sequence,
    /// Whether it is on the same medium, and so was verified along.
    pub on_medium: bool,
}

/// Verifies a medium or single file. **Does not write to the disk.**
pub fn verify(
    source: &dyn Source,
    options: &VerifyOptions<'_>,
    progress: &dyn Progress,
) -> Result<VerifyReport, VerifyError> {
    let survey = layout::survey(source)?;
    let trusted = verify_metadata(source, options.root, Previous::default(), options.now)?;
    check_leftovers(source, &survey, &trusted)?;
    let bundles = read_bundles(source, &survey, &trusted)?;
    check_bases(&bundles)?;
    let jobs = blobs::jobs(&bundles, &survey)?;
    let (blobs, bytes) = (jobs.len() as u64, jobs.iter().map(|job| job.stored.size).sum());
    progress.phase("Verifying blobs", Some(bytes));
    let content = MediumContent::new(source, &bundles, &survey);
    let chains = || bundles.iter().map(|b| verify_upstreams(&b.manifest, &content)).collect::<Result<Vec<_>, _>>();
    let upstreams = blobs::hash_while(source, &jobs, options.threads, progress, chains)?;
    // Last of all: whoever is to approve a bundle wants to know first that all else is right.
    check_agreement(&bundles)?;
    let report = |(bundle, upstreams)| bundle_report(bundle, upstreams, &bundles);
    Ok(VerifyReport {
        path: source.describe(),
        verified: true,
        trust: trust_report(&trusted, options.root),
        bundles: bundles.iter().zip(upstreams).map(report).collect(),
        blobs,
        bytes,
    })
}

/// Checks that snapshot and targets files which nothing leads to are what their names say all the same (format/medium §1).
fn check_leftovers(source: &dyn Source, survey: &Survey, trusted: &TrustedSet) -> Result<(), VerifyError> {
    let current = [
        trusted.snapshot().map(|s| format!("{}.snapshot.json", s.version())),
        trusted.targets().map(|t| format!("{}.targets.json", t.version())),
    ];
    for name in survey.metadata.iter().filter(|name| !current.iter().flatten().any(|c| c == name.as_str())) {
        if name.as_str().ends_with(".snapshot.json") {
            check_signed::<Snapshot>(source, name, trusted)?;
        } else if name.as_str().ends_with(".targets.json") {
            check_signed::<Targets>(source, name, trusted)?;
        }
    }
    Ok(())
}

fn check_signed<T: Body>(source: &dyn Source, name: &MetadataName, trusted: &TrustedSet) -> Result<(), VerifyError> {
    let bytes = source.read(&layout::metadata_path(name.as_str()), T::LIMIT as u64)?;
    let document = Signed::<T>::parse(&bytes)?;
    document.check_threshold(trusted.root())?;
    let (expected, found) = (name.version().unwrap_or(0), document.version());
    if found == expected { Ok(()) } else { Err(Refusal::VersionMismatch { role: T::ROLE, expected, found }.into()) }
}

fn read_bundles(source: &dyn Source, survey: &Survey, trusted: &TrustedSet) -> Result<Vec<Documents>, VerifyError> {
    survey.bundles.iter().map(|names| read_documents(source, names, trusted)).collect()
}

fn check_agreement(bundles: &[Documents]) -> Result<(), VerifyRefusal> {
    for bundle in bundles {
        if let Err(source) = &bundle.agreement {
            let (stream, sequence) = (bundle.manifest.stream.clone(), bundle.manifest.sequence);
            return Err(VerifyRefusal::People { stream, sequence, source: source.clone() });
        }
    }
    Ok(())
}

/// Checks incremental bundles against their bases, where these are on the medium.
fn check_bases(bundles: &[Documents]) -> Result<(), VerifyRefusal> {
    let by_name: BTreeMap<_, _> = bundles.iter().map(|b| ((&b.manifest.stream, b.manifest.sequence), b)).collect();
    for bundle in bundles {
        let Some(named) = bundle.manifest.base else { continue };
        let Some(base) = by_name.get(&(&bundle.manifest.stream, named.sequence)) else { continue };
        if base.id != named.manifest {
            let (stream, sequence) = (bundle.manifest.stream.clone(), bundle.manifest.sequence);
            return Err(VerifyRefusal::Base { stream, sequence, base: named.sequence, expected: named.manifest });
        }
        let there: HashMap<_, _> = base.manifest.files.iter().map(|e| (e.sha256, e.size)).collect();
        let absent = |e: &&FileEntry| e.stored.is_none() && there.get(&e.sha256) != Some(&e.size);
        if let Some(entry) = bundle.manifest.files.iter().find(absent) {
            return Err(VerifyRefusal::NotInBase { path: entry.path.clone(), base: named.sequence });
        }
    }
    Ok(())
}

/// Content of all bundles on the medium: what one does not carry, another may.
struct MediumContent<'a> {
    source: &'a dyn Source,
    stored: HashMap<Digest, Stored>,
}

impl<'a> MediumContent<'a> {
    /// Of a volume, what lies on others is not here.
    fn new(source: &'a dyn Source, bundles: &[Documents], survey: &Survey) -> Self {
        let there: HashSet<Digest> = survey.blobs.iter().map(|(blob, _)| *blob).collect();
        let entries = bundles.iter().flat_map(|b| &b.manifest.files);
        let stored = entries.filter_map(|e| Some((e.sha256, e.stored.filter(|s| there.contains(&s.sha256))?)));
        Self { source, stored: stored.collect() }
    }

    fn stored(&self, entry: &FileEntry) -> Option<Stored> {
        self.stored.get(&entry.sha256).copied()
    }
}

impl Content for MediumContent<'_> {
    fn open(&self, entry: &FileEntry) -> io::Result<Box<dyn Read + Send + '_>> {
        let stored = self.stored(entry).ok_or(io::ErrorKind::NotFound)?;
        let (input, _) = self.source.open(&blob_path(&stored.sha256)).map_err(io::Error::other)?;
        decode(stored, entry.size, input)
    }

    fn holds(&self, entry: &FileEntry) -> bool {
        self.stored(entry).is_some()
    }
}

fn trust_report(trusted: &TrustedSet, root: &[u8]) -> TrustReport {
    let others = [
        trusted.timestamp().map(Signed::expires),
        trusted.snapshot().map(Signed::expires),
        trusted.targets().map(Signed::expires),
    ];
    TrustReport {
        pinned_root: Digest::of(root),
        root_version: trusted.root().version(),
        targets_version: trusted.targets().map_or(0, Signed::version),
        expires: others.into_iter().flatten().fold(trusted.root().expires(), Ord::min),
    }
}

fn bundle_report(bundle: &Documents, upstreams: Vec<UpstreamReport>, all: &[Documents]) -> BundleReport {
    let manifest = &bundle.manifest;
    let base = manifest.base.map(|base| BaseReport {
        manifest: base.manifest,
        sequence: base.sequence,
        on_medium: all.iter().any(|b| b.id == base.manifest),
    });
    BundleReport {
        stream: manifest.stream.clone(),
        sequence: manifest.sequence,
        manifest: bundle.id,
        kind: manifest.kind,
        base,
        created: manifest.created,
        not_after: manifest.not_after,
        totals: manifest.totals,
        volumes: bundle.volumes.as_ref().map(volumes_report),
        evidence: bundle.evidence.clone(),
        agreement: bundle.agreement.clone().unwrap_or_default(),
        upstreams,
    }
}

fn volumes_report(volumes: &Volumes) -> VolumesReport {
    let blobs = volumes.blobs();
    VolumesReport {
        set: volumes.set.id(),
        purpose: volumes.set.purpose(),
        here: volumes.here.clone(),
        of: volumes.set.volumes(),
        parity: volumes.set.volumes() - volumes.set.data_volumes(),
        blobs: blobs.len() as u64,
        bytes: blobs.values().sum(),
    }
}

impl BundleReport {
    /// Says what could not be verified because it rests on what is not here; `None` if nothing does.
    pub fn caveat(&self) -> Option<String> {
        let resting: u64 = self.upstreams.iter().map(|u| u.resting).sum();
        let elsewhere = match (self.base, &self.volumes) {
            (Some(base), _) if !base.on_medium => format!("base bundle {}, which is", base.sequence),
            (_, Some(volumes)) if volumes.here.len() < usize::from(volumes.of) => "volumes which are".to_owned(),
            _ => return None,
        };
        if resting == 0 {
            return None;
        }
        let files = if resting == 1 { "file" } else { "files" };
        Some(printable(&format!("upstream chain of {resting} {files} rests on {elsewhere} not on this medium")))
    }
}
