//! Signatures made elsewhere, checked and put where they belong (format/draft §3).
//!
//! The same path serves drafts of a root and targets metadata that a mirror left to be signed. Whoever brings the
//! signature proves nothing by it: the key must be named by the role, and the signature must be of exactly these bytes.

use sealift_model::Digest;
use sealift_trust::metadata::Body;
use sealift_trust::{PublicKey, Role, Root, Signed, Snapshot, Targets, TimestampMeta};

use crate::metadata::{self, MetadataError};

/// Largest signature file: ECDSA P-256 in DER takes at most 72 bytes, Ed25519 64.
pub const SIGNATURE_LIMIT: u64 = 128;

/// Why a signature was not attached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachRefusal {
    /// The document's role does not name the key.
    #[error("role `{role}` does not name key {key}")]
    NotNamed {
        /// The role.
        role: Role,
        /// The key.
        key: Digest,
    },
    /// The signature is not of these bytes by this key.
    #[error("this is not a signature of this document by key {key}")]
    Wrong {
        /// The key.
        key: Digest,
    },
    /// The key has signed already.
    #[error("key {key} has signed this document already")]
    Already {
        /// The key.
        key: Digest,
    },
    /// The document cannot be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// Returns `document` with the signature, if `key` is named for its role by one of `roots`, has not signed yet, and the
/// signature is good.
pub fn attach(
    document: &[u8],
    roots: &[&Signed<Root>],
    key: &PublicKey,
    signature: &[u8],
) -> Result<Vec<u8>, AttachRefusal> {
    match metadata::role_of(document)? {
        Role::Root => attach_to::<Root>(document, roots, key, signature),
        Role::Targets => attach_to::<Targets>(document, roots, key, signature),
        Role::Snapshot => attach_to::<Snapshot>(document, roots, key, signature),
        Role::Timestamp => attach_to::<TimestampMeta>(document, roots, key, signature),
    }
}

fn attach_to<T: Body>(
    document: &[u8],
    roots: &[&Signed<Root>],
    key: &PublicKey,
    signature: &[u8],
) -> Result<Vec<u8>, AttachRefusal> {
    let signed = Signed::<T>::parse(document).map_err(MetadataError::from)?;
    let keys = || roots.iter().map(|root| root.body().role(T::ROLE));
    if !keys().any(|keys| keys.names(key)) {
        return Err(AttachRefusal::NotNamed { role: T::ROLE, key: key.id() });
    }
    if keys().any(|keys| signed.signers(keys).into_iter().any(|signer| same_key(signer, key))) {
        return Err(AttachRefusal::Already { key: key.id() });
    }
    if !key.verifies(signed.covered(), signature) {
        return Err(AttachRefusal::Wrong { key: key.id() });
    }
    Ok(metadata::put_signature::<T>(document, key.id(), signature)?)
}

/// Tells whether two keys are the same public key, under whatever id they are filed.
pub fn same_key(one: &PublicKey, other: &PublicKey) -> bool {
    one.material() == other.material()
}
