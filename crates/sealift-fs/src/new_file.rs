//! A file in the making: written under a temporary name, durable before it gets its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Context, PathError};
use crate::file::{Mode, parent, sync_dir_for};
use crate::raw::{self, OutFile};
use crate::temporary;

/// A file that is being written and has no name yet. Dropped without [`NewFile::replace`] or
/// [`NewFile::keep_if_absent`], it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    file: OutFile,
    unnamed: Unnamed,
}

impl NewFile {
    /// Opens a temporary file beside `target`; the directory must exist.
    ///
    /// Its name comes from the target's, so that what a killed run left is taken away by the run that does its work.
    #[track_caller]
    pub fn beside(target: &Path, mode: Mode) -> Result<Self, PathError> {
        let dir = parent(target);
        let (file, temp) = temporary::create(target, mode.bits()).context("create a file in", dir)?;
        let unnamed = Unnamed { temp: Some(temp), target: target.to_owned() };
        // The mode asked for passed through the umask; a published file must be readable whatever it is.
        file.set_mode(mode.bits()).context("set the mode of", target)?;
        Ok(Self { file, unnamed })
    }

    /// Returns the path the file will get.
    pub fn target(&self) -> &Path {
        &self.unnamed.target
    }

    /// Writes all of `bytes`.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), PathError> {
        self.file.write_all(bytes).context("write", &self.unnamed.target)
    }

    /// Asks the kernel to begin writing the content to the disk, so that a later sync has less to wait for.
    pub(crate) fn begin_writeback(&self) {
        // The advice means "not needed in memory soon", which starts the writing of dirty pages at once. Without it the
        // disk idles until the sync. It is an advice: where it does nothing, nothing is lost.
        let _ = rustix::fs::fadvise(self.file.file(), 0, None, rustix::fs::Advice::DontNeed);
    }

    /// Makes the content durable and gives it its name, replacing what was there.
    #[track_caller]
    pub fn replace(self) -> Result<(), PathError> {
        let target = self.unnamed.target.clone();
        self.file.sync("replace, content").context("sync", &target)?;
        // Open, and so locked, until it has its name.
        let Self { file, unnamed } = self;
        unnamed.replace()?;
        drop(file);
        sync_dir_for(parent(&target), "replace, name")
    }

    /// Makes the content durable and gives it its name unless something already has it; tells whether it did.
    #[track_caller]
    pub fn keep_if_absent(self) -> Result<bool, PathError> {
        let target = self.unnamed.target.clone();
        self.file.sync("keep_if_absent, content").context("sync", &target)?;
        let Self { file, unnamed } = self;
        let named = unnamed.keep()?;
        drop(file);
        sync_dir_for(parent(&target), "keep_if_absent, name")?;
        Ok(named)
    }

    /// Closes the file; the caller, who is the only writer of the directory, syncs a whole group before any of it gets
    /// its name.
    pub(crate) fn into_unnamed(self) -> Unnamed {
        self.unnamed
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A complete, closed file under its temporary name; removed when dropped.
#[derive(Debug)]
pub(crate) struct Unnamed {
    temp: Option<PathBuf>,
    target: PathBuf,
}

impl Unnamed {
    /// Takes over a complete, closed file that already exists.
    pub(crate) fn existing(path: PathBuf, target: PathBuf) -> Self {
        Self { temp: Some(path), target }
    }

    /// Gives the file its name unless something already has it; tells whether it did. Syncs nothing.
    #[track_caller]
    pub(crate) fn keep(mut self) -> Result<bool, PathError> {
        let Some(temp) = &self.temp else { return Ok(false) };
        match raw::rename_new(temp, &self.target) {
            Ok(()) => self.temp = None,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(e) => return Err(PathError::new("create", &self.target, e)),
        }
        Ok(true)
    }

    /// Gives the file its name, replacing what has it. Syncs nothing.
    #[track_caller]
    pub(crate) fn replace(mut self) -> Result<(), PathError> {
        let Some(temp) = &self.temp else { return Ok(()) };
        raw::rename(temp, &self.target).context("replace", &self.target)?;
        self.temp = None;
        Ok(())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(temp) = &self.temp {
            // Left over if this fails; whoever owns the directory sweeps `.tmp-` names.
            let _ = raw::unlink(temp);
        }
    }
}
