//! Why trust metadata was refused. Decisions only; an unreadable file is somebody else's error.

use sealift_model::{Digest, PersonId, Timestamp};

use crate::key::{KeyError, KeyId, Purpose, Role};
use crate::metadata::{HashMismatch, RoleName};

/// Which exit code a refusal leads to (reference/exit-codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitClass {
    /// Signature, threshold, digest or form: exit code 10.
    Signature,
    /// Rollback, expiry or something missing before it: exit code 11.
    Order,
    /// Too few people agree: exit code 12.
    Policy,
}

impl ExitClass {
    /// Returns the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Signature => 10,
            Self::Order => 11,
            Self::Policy => 12,
        }
    }
}

/// Why a metadata document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Larger than the limit of its role.
    #[error("{role} metadata is larger than {limit} bytes")]
    TooLarge {
        /// The document.
        role: Role,
        /// Its limit.
        limit: usize,
    },
    /// Not well-formed metadata of this role.
    #[error("{role} metadata is malformed: {reason}")]
    Malformed {
        /// The document.
        role: Role,
        /// What is wrong, made printable.
        reason: String,
    },
    /// Uses a part of TUF that sealift does not read.
    #[error("{role} metadata uses {what}, which is not supported")]
    Unsupported {
        /// The document.
        role: Role,
        /// The part.
        what: &'static str,
    },
    /// A key in the document is unusable.
    #[error("key {key_id} in {role} metadata is not usable")]
    Key {
        /// The document.
        role: Role,
        /// The id it is filed under.
        key_id: KeyId,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A key serves two purposes.
    #[error("root metadata uses key {key_id} for both {first} and {second}; a key has one purpose")]
    SharedKey {
        /// The key.
        key_id: Digest,
        /// One use.
        first: Purpose,
        /// Another.
        second: Purpose,
    },
    /// Two people share a key.
    #[error("root metadata gives key {key_id} to both {first} and {second}; a key belongs to one person")]
    SharedPerson {
        /// The key.
        key_id: Digest,
        /// One person.
        first: PersonId,
        /// Another.
        second: PersonId,
    },
    /// Too few good signatures.
    #[error(
        "{role} metadata version {version} has {valid} of {required} required signatures for role `{role}` of root \
         version {root_version}"
    )]
    Threshold {
        /// The document and its role.
        role: Role,
        /// Its version.
        version: u64,
        /// Distinct keys that signed.
        valid: usize,
        /// How many must.
        required: usize,
        /// The root version whose keys were asked.
        root_version: u64,
        /// Key ids on the document that the role does not name.
        unknown: Vec<KeyId>,
    },
    /// Signed by keys that counted once, and too few of them do still.
    #[error(
        "{role} metadata version {version} is signed with keys that counted under root version {before}; root version \
         {root_version} has revoked them"
    )]
    Revoked {
        /// The document and its role.
        role: Role,
        /// Its version.
        version: u64,
        /// The newest root version under which it had enough signatures.
        before: u64,
        /// The root version under which it has not.
        root_version: u64,
    },
    /// Length differs from what the signed parent states.
    #[error("{role} metadata is {found} bytes long, {expected} were signed")]
    Length {
        /// The document.
        role: Role,
        /// Signed length.
        expected: u64,
        /// Length found.
        found: u64,
    },
    /// Digest differs from what the signed parent states.
    #[error("{role} metadata has the digest {found}, {expected} was signed")]
    Digest {
        /// The document.
        role: Role,
        /// Signed digest.
        expected: Digest,
        /// Digest found.
        found: Digest,
    },
    /// Another hash differs from what the signed parent states, or is none that can be checked.
    #[error("{role} metadata has not the hashes that were signed")]
    Hash {
        /// The document.
        role: Role,
        /// How they differ.
        #[source]
        source: HashMismatch,
    },
    /// Targets metadata of a delegated role was refused.
    #[error("the targets metadata of the delegated role `{name}` is refused")]
    Delegated {
        /// The role.
        name: RoleName,
        /// Why.
        #[source]
        source: Box<Refusal>,
    },
    /// Too few good signatures by the keys that a delegator names.
    #[error("version {version} has {valid} of {required} required signatures by keys that {delegator} names")]
    DelegationThreshold {
        /// Whose delegation it is, made printable.
        delegator: String,
        /// The document's version.
        version: u64,
        /// Distinct keys that signed.
        valid: usize,
        /// How many must.
        required: usize,
    },
    /// A delegated role that snapshot metadata does not list.
    #[error("snapshot metadata version {version} does not list the delegated role `{name}`")]
    Unlisted {
        /// Version of the snapshot metadata.
        version: u64,
        /// The role.
        name: RoleName,
    },
    /// A search visited as many roles as one may.
    #[error("more than {limit} roles would have to be searched")]
    TooManyRoles {
        /// How many it may visit.
        limit: usize,
    },
    /// More new roots in one go than anybody needs.
    #[error("more than {limit} root metadata versions in one go")]
    TooManyRoots {
        /// How many are followed.
        limit: u64,
    },
    /// Version differs from what the signed parent states.
    #[error("{role} metadata has version {found}, but version {expected} belongs here")]
    VersionMismatch {
        /// The document.
        role: Role,
        /// The version the parent names (for root: the next one).
        expected: u64,
        /// Version found.
        found: u64,
    },
    /// Older than what was trusted before.
    #[error("{role} metadata version {found} is older than version {trusted}, which was trusted before")]
    Rollback {
        /// The document.
        role: Role,
        /// Version trusted before.
        trusted: u64,
        /// Version found.
        found: u64,
    },
    /// Same version as before with other content.
    #[error("{role} metadata version {version} differs from the version {version} trusted before")]
    Equivocation {
        /// The document.
        role: Role,
        /// The version both have.
        version: u64,
    },
    /// Snapshot metadata no longer lists a document.
    #[error("snapshot metadata version {version} no longer lists `{file}`")]
    Dropped {
        /// Version of the new snapshot metadata.
        version: u64,
        /// The document's file name.
        file: String,
    },
    /// Past its expiry.
    #[error("{role} metadata version {version} expired at {expires} (it is {now})")]
    Expired {
        /// The document.
        role: Role,
        /// Its version.
        version: u64,
        /// Its expiry.
        expires: Timestamp,
        /// The time it was compared with.
        now: Timestamp,
    },
    /// Offered before the document it depends on.
    #[error("{role} metadata cannot be judged before {needs} metadata is trusted")]
    Premature {
        /// The document.
        role: Role,
        /// What must come first.
        needs: Role,
    },
    /// Root metadata offered after other metadata was trusted under the old root.
    #[error("root metadata cannot change after timestamp metadata was trusted")]
    RootTooLate,
    /// What this site itself kept from earlier no longer verifies although its keys did not change.
    #[error("the {role} metadata kept from earlier does not verify; the stored trust state is damaged")]
    PreviousDamaged {
        /// The document.
        role: Role,
    },
}

