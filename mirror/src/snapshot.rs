//! Snapshots: what one upstream offered at one time and what of it was chosen, immutable and named by its digest.
//!
//! A snapshot holds no time of our own and nothing about how it was fetched, so the same upstream and the same selection
//! give the same id. The [`Head`] of an upstream is the small document beside it: the newest verified Release file with
//! its indexes, which snapshot is the newest complete one, and what makes the next sync cheap.

use sealift_bundle::manifest::{DebEntry, FileRole, ReleaseForm};
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, RelPath, Timestamp, UpstreamId};
use serde::{Deserialize, Serialize};

/// The schema of snapshots.
pub const SCHEMA: &str = "sealift.snapshot/1";
/// The schema of heads.
pub const HEAD_SCHEMA: &str = "sealift.head/1";
/// Largest snapshot read, in bytes.
pub const LIMIT: u64 = 1 << 30;
/// Largest head read, in bytes.
pub const HEAD_LIMIT: u64 = 16 << 20;

/// A snapshot as it stands in `snapshots/<upstream>/<digest>.json`. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Architectures mirrored, sorted.
    pub architectures: Vec<String>,
    /// Codename of the Release file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// Components mirrored, sorted.
    pub components: Vec<String>,
    /// The Release file's date.
    pub date: Timestamp,
    /// The signed files, the indexes and the chosen packages, sorted by path. All are blobs of the store.
    pub files: Vec<SnapshotFile>,
    /// The keyring the Release file was verified with, a blob too.
    pub keyring: KeyringRef,
    /// The signed files.
    pub release: ReleaseRef,
    /// [`SCHEMA`].
    pub schema: String,
    /// Fingerprints of the primary keys whose signatures verified, sorted.
    pub signers: Vec<String>,
    /// Suite as configured.
    pub suite: String,
    /// The upstream.
    pub upstream: UpstreamId,
    /// Address as configured, without credentials.
    pub uri: String,
    /// The Release file's Valid-Until.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// A file of the upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotFile {
    /// What the Debian package is, for packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deb: Option<DebEntry>,
    /// Path in the upstream.
    pub path: RelPath,
    /// What the file is; never a keyring.
    pub role: FileRole,
    /// Digest of the content.
    pub sha256: Digest,
    /// Size of the content in bytes.
    pub size: u64,
}

/// A keyring in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyringRef {
    /// Digest of the file as it was read.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// The signed files by path in the upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRef {
    /// `inrelease` or `detached`.
    pub form: ReleaseForm,
    /// InRelease or Release.
    pub path: RelPath,
    /// Release.gpg, for `detached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_path: Option<RelPath>,
}

/// The newest verified state of an upstream, `upstreams/<name>.json`. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Architectures mirrored, sorted.
    pub architectures: Vec<String>,
    /// Codename of the Release file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// Components mirrored, sorted.
    pub components: Vec<String>,
    /// The newest complete snapshot; older than this head after `sync --metadata-only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_snapshot: Option<Digest>,
    /// The Release file's date, below which none is accepted any more.
    pub date: Timestamp,
    /// The server's ETag of the signed file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The signed files and the indexes, sorted by path. All are blobs of the store.
    pub files: Vec<SnapshotFile>,
    /// The keyring the Release file was verified with.
    pub keyring: KeyringRef,
    /// The server's Last-Modified of the signed file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The signed files.
    pub release: ReleaseRef,
    /// [`HEAD_SCHEMA`].
    pub schema: String,
    /// Digest of what `current_snapshot` was selected by and from; equal means the selection need not be made again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<Digest>,
    /// Fingerprints of the primary keys whose signatures verified, sorted.
    pub signers: Vec<String>,
    /// Suite as configured.
    pub suite: String,
    /// The upstream.
    pub upstream: UpstreamId,
    /// Address as configured, without credentials.
    pub uri: String,
    /// The Release file's Valid-Until.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// A package that a stream needs of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededPackage {
    /// Path in the upstream.
    pub path: RelPath,
    /// Digest of the .deb.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub deb: DebEntry,
}

