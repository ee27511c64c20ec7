//! A medium's directory, read through one handle that nothing leads out of.

use std::io::Read;
use std::path::Path;

use sealift_fs::Beneath;
use sealift_fs::beneath::Kind;
use sealift_model::RelPath;
use sealift_model::escape::printable;

use super::{MAX_ENTRIES, Source, SourceError, SourceRefusal, TOP, shown};

/// The directory `SEALIFT` of a medium.
#[derive(Debug)]
pub struct Directory {
    tree: Beneath,
}

impl Directory {
    /// Opens `path/SEALIFT`, or `path` if that is itself such a directory.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let below = path.join(TOP);
        let top = if below.symlink_metadata().is_ok() { below } else { path.to_owned() };
        let tree = Beneath::open(&top)?;
        let is_ours = tree.list(None, MAX_ENTRIES)?.iter().any(|(name, kind)| name == "trust" && *kind == Kind::Dir);
        if is_ours { Ok(Self { tree }) } else { Err(SourceError::NotABundle(shown(path))) }
    }

    fn entries(&self, dir: Option<&RelPath>) -> Result<Vec<(String, Kind)>, SourceError> {
        let entries = match self.tree.list(dir, MAX_ENTRIES) {
            Ok(entries) => entries,
            Err(e) if e.is_not_found() => return Ok(Vec::new()),
            Err(e) => return Err(e.into()),
        };
        match entries.iter().find(|(_, kind)| *kind == Kind::Other) {
            None => Ok(entries),
            Some((name, _)) => {
                let parent = dir.map_or(String::new(), |d| format!("{d}/"));
                Err(SourceRefusal::NotRegular(format!("{parent}{}", printable(name))).into())
            }
        }
    }

    /// Tells a planted link or pipe from a failing disk, after an open went wrong.
    fn is_irregular(&self, path: &RelPath) -> bool {
        let (parent, name) = path.as_str().rsplit_once('/').map_or((None, path.as_str()), |(p, n)| (Some(p), n));
        let parent = parent.and_then(|p| RelPath::new(p).ok());
        let listed = self.tree.list(parent.as_ref(), MAX_ENTRIES).unwrap_or_default();
        listed.iter().any(|(entry, kind)| entry == name && !matches!(kind, Kind::File(_)))
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
            Err(_) if self.is_irregular(path) => Err(SourceRefusal::NotRegular(path.to_string()).into()),
            Err(e) => Err(e.into()),
        }
    }
}
