//! The upstream's own chain: keyring → Release signature → index → each package (format/manifest §4 step 5).
//!
//! That the mirror signed a manifest says the mirror vouches for it; this module asks the distribution again. Indexes
//! are read as streams, one paragraph at a time, so memory does not grow with them. It reads content through
//! [`Content`] and checks every digest of what it reads itself, whoever hands it out.

mod packages;

use std::io::{self, Read};

use sealift_model::escape::printable;
use sealift_model::{Digest, Hasher, RelPath, Timestamp, UpstreamId};
use sealift_pkg::Release;
use sealift_pkg::index::IndexError;
use sealift_pkg::openpgp::{self, Keyring, KeyringError, SignatureRefusal};
use sealift_pkg::release::ReleaseError;
use serde::Serialize;

use crate::blob::BlobFault;
use crate::manifest::{FileEntry, Manifest, UpstreamEntry};

/// Largest keyring, Release file or signature read.
pub const MAX_SIGNED_BYTES: u64 = 64 * 1024 * 1024;

/// Where content comes from, decoded.
pub trait Content: Sync {
    /// Opens the content of a file of the manifest.
    fn open(&self, entry: &FileEntry) -> io::Result<Box<dyn Read + Send + '_>>;

    /// Tells whether the content can be had here at all. Where it cannot, the report says what rests on the base.
    ///
    /// An importer, whose store must be whole, leaves this as it is: then content that is not there is an error.
    fn holds(&self, _entry: &FileEntry) -> bool {
        true
    }
}

/// What was verified of one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamReport {
    /// Its name.
    pub name: UpstreamId,
    /// Its URI as configured.
    pub uri: String,
    /// Its suite.
    pub suite: String,
    /// Whether keyring and Release file were here and the signature is good.
    pub signature_verified: bool,
    /// Primary fingerprints whose signatures are good; what the manifest states where nothing could be verified.
    pub signers: Vec<String>,
    /// Date of the Release file.
    pub date: Timestamp,
    /// Its Valid-Until.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Indexes that the Release file vouches for.
    pub indexes: u64,
    /// Packages that an index vouches for.
    pub packages: u64,
    /// Files whose chain rests on content that is not here.
    pub resting: u64,
}

/// Why the chain was not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The chain does not hold.
    #[error("the upstream chain does not hold")]
    Refused(#[from] ChainRefusal),
    /// Content could not be read.
    #[error("cannot read the content of {path}")]
    Fault {
        /// The file.
        path: RelPath,
        /// The fault.
        #[source]
        source: io::Error,
    },
}

/// Where an upstream's chain breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainRefusal {
    /// The carried keyring is none.
    #[error("upstream {upstream}: unusable keyring {path}")]
    Keyring {
        /// The upstream.
        upstream: UpstreamId,
        /// The keyring.
        path: RelPath,
        /// Why.
        #[source]
        source: KeyringError,
    },
    /// The signature on the Release file is not good.
    #[error("upstream {upstream}: the signature of {path} is refused")]
    Signature {
        /// The upstream.
        upstream: UpstreamId,
        /// The signed file.
        path: RelPath,
        /// Why.
        #[source]
        source: SignatureRefusal,
    },
    /// Other keys signed than the manifest states.
    #[error("upstream {upstream}: {path} is signed by {}, the manifest states {}", .found.join(", "), .stated.join(", "))]
    Signers {
        /// The upstream.
        upstream: UpstreamId,
        /// The signed file.
        path: RelPath,
        /// What the manifest states.
        stated: Vec<String>,
        /// Who signed.
        found: Vec<String>,
    },
    /// The Release file cannot be read.
    #[error("upstream {upstream}: {path} is no usable Release file")]
    Release {
        /// The upstream.
        upstream: UpstreamId,
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: Box<ReleaseError>,
    },
    /// The manifest states something else than the Release file.
    #[error("upstream {upstream}: the manifest's `{field}` is not that of {path}")]
    Stated {
        /// The upstream.
        upstream: UpstreamId,
        /// The Release file.
        path: RelPath,
        /// The manifest's field.
        field: &'static str,
    },
    /// The Release file does not vouch for an index.
    #[error("upstream {upstream}: the Release file does not list {path} with this size and digest")]
    IndexNotListed {
        /// The upstream.
        upstream: UpstreamId,
        /// The index.
        path: RelPath,
    },
    /// An index that cannot be read.
    #[error("upstream {upstream}: {path} is no usable index")]
    Index {
        /// The upstream.
        upstream: UpstreamId,
        /// The index.
        path: RelPath,
        /// Why.
        #[source]
        source: Box<IndexError>,
    },
    /// An index that does not unpack.
    #[error("upstream {upstream}: {path} cannot be unpacked: {reason}")]
    Unpack {
        /// The upstream.
        upstream: UpstreamId,
        /// The index.
        path: RelPath,
        /// Why, made printable.
        reason: String,
    },
    /// An index says something else of a package than the manifest.
    #[error("upstream {upstream}: {index} lists {path} with another {field} than the manifest")]
    PackageDiffers {
        /// The upstream.
        upstream: UpstreamId,
        /// The index.
        index: RelPath,
        /// The package's file.
        path: RelPath,
        /// What differs.
        field: &'static str,
    },
    /// No index knows a package.
    #[error("upstream {upstream}: no index lists {path} (package {package} {version})")]
    NotInIndex {
        /// The upstream.
        upstream: UpstreamId,
        /// The package's file.
        path: RelPath,
        /// Its name.
        package: String,
        /// Its version.
        version: String,
    },
    /// Content that is not what the manifest lists.
    #[error("the content of {path} has the digest {found}, {expected} is listed")]
    Digest {
        /// The file.
        path: RelPath,
        /// What the manifest lists.
        expected: Digest,
        /// What was read.
        found: Digest,
    },
    /// A blob that does not decode to what the manifest lists.
    #[error("the blob of {path} is refused")]
    Blob {
        /// The file.
        path: RelPath,
        /// The rule it breaks.
        #[source]
        source: BlobFault,
    },
    /// A signed file over the limit.
    #[error("{path} is larger than the limit of {MAX_SIGNED_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: RelPath,
    },
}

