//! Which names a bundle consists of, and in which order (format/medium).
//!
//! A name that is not a [`Place`] has no meaning to any reader of ours, and [`survey`] refuses it: what nobody verified
//! must not travel under our name.

use sealift_model::escape::printable;
use sealift_model::{Digest, PathGrammarError, RelPath, Sequence, StreamId};

use crate::manifest::Manifest;
use crate::source::{MAX_ENTRIES, Source, SourceError, SourceRefusal};
use crate::volumes;

/// Most evidence files of one bundle.
pub const MAX_EVIDENCE: usize = 64;
/// Largest evidence file.
pub const MAX_EVIDENCE_BYTES: u64 = 8 * 1024 * 1024;
/// Most root versions on one medium.
pub const MAX_ROOTS: usize = 256;
/// Most bundles on one medium.
pub const MAX_BUNDLES: usize = 10_000;

/// Files for people, which decide nothing.
const TOP_CONVENIENCE: [&str; 3] = ["HOWTO-VERIFY.txt", "SHA256SUMS", "verify.py"];
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Where a file of a bundle lies: made by [`Place::parse`] or [`survey`]. The order is that of the single file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `trust/metadata/<name>`.
    Metadata(MetadataName),
    /// `bundles/<stream>/<sequence>/…`.
    Bundle {
        /// The stream.
        stream: StreamId,
        /// The number in it.
        sequence: Sequence,
        /// Which file of the bundle.
        part: BundlePart,
    },
    /// `blobs/sha256/<64 hex>`.
    Blob(Digest),
}

/// A file in a bundle's own directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundlePart {
    /// `manifest.json`.
    Manifest,
    /// `evidence/<name>`.
    Evidence(String),
    /// `volume-<k>.dsse.json` (format/volumes).
    Volume(u16),
}

/// The name of a metadata file: `timestamp.json`, or `<version>.<role>.json` for the other roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataName(String);

impl MetadataName {
    /// Checks a file name.
    pub fn parse(name: &str) -> Option<Self> {
        let known = name == "timestamp.json"
            || name.split_once('.').is_some_and(|(version, rest)| {
                version.parse::<Sequence>().is_ok() && matches!(rest, "root.json" | "snapshot.json" | "targets.json")
            });
        known.then(|| Self(name.to_owned()))
    }

    /// Returns the file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the version in the name; `None` for `timestamp.json`.
    pub fn version(&self) -> Option<u64> {
        Some(self.0.split_once('.')?.0.parse::<Sequence>().ok()?.get())
    }

    /// Returns the version if this is a root file.
    pub fn root_version(&self) -> Option<u64> {
        Some(self.0.strip_suffix(".root.json")?.parse::<Sequence>().ok()?.get())
    }
}

impl Place {
    /// Reads a path below `SEALIFT`; `None` if the layout has no such file.
    pub fn parse(path: &RelPath) -> Option<Self> {
        let segments: Vec<&str> = path.segments().collect();
        match segments.as_slice() {
            ["trust", "metadata", name] => MetadataName::parse(name).map(Self::Metadata),
            ["blobs", "sha256", name] => blob_name(name).map(Self::Blob),
            ["bundles", stream, sequence, rest @ ..] => {
                let part = match rest {
                    ["manifest.json"] => BundlePart::Manifest,
                    ["evidence", name] if is_evidence(name) => BundlePart::Evidence((*name).to_owned()),
                    [name] => BundlePart::Volume(volumes::number_in(name)?),
                    _ => return None,
                };
                Some(Self::Bundle { stream: stream.parse().ok()?, sequence: sequence.parse().ok()?, part })
            }
            _ => None,
        }
    }

    /// Returns the path below `SEALIFT`.
    pub fn path(&self) -> RelPath {
        match self {
            Self::Metadata(name) => metadata_path(name.as_str()),
            Self::Blob(digest) => blob_path(digest),
            Self::Bundle { stream, sequence, part: BundlePart::Manifest } => {
                checked(&Manifest::target_path(stream, *sequence))
            }
            Self::Bundle { stream, sequence, part: BundlePart::Evidence(name) } => {
                checked(&format!("bundles/{stream}/{sequence}/evidence/{name}"))
            }
            Self::Bundle { stream, sequence, part: BundlePart::Volume(volume) } => {
                checked(&format!("bundles/{stream}/{sequence}/{}", volumes::file_name(*volume)))
            }
        }
    }
}

