//! A `SEALIFT` directory in the making: built beside its place, durable before it gets its name.
//!
//! Dropped before [`Staging::publish`], it leaves nothing behind. Of what a killed run left, the next one takes up the
//! blobs it would write itself and removes the rest.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sealift_fs::beneath::Kind;
use sealift_fs::{
    Beneath, Mode, PathError, copy_hashed, create_dir, create_dir_all, medium, remove_file, remove_tree,
    sync_filesystem,
};
use sealift_model::{Digest, Hasher, RelPath};

use crate::convenience::{HOWTO, VERIFY_PY, sums};
use crate::layout::{SUMS, blob_path, checked};
use crate::source::{MAX_ENTRIES, TOP};
use crate::write::prove::{HEAD, WrittenFile, read_whole};

/// Name of the directory while it is built.
pub(crate) const PARTIAL: &str = ".SEALIFT.partial";
/// Name of a directory that only tries whether the place can be written to.
pub(crate) const TRIAL: &str = ".SEALIFT.trial";

/// The directory in the making.
#[derive(Debug)]
pub(crate) struct Staging {
    partial: PathBuf,
    top: PathBuf,
    sums: BTreeMap<String, Digest>,
    written: BTreeMap<RelPath, WrittenFile>,
    left: BTreeMap<Digest, u64>,
}

impl Staging {
    /// Begins below `dir`, which must exist.
    pub(crate) fn begin(dir: &Path) -> Result<Self, PathError> {
        Self::take_up(dir, &BTreeMap::new())
    }

    /// Begins below `dir`, and keeps what a killed run left of the blobs `wanted`, given with their sizes.
    pub(crate) fn take_up(dir: &Path, wanted: &BTreeMap<Digest, u64>) -> Result<Self, PathError> {
        remove_tree(&dir.join(TRIAL))?;
        remove_tree(&dir.join(medium::PROBE_DIR))?;
        let partial = dir.join(PARTIAL);
        let left = left_over(&partial, wanted)?;
        if left.is_empty() {
            remove_tree(&partial)?;
        } else {
            prune(&partial, &left)?;
        }
        Self::make(dir, partial, left)
    }

    /// Begins one that is never published: it only shows whether `dir` can be written to.
    pub(crate) fn trial(dir: &Path) -> Result<Self, PathError> {
        let partial = dir.join(TRIAL);
        remove_tree(&partial)?;
        Self::make(dir, partial, BTreeMap::new())
    }

    fn make(dir: &Path, partial: PathBuf, left: BTreeMap<Digest, u64>) -> Result<Self, PathError> {
        if left.is_empty() {
            create_dir(&partial, Mode::Public)?;
        }
        let staging = Self { partial, top: dir.join(TOP), sums: BTreeMap::new(), written: BTreeMap::new(), left };
        for dir in ["trust/metadata", "bundles", "blobs/sha256"] {
            create_dir_all(&staging.partial.join(dir), Mode::Public)?;
        }
        Ok(staging)
    }

    /// Takes up a blob that a killed run left, if its bytes are right. Whatever else has its name is removed.
    pub(crate) fn take_blob(&mut self, blob: &Digest, tick: &mut dyn FnMut(u64)) -> Result<bool, PathError> {
        if self.left.remove(blob).is_none() {
            return Ok(false);
        }
        let path = blob_path(blob);
        let at = self.path(&path);
        // A file that cannot be read is as good as one that is not there.
        match read_whole(&at, tick) {
            Ok(file) if file.sha256 == *blob => {
                self.note(&path, *blob);
                self.written.insert(path, file);
                Ok(true)
            }
            _ => remove_file(&at).map(|()| false),
        }
    }

    /// Returns how many bytes of wanted blobs a killed run left.
    pub(crate) fn left_bytes(&self) -> u64 {
        self.left.values().fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// Returns the files that were written, to be read back. Links are not among them.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&RelPath, &WrittenFile)> {
        self.written.iter()
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
        let sha256 = Digest::of(bytes);
        self.note(path, sha256);
        let head = Some(Digest::of(bytes.get(..HEAD).unwrap_or(bytes)));
        self.written.insert(path.clone(), WrittenFile { sha256, size: bytes.len() as u64, head });
        Ok(())
    }

    /// Gives a file of another place a second name; false if the file system cannot.
    pub(crate) fn link(&mut self, from: &Path, path: &RelPath, digest: Digest) -> Result<bool, PathError> {
        let target = self.make_parent(path)?;
        if self.left.remove(&digest).is_some() {
            // What a killed run left may be this link, or half a copy; the new one decides.
            remove_file(&target)?;
        }
        let linked = medium::hard_link(from, &target)?;
        self.note(path, digest);
        Ok(linked)
    }

