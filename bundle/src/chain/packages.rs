//! From the Release file to the indexes, and from the indexes to the packages.

use std::io::BufRead;

use sealift_model::RelPath;
use sealift_model::escape::printable;
use sealift_pkg::index::{INDEX_LIMIT, IndexError, IndexReader};
use sealift_pkg::{PackageEntry, Release, decompress};

use super::{Chain, ChainError, ChainRefusal, Watched};
use crate::manifest::{FileEntry, FileRole};

/// What was found along the way.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) indexes: u64,
    pub(super) packages: u64,
    pub(super) resting: u64,
}

impl<'a> Chain<'a> {
    /// Checks every index against the Release file and every package against the indexes.
    pub(super) fn packages(&self, release: &Release) -> Result<Walked, ChainError> {
        let mut walked = Walked::default();
        let mut seen = vec![false; self.manifest.files.len()];
        let mut whole = true;
        for (_, entry) in self.entries().filter(|(_, e)| e.role == FileRole::Index) {
            self.check_listed(release, entry)?;
            walked.indexes += 1;
            if self.content.holds(entry) {
                self.walk(entry, &mut seen)?;
            } else {
                whole = false;
                walked.resting += 1;
            }
        }
        for (at, entry) in self.entries().filter(|(_, e)| e.role == FileRole::Package) {
            if seen.get(at).copied().unwrap_or(false) {
                walked.packages += 1;
            } else if whole {
                return Err(self.not_in_index(entry).into());
            } else {
                walked.resting += 1;
            }
        }
        Ok(walked)
    }

    /// Names in a Release file are relative to its own directory.
    fn check_listed(&self, release: &Release, entry: &FileEntry) -> Result<(), ChainRefusal> {
        let directory = self.upstream.release.path.as_str().rsplit_once('/').map_or("", |(directory, _)| directory);
        let name = entry.path.as_str().strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
        let listed = name.and_then(|n| RelPath::new(n).ok()).and_then(|n| release.file(&n).cloned());
        if listed.is_some_and(|file| file.size == entry.size && file.sha256 == entry.sha256) {
            return Ok(());
        }
        Err(ChainRefusal::IndexNotListed { upstream: self.upstream.name.clone(), path: entry.path.clone() })
    }

    /// Reads one index and marks the manifest's packages that stand in it.
    fn walk(&self, index: &'a FileEntry, seen: &mut [bool]) -> Result<(), ChainError> {
        let mut watched = Watched::open(self.content, index)?;
        let walked = self.walk_paragraphs(index, &mut watched, seen);
        // A bad digest explains whatever the parser stumbled over.
        watched.finish()?;
        walked.map_err(ChainError::from)
    }

    fn walk_paragraphs(
        &self,
        index: &FileEntry,
        watched: &mut Watched<'_>,
        seen: &mut [bool],
    ) -> Result<(), ChainRefusal> {
        let (upstream, path) = (&self.upstream.name, &index.path);
        let unpacked = decompress::open_index(path.file_name(), watched, INDEX_LIMIT);
        let unpacked = unpacked.map_err(|e| ChainRefusal::Unpack {
            upstream: upstream.clone(),
            path: path.clone(),
            reason: printable(&e.to_string()),
        })?;
        let refused =
            |source| ChainRefusal::Index { upstream: upstream.clone(), path: path.clone(), source: Box::new(source) };
        let mut reader = IndexReader::new(path.as_str(), unpacked);
        while let Some(package) = next(&mut reader).map_err(refused)? {
            if let Some(at) = self.position(&package) {
                self.check_same(index, &package, at)?;
                if let Some(mark) = seen.get_mut(at) {
                    *mark = true;
                }
            }
        }
        Ok(())
    }

    fn position(&self, package: &PackageEntry) -> Option<usize> {
        let path = RelPath::new(&format!("{}/{}", self.upstream.name, package.filename)).ok()?;
        self.manifest.files.binary_search_by(|entry| entry.path.cmp(&path)).ok()
    }

    fn check_same(&self, index: &FileEntry, package: &PackageEntry, at: usize) -> Result<(), ChainRefusal> {
        let Some(entry) = self.manifest.files.get(at) else { return Ok(()) };
        let deb = entry.deb.as_ref();
        let checks = [
            ("role", deb.is_some()),
            ("size", entry.size == package.size),
            ("digest", entry.sha256 == package.sha256),
            ("name", deb.is_some_and(|d| d.package == package.package)),
            ("version", deb.is_some_and(|d| d.version == package.version.as_str())),
            ("architecture", deb.is_some_and(|d| d.architecture == package.architecture)),
        ];
        match checks.into_iter().find(|(_, same)| !same) {
            None => Ok(()),
            Some((field, _)) => Err(ChainRefusal::PackageDiffers {
                upstream: self.upstream.name.clone(),
                index: index.path.clone(),
                path: entry.path.clone(),
                field,
            }),
        }
    }

    fn not_in_index(&self, entry: &FileEntry) -> ChainRefusal {
        let text = |get: fn(&crate::manifest::DebEntry) -> &String| entry.deb.as_ref().map(get);
        ChainRefusal::NotInIndex {
            upstream: self.upstream.name.clone(),
            path: entry.path.clone(),
            package: printable(text(|d| &d.package).map_or("", String::as_str)),
            version: printable(text(|d| &d.version).map_or("", String::as_str)),
        }
    }
}

fn next(reader: &mut IndexReader<impl BufRead>) -> Result<Option<PackageEntry>, IndexError> {
    Ok(reader.next_entry()?.map(|(entry, _)| entry))
}
