//! The keys of one directory, opened with one passphrase.

use std::path::Path;

use sealift_fs::list_dir;
use sealift_trust::{Purpose, Statement};

use crate::key_file::{KeyFile, KeyFileError};
use crate::metadata::{self, MetadataError};
use crate::passphrase::Passphrase;
use crate::secret::SecretKey;

/// Opened keys, sorted by key id.
#[derive(Debug)]
pub struct KeyDir {
    keys: Vec<SecretKey>,
}

impl KeyDir {
    /// Opens the `*.key` files of a directory whose purpose is one of `purposes`; others stay sealed.
    pub fn open(dir: &Path, passphrase: &Passphrase, purposes: &[Purpose]) -> Result<Self, KeyFileError> {
        let mut keys: Vec<SecretKey> = Vec::new();
        for file in key_files(dir)? {
            if !purposes.contains(&file.purpose()) {
                continue;
            }
            if keys.iter().any(|key| key.public() == file.public()) {
                let path = sealift_model::escape::printable(&file.path().to_string_lossy());
                return Err(KeyFileError::Twice { path });
            }
            keys.push(file.open(passphrase)?);
        }
        keys.sort_unstable_by_key(SecretKey::id);
        Ok(Self { keys })
    }

    /// Takes keys that are open already.
    pub fn from_keys(mut keys: Vec<SecretKey>) -> Self {
        keys.sort_unstable_by_key(SecretKey::id);
        Self { keys }
    }

    /// Returns the opened keys of a purpose.
    pub fn keys(&self, purpose: Purpose) -> impl Iterator<Item = &SecretKey> {
        self.keys.iter().filter(move |key| key.purpose() == purpose)
    }

    /// Adds the signature of every opened key of the document's role.
    pub fn sign_metadata(&self, document: &[u8]) -> Result<Vec<u8>, MetadataError> {
        let role = metadata::role_of(document)?;
        self.keys(role.into()).try_fold(document.to_vec(), |bytes, key| metadata::sign_metadata(&bytes, key))
    }

    /// Seals a statement in an envelope signed by every opened evidence key.
    pub fn sign_statement(&self, statement: &Statement) -> Result<Vec<u8>, MetadataError> {
        metadata::sign_statement(statement, self.keys(Purpose::Evidence))
    }
}

/// Reads the `*.key` files of a directory, sorted by name, without opening them.
pub fn key_files(dir: &Path) -> Result<Vec<KeyFile>, KeyFileError> {
    let names = list_dir(dir)?;
    names.iter().filter(|name| name.strip_suffix(".key").is_some()).map(|name| KeyFile::read(&dir.join(name))).collect()
}
