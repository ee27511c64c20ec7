//! A medium's directory, read through one handle that nothing leads out of.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sealift_fs::beneath::Kind;
use sealift_fs::{Beneath, Bypass, PastCache, PathError};
use sealift_model::RelPath;
use sealift_model::escape::printable;

use super::{MAX_ENTRIES, Source, SourceError, SourceRefusal, TOP, shown};
use crate::layout::checked;

/// The directory `SEALIFT` of a medium.
#[derive(Debug)]
pub struct Directory {
    tree: Beneath,
}

impl Directory {
    /// Opens `path/SEALIFT`, or `path` if that is itself such a directory.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let below = path.join(TOP);
        let top = match below.symlink_metadata() {
            Ok(metadata) if !metadata.is_dir() => return Err(SourceRefusal::NotRegular(TOP.to_owned()).into()),
            Ok(_) => below,
            Err(_) => path.to_owned(),
        };
        let tree = Beneath::open(&top)?;
        match tree.kind(&checked("trust"))? {
            Some(Kind::Dir) => Ok(Self { tree }),
            Some(_) => Err(SourceRefusal::NotRegular("trust".to_owned()).into()),
            None => Err(SourceError::NotABundle(shown(path))),
        }
    }

    fn open_file(&self, path: &RelPath) -> Result<(File, u64), SourceError> {
        match self.tree.open_file(path) {
            Ok(opened) => Ok(opened),
            Err(e) if e.is_not_found() => Err(SourceRefusal::Missing(path.clone()).into()),
            Err(_) if matches!(self.tree.kind(path), Ok(Some(Kind::Dir))) => {
                Err(SourceRefusal::NotRegular(path.to_string()).into())
            }
            Err(e) => Err(self.irregular(Some(path), e)),
        }
    }

    fn entries(&self, dir: Option<&RelPath>) -> Result<Vec<(String, Kind)>, SourceError> {
        let entries = match self.tree.list(dir, MAX_ENTRIES) {
            Ok(entries) => entries,
            Err(e) if e.is_not_found() => return Ok(Vec::new()),
            Err(e) => return Err(self.irregular(dir, e)),
        };
        match entries.iter().find(|(_, kind)| *kind == Kind::Other) {
            None => Ok(entries),
            Some((name, _)) => {
                let parent = dir.map_or(String::new(), |d| format!("{d}/"));
                Err(SourceRefusal::NotRegular(format!("{parent}{}", printable(name))).into())
            }
        }
    }

    /// Tells a planted link or pipe from a failing disk, after `path` could not be opened.
    fn irregular(&self, path: Option<&RelPath>, error: PathError) -> SourceError {
        let planted = |path: &&RelPath| matches!(self.tree.kind(path), Ok(Some(Kind::Other)));
        match path.filter(planted) {
            Some(path) => SourceRefusal::NotRegular(path.to_string()).into(),
            None => error.into(),
        }
    }
}

impl Source for Directory {
    fn describe(&self) -> String {
        shown(self.tree.path())
    }

    fn list(&self, dir: &RelPath) -> Result<Vec<(String, u64)>, SourceError> {
        let file = |(name, kind)| if let Kind::File(size) = kind { Some((name, size)) } else { None };
        Ok(self.entries(Some(dir))?.into_iter().filter_map(file).collect())
    }

    fn list_dirs(&self, dir: &RelPath) -> Result<Vec<String>, SourceError> {
        let entries = self.entries(Some(dir))?;
        Ok(entries.into_iter().filter(|(_, kind)| *kind == Kind::Dir).map(|(name, _)| name).collect())
    }

    fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError> {
        let (dirs, files): (Vec<_>, Vec<_>) = self.entries(None)?.into_iter().partition(|(_, k)| *k == Kind::Dir);
        let names = |list: Vec<(String, Kind)>| list.into_iter().map(|(name, _)| name).collect();
        Ok((names(files), names(dirs)))
    }

    fn open(&self, path: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError> {
        let (file, size) = self.open_file(path)?;
        Ok((Box::new(file), size))
    }
}

/// The same directory, read past the page cache: what the medium holds, not what memory remembers of it.
#[derive(Debug)]
pub struct DirectDirectory {
    directory: Directory,
    bypass: Mutex<Option<Bypass>>,
}

impl DirectDirectory {
    /// Opens `path/SEALIFT`, or `path` if that is itself such a directory.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Ok(Self { directory: Directory::open(path)?, bypass: Mutex::default() })
    }

    /// Tells how the files were read until now: the least that holds for all of them. `None` before the first.
    pub fn bypass(&self) -> Option<Bypass> {
        *self.bypass.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that notes how it was read.
struct Noted<'a> {
    file: PastCache,
    bypass: &'a Mutex<Option<Bypass>>,
}

impl Read for Noted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        let mut bypass = self.bypass.lock().unwrap_or_else(PoisonError::into_inner);
        *bypass = (*bypass).max(Some(self.file.bypass()));
    }
}

impl Source for DirectDirectory {
    fn describe(&self) -> String {
        self.directory.describe()
    }

    fn list(&self, dir: &RelPath) -> Result<Vec<(String, u64)>, SourceError> {
        self.directory.list(dir)
    }

    fn list_dirs(&self, dir: &RelPath) -> Result<Vec<String>, SourceError> {
        self.directory.list_dirs(dir)
    }

    fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError> {
        self.directory.list_top()
    }

    fn open(&self, path: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError> {
        let (file, size) = self.directory.open_file(path)?;
        let file = PastCache::of(file, &self.directory.tree.path().join(path))?;
        Ok((Box::new(Noted { file, bypass: &self.bypass }), size))
    }
}
