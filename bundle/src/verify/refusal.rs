//! Why a medium is refused, apart from why it could not be read.

use sealift_model::{Digest, RelPath, Sequence, StreamId, Timestamp};
use sealift_trust::{EvidenceRefusal, ExitClass, Refusal};

use crate::blob::BlobFault;
use crate::chain::{ChainError, ChainRefusal};
use crate::manifest::ManifestError;
use crate::source::{SourceError, SourceRefusal};
use crate::trust::TrustError;
use crate::volumes::VolumeRefusal;

/// Why a medium was not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It could not be read; nothing is said about what is on it.
    #[error(transparent)]
    Source(SourceError),
    /// It breaks a rule of the layout.
    #[error(transparent)]
    Layout(SourceRefusal),
    /// Its trust metadata is not to be believed.
    #[error("the trust metadata is refused")]
    Trust(#[from] Refusal),
    /// Something on it is not what was signed.
    #[error(transparent)]
    Refused(#[from] VerifyRefusal),
    /// An upstream's own chain does not hold.
    #[error("the upstream chain does not hold")]
    Chain(#[from] ChainRefusal),
    /// Content could not be read for the upstream chain.
    #[error("cannot read the content of {path}")]
    Fault {
        /// The file.
        path: RelPath,
        /// The fault.
        #[source]
        source: std::io::Error,
    },
}

/// What on a medium is not what was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyRefusal {
    /// No signature stands behind a manifest.
    #[error("{0} is not signed: the targets metadata does not list it")]
    NotListed(RelPath),
    /// A manifest is not the one that was signed.
    #[error(
        "{path} has {found_length} bytes and the digest {found}; {length} bytes with the digest {expected} were signed"
    )]
    ManifestBytes {
        /// The manifest.
        path: RelPath,
        /// Signed length.
        length: u64,
        /// Length found.
        found_length: u64,
        /// Signed digest.
        expected: Digest,
        /// Digest found.
        found: Digest,
    },
    /// A manifest breaks the format.
    #[error("{path} is refused")]
    Manifest {
        /// The manifest.
        path: RelPath,
        /// The rule.
        #[source]
        source: ManifestError,
    },
    /// A manifest lies where another one belongs.
    #[error("{path} is the manifest of {stream} {sequence}")]
    Misplaced {
        /// Where it lies.
        path: RelPath,
        /// Its stream.
        stream: StreamId,
        /// Its number.
        sequence: Sequence,
    },
    /// A bundle is past its `not_after`.
    #[error("bundle {stream} {sequence} expired at {not_after} (it is {now})")]
    Expired {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
        /// When it expired.
        not_after: Timestamp,
        /// The time it was judged at.
        now: Timestamp,
    },
    /// Evidence is not to be believed.
    #[error("{path} is refused")]
    Evidence {
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: EvidenceRefusal,
    },
    /// No build provenance.
    #[error("bundle {stream} {sequence} has no signed build provenance")]
    NoProvenance {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// Too few people agree, or one found something. Everything on the medium is as signed.
    #[error("bundle {stream} {sequence} is as signed, but people must agree to it")]
    People {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
        /// Who is missing.
        #[source]
        source: EvidenceRefusal,
    },
    /// The base beside an incremental bundle is another one than it names.
    #[error(
        "bundle {stream} {sequence} builds upon {base} with the digest {expected}; the {base} on this medium is another"
    )]
    Base {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
        /// The base's number.
        base: Sequence,
        /// The base's bundle id.
        expected: Digest,
    },
    /// Neither the bundle nor its base has a file.
    #[error("{path} is neither carried nor listed by the base bundle {base}")]
    NotInBase {
        /// The file.
        path: RelPath,
        /// The base's number.
        base: Sequence,
    },
    /// A volume set is not to be believed, or not of this medium.
    #[error("{path} is refused")]
    Volumes {
        /// The file.
        path: RelPath,
        /// Why.
        #[source]
        source: VolumeRefusal,
    },
    /// A blob that is listed is not there.
    #[error("blob {blob} ({of}) is missing")]
    MissingBlob {
        /// Its name.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
    },
    /// A blob that nothing lists.
    #[error("blob {0} is not listed by any manifest")]
    UnlistedBlob(Digest),
    /// A blob of another size.
    #[error("blob {blob} ({of}) has {found} bytes, {expected} are signed{}", and_more(*more))]
    BlobSize {
        /// Its name.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
        /// Signed size.
        expected: u64,
        /// Size found.
        found: u64,
        /// How many more blobs are bad.
        more: usize,
    },
    /// A blob with other bytes.
    #[error("blob {blob} ({of}) is damaged or forged: its digest is {found}{}", and_more(*more))]
    BlobDigest {
        /// Its name.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
        /// The digest found.
        found: Digest,
        /// How many more blobs are bad.
        more: usize,
    },
    /// A blob that does not decode to the content listed.
    #[error("blob {blob} ({of}) is refused{}", and_more(*more))]
    BlobForm {
        /// Its name.
        blob: Digest,
        /// A file it belongs to.
        of: RelPath,
        /// The rule.
        #[source]
        source: Box<BlobFault>,
        /// How many more blobs are bad.
        more: usize,
    },
    /// A blob that decodes to other content than listed.
    #[error("the content of {of} has the digest {found}, {expected} is signed{}", and_more(*more))]
    ContentDigest {
        /// The file.
        of: RelPath,
        /// Signed digest.
        expected: Digest,
        /// The digest found.
        found: Digest,
        /// How many more blobs are bad.
        more: usize,
    },
}

