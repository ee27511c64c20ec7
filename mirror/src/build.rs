//! Builds bundles: plan, take a number, sign, publish, write.
//!
//! [`plan`] reads and changes nothing. [`draft()`] takes the sequence number and leaves the bundle in the state directory,
//! waiting for signatures. [`seal()`] adds those of the keys at hand and, once the root's thresholds are reached,
//! publishes the trust metadata: the commit point. [`write_to`] puts a sealed bundle on a medium. Each step can be
//! repeated after a cut; none leaves a number or a metadata version taken that was not made durable first.

use std::path::PathBuf;

use sealift_bundle::manifest::ManifestError;
use sealift_bundle::volumes::VolumeRefusal;
use sealift_bundle::write::WriteError;
use sealift_fs::{PathError, StoreError};
use sealift_keys::MetadataError;
use sealift_model::{Digest, PathGrammarError, RelPath, Sequence, SiteId, StreamId, Timestamp, UpstreamId};
use sealift_trust::{EvidenceRefusal, Purpose, Role};

use crate::selection::SelectionError;
use crate::site::SiteError;
use crate::state::StateError;
use crate::stream::StreamError;
use crate::trust::TrustError;
use crate::withdrawn::WithdrawError;

pub mod attach;
pub mod changes;
mod content;
mod evidence;
pub mod narrow;
pub mod plan;
pub mod repair;
pub mod seal;
pub mod volumes;
pub mod write;

pub use attach::{Attached, attach};
pub use changes::{Changes, PackageChange};
pub use narrow::{Budget, Narrow, Narrowed};
pub use plan::{Action, BaseChoice, BaseReason, BuildPlan, Created, Request, plan};
pub use repair::{Repair, RepairRefusal};
pub use seal::{Sealed, Signing, Waiting, check_keys, draft, seal};
pub use write::{Listed, check_target, list, write_to};