impl Head {
    /// Returns the index files with component and architecture, as `dists/<suite>/<component>/binary-<arch>/Packages…`
    /// tells them.
    pub fn indexes(&self) -> impl Iterator<Item = IndexFile<'_>> {
        let prefix = format!("dists/{}/", self.suite);
        self.files.iter().filter(|f| f.role == FileRole::Index).filter_map(move |file| {
            let (directory, _) = file.path.as_str().strip_prefix(&prefix)?.rsplit_once('/')?;
            let (component, binary) = directory.rsplit_once('/')?;
            Some(IndexFile { component, architecture: binary.strip_prefix("binary-")?, file })
        })
    }

    /// Returns the file entry of InRelease or Release.
    pub fn release_file(&self) -> Option<&SnapshotFile> {
        self.files.iter().find(|f| f.path == self.release.path)
    }

    /// Makes the snapshot of this head with `packages`.
    pub fn snapshot(&self, packages: &[NeededPackage]) -> Snapshot {
        let package = |needed: &NeededPackage| SnapshotFile {
            deb: Some(needed.deb.clone()),
            path: needed.path.clone(),
            role: FileRole::Package,
            sha256: needed.sha256,
            size: needed.size,
        };
        let mut files: Vec<_> = self.files.iter().cloned().chain(packages.iter().map(package)).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup();
        Snapshot {
            architectures: self.architectures.clone(),
            codename: self.codename.clone(),
            components: self.components.clone(),
            date: self.date,
            files,
            keyring: self.keyring,
            release: self.release.clone(),
            schema: SCHEMA.into(),
            signers: self.signers.clone(),
            suite: self.suite.clone(),
            upstream: self.upstream.clone(),
            uri: self.uri.clone(),
            valid_until: self.valid_until,
        }
    }

    /// Returns this head with snapshot and selection of the one before it.
    #[must_use]
    pub fn succeeding(self, before: Option<Self>) -> Self {
        let (current_snapshot, selection) = before.map_or((None, None), |head| (head.current_snapshot, head.selection));
        Self { current_snapshot, selection, ..self }
    }

    /// Reads a head.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let head: Self = json::from_canonical(bytes)?;
        schema(&head.schema, HEAD_SCHEMA)?;
        Ok(head)
    }
}

/// An index file of a head and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexFile<'a> {
    /// Its component.
    pub component: &'a str,
    /// Its architecture, or `all`.
    pub architecture: &'a str,
    /// The file.
    pub file: &'a SnapshotFile,
}

impl Snapshot {
    /// Reads a snapshot.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let snapshot: Self = json::from_canonical(bytes)?;
        schema(&snapshot.schema, SCHEMA)?;
        Ok(snapshot)
    }

    /// Returns the packages.
    pub fn packages(&self) -> impl Iterator<Item = &SnapshotFile> {
        self.files.iter().filter(|f| f.role == FileRole::Package)
    }
}

/// Why a document of the state directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not canonical JSON of the expected shape.
    #[error("not a canonical document of the expected shape")]
    Encoding(#[from] JsonError),
    /// Made by another version.
    #[error("schema is `{got}`, this version reads {expected}")]
    Schema {
        /// The schema found.
        got: String,
        /// The schema read here.
        expected: &'static str,
    },
}

fn schema(got: &str, expected: &'static str) -> Result<(), DocumentError> {
    if got == expected {
        return Ok(());
    }
    Err(DocumentError::Schema { got: sealift_model::escape::printable(got), expected })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn head() -> Head {
        let file = |path: &str, role| SnapshotFile {
            deb: None,
            path: RelPath::new(path).unwrap(),
            role,
            sha256: Digest::of(path.as_bytes()),
            size: 1,
        };
        Head {
            architectures: vec!["amd64".into()],
            codename: None,
            components: vec!["main".into(), "updates/main".into()],
            current_snapshot: None,
            date: Timestamp::from_unix(1_000_000_000),
            etag: Some("\"x\"".into()),
            files: vec![
                file("dists/s/u/InRelease", FileRole::Release),
                file("dists/s/u/main/binary-amd64/Packages.xz", FileRole::Index),
                file("dists/s/u/updates/main/binary-all/Packages", FileRole::Index),
            ],
            keyring: KeyringRef { sha256: Digest::of(b"k"), size: 1 },
            last_modified: None,
            release: ReleaseRef {
                form: ReleaseForm::InRelease,
                path: RelPath::new("dists/s/u/InRelease").unwrap(),
                signature_path: None,
            },
            schema: HEAD_SCHEMA.into(),
            selection: None,
            signers: vec!["A".repeat(40)],
            suite: "s/u".into(),
            upstream: UpstreamId::new("u").unwrap(),
            uri: "https://example.org/debian".into(),
            valid_until: None,
        }
    }

    #[test]
    fn indexes_know_component_and_architecture() {
        let head = head();
        let found: Vec<_> = head.indexes().map(|i| (i.component, i.architecture)).collect();
        assert_eq!(found, [("main", "amd64"), ("updates/main", "all")]);
    }

    #[test]
    fn the_id_depends_on_content_only() {
        let head = head();
        let bytes = json::to_canonical(&head.snapshot(&[])).unwrap();
        assert_eq!(Snapshot::parse(&bytes).unwrap(), head.snapshot(&[]));
        let fetched_otherwise = Head { etag: None, selection: Some(Digest::of(b"")), ..head.clone() };
        assert_eq!(json::to_canonical(&fetched_otherwise.snapshot(&[])).unwrap(), bytes);
        assert_eq!(Head::parse(&json::to_canonical(&head).unwrap()).unwrap(), head);
    }

    #[test]
    fn documents_of_another_version_are_not_guessed_at() {
        let other = Head { schema: "sealift.head/2".into(), ..head() };
        let error = Head::parse(&json::to_canonical(&other).unwrap()).unwrap_err();
        assert!(matches!(error, DocumentError::Schema { .. }), "{error}");
    }
}
