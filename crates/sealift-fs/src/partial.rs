//! Unfinished downloads: files named by the digest they are going to have.
//!
//! What came before an interruption stays and is hashed again before more is added, so a [`Partial`] never believes its
//! file. Only a whole and right one can become a blob, by [`Batch::adopt`](crate::Batch::adopt), without a second copy.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sealift_model::{Digest, Hasher};

use crate::error::{Context, PathError};
use crate::file;
use crate::new_file::Unnamed;
use crate::raw::OutFile;
use crate::store::StoreError;

/// A file that grows until it is the blob it is named by. Dropped before that, it stays for the next time.
#[derive(Debug)]
pub struct Partial {
    file: OutFile,
    path: PathBuf,
    hasher: Hasher,
    digest: Digest,
    size: u64,
}

/// A download that is whole and has the digest it should have.
#[derive(Debug)]
pub struct Whole {
    path: PathBuf,
    digest: Digest,
    size: u64,
}

impl Partial {
    /// Opens the file for `digest` in `dir`, hashing what is there. One that is already too long is emptied.
    pub fn open(dir: &Path, digest: &Digest, size: u64) -> Result<Self, PathError> {
        let path = dir.join(digest.to_hex());
        let mut file = OutFile::resume(&path, 0o644).context("open", &path)?;
        let mut hasher = Hasher::new();
        let mut buffer = Vec::new();
        while hasher.len() <= size {
            buffer.clear();
            (&mut file).take(256 * 1024).read_to_end(&mut buffer).context("read", &path)?;
            if buffer.is_empty() {
                break;
            }
            hasher.update(&buffer);
        }
        let mut partial = Self { file, path, hasher, digest: *digest, size };
        if partial.have() > size {
            partial.restart()?;
        }
        Ok(partial)
    }

    /// Returns the digest it is going to have.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns how many bytes are there.
    pub fn have(&self) -> u64 {
        self.hasher.len()
    }

    /// Returns how many bytes are missing.
    pub fn missing(&self) -> u64 {
        self.size.saturating_sub(self.have())
    }

    /// Empties the file.
    pub fn restart(&mut self) -> Result<(), PathError> {
        self.hasher = Hasher::new();
        self.file.cut(0).context("empty", &self.path)
    }

    /// Adds `bytes`; more than the declared size is an error and adds nothing.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() as u64 > self.missing() {
            let got = self.size.saturating_add(1);
            return Err(StoreError::WrongSize { digest: self.digest, expected: self.size, got });
        }
        // Written first: the hash may lag behind the file, which is read again, but never the other way round.
        self.file.write_all(bytes).context("write", &self.path)?;
        self.hasher.update(bytes);
        Ok(())
    }

    /// Checks that the file is whole and right. A whole but wrong one is removed, a short one stays.
    pub fn finish(self) -> Result<Whole, StoreError> {
        let Self { path, hasher, digest, size, .. } = self;
        if hasher.len() != size {
            return Err(StoreError::WrongSize { digest, expected: size, got: hasher.len() });
        }
        let got = hasher.finish();
        if got != digest {
            file::remove_file(&path)?;
            return Err(StoreError::WrongDigest { expected: digest, got });
        }
        Ok(Whole { path, digest, size })
    }
}

impl Whole {
    /// Returns the digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn into_unnamed(self, target: PathBuf) -> Unnamed {
        Unnamed::existing(self.path, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn a_resumed_download_becomes_a_blob_without_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let digest = Digest::of(b"content");
        let mut first = Partial::open(dir.path(), &digest, 7).unwrap();
        first.append(b"cont").unwrap();
        drop(first);
        let mut second = Partial::open(dir.path(), &digest, 7).unwrap();
        assert_eq!((second.have(), second.missing()), (4, 3));
        second.append(b"ent").unwrap();
        let batch = store.batch();
        batch.adopt(second.finish().unwrap()).unwrap();
        assert!(!store.has(&digest, 7), "not visible before it is durable");
        batch.commit().unwrap();
        assert_eq!(store.read(&digest, 7).unwrap(), b"content");
        assert!(!dir.path().join(digest.to_hex()).exists());
    }

    #[test]
    fn what_is_there_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"content");
        let path = dir.path().join(digest.to_hex());
        std::fs::write(&path, "c0nt").unwrap();
        let mut partial = Partial::open(dir.path(), &digest, 7).unwrap();
        partial.append(b"ent").unwrap();
        assert!(matches!(partial.finish(), Err(StoreError::WrongDigest { .. })));
        assert!(!path.exists(), "a wrong one is not resumed again");
        std::fs::write(&path, "content and more").unwrap();
        assert_eq!(Partial::open(dir.path(), &digest, 7).unwrap().have(), 0);
    }

    #[test]
    fn refuses_more_than_was_declared() {
        let dir = tempfile::tempdir().unwrap();
        let mut partial = Partial::open(dir.path(), &Digest::of(b"content"), 7).unwrap();
        assert!(matches!(partial.append(b"content!"), Err(StoreError::WrongSize { .. })));
        partial.append(b"conten").unwrap();
        assert!(matches!(partial.finish(), Err(StoreError::WrongSize { got: 6, .. })));
    }
}