/// Why a bundle was not built. Refusals of foreign or changed documents are in [`BuildRefusal`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No such stream in `mirror.toml`.
    #[error("mirror.toml has no stream `{0}`")]
    UnknownStream(StreamId),
    /// No such site in `mirror.toml`.
    #[error("mirror.toml has no site `{0}`")]
    UnknownSite(SiteId),
    /// An upstream has no complete snapshot.
    #[error("upstream `{0}` of the stream has no snapshot yet")]
    NoSnapshot(UpstreamId),
    /// Selected packages are not in the store.
    #[error("{count} of the stream's packages are not in the store, the first is {first} of upstream `{upstream}`")]
    NotFetched {
        /// How many.
        count: usize,
        /// Path of the first.
        first: RelPath,
        /// Its upstream.
        upstream: UpstreamId,
    },
    /// The hosts of the need-lists have everything already.
    #[error("the {hosts} hosts of the need-lists lack nothing that the upstreams of stream `{stream}` offer")]
    NothingNeeded {
        /// The stream.
        stream: StreamId,
        /// How many hosts the lists speak of.
        hosts: u64,
    },
    /// Not even what every bundle carries fits.
    #[error(
        "a bundle of stream `{stream}` carries {least} bytes before any package, which is more than the {budget} of the budget"
    )]
    Budget {
        /// The stream.
        stream: StreamId,
        /// What is asked for, in bytes.
        budget: u64,
        /// What it takes, in bytes.
        least: u64,
    },
    /// A file that a snapshot or manifest names is not in the store.
    #[error("{0} is not in the store")]
    NotStored(RelPath),
    /// A path of an upstream that cannot stand in a manifest.
    #[error("upstream `{upstream}` has a file that cannot be carried")]
    Path {
        /// The upstream.
        upstream: UpstreamId,
        /// Why.
        source: PathGrammarError,
    },
    /// The base asked for was never sealed.
    #[error("bundle {sequence} of stream `{stream}` cannot be a base: it was not sealed")]
    BaseNotSealed {
        /// The stream.
        stream: StreamId,
        /// The number asked for.
        sequence: Sequence,
    },
    /// Time would go back.
    #[error("the new bundle would be created {created}, not after bundle {previous}, which was created {before}")]
    NotLater {
        /// The time given or the clock's.
        created: Timestamp,
        /// The previous bundle.
        previous: Sequence,
        /// When that was created.
        before: Timestamp,
    },
    /// No number is left.
    #[error("stream `{0}` has no sequence number left")]
    NoSequence(StreamId),
    /// A bundle that was given up cannot be sealed.
    #[error("bundle {sequence} of stream `{stream}` was discarded")]
    Discarded {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// Only sealed bundles may leave.
    #[error("bundle {sequence} of stream `{stream}` is not sealed yet")]
    NotSealed {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// The stream has no bundle at all.
    #[error("stream `{0}` has no bundle yet")]
    NoBundle(StreamId),
    /// The keys at hand do not suffice for a role that is signed on this machine.
    #[error("{have} of {need} {role} keys that the root of trust asks for are in {}", .dir.display())]
    Keys {
        /// The purpose.
        role: Purpose,
        /// Usable keys found.
        have: usize,
        /// Keys needed.
        need: usize,
        /// Where they were looked for.
        dir: PathBuf,
    },
    /// An index could not be compressed.
    #[error("cannot compress {path}")]
    Compress {
        /// The index.
        path: RelPath,
        /// Why.
        source: std::io::Error,
    },
    /// A blob that a bundle carries is not in the store.
    #[error("blob {0} is not in the store any more")]
    NoBlob(Digest),
    /// Content that a site asked for is carried by no bundle that it could accept.
    #[error(
        "bundle {sequence} of stream `{stream}` takes {count} contents from earlier bundles, and none that is still listed carries them"
    )]
    NotCarried {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
        /// How many contents.
        count: usize,
    },
    /// A set of volumes would break the format.
    #[error("cannot make the volume set")]
    Volumes(Box<VolumeRefusal>),
    /// A bundle cannot be cut into volumes.
    #[error(transparent)]
    Cut(Box<volumes::CutFault>),
    /// What is withdrawn cannot be read.
    #[error(transparent)]
    Withdrawn(Box<WithdrawError>),
    /// A request was refused.
    #[error(transparent)]
    Repair(#[from] RepairRefusal),
    /// Refused.
    #[error(transparent)]
    Refused(#[from] BuildRefusal),
    /// The manifest would break the format.
    #[error("cannot make the manifest")]
    Manifest(#[from] ManifestError),
    /// A document could not be built or signed.
    #[error("cannot make the bundle's documents")]
    Metadata(#[from] MetadataError),
    /// Selection failed.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The stream's directory.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Trust metadata.
    #[error(transparent)]
    Trust(Box<TrustError>),
    /// Receipts.
    #[error(transparent)]
    Site(Box<SiteError>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The medium.
    #[error("bundle {sequence} of stream `{stream}` is sealed, but was not written")]
    Write {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
        /// Why.
        source: Box<WriteError>,
    },
    /// The medium, before anything was sealed.
    #[error("{} cannot take the bundle", .dir.display())]
    Target {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: Box<WriteError>,
    },
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

impl From<TrustError> for BuildError {
    fn from(error: TrustError) -> Self {
        Self::Trust(Box::new(error))
    }
}

impl From<WithdrawError> for BuildError {
    fn from(error: WithdrawError) -> Self {
        Self::Withdrawn(Box::new(error))
    }
}

impl From<SiteError> for BuildError {
    fn from(error: SiteError) -> Self {
        Self::Site(Box::new(error))
    }
}

/// Why documents of a draft were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildRefusal {
    /// The draft's signed part is not what this mirror drafted.
    #[error("{} is not the {role} metadata that this mirror drafted", .file.display())]
    Draft {
        /// The file.
        file: PathBuf,
        /// The role.
        role: Role,
    },
    /// Evidence of the draft does not verify.
    #[error("evidence {name} of bundle {sequence} does not verify")]
    Evidence {
        /// The file.
        name: String,
        /// The bundle.
        sequence: Sequence,
        /// Why.
        source: EvidenceRefusal,
    },
}
