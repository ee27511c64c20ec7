//! The trust metadata this mirror hands out: `trust/metadata/` in the state directory.
//!
//! Holds the root chain copied from the key desk and the newest targets, snapshot and timestamp. The timestamp file is
//! replaced last: what it names is what this mirror stands behind, anything else in the directory is left over from a
//! run that was cut. Nothing is handed out that the pinned chain would refuse, and nothing is continued from that the
//! chain's keys did not sign.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealift_bundle::metadata::MetadataFiles;
use sealift_bundle::trust::verify_files;
use sealift_fs::{Lock, Mode, PathError};
use sealift_keys::{KeyDir, MetadataError};
use sealift_model::{RelPath, Timestamp};
use sealift_trust::metadata::Body;
use sealift_trust::{Previous, Refusal, Role, Signed, Snapshot, TargetInfo, Targets, TimestampMeta};

pub mod medium;
pub mod renew;
mod roots;

pub use roots::RootChain;

/// The metadata directory of a mirror.
#[derive(Debug, Clone)]
pub struct TrustDir {
    dir: PathBuf,
}

/// What the mirror stood behind last.
#[derive(Debug, Clone)]
pub struct Published {
    timestamp: Signed<TimestampMeta>,
    snapshot: Signed<Snapshot>,
    targets: Signed<Targets>,
}

/// Until when new metadata is valid.
#[derive(Debug, Clone, Copy)]
pub struct Expiry {
    /// Role snapshot.
    pub snapshot: Timestamp,
    /// Role timestamp.
    pub timestamp: Timestamp,
}

