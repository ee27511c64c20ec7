//! Accepted bundles: finding one by what the operator types, and reading its manifest back.

use sealift_bundle::manifest::{MAX_BYTES, Manifest, ManifestError};
use sealift_fs::PathError;
use sealift_model::{Digest, Sequence, StreamId};

use crate::index::{BundleRow, IndexError};
use crate::repository::{Repository, StateError};

/// Fewest digits of a bundle id that name a bundle.
const SHORTEST_PREFIX: usize = 8;

/// Why no bundle was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// None of that name.
    #[error("no accepted bundle is called `{0}`")]
    Unknown(String),
    /// Several of that name.
    #[error("`{name}` may be any of {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The bundles.
        candidates: Vec<String>,
    },
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Why an accepted manifest cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Not in the index.
    #[error("bundle {0} is not in the index")]
    Unknown(String),
    /// The file is not what was accepted.
    #[error("the manifest kept of bundle {name} has the digest {found}, {expected} was accepted")]
    Changed {
        /// `stream/sequence`.
        name: String,
        /// The digest accepted.
        expected: Digest,
        /// The digest found.
        found: Digest,
    },
    /// The file cannot be read as a manifest.
    #[error("the manifest kept of bundle {name} cannot be read")]
    Form {
        /// `stream/sequence`.
        name: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
}

/// Finds a bundle by `stream/sequence`, by `sequence` if all bundles are of one stream, or by the first digits of its id.
pub fn find(repository: &Repository, text: &str) -> Result<BundleRow, FindError> {
    let rows = repository.index().bundles(None)?;
    let shown = || sealift_model::escape::printable(text);
    let id = text.strip_prefix("sha256:").unwrap_or(text);
    let is_prefix = id.len() >= SHORTEST_PREFIX && id.bytes().all(|b| b.is_ascii_hexdigit());
    let matches = |row: &BundleRow| match text.split_once('/') {
        Some((stream, sequence)) => row.stream.as_str() == stream && row.sequence.to_string() == sequence,
        None => row.sequence.to_string() == text || (is_prefix && row.manifest.to_hex().starts_with(id)),
    };
    let mut found: Vec<BundleRow> = rows.into_iter().filter(matches).collect();
    match found.len() {
        0 => Err(FindError::Unknown(shown())),
        1 => found.pop().ok_or_else(|| FindError::Unknown(shown())),
        _ => Err(FindError::Ambiguous { name: shown(), candidates: found.iter().map(BundleRow::name).collect() }),
    }
}

/// Reads the manifest of an accepted bundle and checks that it is the one that was accepted.
pub fn load(repository: &Repository, stream: &StreamId, sequence: Sequence) -> Result<Manifest, LoadError> {
    let name = format!("{stream}/{sequence}");
    let row = repository.index().bundle(stream, sequence)?.ok_or_else(|| LoadError::Unknown(name.clone()))?;
    let path = repository.layout().bundle(stream, sequence).join("manifest.json");
    let bytes = sealift_fs::read_capped(&path, MAX_BYTES)?;
    let found = Digest::of(&bytes);
    if found != row.manifest {
        return Err(LoadError::Changed { name, expected: row.manifest, found });
    }
    Manifest::parse(&bytes).map_err(|source| LoadError::Form { name, source })
}

impl From<LoadError> for StateError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Io(e) => e.into(),
            LoadError::Index(e) => e.into(),
            other => Self::Bundle(other),
        }
    }
}