impl Refusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        match self {
            Self::VersionMismatch { .. }
            | Self::Rollback { .. }
            | Self::Equivocation { .. }
            | Self::Dropped { .. }
            | Self::Expired { .. } => ExitClass::Order,
            Self::Delegated { source, .. } => source.exit_class(),
            Self::TooLarge { .. }
            | Self::TooManyRoots { .. }
            | Self::TooManyRoles { .. }
            | Self::Hash { .. }
            | Self::DelegationThreshold { .. }
            | Self::Unlisted { .. }
            | Self::Malformed { .. }
            | Self::Unsupported { .. }
            | Self::Key { .. }
            | Self::SharedKey { .. }
            | Self::SharedPerson { .. }
            | Self::Threshold { .. }
            | Self::Revoked { .. }
            | Self::Length { .. }
            | Self::Digest { .. }
            | Self::Premature { .. }
            | Self::RootTooLate
            | Self::PreviousDamaged { .. } => ExitClass::Signature,
        }
    }

    /// Returns the stable word for ledgers, vectors and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "metadata-too-large",
            Self::Malformed { .. } => "metadata-malformed",
            Self::Unsupported { .. } => "metadata-unsupported",
            Self::Key { .. } => "key-unusable",
            Self::SharedKey { .. } | Self::SharedPerson { .. } => "key-shared",
            Self::Threshold { .. } | Self::DelegationThreshold { .. } => "threshold",
            Self::Revoked { .. } => "revoked",
            Self::Delegated { source, .. } => source.code(),
            Self::Unlisted { .. } => "unlisted",
            Self::TooManyRoles { .. } | Self::TooManyRoots { .. } => "metadata-limit",
            Self::Length { .. } => "metadata-length",
            Self::Digest { .. } | Self::Hash { .. } => "metadata-digest",
            Self::VersionMismatch { .. } => "metadata-version",
            Self::Rollback { .. } => "rollback",
            Self::Equivocation { .. } => "equivocation",
            Self::Dropped { .. } => "dropped",
            Self::Expired { .. } => "expired",
            Self::Premature { .. } | Self::RootTooLate => "metadata-order",
            Self::PreviousDamaged { .. } => "trust-state",
        }
    }

    /// Returns the document that was refused.
    pub const fn role(&self) -> Role {
        match self {
            Self::TooLarge { role, .. }
            | Self::Malformed { role, .. }
            | Self::Unsupported { role, .. }
            | Self::Key { role, .. }
            | Self::Threshold { role, .. }
            | Self::Revoked { role, .. }
            | Self::Length { role, .. }
            | Self::Digest { role, .. }
            | Self::Hash { role, .. }
            | Self::VersionMismatch { role, .. }
            | Self::Rollback { role, .. }
            | Self::Equivocation { role, .. }
            | Self::Expired { role, .. }
            | Self::Premature { role, .. }
            | Self::PreviousDamaged { role } => *role,
            Self::Dropped { .. } | Self::Unlisted { .. } => Role::Snapshot,
            Self::Delegated { .. } | Self::DelegationThreshold { .. } | Self::TooManyRoles { .. } => Role::Targets,
            Self::SharedKey { .. } | Self::SharedPerson { .. } | Self::RootTooLate | Self::TooManyRoots { .. } => {
                Role::Root
            }
        }
    }
}
