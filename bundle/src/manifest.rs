//! The manifest: the signed list of a bundle's content (format/manifest).
//!
//! This module knows the document and the rules it must keep within itself. Whether it is signed is
//! `sealift-trust`'s question; whether the blobs are what it lists is [`crate::verify`]'s.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sealift_model::json::{self, JsonError, Limits, Shape};
use sealift_model::{Digest, RelPath, Sequence, StreamId, Timestamp, UpstreamId};
use serde::{Deserialize, Serialize};

/// The schema this version reads and writes.
pub const SCHEMA: &str = "sealift.manifest/1";
/// Largest manifest read, in bytes.
pub const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Most file entries accepted.
pub const MAX_FILES: usize = 1_000_000;
/// How large parts of a manifest may be (format/manifest §1).
pub const LIMITS: Limits = Limits { depth: 8, string: 64 * 1024, members: MAX_FILES };
/// Content of a zstd blob is at most this many times the blob, and [`RATIO_FREE`] bytes more.
pub const MAX_RATIO: u64 = 1000;
/// Content of a zstd blob that needs no ratio.
pub const RATIO_FREE: u64 = 64 * 1024;

/// A manifest as it stands in `manifest.json`. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bundle this one builds upon, if incremental.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<BundleRef>,
    /// When the bundle was built.
    pub created: Timestamp,
    /// The stream's whole content, sorted by path.
    pub files: Vec<FileEntry>,
    /// Whether all blobs are carried.
    pub kind: BundleKind,
    /// After this the bundle is refused as expired.
    pub not_after: Timestamp,
    /// The bundle built before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<BundleRef>,
    /// [`SCHEMA`].
    pub schema: String,
    /// Number in the stream.
    pub sequence: Sequence,
    /// The stream.
    pub stream: StreamId,
    /// Sums over `files`.
    pub totals: Totals,
    /// Where the content comes from, sorted by name.
    pub upstreams: Vec<UpstreamEntry>,
    /// Content of earlier bundles that must not be installed any more, sorted.
    pub withdrawn: Vec<Digest>,
}

/// Names a bundle by sequence and bundle id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRef {
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Its number in the same stream.
    pub sequence: Sequence,
}

/// Whether a bundle needs another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundleKind {
    /// Carries every blob it lists.
    Complete,
    /// Carries what its base does not list.
    Incremental,
}

/// One file of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// What the Debian package is, for packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deb: Option<DebEntry>,
    /// `<upstream>/<path in the upstream>`.
    pub path: RelPath,
    /// What the file is.
    pub role: FileRole,
    /// Digest of the content.
    pub sha256: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// The blob in this bundle; absent if the base has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// Name of the upstream.
    pub upstream: UpstreamId,
}

/// Name, version and architecture of a Debian package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DebEntry {
    /// Architecture (`amd64`, `all`).
    pub architecture: String,
    /// Package name.
    pub package: String,
    /// Version, exactly as in the index.
    pub version: String,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    /// A `.deb`.
    Package,
    /// A Packages file.
    Index,
    /// InRelease or Release.
    Release,
    /// Release.gpg.
    ReleaseSignature,
    /// The keyring the Release file was verified with.
    Keyring,
}

/// A blob as it lies in the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stored {
    /// How content became blob.
    pub encoding: Encoding,
    /// Digest of the stored bytes, the blob's name.
    pub sha256: Digest,
    /// Size of the stored bytes.
    pub size: u64,
}

/// How a blob is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The content itself.
    Identity,
    /// One zstd frame.
    Zstd,
}

/// Sums that must be exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Distinct blobs carried.
    pub blobs: u64,
    /// Sum of `size` over all files.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
    /// Sum of `stored.size` over the distinct blobs carried.
    pub stored_bytes: u64,
}

/// An upstream and the signed files that vouch for its packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamEntry {
    /// Architectures mirrored, sorted.
    pub architectures: Vec<String>,
    /// Codename of the Release file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// Components mirrored, sorted.
    pub components: Vec<String>,
    /// The Release file's date.
    pub date: Timestamp,
    /// Path of the keyring's file entry.
    pub keyring: RelPath,
    /// Always `apt`.
    pub kind: String,
    /// Name, the first segment of its files' paths.
    pub name: UpstreamId,
    /// The signed files.
    pub release: ReleaseFiles,
    /// Fingerprints of the primary keys whose signatures verified, sorted.
    pub signers: Vec<String>,
    /// Digest of the mirror's snapshot document.
    pub snapshot: Digest,
    /// Suite as configured.
    pub suite: String,
    /// URI as configured, without credentials.
    pub uri: String,
    /// The Release file's Valid-Until.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// The upstream's signed files, by path of their entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseFiles {
    /// `inrelease` or `detached`.
    pub form: ReleaseForm,
    /// InRelease or Release.
    pub path: RelPath,
    /// Release.gpg, for `detached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_path: Option<RelPath>,
}

