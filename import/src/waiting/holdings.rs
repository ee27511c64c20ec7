//! What is here of a bundle's content: in the store, where it is plain, or in the quarantine, as it came.

use std::fs::File;
use std::io::{self, Read};

use sealift_bundle::blob::decode;
use sealift_bundle::chain::Content;
use sealift_bundle::manifest::{Encoding, FileEntry, Stored};
use sealift_fs::{PathError, Store};
use sealift_model::Digest;

use crate::repository::Repository;

/// Store and quarantine, read together.
#[derive(Debug)]
pub struct Holdings {
    store: Store,
    quarantine: Option<Store>,
}

impl Holdings {
    /// Opens both; a quarantine that was never needed is not made.
    ///
    /// # Errors
    /// That a directory cannot be used.
    pub fn of(repository: &Repository) -> Result<Self, PathError> {
        Ok(Self { store: repository.store()?, quarantine: super::quarantine::existing(repository)? })
    }

    /// Tells whether the content of an entry is here. Its bytes were hashed when they came and are not read.
    ///
    /// Content that the bundle does not carry may lie in the quarantine too, as a blob of another bundle that waits.
    pub fn has(&self, entry: &FileEntry) -> bool {
        self.store.has(&entry.sha256, entry.size) || self.quarantined(entry).is_some()
    }

    /// Tells whether the content of an entry is in the store already.
    pub fn in_store(&self, entry: &FileEntry) -> bool {
        self.store.has(&entry.sha256, entry.size)
    }

    /// Returns how the quarantine has the content of an entry.
    pub fn quarantined(&self, entry: &FileEntry) -> Option<Stored> {
        let plain = Stored { encoding: Encoding::Identity, sha256: entry.sha256, size: entry.size };
        let here = |stored: &Stored| self.has_blob(&stored.sha256, stored.size);
        [entry.stored, Some(plain)].into_iter().flatten().find(here)
    }

    /// Tells whether a blob, piece or parity blob is in the quarantine.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        self.quarantine.as_ref().is_some_and(|store| store.has(digest, size))
    }

    /// Opens a blob as a medium carries it: out of the quarantine, or, where it is the content itself, out of the store.
    ///
    /// # Errors
    /// That it is in neither, or cannot be opened.
    pub fn open_blob(&self, digest: &Digest) -> io::Result<File> {
        let quarantined = self.quarantine.as_ref().filter(|store| store.path(digest).is_file());
        quarantined.unwrap_or(&self.store).open_blob(digest).map_err(io::Error::other)
    }

    /// Returns the path under which a scanner can be given a blob that is the content itself.
    pub fn plain_path(&self, entry: &FileEntry) -> Option<std::path::PathBuf> {
        if self.in_store(entry) {
            return Some(self.store.path(&entry.sha256));
        }
        let quarantine = self.quarantine.as_ref()?;
        quarantine.has(&entry.sha256, entry.size).then(|| quarantine.path(&entry.sha256))
    }
}

impl Content for Holdings {
    fn open(&self, entry: &FileEntry) -> io::Result<Box<dyn Read + Send + '_>> {
        if self.in_store(entry) {
            return Ok(Box::new(self.store.open_blob(&entry.sha256).map_err(io::Error::other)?));
        }
        let stored = self.quarantined(entry).ok_or(io::ErrorKind::NotFound)?;
        decode(stored, entry.size, self.open_blob(&stored.sha256)?)
    }
}
