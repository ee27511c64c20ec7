//! The store: a directory of blobs, each named by its SHA-256 digest.
//!
//! `DIR/sha256/ab/abcdef…`. A name exists only for content that was hashed while it was written; nothing from outside
//! becomes part of a path. Blobs are never changed, only added and removed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sealift_model::{Digest, Progress};

use crate::error::{Context, PathError};
use crate::file::{self, Mode};
use crate::lock::Lock;
use crate::new_file::{NewFile, Unnamed};
use crate::partial::Whole;
use crate::raw;

/// A content-addressed directory of blobs.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Why a blob was not stored or is not as it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The bytes are not those the digest names.
    #[error("content has digest {got}, expected {expected}")]
    WrongDigest {
        /// The digest asked for.
        expected: Digest,
        /// The digest of the bytes that came.
        got: Digest,
    },
    /// Fewer or more bytes than declared.
    #[error("content of {digest} is {got} bytes, expected {expected}")]
    WrongSize {
        /// Which blob.
        digest: Digest,
        /// Declared size in bytes.
        expected: u64,
        /// Bytes that came; for longer content, the bytes read before stopping.
        got: u64,
    },
    /// The source of the bytes failed.
    #[error("cannot read the content of {digest}")]
    Source {
        /// Which blob.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// The store's own disk failed.
    #[error(transparent)]
    Io(#[from] PathError),
}

impl Store {
    /// Opens the store in `dir`, creating the directory if it is not there.
    pub fn open(dir: &Path) -> Result<Self, PathError> {
        file::create_dir_all(&dir.join("sha256"), Mode::Public)?;
        Ok(Self { root: dir.to_owned() })
    }

    /// Returns where a blob is or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.root.join("sha256").join(&hex[..2]).join(hex)
    }

    /// Tells whether the blob is there, with the size `size`. Its bytes are not read.
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        std::fs::symlink_metadata(self.path(digest)).is_ok_and(|m| m.is_file() && m.len() == size)
    }

    /// Opens a blob for reading. Its bytes are not checked.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, PathError> {
        let path = self.path(digest);
        File::open(&path).context("open the blob", &path)
    }

    /// Reads a small blob and checks its digest.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let bytes = file::read_capped(&self.path(digest), limit)?;
        let got = Digest::of(&bytes);
        if got == *digest { Ok(bytes) } else { Err(StoreError::WrongDigest { expected: *digest, got }) }
    }

    /// Stores `bytes` and returns their digest; durable when it returns.
    pub fn insert(&self, bytes: &[u8]) -> Result<Digest, PathError> {
        let digest = Digest::of(bytes);
        if self.has(&digest, bytes.len() as u64) {
            return Ok(digest);
        }
        let mut file = self.new_blob(&digest)?;
        file.write_all(bytes)?;
        file.replace()?;
        file::sync_dir_for(&self.root.join("sha256"), "insert, new directory")?;
        Ok(digest)
    }

    /// Begins a batch of insertions that share their syncs.
    pub fn batch(&self) -> Batch<'_> {
        Batch { store: self, pending: Mutex::default() }
    }

    /// Writes a stream that must have this digest and size to a temporary file, reading at most `size` + 1 bytes.
    fn receive(
        &self,
        from: &mut dyn Read,
        digest: &Digest,
        size: u64,
        progress: &dyn Progress,
    ) -> Result<NewFile, StoreError> {
        let mut file = self.new_blob(digest)?;
        let mut source = Tagged { inner: from, failed: false };
        let copied = file::copy_hashed(&mut source, &mut file, size, &mut |n| progress.advance(n));
        let (got, len) = match copied {
            Ok(done) => done,
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge && !source.failed => {
                return Err(StoreError::WrongSize { digest: *digest, expected: size, got: size.saturating_add(1) });
            }
            Err(source_error) if source.failed => {
                return Err(StoreError::Source { digest: *digest, source: source_error });
            }
            Err(e) => return Err(PathError::new("write", file.target(), e).into()),
        };
        if len != size {
            return Err(StoreError::WrongSize { digest: *digest, expected: size, got: len });
        }
        if got != *digest {
            return Err(StoreError::WrongDigest { expected: *digest, got });
        }
        file.begin_writeback();
        Ok(file)
    }

    fn new_blob(&self, digest: &Digest) -> Result<NewFile, PathError> {
        let path = self.path(digest);
        self.make_shard(&path)?;
        NewFile::beside(&path, Mode::Public)
    }

    /// Makes the directory of a blob. Not synced: a batch ends with syncfs, [`Store::insert`] syncs it itself.
    fn make_shard(&self, blob: &Path) -> Result<(), PathError> {
        file::ensure_dir(blob.parent().unwrap_or(&self.root))
    }

    /// Makes everything on the store's file system durable (syncfs).
    #[track_caller]
    fn sync(&self, why: &'static str) -> Result<(), PathError> {
        raw::sync_all(&self.root, why).context("sync", &self.root)
    }

    /// Removes what a killed writer left behind and returns how many files that were. Only the one writer may call it.
    pub fn sweep(&self, _writer: &Lock) -> Result<u64, PathError> {
        let mut removed = 0;
        let top = self.root.join("sha256");
        for shard in file::list_dir(&top)? {
            let dir = top.join(shard);
            for name in file::list_dir(&dir)?.iter().filter(|name| name.starts_with(".tmp-")) {
                file::remove_file(&dir.join(name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Returns the digests of all blobs, in order. Their bytes are not checked.
    pub fn digests(&self) -> Result<Vec<Digest>, PathError> {
        let top = self.root.join("sha256");
        let mut found = Vec::new();
        for shard in file::list_dir(&top)? {
            found.extend(file::list_dir(&top.join(shard))?.iter().filter_map(|name| name.parse::<Digest>().ok()));
        }
        Ok(found)
    }

    /// Reads a blob again and checks its digest.
    pub fn verify(&self, digest: &Digest) -> Result<u64, StoreError> {
        let mut file = self.open_blob(digest)?;
        let (got, len) = file::copy_hashed(&mut file, &mut io::sink(), u64::MAX, &mut |_| ())
            .map_err(|source| StoreError::Source { digest: *digest, source })?;
        if got == *digest { Ok(len) } else { Err(StoreError::WrongDigest { expected: *digest, got }) }
    }

    /// Gives a blob a second name outside the store: a hard link, or a copy on another file system.
    pub fn link_to(&self, digest: &Digest, target: &Path) -> Result<(), PathError> {
        file::link_or_copy(&self.path(digest), target)
    }

    /// Takes blobs over from another store by renaming them, damaged ones of ours included; durable on return.
    ///
    /// Tells whether that is possible: `false`, with nothing changed, if the stores are on different file systems. A blob
    /// that is in neither is passed over.
    pub fn take_over(&self, other: &Self, digests: &[Digest]) -> Result<bool, PathError> {
        let mut moved = false;
        for digest in digests {
            let (from, to) = (other.path(digest), self.path(digest));
            self.make_shard(&to)?;
            match raw::rename(&from, &to) {
                Ok(()) => moved = true,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) if e.kind() == io::ErrorKind::CrossesDevices && !moved => return Ok(false),
                Err(e) => return Err(PathError::new("take over", &to, e)),
            }
        }
        if moved {
            self.sync("take over")?;
        }
        Ok(true)
    }

    /// Removes a blob; one that is not there is not an error.
    pub fn remove(&self, digest: &Digest) -> Result<(), PathError> {
        file::remove_file(&self.path(digest))
    }
}

/// Insertions that become durable together.
///
/// Content is written under temporary names; after each 256 MiB or 512 files, and at [`Batch::commit`], one syncfs makes
/// the bytes durable before they get their names. A name therefore never stands for bytes that a power cut can take back.
/// Usable from several threads. Dropped without commit, whole groups already named stay, the rest is removed.
#[derive(Debug)]
pub struct Batch<'a> {
    store: &'a Store,
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    files: Vec<Unnamed>,
    bytes: u64,
}

impl Batch<'_> {
    const GROUP_BYTES: u64 = 256 * 1024 * 1024;
    const GROUP_FILES: usize = 512;

    /// Copies a stream that must have this digest and size into the store. Content that is already there is not read.
    pub fn insert_stream(
        &self,
        from: &mut dyn Read,
        digest: &Digest,
        size: u64,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        if self.store.has(digest, size) {
            progress.advance(size);
            return Ok(());
        }
        let file = self.store.receive(from, digest, size, progress)?.into_unnamed();
        self.add(file, size)
    }

    /// Takes a finished download into the store by renaming it; both must be on one file system.
    pub fn adopt(&self, download: Whole) -> Result<(), StoreError> {
        let size = download.size();
        let target = self.store.path(download.digest());
        self.store.make_shard(&target)?;
        self.add(download.into_unnamed(target), size)
    }

    fn add(&self, file: Unnamed, size: u64) -> Result<(), StoreError> {
        let full = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.files.push(file);
            pending.bytes += size;
            let full = pending.bytes >= Self::GROUP_BYTES || pending.files.len() >= Self::GROUP_FILES;
            full.then(|| std::mem::take(&mut *pending))
        };
        full.map_or(Ok(()), |group| self.name(group).map_err(StoreError::from))
    }

    /// Makes the rest durable and visible.
    pub fn commit(self) -> Result<(), PathError> {
        let rest = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.name(rest)
    }

    fn name(&self, group: Pending) -> Result<(), PathError> {
        if group.files.is_empty() {
            return Ok(());
        }
        self.store.sync("batch, content")?;
        for file in group.files {
            // What stands there is damaged, or the same: it was asked for before the content was taken.
            file.replace()?;
        }
        self.store.sync("batch, names")
    }
}

