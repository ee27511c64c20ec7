//! A directory tree that becomes durable as a whole.
//!
//! Built without a sync for each name, because nobody looks at it before [`Tree::finish`] has synced it at once and the
//! caller has given it its name. Directories get mode 0755 and files 0644 whatever the umask is: web servers and hosts
//! read them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use sealift_model::RelPath;

use crate::error::{Context, PathError};
use crate::file;
use crate::raw::{self, OutFile};

/// A tree that is being built.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    made: BTreeSet<PathBuf>,
}

impl Tree {
    /// Begins a tree at `root`, which must not exist; its parent must.
    pub fn begin(root: &Path) -> Result<Self, PathError> {
        let mut tree = Self { root: root.to_owned(), made: BTreeSet::new() };
        tree.make(root)?;
        Ok(tree)
    }

    /// Returns where a path of the tree lies.
    pub fn path(&self, path: &RelPath) -> PathBuf {
        self.root.join(path)
    }

    /// Makes an empty file for writing.
    pub fn create(&mut self, path: &RelPath) -> Result<OutFile, PathError> {
        let full = self.place(path)?;
        let file = OutFile::create_new(&full, 0o644).context("create", &full)?;
        file.set_mode(0o644).context("set the mode of", &full)?;
        Ok(file)
    }

    /// Makes a file with this content.
    pub fn write(&mut self, path: &RelPath, bytes: &[u8]) -> Result<(), PathError> {
        self.create(path)?.write_all(bytes).context("write", &self.root.join(path))
    }

    /// Gives the file `from` a name in the tree: a hard link, or a copy on another file system. False if it has it.
    pub fn link(&mut self, from: &Path, path: &RelPath) -> Result<bool, PathError> {
        let full = self.place(path)?;
        match file::link_or_copy(from, &full) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Makes everything in the tree durable.
    #[track_caller]
    pub fn finish(self) -> Result<(), PathError> {
        crate::append::sync_filesystem(&self.root)
    }

    fn place(&mut self, path: &RelPath) -> Result<PathBuf, PathError> {
        let full = self.root.join(path);
        let mut missing = Vec::new();
        let mut dir = full.parent();
        while let Some(next) = dir.filter(|dir| !self.made.contains(*dir)) {
            missing.push(next.to_owned());
            dir = next.parent();
        }
        for dir in missing.iter().rev() {
            self.make(dir)?;
        }
        Ok(full)
    }

    fn make(&mut self, dir: &Path) -> Result<(), PathError> {
        raw::mkdir(dir, 0o755).context("create the directory", dir)?;
        raw::chmod(dir, 0o755).context("set the mode of", dir)?;
        self.made.insert(dir.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_links_get_their_directories() {
        let dir = tempfile::tempdir().unwrap();
        let rel = |text: &str| RelPath::new(text).unwrap();
        let mut tree = Tree::begin(&dir.path().join("t")).unwrap();
        tree.write(&rel("a/b/one"), b"1").unwrap();
        assert!(tree.link(&dir.path().join("t/a/b/one"), &rel("a/c/two")).unwrap());
        assert!(!tree.link(&dir.path().join("t/a/b/one"), &rel("a/c/two")).unwrap());
        assert!(tree.write(&rel("a/b/one"), b"2").is_err());
        tree.finish().unwrap();
        assert_eq!(std::fs::read(dir.path().join("t/a/c/two")).unwrap(), b"1");
        assert!(Tree::begin(&dir.path().join("t")).is_err());
    }
}