/// Returns `blobs/sha256/<digest>`.
pub fn blob_path(digest: &Digest) -> RelPath {
    checked(&format!("blobs/sha256/{digest}"))
}

/// Returns `bundles/<stream>/<sequence>/manifest.json`; some names of streams (`nul`) are no safe path.
pub fn manifest_path(stream: &StreamId, sequence: Sequence) -> Result<RelPath, PathGrammarError> {
    RelPath::new(&Manifest::target_path(stream, sequence))
}

/// Returns `bundles/<stream>/<sequence>/evidence/<name>`.
pub fn evidence_path(stream: &StreamId, sequence: Sequence, name: &str) -> Result<RelPath, PathGrammarError> {
    RelPath::new(&format!("bundles/{stream}/{sequence}/evidence/{name}"))
}

/// Returns `bundles/<stream>/<sequence>/volume-<k>.dsse.json`.
pub fn volume_path(stream: &StreamId, sequence: Sequence, volume: u16) -> Result<RelPath, PathGrammarError> {
    RelPath::new(&format!("bundles/{stream}/{sequence}/{}", volumes::file_name(volume)))
}

/// Returns `trust/metadata/<name>`.
pub(crate) fn metadata_path(name: &str) -> RelPath {
    checked(&format!("trust/metadata/{name}"))
}

pub(crate) fn checked(path: &str) -> RelPath {
    RelPath::new(path).expect("paths of the layout are made of checked names")
}

/// Tells whether a file name in `evidence/` is one of the layout: `a-z 0-9 . _ -` only, so that no two names are one on
/// any file system, and at most 100 bytes, as ustar has room for.
pub fn is_evidence(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    (".dsse.json".len() + 1..=100).contains(&name.len())
        && name.ends_with(".dsse.json")
        && name.bytes().all(allowed)
        && RelPath::new(name).is_ok()
}

/// Upper-case digits would be a second name for one blob.
fn blob_name(name: &str) -> Option<Digest> {
    name.parse().ok().filter(|_| name.len() == 64)
}

/// What lies on a medium, by name only.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The metadata files.
    pub metadata: Vec<MetadataName>,
    /// The bundles, by stream and sequence.
    pub bundles: Vec<BundleNames>,
    /// The blobs with their sizes, by digest.
    pub blobs: Vec<(Digest, u64)>,
}

/// The names in one bundle's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleNames {
    /// The stream.
    pub stream: StreamId,
    /// The number in it.
    pub sequence: Sequence,
    /// Names in `evidence/`, sorted.
    pub evidence: Vec<String>,
    /// Numbers of the volumes whose files lie beside the manifest, sorted.
    pub volumes: Vec<u16>,
}

impl Survey {
    /// Returns all places, in the order of the single file.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<_> = self.metadata.iter().cloned().map(Place::Metadata).collect();
        for bundle in &self.bundles {
            let part = |part| Place::Bundle { stream: bundle.stream.clone(), sequence: bundle.sequence, part };
            places.push(part(BundlePart::Manifest));
            places.extend(bundle.evidence.iter().cloned().map(BundlePart::Evidence).map(part));
            places.extend(bundle.volumes.iter().copied().map(BundlePart::Volume).map(part));
        }
        places.extend(self.blobs.iter().map(|(digest, _)| Place::Blob(*digest)));
        places.sort();
        places
    }
}

/// Lists everything on a medium and refuses any name that the layout does not have.
pub fn survey(source: &dyn Source) -> Result<Survey, SourceError> {
    let (files, dirs) = source.list_top()?;
    only(&files, |name| TOP_CONVENIENCE.contains(&name), "")?;
    only(&dirs, |name| matches!(name, "trust" | "bundles" | "blobs"), "")?;
    let metadata = survey_metadata(source)?;
    let bundles = list_bundles(source)?.into_iter().map(|(stream, sequence)| survey_bundle(source, stream, sequence));
    Ok(Survey { metadata, bundles: bundles.collect::<Result<_, _>>()?, blobs: survey_blobs(source)? })
}