/// Why trust metadata was not read, made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The keys directory has no root of trust.
    #[error("{} has no root.json", .0.display())]
    NoRoot(PathBuf),
    /// A version of the root is missing between the first and the newest.
    #[error("the root of trust in {} is version {newest}, but {missing}.root.json is neither there nor in the mirror", .keys.display())]
    MissingRoot {
        /// The keys directory.
        keys: PathBuf,
        /// Version of its `root.json`.
        newest: u64,
        /// Version that is missing.
        missing: u64,
    },
    /// The keys directory has another root of trust than the one this mirror has used so far.
    #[error("version {version} of the root of trust in {} is not the one this mirror has used so far", .keys.display())]
    OtherRoot {
        /// The keys directory.
        keys: PathBuf,
        /// The version that differs.
        version: u64,
    },
    /// Metadata that readers would refuse.
    #[error("readers would refuse the trust metadata")]
    Refused(#[from] Refusal),
    /// Metadata in the state directory that the root's keys did not sign.
    #[error("{} is not what this mirror signed", .file.display())]
    Tampered {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Box<Refusal>,
    },
    /// Nothing was published yet.
    #[error("this mirror has published no trust metadata yet")]
    NothingPublished,
    /// A medium for metadata alone that holds something else.
    #[error("{} holds more than trust metadata", .0.display())]
    Occupied(PathBuf),
    /// What was written cannot be read back as it should be.
    #[error("{} does not hold what was written: {why}", .medium.display())]
    ReadBack {
        /// The medium.
        medium: PathBuf,
        /// Why.
        why: String,
    },
    /// A document could not be built or signed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

impl TrustDir {
    /// Returns the directory of the mirror whose state is in `state`. Nothing is read yet.
    pub fn of(state: &Path) -> Self {
        Self { dir: state.join("trust").join("metadata") }
    }

    /// Returns where a list of bundles lies that holders must sign anew.
    fn renewal(&self) -> PathBuf {
        self.dir.with_file_name("renewal")
    }

    fn read<T: Body>(&self, name: &str) -> Result<Vec<u8>, TrustError> {
        Ok(sealift_fs::read_capped(&self.dir.join(name), T::LIMIT as u64)?)
    }

    /// Reads what the mirror stood behind last; `None` before its first bundle.
    pub fn published(&self, roots: &RootChain) -> Result<Option<Published>, TrustError> {
        let name = "timestamp.json";
        let bytes = match self.read::<TimestampMeta>(name) {
            Err(TrustError::Fs(error)) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let timestamp: Signed<TimestampMeta> = self.judged(name, &bytes, roots)?;
        let named = timestamp.body().snapshot();
        let name = format!("{}.snapshot.json", named.version());
        let bytes = self.read::<Snapshot>(&name)?;
        named.check_bytes(Role::Snapshot, &bytes).map_err(|source| self.tampered(&name, source))?;
        let snapshot: Signed<Snapshot> = self.judged(&name, &bytes, roots)?;
        let named = snapshot.body().targets();
        let name = format!("{}.targets.json", named.version());
        let bytes = self.read::<Targets>(&name)?;
        named.check_bytes(Role::Targets, &bytes).map_err(|source| self.tampered(&name, source))?;
        let targets = self.judged(&name, &bytes, roots)?;
        Ok(Some(Published { timestamp, snapshot, targets }))
    }

    /// Parses a document of ours and refuses it unless the keys of some root of the chain signed it.
    fn judged<T: Body>(&self, name: &str, bytes: &[u8], roots: &RootChain) -> Result<Signed<T>, TrustError> {
        let document = Signed::<T>::parse(bytes).map_err(|source| self.tampered(name, source))?;
        roots.vouch_for(&document).map_err(|source| self.tampered(name, source))?;
        Ok(document)
    }

    fn tampered(&self, name: &str, source: Refusal) -> TrustError {
        TrustError::Tampered { file: self.dir.join(name), source: Box::new(source) }
    }

    /// Makes `files` what the mirror stands behind. **The timestamp file, written last, is the commit point.**
    pub fn publish(&self, _writer: &Lock, files: &MetadataFiles) -> Result<(), TrustError> {
        sealift_fs::create_dir_all(&self.dir, Mode::Public)?;
        let (last, earlier): (Vec<_>, Vec<_>) =
            files.files().into_iter().partition(|(name, _)| name == "timestamp.json");
        for (name, bytes) in earlier.into_iter().chain(last) {
            sealift_fs::replace(&self.dir.join(name), bytes, Mode::Public)?;
        }
        Ok(())
    }
}

impl Published {
    /// Returns the targets document.
    pub fn targets(&self) -> &Signed<Targets> {
        &self.targets
    }

    /// Returns the files as they go onto a medium.
    pub fn files(&self, roots: &RootChain) -> MetadataFiles {
        MetadataFiles {
            roots: roots.files().to_vec(),
            timestamp: self.timestamp.raw().to_vec(),
            snapshot: (self.snapshot.version(), self.snapshot.raw().to_vec()),
            targets: (self.targets.version(), self.targets.raw().to_vec()),
        }
    }
}

/// Returns unsigned targets metadata: what `published` lists and `keep` keeps, and `added`.
pub fn next_targets(
    published: Option<&Published>,
    expires: Timestamp,
    keep: impl Fn(&RelPath) -> bool,
    added: (RelPath, TargetInfo),
) -> Result<Vec<u8>, TrustError> {
    let mut list = BTreeMap::new();
    for (path, info) in published.iter().flat_map(|p| p.targets.body().iter()) {
        if keep(path) {
            list.insert(path.clone(), info.clone());
        }
    }
    list.insert(added.0, added.1);
    let version = published.map_or(0, |p| p.targets.version()).saturating_add(1);
    Ok(sealift_keys::metadata::targets(version, expires, &list)?)
}

/// Signs the snapshot and timestamp that belong to a signed targets document, and refuses the whole unless a reader who
/// knows the chain's first root, and what was published before, accepts it at `now`.
pub fn complete(
    roots: &RootChain,
    published: Option<&Published>,
    targets: Vec<u8>,
    (keys, expiry): (&KeyDir, Expiry),
    now: Timestamp,
) -> Result<MetadataFiles, TrustError> {
    let after = |version: Option<u64>| version.unwrap_or(0).saturating_add(1);
    let targets_version = Signed::<Targets>::parse(&targets)?.version();
    let version = after(published.map(|p| p.snapshot.version()));
    let draft = sealift_keys::metadata::snapshot(version, expiry.snapshot, &targets)?;
    let snapshot = (version, sign(roots, keys, Role::Snapshot, &draft)?);
    let version = after(published.map(|p| p.timestamp.version()));
    let draft = sealift_keys::metadata::timestamp(version, expiry.timestamp, &snapshot.1)?;
    let timestamp = sign(roots, keys, Role::Timestamp, &draft)?;
    let files =
        MetadataFiles { roots: roots.files().to_vec(), timestamp, snapshot, targets: (targets_version, targets) };
    let previous =
        Previous { timestamp: published.map(|p| p.timestamp.raw()), snapshot: published.map(|p| p.snapshot.raw()) };
    verify_files(&files, roots.first(), previous, now)?;
    Ok(files)
}

/// Signs a document with the opened keys that the newest root names for its role; other keys in the directory stay out.
pub fn sign(roots: &RootChain, keys: &KeyDir, role: Role, document: &[u8]) -> Result<Vec<u8>, TrustError> {
    let named = roots.newest().body().role(role);
    let usable = keys.keys(role.into()).filter(|key| named.names(key.public()));
    let sign = |bytes: Vec<u8>, key| sealift_keys::sign_metadata(&bytes, key);
    Ok(usable.into_iter().try_fold(document.to_vec(), sign)?)
}

/// Tells how many keys of a role are opened, and how many must sign.
pub fn available(roots: &RootChain, keys: &KeyDir, role: Role) -> (usize, usize) {
    let wanted = roots.newest().body().role(role);
    let usable = keys.keys(role.into()).filter(|key| wanted.names(key.public())).count();
    (usable, wanted.threshold())
}