/// Remembers whether an error came from the reader, to tell a bad medium from a full disk.
struct Tagged<'a> {
    inner: &'a mut dyn Read,
    failed: bool,
}

impl Read for Tagged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        self.failed |= matches!(&result, Err(e) if e.kind() != io::ErrorKind::Interrupted);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_model::Silent;

    #[test]
    fn only_right_content_gets_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let digest = Digest::of(b"content");
        for wrong in [&b"conten"[..], b"content!", b"c0ntent"] {
            let batch = store.batch();
            assert!(batch.insert_stream(&mut &wrong[..], &digest, 7, &Silent).is_err());
            batch.commit().unwrap();
            assert!(!store.has(&digest, 7));
        }
        let batch = store.batch();
        batch.insert_stream(&mut &b"content"[..], &digest, 7, &Silent).unwrap();
        assert!(!store.has(&digest, 7), "not visible before it is durable");
        batch.commit().unwrap();
        assert_eq!(store.read(&digest, 7).unwrap(), b"content");
        assert_eq!(store.insert(b"content").unwrap(), digest);
        let names = file::list_dir(store.path(&digest).parent().unwrap()).unwrap();
        assert_eq!(names, [digest.to_hex()], "no temporary file is left");
    }

    #[test]
    fn blobs_taken_over_are_in_one_store_and_not_in_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (Store::open(&dir.path().join("a")).unwrap(), Store::open(&dir.path().join("b")).unwrap());
        let (digest, nowhere) = (from.insert(b"content").unwrap(), Digest::of(b"nowhere"));
        assert!(to.take_over(&from, &[nowhere, digest]).unwrap());
        assert_eq!(to.read(&digest, 7).unwrap(), b"content");
        assert_eq!((from.digests().unwrap(), to.digests().unwrap()), (vec![], vec![digest]));
        assert!(to.take_over(&from, &[digest]).unwrap(), "again, as after a kill");
    }

    #[test]
    fn leftovers_of_a_killed_writer_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let digest = store.insert(b"content").unwrap();
        let leftover = store.path(&digest).with_file_name(".tmp-abc");
        std::fs::write(&leftover, "half").unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        assert_eq!(store.sweep(&lock).unwrap(), 1);
        assert_eq!(store.digests().unwrap(), [digest]);
    }

    #[test]
    fn changed_blobs_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let digest = store.insert(b"content").unwrap();
        std::fs::write(store.path(&digest), "c0ntent").unwrap();
        assert!(matches!(store.verify(&digest), Err(StoreError::WrongDigest { .. })));
        assert!(store.read(&digest, 7).is_err());
    }
}