impl ChainRefusal {
    /// Returns the stable word for ledgers and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Keyring { .. } | Self::Signature { .. } | Self::Signers { .. } => "upstream-signature",
            Self::Release { .. } | Self::Stated { .. } | Self::TooLarge { .. } => "upstream-release",
            Self::IndexNotListed { .. } | Self::Index { .. } | Self::Unpack { .. } => "upstream-index",
            Self::PackageDiffers { .. } | Self::NotInIndex { .. } => "upstream-package",
            Self::Digest { .. } => "blob-digest",
            Self::Blob { .. } => "blob-form",
        }
    }
}

/// Verifies every upstream of a manifest down to each package, reading content once.
pub fn verify_upstreams(manifest: &Manifest, content: &dyn Content) -> Result<Vec<UpstreamReport>, ChainError> {
    manifest.upstreams.iter().map(|upstream| Chain { manifest, upstream, content }.verify()).collect()
}

/// One upstream of one manifest.
struct Chain<'a> {
    manifest: &'a Manifest,
    upstream: &'a UpstreamEntry,
    content: &'a dyn Content,
}

impl<'a> Chain<'a> {
    fn verify(&self) -> Result<UpstreamReport, ChainError> {
        let mut report = UpstreamReport {
            name: self.upstream.name.clone(),
            uri: printable(&self.upstream.uri),
            suite: printable(&self.upstream.suite),
            signature_verified: false,
            signers: self.upstream.signers.iter().map(|s| printable(s)).collect(),
            date: self.upstream.date,
            valid_until: self.upstream.valid_until,
            indexes: 0,
            packages: 0,
            resting: self.entries().count() as u64,
        };
        let files = &self.upstream.release;
        let signed = [Some(&self.upstream.keyring), Some(&files.path), files.signature_path.as_ref()];
        let held = |path: &RelPath| self.manifest.file(path).is_some_and(|entry| self.content.holds(entry));
        if signed.into_iter().flatten().all(held) {
            let release = self.release()?;
            self.check_stated(&release)?;
            let walked = self.packages(&release)?;
            report.signature_verified = true;
            (report.indexes, report.packages, report.resting) = (walked.indexes, walked.packages, walked.resting);
        }
        Ok(report)
    }

    /// Returns the manifest's entries of this upstream with their positions.
    fn entries(&self) -> impl Iterator<Item = (usize, &'a FileEntry)> {
        let name = &self.upstream.name;
        self.manifest.files.iter().enumerate().filter(move |(_, entry)| entry.upstream == *name)
    }

