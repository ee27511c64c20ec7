//! A medium's directory, read through one handle that nothing leads out of.

use std::io::Read;
use std::path::Path;

use sealift_fs::beneath::Kind;
use sealift_fs::{Beneath, PathError};
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
        match self.tree.open_file(path) {
            Ok((file, size)) => Ok((Box::new(file), size)),
            Err(e) if e.is_not_found() => Err(SourceRefusal::Missing(path.clone()).into()),
            Err(_) if matches!(self.tree.kind(path), Ok(Some(Kind::Dir))) => {
                Err(SourceRefusal::NotRegular(path.to_string()).into())
            }
            Err(e) => Err(self.irregular(Some(path), e)),
        }
    }
}
