//! Says what is on a medium without believing any of it.
//!
//! Needs no root of trust and follows no signature. Everything shown is what the medium claims; `verify` is the answer to
//! whether it is true.

use sealift_model::escape::printable;
use sealift_model::{Digest, Sequence, StreamId, Timestamp};
use sealift_trust::metadata::Body;
use sealift_trust::{Root, Signed, Snapshot, Targets, TimestampMeta};
use serde::Serialize;

use crate::evidence::{self, EvidenceClaim};
use crate::layout::{self, BundleNames, Survey, manifest_path};
use crate::manifest::{BundleKind, FileRole, LIMITS, MAX_BYTES, Manifest, ManifestError, Totals};
use crate::metadata::{MetadataFiles, read_metadata};
use crate::source::{Source, SourceError, SourceRefusal};
use crate::tagged::tagged;

/// What a medium claims to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The medium or file.
    pub path: String,
    /// Always false.
    pub verified: bool,
    /// The trust metadata.
    pub metadata: Vec<MetadataLine>,
    /// The bundles, by stream and sequence.
    pub bundles: Vec<BundleLine>,
    /// Blobs there.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
}

/// One metadata document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetadataLine {
    /// Its role.
    pub role: &'static str,
    /// Its version.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// How many signatures are on it, good or not.
    pub signatures: u64,
}

/// One bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleLine {
    /// The stream.
    pub stream: StreamId,
    /// The number in it.
    pub sequence: Sequence,
    /// Digest of the manifest.
    #[serde(serialize_with = "tagged")]
    pub manifest: Digest,
    /// Complete or incremental.
    pub kind: BundleKind,
    /// The base's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Sequence>,
    /// When it was built.
    pub created: Timestamp,
    /// Until when it may be imported.
    pub not_after: Timestamp,
    /// Packages listed.
    pub packages: u64,
    /// Its sums.
    pub totals: Totals,
    /// Names of its evidence files.
    pub evidence: Vec<String>,
    /// What these claim.
    pub statements: Vec<EvidenceClaim>,
    /// Content of earlier bundles that it withdraws, as `sha256:…`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<String>,
    /// Its upstreams.
    pub upstreams: Vec<UpstreamLine>,
}

/// One upstream of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamLine {
    /// Its name.
    pub name: String,
    /// Its URI.
    pub uri: String,
    /// Its suite.
    pub suite: String,
    /// Components mirrored.
    pub components: Vec<String>,
    /// Architectures mirrored.
    pub architectures: Vec<String>,
    /// Date of its Release file.
    pub date: Timestamp,
    /// Fingerprints of those who signed it.
    pub signers: Vec<String>,
    /// Packages from it.
    pub packages: u64,
}

/// Why a medium could not be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// It cannot be read, or breaks the layout.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A manifest breaks the format.
    #[error("{path} is refused")]
    Manifest {
        /// The manifest.
        path: String,
        /// The rule.
        #[source]
        source: ManifestError,
    },
}

/// Describes a medium or single file. **Verifies nothing.**
pub fn inspect(source: &dyn Source) -> Result<Inspection, InspectError> {
    let survey = layout::survey(source)?;
    let files = read_metadata(source)?;
    // Who people are, as the medium itself says: claimed like all else here.
    let root = files.roots.last().and_then(|(_, bytes)| Signed::<Root>::parse(bytes).ok());
    let root = root.as_ref().map(Signed::body);
    let bundles = survey.bundles.iter().map(|names| bundle_line(source, names, root)).collect::<Result<_, _>>()?;
    Ok(Inspection {
        path: source.describe(),
        verified: false,
        metadata: metadata_lines(&files)?,
        bundles,
        blobs: survey.blobs.len() as u64,
        blob_bytes: blob_bytes(&survey),
    })
}

/// Reads one bundle's manifest, unverified.
pub fn read_manifest(
    source: &dyn Source,
    stream: &StreamId,
    sequence: Sequence,
) -> Result<(Digest, Manifest), InspectError> {
    let shown = Manifest::target_path(stream, sequence);
    let path = manifest_path(stream, sequence).map_err(|_| SourceError::from(SourceRefusal::Foreign(shown.clone())))?;
    let bytes = source.read_json(&path, MAX_BYTES, LIMITS)?;
    let manifest = Manifest::parse(&bytes).map_err(|source| InspectError::Manifest { path: shown, source })?;
    Ok((Digest::of(&bytes), manifest))
}

