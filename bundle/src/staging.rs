//! A `SEALIFT` directory in the making: built beside its place, durable before it gets its name.
//!
//! Dropped before [`Staging::publish`], it leaves nothing behind. What a killed run left is removed by the next one.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError, copy_hashed, create_dir, create_dir_all, medium, remove_tree, sync_filesystem};
use sealift_model::{Digest, Hasher, RelPath};

use crate::convenience::{HOWTO, VERIFY_PY, sums};
use crate::layout::{SUMS, checked};
use crate::source::TOP;

/// Name of the directory while it is built.
const PARTIAL: &str = ".SEALIFT.partial";

/// The directory in the making.
#[derive(Debug)]
pub(crate) struct Staging {
    partial: PathBuf,
    top: PathBuf,
    sums: BTreeMap<String, Digest>,
}

impl Staging {
    /// Begins below `dir`, which must exist.
    pub(crate) fn begin(dir: &Path) -> Result<Self, PathError> {
        let partial = dir.join(PARTIAL);
        remove_tree(&partial)?;
        create_dir(&partial, Mode::Public)?;
        let staging = Self { partial, top: dir.join(TOP), sums: BTreeMap::new() };
        for dir in ["trust/metadata", "bundles", "blobs/sha256"] {
            create_dir_all(&staging.partial.join(dir), Mode::Public)?;
        }
        Ok(staging)
    }

    /// Returns where a file is while it has no name.
    pub(crate) fn path(&self, path: &RelPath) -> PathBuf {
        self.partial.join(path)
    }

    /// Notes a file that is on the medium already, for the sums.
    pub(crate) fn note(&mut self, path: &RelPath, digest: Digest) {
        self.sums.insert(path.to_string(), digest);
    }

    /// Tells whether the file is noted already: the new one of two decides.
    pub(crate) fn knows(&self, path: &RelPath) -> bool {
        self.sums.contains_key(path.as_str())
    }

    /// Writes a file.
    pub(crate) fn write(&mut self, path: &RelPath, bytes: &[u8]) -> Result<(), PathError> {
        let target = self.make_parent(path)?;
        let mut file = medium::create_plain(&target)?;
        file.write_all(bytes).map_err(|e| PathError::new("write", &target, e))?;
        self.note(path, Digest::of(bytes));
        Ok(())
    }

    /// Gives a file of another place a second name; false if the file system cannot.
    pub(crate) fn link(&mut self, from: &Path, path: &RelPath, digest: Digest) -> Result<bool, PathError> {
        let target = self.make_parent(path)?;
        let linked = medium::hard_link(from, &target)?;
        self.note(path, digest);
        Ok(linked)
    }

    /// Tells whether the first of `files` that is there can be linked; true without any.
    pub(crate) fn can_link(&self, mut files: impl Iterator<Item = PathBuf>) -> Result<bool, PathError> {
        match files.find(|file| file.is_file()) {
            Some(file) => medium::hard_link(&file, &self.partial.join("link")),
            None => Ok(true),
        }
    }

    /// Copies at most `limit` bytes, hashing them, and returns their digest and length.
    pub(crate) fn copy(
        &mut self,
        from: &mut dyn Read,
        path: &RelPath,
        limit: u64,
        tick: &mut dyn FnMut(u64),
    ) -> Result<(Digest, u64), CopyError> {
        let target = self.make_parent(path)?;
        let mut file = medium::create_plain(&target)?;
        let mut from = Tagged { inner: from, failed: false };
        let copied = copy_hashed(&mut from, &mut file, limit, tick);
        let (digest, len) = match copied {
            Ok(done) => done,
            Err(e) if from.failed || e.kind() == io::ErrorKind::FileTooLarge => return Err(CopyError::Read(e)),
            Err(e) => return Err(PathError::new("write", &target, e).into()),
        };
        self.note(path, digest);
        Ok((digest, len))
    }

    fn make_parent(&self, path: &RelPath) -> Result<PathBuf, PathError> {
        let target = self.path(path);
        if let Some(parent) = target.parent() {
            create_dir_all(parent, Mode::Public)?;
        }
        Ok(target)
    }

    /// Writes the files for people, the sums last.
    pub(crate) fn write_convenience(&mut self) -> Result<(), PathError> {
        self.write(&checked("HOWTO-VERIFY.txt"), HOWTO.as_bytes())?;
        self.write(&checked("verify.py"), VERIFY_PY.as_bytes())?;
        let text = sums(&self.sums);
        self.write(&checked(SUMS), text.as_bytes())
    }

    /// Makes everything written so far durable.
    pub(crate) fn sync(&self) -> Result<(), PathError> {
        sync_filesystem(&self.partial)
    }

    /// Makes the directory durable and gives it its name, which nothing may have yet.
    pub(crate) fn publish(self) -> Result<PathBuf, PathError> {
        self.sync()?;
        sealift_fs::rename(&self.partial, &self.top)?;
        Ok(self.top.clone())
    }

    /// Moves one file or directory to its place in a `SEALIFT` that is there already.
    pub(crate) fn move_into_place(&self, path: &RelPath) -> Result<(), PathError> {
        let target = self.top.join(path);
        if let Some(parent) = target.parent() {
            create_dir_all(parent, Mode::Public)?;
        }
        medium::move_to(&self.path(path), &target)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `publish` there is nothing here. A failure leaves a name that the next run removes.
        let _ = remove_tree(&self.partial);
    }
}

/// Which side of a copy failed.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The bytes could not be read.
    Read(io::Error),
    /// They could not be written.
    Write(PathError),
}

impl From<PathError> for CopyError {
    fn from(error: PathError) -> Self {
        Self::Write(error)
    }
}

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

/// Returns the digest of everything a reader has.
pub(crate) fn digest_of(mut from: impl Read) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