    /// Returns the Release file after its signature was verified.
    fn release(&self) -> Result<Release, ChainError> {
        let name = &self.upstream.name;
        let path = &self.upstream.release.path;
        let keyring_bytes = self.read(&self.upstream.keyring)?;
        let keyring = Keyring::parse(&keyring_bytes).map_err(|source| ChainRefusal::Keyring {
            upstream: name.clone(),
            path: self.upstream.keyring.clone(),
            source,
        })?;
        let signed = self.read(path)?;
        let refused = |source| ChainRefusal::Signature { upstream: name.clone(), path: path.clone(), source };
        let at = self.manifest.created;
        let (text, signers) = if let Some(signature) = &self.upstream.release.signature_path {
            let good = openpgp::verify_detached(&signed, &self.read(signature)?, &keyring, at).map_err(refused)?;
            let text = String::from_utf8(signed);
            (text.map_err(|_| refused(SignatureRefusal::Malformed("not UTF-8")))?, good.signers)
        } else {
            let good = openpgp::verify_inrelease(&signed, &keyring, at).map_err(refused)?;
            (good.text, good.signers)
        };
        let mut found: Vec<String> = signers.iter().map(|s| s.as_str().to_owned()).collect();
        found.sort();
        found.dedup();
        if found != self.upstream.signers {
            let stated = self.upstream.signers.iter().map(|s| printable(s)).collect();
            return Err(ChainRefusal::Signers { upstream: name.clone(), path: path.clone(), stated, found }.into());
        }
        let release = Release::parse(&text);
        let refused =
            |source| ChainRefusal::Release { upstream: name.clone(), path: path.clone(), source: Box::new(source) };
        release.map_err(|source| refused(source).into())
    }

    fn check_stated(&self, release: &Release) -> Result<(), ChainRefusal> {
        let stated = self.upstream;
        let checks = [
            ("date", stated.date == release.date),
            ("valid_until", stated.valid_until == release.valid_until),
            ("codename", stated.codename == release.codename),
        ];
        match checks.into_iter().find(|(_, holds)| !holds) {
            None => Ok(()),
            Some((field, _)) => {
                let (upstream, path) = (stated.name.clone(), stated.release.path.clone());
                Err(ChainRefusal::Stated { upstream, path, field })
            }
        }
    }

    /// Reads a small file of the manifest whole and checks its digest.
    fn read(&self, path: &RelPath) -> Result<Vec<u8>, ChainError> {
        let entry = self.manifest.file(path).filter(|e| e.size <= MAX_SIGNED_BYTES);
        let entry = entry.ok_or_else(|| ChainRefusal::TooLarge { path: path.clone() })?;
        let mut watched = Watched::open(self.content, entry)?;
        let mut bytes = Vec::new();
        let read = watched.by_ref().take(entry.size.saturating_add(1)).read_to_end(&mut bytes);
        // The error that came through the reader is only its kind.
        read.map_err(|e| fault(path, watched.failed.take().unwrap_or(e)))?;
        watched.finish()?;
        Ok(bytes)
    }
}

/// Content that is hashed while it is read, and that remembers whether reading it failed.
struct Watched<'a> {
    entry: &'a FileEntry,
    input: Box<dyn Read + Send + 'a>,
    hasher: Hasher,
    failed: Option<io::Error>,
}

impl<'a> Watched<'a> {
    fn open(content: &'a dyn Content, entry: &'a FileEntry) -> Result<Self, ChainError> {
        let input = content.open(entry).map_err(|e| fault(&entry.path, e))?;
        Ok(Self { entry, input, hasher: Hasher::new(), failed: None })
    }

    /// Reads what a parser left unread, and compares the digest of it all.
    fn finish(mut self) -> Result<(), ChainError> {
        let limit = self.entry.size.saturating_add(1);
        let rest = io::copy(&mut self.by_ref().take(limit), &mut io::sink());
        if let Some(error) = self.failed.take().or(rest.err()) {
            return Err(fault(&self.entry.path, error));
        }
        let (expected, found) = (self.entry.sha256, self.hasher.finish());
        if found == expected {
            return Ok(());
        }
        Err(ChainRefusal::Digest { path: self.entry.path.clone(), expected, found }.into())
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(read) => {
                self.hasher.update(buffer.get(..read).unwrap_or_default());
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                // Parsers wrap or reword what they get; the medium's own error must come through.
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// Tells content that breaks a rule from content that cannot be read.
fn fault(path: &RelPath, error: io::Error) -> ChainError {
    let path = path.clone();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<BlobFault>()).cloned() {
        Some(source) => ChainRefusal::Blob { path, source }.into(),
        None => ChainError::Fault { path, source: error },
    }
}
