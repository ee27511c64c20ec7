//! How many of the signatures that a document needs are there, and who may give the others.

use sealift_model::Digest;
use sealift_trust::metadata::{Body, RoleKeys};
use sealift_trust::{PublicKey, Role, Root, Signed, Snapshot, Targets, TimestampMeta};
use serde::Serialize;

use crate::metadata::{self, MetadataError};

/// The signatures of one document, counted by the keys of one root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The role that must sign.
    pub role: Role,
    /// Version of the root whose keys are counted.
    pub root_version: u64,
    /// Good signatures by distinct keys.
    pub valid: usize,
    /// How many there must be.
    pub required: usize,
    /// Keys that may still sign.
    pub waiting: Vec<Digest>,
    /// Keys that have signed.
    pub signed: Vec<Digest>,
}

impl Tally {
    /// Tells whether enough have signed.
    pub fn is_complete(&self) -> bool {
        self.valid >= self.required
    }

    /// Tells whether the role names this key.
    pub fn names(&self, key: Digest) -> bool {
        self.waiting.contains(&key) || self.signed.contains(&key)
    }
}

/// Counts a document's signatures by the keys of `root`; new root metadata is counted by its own keys as well, since it
/// needs both.
pub fn tallies(document: &[u8], root: &Signed<Root>) -> Result<Vec<Tally>, MetadataError> {
    Ok(match metadata::role_of(document)? {
        Role::Root => {
            let new = Signed::<Root>::parse(document)?;
            let mut both = vec![count(&new, root)];
            if new.covered() != root.covered() {
                both.push(count(&new, &new));
            }
            both
        }
        Role::Targets => vec![count(&Signed::<Targets>::parse(document)?, root)],
        Role::Snapshot => vec![count(&Signed::<Snapshot>::parse(document)?, root)],
        Role::Timestamp => vec![count(&Signed::<TimestampMeta>::parse(document)?, root)],
    })
}

fn count<T: Body>(document: &Signed<T>, root: &Signed<Root>) -> Tally {
    let keys: &RoleKeys = root.body().role(T::ROLE);
    let signed: Vec<Digest> = document.signers(keys).into_iter().map(PublicKey::id).collect();
    Tally {
        role: T::ROLE,
        root_version: root.version(),
        valid: signed.len(),
        required: keys.threshold(),
        waiting: keys.keys().map(PublicKey::id).filter(|id| !signed.contains(id)).collect(),
        signed,
    }
}