/// How the Release file is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseForm {
    /// Clear-signed in one file.
    InRelease,
    /// Release and Release.gpg.
    Detached,
}

/// Which rule of format/manifest a manifest breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not canonical JSON of the schema's shape.
    #[error("the manifest is not a canonical {SCHEMA} document")]
    Encoding(#[from] JsonError),
    /// A part of it is larger than the format allows, or a number.
    #[error("the manifest goes beyond a limit")]
    Limit(#[source] JsonError),
    /// Another schema.
    #[error("the manifest has schema `{0}`; this version reads {SCHEMA}, a newer sealift may be needed")]
    Schema(String),
    /// One of the rules of §1 to §3.
    #[error("the manifest breaks a rule: {0}")]
    Rule(String),
}

impl Manifest {
    /// Reads a manifest and checks every rule it must keep within itself (format/manifest §4 steps 1 and 3).
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        Shape::new(LIMITS).feed(bytes).map_err(ManifestError::Limit)?;
        let manifest: Self =
            json::from_canonical(bytes).map_err(|error| other_schema(bytes).unwrap_or(error.into()))?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Encodes the manifest, refusing to write one that [`Manifest::parse`] would not read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        self.validate()?;
        let bytes = json::to_canonical(self)?;
        Shape::new(LIMITS).feed(&bytes).map_err(ManifestError::Limit)?;
        Ok(bytes)
    }

    /// Returns the path of the TUF target and of the file below `SEALIFT/`.
    pub fn target_path(stream: &StreamId, sequence: Sequence) -> String {
        format!("bundles/{stream}/{sequence}/manifest.json")
    }

    /// Returns the entry with this path.
    pub fn file(&self, path: &RelPath) -> Option<&FileEntry> {
        self.files.binary_search_by(|entry| entry.path.cmp(path)).ok().map(|at| &self.files[at])
    }

    /// Returns the distinct blobs carried, by name, each with the first entry that names it.
    pub fn blobs(&self) -> BTreeMap<Digest, &FileEntry> {
        let mut blobs = BTreeMap::new();
        for entry in &self.files {
            if let Some(stored) = entry.stored {
                blobs.entry(stored.sha256).or_insert(entry);
            }
        }
        blobs
    }

    /// Computes the sums over the files.
    pub fn compute_totals(files: &[FileEntry]) -> Totals {
        let mut totals = Totals { files: files.len() as u64, ..Totals::default() };
        let mut seen = BTreeSet::new();
        for entry in files {
            totals.bytes = totals.bytes.saturating_add(entry.size);
            if let Some(stored) = entry.stored
                && seen.insert(stored.sha256)
            {
                totals.blobs += 1;
                totals.stored_bytes = totals.stored_bytes.saturating_add(stored.size);
            }
        }
        totals
    }

    /// Checks the rules of §1 to §3.
    pub fn validate(&self) -> Result<(), ManifestError> {
        if self.schema != SCHEMA {
            return Err(ManifestError::Schema(sealift_model::escape::printable(&self.schema)));
        }
        self.validate_head()?;
        self.validate_upstreams()?;
        self.validate_files()?;
        rule(Self::compute_totals(&self.files) == self.totals, || "totals are not the sums over the files".into())
    }

    fn validate_head(&self) -> Result<(), ManifestError> {
        let incremental = self.kind == BundleKind::Incremental;
        rule(self.base.is_some() == incremental, || "an incremental bundle, and only one, has a base".into())?;
        let safe = RelPath::new(&Self::target_path(&self.stream, self.sequence)).is_ok();
        rule(safe, || format!("the stream's name {} is no safe path", self.stream))?;
        let earlier = |other: Option<BundleRef>| other.is_none_or(|b| b.sequence < self.sequence);
        rule(earlier(self.base) && earlier(self.previous), || "base and previous must have lower sequences".into())?;
        rule(self.not_after > self.created, || "not_after must be later than created".into())?;
        rule(self.withdrawn.is_sorted_by(|a, b| a < b), || "withdrawn must be sorted and unique".into())?;
        rule(self.files.len() <= MAX_FILES, || format!("more than {MAX_FILES} files"))?;
        // Before any entry is looked up by its path.
        rule(self.files.is_sorted_by(|a, b| a.path < b.path), || "files must be sorted and unique by path".into())
    }

    fn validate_upstreams(&self) -> Result<(), ManifestError> {
        rule(self.upstreams.is_sorted_by(|a, b| a.name < b.name), || "upstreams must be sorted and unique".into())?;
        for upstream in &self.upstreams {
            let name = &upstream.name;
            rule(upstream.kind == "apt", || format!("upstream {name} is of an unknown kind"))?;
            let sorted = |list: &[String]| list.is_sorted_by(|a, b| a < b);
            let lists_sorted =
                sorted(&upstream.architectures) && sorted(&upstream.components) && sorted(&upstream.signers);
            rule(lists_sorted, || format!("the lists of upstream {name} must be sorted and unique"))?;
            rule(!upstream.signers.is_empty(), || format!("upstream {name} names no signer"))?;
            let fingerprints = upstream.signers.iter().all(|text| is_fingerprint(text));
            rule(fingerprints, || format!("a signer of upstream {name} is no OpenPGP fingerprint"))?;
            let detached = upstream.release.form == ReleaseForm::Detached;
            rule(detached == upstream.release.signature_path.is_some(), || {
                format!("upstream {name}: signature_path goes with the detached form")
            })?;
            self.refers(upstream, &upstream.keyring, FileRole::Keyring)?;
            self.refers(upstream, &upstream.release.path, FileRole::Release)?;
            if let Some(path) = &upstream.release.signature_path {
                self.refers(upstream, path, FileRole::ReleaseSignature)?;
            }
        }
        Ok(())
    }

    fn refers(&self, upstream: &UpstreamEntry, path: &RelPath, role: FileRole) -> Result<(), ManifestError> {
        let found = self.file(path).is_some_and(|e| e.role == role && e.upstream == upstream.name);
        rule(found, || format!("upstream {} refers to {path}, which is no such file entry", upstream.name))
    }

    fn validate_files(&self) -> Result<(), ManifestError> {
        let names: BTreeSet<_> = self.upstreams.iter().map(|u| &u.name).collect();
        let mut folded = HashSet::with_capacity(self.files.len());
        let mut stored_as: HashMap<Digest, &FileEntry> = HashMap::with_capacity(self.files.len());
        let mut blob_sizes: HashMap<Digest, u64> = HashMap::new();
        for entry in &self.files {
            let path = &entry.path;
            rule(folded.insert(path.folded()), || format!("{path} differs from another path only in case"))?;
            rule(names.contains(&entry.upstream), || format!("{path} names an upstream that is not listed"))?;
            self.validate_entry(entry)?;
            let same = stored_as.entry(entry.sha256).or_insert(entry);
            rule(same.size == entry.size && same.stored == entry.stored, || {
                format!("{path} has the content of {} but another size or blob", same.path)
            })?;
            if let Some(stored) = entry.stored {
                let size = *blob_sizes.entry(stored.sha256).or_insert(stored.size);
                rule(size == stored.size, || format!("{path} names a blob of another entry, with another size"))?;
            }
        }
        Ok(())
    }

    fn validate_entry(&self, entry: &FileEntry) -> Result<(), ManifestError> {
        let path = &entry.path;
        rule(path.segments().next() == Some(entry.upstream.as_str()), || {
            format!("{path} does not begin with its upstream's name")
        })?;
        rule(entry.deb.is_some() == (entry.role == FileRole::Package), || {
            format!("{path}: packages, and only packages, have a deb field")
        })?;
        let Some(stored) = entry.stored else {
            let may_lack = self.kind == BundleKind::Incremental;
            return rule(may_lack, || format!("{path} is not carried, but the bundle is complete"));
        };
        let identical = stored.sha256 == entry.sha256 && stored.size == entry.size;
        rule(stored.encoding != Encoding::Identity || identical, || {
            format!("{path} is stored as it is, but with another digest or size")
        })?;
        rule(stored.encoding != Encoding::Zstd || within_ratio(entry.size, stored.size), || {
            format!("{path} is more than {MAX_RATIO} times as large as its blob")
        })
    }
}

/// Tells whether content of this size may be stored as a zstd blob of that size.
pub fn within_ratio(size: u64, stored: u64) -> bool {
    size <= stored.saturating_mul(MAX_RATIO).saturating_add(RATIO_FREE)
}

/// What cannot be read may be of a newer version, which then is what has to be said.
fn other_schema(bytes: &[u8]) -> Option<ManifestError> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let Named { schema } = serde_json::from_slice(bytes).ok()?;
    let short: String = schema.chars().take(64).collect();
    (schema != SCHEMA).then(|| ManifestError::Schema(sealift_model::escape::printable(&short)))
}

/// 40 digits for version 4 keys, 64 for version 6, upper case as gpg prints them.
fn is_fingerprint(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}

fn rule(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), ManifestError> {
    if holds { Ok(()) } else { Err(ManifestError::Rule(otherwise())) }
}
