//! Where things lie in the state directory of an isolated repository.
//!
//! Names only; nothing here touches the disk. The tree below `published/` is the one part that other programs read.

use std::path::{Path, PathBuf};

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

    /// Returns the public key file that hosts are given.
    pub fn keyring(&self) -> PathBuf {
        self.published().join(KEYRING)
    }
}