    /// Tells whether the first of `files` that is there can be linked; true without any.
    pub(crate) fn can_link(&self, mut files: impl Iterator<Item = PathBuf>) -> Result<bool, PathError> {
        match files.find(|file| file.is_file()) {
            Some(file) => {
                let name = self.partial.join("link");
                let linked = medium::hard_link(&file, &name)?;
                remove_file(&name)?;
                Ok(linked)
            }
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
        let mut from = Tagged { inner: from, failed: false, head: Vec::new() };
        let copied = copy_hashed(&mut from, &mut file, limit, tick);
        let (digest, len) = match copied {
            Ok(done) => done,
            Err(e) if from.failed || e.kind() == io::ErrorKind::FileTooLarge => return Err(CopyError::Read(e)),
            Err(e) => return Err(PathError::new("write", &target, e).into()),
        };
        medium::begin_writeback(&file);
        self.note(path, digest);
        let head = Some(Digest::of(&from.head));
        self.written.insert(path.clone(), WrittenFile { sha256: digest, size: len, head });
        Ok((digest, len))
    }

    fn make_parent(&self, path: &RelPath) -> Result<PathBuf, PathError> {
        let target = self.path(path);
        if let Some(parent) = target.parent() {
            create_dir_all(parent, Mode::Public)?;
        }
        Ok(target)
    }

    /// Writes the files for people, the sums last; returns the digest of these.
    pub(crate) fn write_convenience(&mut self) -> Result<Digest, PathError> {
        self.write(&checked("HOWTO-VERIFY.txt"), HOWTO.as_bytes())?;
        self.write(&checked("verify.py"), VERIFY_PY.as_bytes())?;
        let text = sums(&self.sums);
        self.write(&checked(SUMS), text.as_bytes())?;
        Ok(Digest::of(text.as_bytes()))
    }

    /// Makes everything written so far durable.
    pub(crate) fn sync(&self) -> Result<(), PathError> {
        sync_filesystem(&self.partial)
    }

    /// Gives the directory its name, which nothing may have yet. It must have been synced.
    pub(crate) fn publish(self) -> Result<PathBuf, PathError> {
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

/// Returns which of the blobs `wanted` a killed run left in `partial`, by name and size. Follows no link.
pub(crate) fn left_over(partial: &Path, wanted: &BTreeMap<Digest, u64>) -> Result<BTreeMap<Digest, u64>, PathError> {
    let blobs = checked("blobs/sha256");
    let tree = match partial.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() && !wanted.is_empty() => Beneath::open(partial)?,
        _ => return Ok(BTreeMap::new()),
    };
    if tree.kind(&blobs)? != Some(Kind::Dir) {
        return Ok(BTreeMap::new());
    }
    let right = |(name, kind): (String, Kind)| {
        let blob: Digest = name.parse().ok().filter(|blob: &Digest| blob.to_hex() == name)?;
        let size = *wanted.get(&blob)?;
        (kind == Kind::File(size)).then_some((blob, size))
    };
    Ok(tree.list(Some(&blobs), MAX_ENTRIES)?.into_iter().filter_map(right).collect())
}

/// Removes everything from `partial` but the blobs in `keep`.
fn prune(partial: &Path, keep: &BTreeMap<Digest, u64>) -> Result<(), PathError> {
    for (dir, kept) in [("", "blobs"), ("blobs", "sha256")] {
        let dir = partial.join(dir);
        for name in sealift_fs::list_dir(&dir)?.iter().filter(|name| *name != kept) {
            remove_tree(&dir.join(name))?;
        }
    }
    let dir = partial.join("blobs/sha256");
    for name in sealift_fs::list_dir(&dir)? {
        if !name.parse::<Digest>().is_ok_and(|blob| blob.to_hex() == name && keep.contains_key(&blob)) {
            remove_tree(&dir.join(name))?;
        }
    }
    Ok(())
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
    /// The first bytes, at most [`HEAD`].
    head: Vec<u8>,
}

impl Read for Tagged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        self.failed |= matches!(&result, Err(e) if e.kind() != io::ErrorKind::Interrupted);
        let read = result.as_ref().map_or(0, |read| *read);
        let room = HEAD.saturating_sub(self.head.len()).min(read);
        self.head.extend_from_slice(buffer.get(..room).unwrap_or_default());
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
