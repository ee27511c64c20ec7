//! Why a state directory cannot be used: faults, and damage that nothing is decided on.

use sealift_fs::{LockError, PathError};
use sealift_model::Digest;
use sealift_model::json::JsonError;
use sealift_trust::Role;

use crate::config::ConfigError;
use crate::index::IndexError;
use crate::ledger::LedgerError;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file that cannot be read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A directory of the state that others could have a hand in.
    #[error("the state directory is not this user's alone")]
    Exposed(#[from] sealift_fs::PrivateError),
    /// The two copies of the floors do not agree.
    #[error("trust-state: the two copies of the floors disagree\n  floor.json:   {file}\n  index.sqlite: {index}")]
    FloorsDiffer {
        /// What the file says.
        file: String,
        /// What the index says.
        index: String,
    },
    /// The second copy of the floors is gone or not readable.
    #[error("trust-state: trust/floor.json cannot be read; index.sqlite says: {index}")]
    FloorFile {
        /// What the index says.
        index: String,
        /// Why.
        #[source]
        source: FloorFileError,
    },
    /// The first copy of the floors is gone or not readable.
    #[error("trust-state: index.sqlite cannot be read; trust/floor.json says: {file}")]
    FloorIndex {
        /// What the file says.
        file: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// A trusted document is not the one the floors name.
    #[error("trust-state: {role} metadata version {version} has the digest {found}, the floors name {expected}")]
    Document {
        /// Its role.
        role: Role,
        /// Its version.
        version: u64,
        /// The digest named.
        expected: Digest,
        /// The digest found.
        found: Digest,
    },
    /// A trusted document is gone.
    #[error("trust-state: {role} metadata version {version}, which is trusted, is not there")]
    DocumentLost {
        /// Its role.
        role: Role,
        /// Its version.
        version: u64,
        /// Why.
        #[source]
        source: PathError,
    },
    /// An accepted bundle's manifest is not what it was.
    #[error(transparent)]
    Bundle(crate::bundles::LoadError),
    /// A fault after the commit of the index: the decision counts, and the next writer completes what is missing.
    #[error("what was decided counts and stands in the index, but could not be recorded everywhere yet")]
    Unrecorded(#[source] Box<StateError>),
    /// The site's own keys.
    #[error("the site's public key cannot be read")]
    Site(#[from] sealift_site::SiteKeyError),
    /// Verdicts of scanners that cannot be relied on.
    #[error("the verdicts of the scanners cannot be used")]
    Verdicts(#[source] Box<crate::scan::VerdictError>),
    /// A document that cannot be encoded.
    #[error("a document of the state cannot be written")]
    Encoding(#[from] JsonError),
}

/// Why `floor.json` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FloorFileError {
    /// Cannot be read.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Not of the expected form.
    #[error("floor.json is malformed")]
    Form(#[from] JsonError),
}

impl FloorFileError {
    /// Tells whether the file was lost or changed, as against a fault of the disk.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Form(_) => true,
            Self::Io(error) => is_lost(error),
        }
    }
}

/// Tells whether a file is gone, or is none, or is longer than it can be, as against a fault of the disk.
pub(super) fn is_lost(error: &PathError) -> bool {
    error.is_not_found() || error.kind() == std::io::ErrorKind::Other
}

impl StateError {
    /// Tells whether trust state was lost or set back: `trust recover` or a restore from backup mends it, nothing else.
    pub fn is_trust_state(&self) -> bool {
        match self {
            Self::FloorsDiffer { .. } | Self::Document { .. } | Self::DocumentLost { .. } => true,
            Self::FloorFile { source, .. } => source.is_damage(),
            Self::FloorIndex { source, .. } => source.is_damage(),
            _ => false,
        }
    }
}