/// What [`pick_manifest`] found.
#[derive(Debug)]
pub enum Pick {
    /// The manifest, with its digest.
    Found(Digest, Box<Manifest>),
    /// No bundle of that name.
    None,
    /// More than one stream to choose from.
    Several(Vec<String>),
}

/// Finds the manifest that is meant: of the only or named stream, the named or highest sequence. Unverified.
pub fn pick_manifest(
    source: &dyn Source,
    stream: Option<&StreamId>,
    sequence: Option<Sequence>,
) -> Result<Pick, InspectError> {
    let mut bundles = layout::list_bundles(source)?;
    bundles.retain(|(s, n)| stream.is_none_or(|wanted| wanted == s) && sequence.is_none_or(|wanted| wanted == *n));
    let mut streams: Vec<String> = bundles.iter().map(|(s, _)| s.to_string()).collect();
    streams.dedup();
    match bundles.last() {
        None => Ok(Pick::None),
        Some(_) if streams.len() > 1 => Ok(Pick::Several(streams)),
        Some((stream, sequence)) => {
            let (id, manifest) = read_manifest(source, stream, *sequence)?;
            Ok(Pick::Found(id, Box::new(manifest)))
        }
    }
}

fn blob_bytes(survey: &Survey) -> u64 {
    survey.blobs.iter().fold(0, |sum, (_, size)| sum.saturating_add(*size))
}

fn metadata_lines(files: &MetadataFiles) -> Result<Vec<MetadataLine>, SourceError> {
    let mut lines: Vec<_> = files.roots.iter().map(|(_, root)| line::<Root>(root)).collect::<Result<_, _>>()?;
    lines.push(line::<TimestampMeta>(&files.timestamp)?);
    lines.push(line::<Snapshot>(&files.snapshot.1)?);
    lines.push(line::<Targets>(&files.targets.1)?);
    Ok(lines)
}

fn line<T: Body>(bytes: &[u8]) -> Result<MetadataLine, SourceError> {
    let document = Signed::<T>::parse(bytes).map_err(SourceRefusal::from)?;
    Ok(MetadataLine {
        role: T::ROLE.as_str(),
        version: document.version(),
        expires: document.expires(),
        signatures: document.signature_ids().count() as u64,
    })
}

fn claims(source: &dyn Source, names: &BundleNames, root: Option<&Root>) -> Result<Vec<EvidenceClaim>, SourceError> {
    let read = |name: &String| {
        let path = layout::evidence_path(&names.stream, names.sequence, name)
            .map_err(|_| SourceRefusal::Foreign(printable(name)))?;
        Ok(evidence::claim(root, name, &source.read(&path, layout::MAX_EVIDENCE_BYTES)?))
    };
    names.evidence.iter().map(read).collect()
}

fn bundle_line(source: &dyn Source, names: &BundleNames, root: Option<&Root>) -> Result<BundleLine, InspectError> {
    let (id, manifest) = read_manifest(source, &names.stream, names.sequence)?;
    let packages = |upstream: Option<&str>| {
        let counted = |e: &&crate::manifest::FileEntry| {
            e.role == FileRole::Package && upstream.is_none_or(|name| e.upstream.as_str() == name)
        };
        manifest.files.iter().filter(counted).count() as u64
    };
    let texts = |list: &[String]| list.iter().map(|text| printable(text)).collect();
    let upstream = |u: &crate::manifest::UpstreamEntry| UpstreamLine {
        name: u.name.to_string(),
        uri: printable(&u.uri),
        suite: printable(&u.suite),
        components: texts(&u.components),
        architectures: texts(&u.architectures),
        date: u.date,
        signers: texts(&u.signers),
        packages: packages(Some(u.name.as_str())),
    };
    Ok(BundleLine {
        stream: manifest.stream.clone(),
        sequence: manifest.sequence,
        manifest: id,
        kind: manifest.kind,
        base: manifest.base.map(|base| base.sequence),
        created: manifest.created,
        not_after: manifest.not_after,
        packages: packages(None),
        totals: manifest.totals,
        withdrawn: manifest.withdrawn.iter().map(|digest| digest.tagged()).collect(),
        evidence: names.evidence.clone(),
        statements: claims(source, names, root)?,
        upstreams: manifest.upstreams.iter().map(upstream).collect(),
    })
}
