//! The operations that change the disk, each exactly one system call behind the [seam](crate::seam).
//!
//! Nothing else in this crate, and nothing outside it, changes a file, a name or a directory. Order and durability are
//! the callers' work.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

use crate::seam::{self, Op};

/// An open file that is written through the seam.
#[derive(Debug)]
pub struct OutFile {
    file: File,
    path: PathBuf,
    /// Where the next byte goes; `None` at the end, wherever that is.
    at: Option<u64>,
}

impl OutFile {
    /// Makes a file that must not exist yet; the mode passes through the umask.
    #[track_caller]
    pub(crate) fn create_new(path: &Path, mode: u32) -> io::Result<Self> {
        let open = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let file = seam::run(Op::Create { path, mode }, open)?;
        Ok(Self { file, path: path.to_owned(), at: Some(0) })
    }

    /// Opens a file for adding at its end, making it if it is not there.
    #[track_caller]
    pub(crate) fn append_to(path: &Path, mode: u32) -> io::Result<Self> {
        let open = || OpenOptions::new().append(true).create(true).mode(mode).open(path);
        let file = seam::run(Op::Create { path, mode }, open)?;
        Ok(Self { file, path: path.to_owned(), at: None })
    }

    /// Opens a file for reading and writing from its start, making it if it is not there.
    #[track_caller]
    pub(crate) fn resume(path: &Path, mode: u32) -> io::Result<Self> {
        let open = || OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(mode).open(path);
        let file = seam::run(Op::Create { path, mode }, open)?;
        Ok(Self { file, path: path.to_owned(), at: Some(0) })
    }

    /// Opens a file that is there, for writing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Self { file, path: path.to_owned(), at: Some(0) })
    }

    /// Sets the mode whatever the umask is.
    #[track_caller]
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let set = || self.file.set_permissions(Permissions::from_mode(mode));
        seam::run(Op::Chmod { path: &self.path, mode }, set)
    }

    /// Cuts the file to `len` bytes and goes on from there.
    #[track_caller]
    pub(crate) fn cut(&mut self, len: u64) -> io::Result<()> {
        seam::run(Op::Truncate { path: &self.path, len }, || self.file.set_len(len))?;
        self.file.seek(SeekFrom::Start(len))?;
        self.at = Some(len);
        Ok(())
    }

    /// Makes the content durable.
    #[track_caller]
    pub(crate) fn sync(&self, why: &'static str) -> io::Result<()> {
        seam::run(Op::SyncFile { path: &self.path, why }, || self.file.sync_all())
    }

    /// Returns the path it was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open file, for what does not change it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = &mut self.file;
        let written = seam::write(&self.path, self.at, bytes, |bytes| file.write(bytes))?;
        self.at = self.at.map(|at| at.saturating_add(written as u64));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for OutFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.at = self.at.map(|at| at.saturating_add(read as u64));
        Ok(read)
    }
}

/// Makes a directory; the mode passes through the umask.
#[track_caller]
pub(crate) fn mkdir(path: &Path, mode: u32) -> io::Result<()> {
    seam::run(Op::Mkdir { path, mode }, || fs::DirBuilder::new().mode(mode).create(path))
}

/// Sets the mode of a directory of ours.
#[track_caller]
pub(crate) fn chmod(path: &Path, mode: u32) -> io::Result<()> {
    seam::run(Op::Chmod { path, mode }, || fs::set_permissions(path, Permissions::from_mode(mode)))
}

/// Renames, replacing a file of that name.
#[track_caller]
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    seam::run(Op::Rename { from, to }, || fs::rename(from, to))
}

/// Renames unless the name is taken, which is an error.
#[track_caller]
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    let rename = || Ok(rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?);
    match seam::run(Op::Rename { from, to }, rename) {
        // A file system without this flag: a second name, which is never given twice, then the first goes.
        Err(e) if [Errno::INVAL, Errno::NOSYS].iter().any(|no| e.raw_os_error() == Some(no.raw_os_error())) => {
            link(from, to)?;
            unlink(from)
        }
        other => other,
    }
}

/// Gives a file a second name.
#[track_caller]
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    seam::run(Op::Link { from, to }, || fs::hard_link(from, to))
}

/// Makes a symbolic link.
#[track_caller]
pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    seam::run(Op::Symlink { target, link }, || std::os::unix::fs::symlink(target, link))
}

/// Removes the name of a file.
#[track_caller]
pub(crate) fn unlink(path: &Path) -> io::Result<()> {
    seam::run(Op::Unlink { path }, || fs::remove_file(path))
}

/// Removes an empty directory.
#[track_caller]
pub(crate) fn rmdir(path: &Path) -> io::Result<()> {
    seam::run(Op::Rmdir { path }, || fs::remove_dir(path))
}

/// Makes the names in a directory durable.
#[track_caller]
pub(crate) fn sync_dir(dir: &File, path: &Path, why: &'static str) -> io::Result<()> {
    seam::run(Op::SyncDir { path, why }, || dir.sync_all())
}

/// Makes everything on the file system of `path` durable.
#[track_caller]
pub(crate) fn sync_all(path: &Path, why: &'static str) -> io::Result<()> {
    let file = File::open(path)?;
    seam::run(Op::SyncAll { path, why }, || Ok(rustix::fs::syncfs(&file)?))
}