/// Returns the bundles on a medium, by stream and sequence. Refuses directory names that are neither.
pub fn list_bundles(source: &dyn Source) -> Result<Vec<(StreamId, Sequence)>, SourceError> {
    let top = checked("bundles");
    let mut bundles = Vec::new();
    only(&names(source.list(&top)?), |_| false, "bundles/")?;
    for stream_name in source.list_dirs(&top)? {
        let stream = stream_name.parse::<StreamId>().map_err(|_| foreign("bundles/", &stream_name))?;
        // A stream's name may be no safe path (`nul`); then no bundle of it can be on a medium.
        let dir = RelPath::new(&format!("bundles/{stream}")).map_err(|_| foreign("bundles/", &stream_name))?;
        only(&names(source.list(&dir)?), |_| false, &format!("{dir}/"))?;
        for number in source.list_dirs(&dir)? {
            let sequence = number.parse().map_err(|_| foreign(&format!("{dir}/"), &number))?;
            if bundles.len() == MAX_BUNDLES {
                return Err(SourceRefusal::TooMany { what: "bundles", limit: MAX_BUNDLES }.into());
            }
            bundles.push((stream.clone(), sequence));
        }
    }
    bundles.sort();
    Ok(bundles)
}

fn survey_metadata(source: &dyn Source) -> Result<Vec<MetadataName>, SourceError> {
    let trust = checked("trust");
    only(&names(source.list(&trust)?), |_| false, "trust/")?;
    only(&source.list_dirs(&trust)?, |name| name == "metadata", "trust/")?;
    let dir = checked("trust/metadata");
    only(&source.list_dirs(&dir)?, |_| false, "trust/metadata/")?;
    let parse = |name: String| MetadataName::parse(&name).ok_or_else(|| foreign("trust/metadata/", &name).into());
    names(source.list(&dir)?).into_iter().map(parse).collect()
}

fn survey_bundle(source: &dyn Source, stream: StreamId, sequence: Sequence) -> Result<BundleNames, SourceError> {
    let dir =
        RelPath::new(&format!("bundles/{stream}/{sequence}")).map_err(|_| foreign("bundles/", stream.as_str()))?;
    let shown = format!("{dir}/");
    let files = names(source.list(&dir)?);
    only(&files, |name| matches!(name, "manifest.json" | SUMS) || volumes::number_in(name).is_some(), &shown)?;
    let mut volumes: Vec<u16> = files.iter().filter_map(|name| volumes::number_in(name)).collect();
    volumes.sort_unstable();
    only(&source.list_dirs(&dir)?, |name| name == "evidence", &shown)?;
    let below = checked(&format!("{dir}/evidence"));
    let shown = format!("{below}/");
    only(&source.list_dirs(&below)?, |_| false, &shown)?;
    let evidence = names(source.list(&below)?);
    only(&evidence, is_evidence, &shown)?;
    if evidence.len() > MAX_EVIDENCE {
        return Err(SourceRefusal::TooMany { what: "evidence files in a bundle", limit: MAX_EVIDENCE }.into());
    }
    Ok(BundleNames { stream, sequence, evidence, volumes })
}

fn survey_blobs(source: &dyn Source) -> Result<Vec<(Digest, u64)>, SourceError> {
    let blobs = checked("blobs");
    only(&names(source.list(&blobs)?), |_| false, "blobs/")?;
    only(&source.list_dirs(&blobs)?, |name| name == "sha256", "blobs/")?;
    let dir = checked("blobs/sha256");
    only(&source.list_dirs(&dir)?, |_| false, "blobs/sha256/")?;
    let listed = source.list(&dir)?;
    if listed.len() > MAX_ENTRIES {
        return Err(SourceRefusal::TooMany { what: "blobs", limit: MAX_ENTRIES }.into());
    }
    let parse = |(name, size): (String, u64)| match blob_name(&name) {
        Some(digest) => Ok((digest, size)),
        None => Err(foreign("blobs/sha256/", &name).into()),
    };
    listed.into_iter().map(parse).collect()
}

/// Returns the names of evidence files of one bundle.
pub fn list_evidence(source: &dyn Source, stream: &StreamId, sequence: Sequence) -> Result<Vec<String>, SourceError> {
    survey_bundle(source, stream.clone(), sequence).map(|bundle| bundle.evidence)
}

fn names(list: Vec<(String, u64)>) -> Vec<String> {
    list.into_iter().map(|(name, _)| name).collect()
}

fn only(names: &[String], known: impl Fn(&str) -> bool, parent: &str) -> Result<(), SourceRefusal> {
    names.iter().find(|name| !known(name)).map_or(Ok(()), |name| Err(foreign(parent, name)))
}

fn foreign(parent: &str, name: &str) -> SourceRefusal {
    SourceRefusal::Foreign(format!("{parent}{}", printable(name)))
}
