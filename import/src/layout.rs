//! Where things lie in the state directory of an isolated repository.
//!
//! Names, and whose the directories must be before anything is written there. The tree below `published/` is the one part
//! that other programs read.

use std::path::{Path, PathBuf};

use sealift_fs::{Links, PrivateError, check_directory};
use sealift_model::{ChannelId, Digest, Sequence, StreamId};
use sealift_trust::Role;

/// Name of the public key file that hosts are given, below `published/`.
pub const KEYRING: &str = "sealift-archive-keyring.asc";

/// Paths of a state directory.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Names the paths below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the state directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Checks that nobody but us decides what stands in these directories, or where they lead.
    ///
    /// Everything secret or undecided is written there under names that can be foretold, so a directory or link that
    /// somebody else put there is not used. Store and published trees may be links to a disk of their own.
    ///
    /// # Errors
    /// The first directory that is a link, belongs to somebody else, or can be written to by others.
    pub fn check(&self) -> Result<(), PrivateError> {
        check_directory(&self.root, Links::Follow)?;
        for (path, links) in [
            (self.quarantine(), Links::Refuse),
            (self.trust(), Links::Refuse),
            (self.bundles(), Links::Refuse),
            (self.site(), Links::Refuse),
            (self.store(), Links::Follow),
            (self.wanted(), Links::Refuse),
            (self.quarantine_store(), Links::Refuse),
            (self.waiting(), Links::Refuse),
            (self.verdicts(), Links::Refuse),
            (self.published(), Links::Follow),
            (self.trees(), Links::Follow),
        ] {
            match check_directory(&path, links) {
                // Made when it is needed.
                Err(PrivateError::Fs(error)) if error.is_not_found() => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Returns `import.toml`.
    pub fn config(&self) -> PathBuf {
        self.root.join("import.toml")
    }

    /// Returns the directory of the trusted metadata.
    pub fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    /// Returns the file of one trusted document: `7.root.json`, and with its digest `7.<64 hex>.timestamp.json`.
    ///
    /// Of all roles but root two documents of one version can be signed; the one that the floors name must stay until
    /// they name the other.
    pub fn trust_document(&self, role: Role, version: u64, sha256: Digest) -> PathBuf {
        self.trust().join(match role {
            Role::Root => format!("{version}.root.json"),
            _ => format!("{version}.{sha256}.{role}.json"),
        })
    }

    /// Returns the second copy of the floors.
    pub fn floor(&self) -> PathBuf {
        self.trust().join("floor.json")
    }

    /// Returns the index.
    pub fn index(&self) -> PathBuf {
        self.root.join("index.sqlite")
    }

    /// Returns the store of blobs.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Returns the directory of what `scrub` set aside or misses, a file a digest. On the store's disk.
    pub fn wanted(&self) -> PathBuf {
        self.store().join("wanted")
    }

    /// Returns the directory of accepted bundles.
    pub fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }

    /// Returns the directory of one accepted bundle: manifest, evidence, and the metadata it came with.
    pub fn bundle(&self, stream: &StreamId, sequence: Sequence) -> PathBuf {
        self.bundles().join(stream.as_str()).join(sequence.to_string())
    }

    /// Returns the directory in which documents of a medium are judged.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Returns the store of blobs, as media carry them, of bundles that are not accepted yet.
    pub fn quarantine_store(&self) -> PathBuf {
        self.root.join("quarantine-store")
    }

    /// Returns the directory of bundles that are judged by their documents and not accepted yet.
    pub fn waiting(&self) -> PathBuf {
        self.root.join("waiting")
    }

    /// Returns the directory of one waiting bundle (format/waiting §1).
    pub fn waiting_bundle(&self, stream: &StreamId, sequence: Sequence) -> PathBuf {
        self.waiting().join(stream.as_str()).join(sequence.to_string())
    }

    /// Returns the directory of the verdicts of scanners (format/scan §3).
    pub fn verdicts(&self) -> PathBuf {
        self.root.join("verdicts")
    }

    /// Returns the directory of the site's own keys.
    pub fn site(&self) -> PathBuf {
        self.root.join("site")
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.jsonl")
    }

    /// Returns the directory that web servers and hosts read.
    pub fn published(&self) -> PathBuf {
        self.root.join("published")
    }

    /// Returns the link to a channel's current tree.
    pub fn channel(&self, channel: &ChannelId) -> PathBuf {
        self.published().join(channel.as_str())
    }

    /// Returns the directory that holds the trees.
    pub fn trees(&self) -> PathBuf {
        self.published().join(".trees")
    }

    /// Returns the signed note on how old the trust behind the published trees is.
    pub fn trust_note(&self) -> PathBuf {
        self.published().join(sealift_site::trust_note::FILE)
    }

    /// Returns the public key file that hosts are given.
    pub fn keyring(&self) -> PathBuf {
        self.published().join(KEYRING)
    }
}