fn and_more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}

impl VerifyRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        match self {
            Self::Expired { .. } | Self::Base { .. } | Self::NotInBase { .. } => ExitClass::Order,
            Self::People { source, .. } => source.exit_class(),
            Self::NotListed(_)
            | Self::ManifestBytes { .. }
            | Self::Manifest { .. }
            | Self::Misplaced { .. }
            | Self::Evidence { .. }
            | Self::NoProvenance { .. }
            | Self::Volumes { .. }
            | Self::MissingBlob { .. }
            | Self::UnlistedBlob(_)
            | Self::BlobSize { .. }
            | Self::BlobDigest { .. }
            | Self::BlobForm { .. }
            | Self::ContentDigest { .. } => ExitClass::Signature,
        }
    }

    /// Returns the stable word for ledgers and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotListed(_) => "not-signed",
            Self::ManifestBytes { .. } => "manifest-digest",
            Self::Manifest { .. } => "manifest-form",
            Self::Misplaced { .. } => "manifest-place",
            Self::Expired { .. } => "expired",
            Self::Evidence { source, .. } | Self::People { source, .. } => source.code(),
            Self::NoProvenance { .. } => "evidence-missing",
            Self::Base { .. } | Self::NotInBase { .. } => "base",
            Self::Volumes { source, .. } => source.code(),
            Self::MissingBlob { .. } => "blob-missing",
            Self::UnlistedBlob(_) => "blob-unlisted",
            Self::BlobSize { .. } => "blob-size",
            Self::BlobDigest { .. } | Self::ContentDigest { .. } => "blob-digest",
            Self::BlobForm { .. } => "blob-form",
        }
    }

    /// Says that `count` more blobs are bad than the one this names.
    pub(super) fn with_more(mut self, count: usize) -> Self {
        if let Self::BlobSize { more, .. }
        | Self::BlobDigest { more, .. }
        | Self::BlobForm { more, .. }
        | Self::ContentDigest { more, .. } = &mut self
        {
            *more = count;
        }
        self
    }
}

impl VerifyError {
    /// Returns the class of a refusal; `None` for faults.
    pub const fn exit_class(&self) -> Option<ExitClass> {
        match self {
            Self::Source(_) | Self::Fault { .. } => None,
            Self::Layout(SourceRefusal::Metadata(refusal)) | Self::Trust(refusal) => Some(refusal.exit_class()),
            Self::Layout(_) | Self::Chain(_) => Some(ExitClass::Signature),
            Self::Refused(refusal) => Some(refusal.exit_class()),
        }
    }

    /// Returns the stable word of a refusal; `None` for faults.
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Source(_) | Self::Fault { .. } => None,
            Self::Layout(refusal) => Some(refusal.code()),
            Self::Trust(refusal) => Some(refusal.code()),
            Self::Chain(refusal) => Some(refusal.code()),
            Self::Refused(refusal) => Some(refusal.code()),
        }
    }
}

impl From<SourceError> for VerifyError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Refused(refusal) => Self::Layout(refusal),
            fault => Self::Source(fault),
        }
    }
}

impl From<TrustError> for VerifyError {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Source(error) => error.into(),
            TrustError::Refused(refusal) => Self::Trust(refusal),
        }
    }
}

impl From<ChainError> for VerifyError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Refused(refusal) => Self::Chain(refusal),
            ChainError::Fault { path, source } => Self::Fault { path, source },
        }
    }
}
