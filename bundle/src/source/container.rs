//! The single file: a ustar archive in one canonical form (format/medium §2).
//!
//! The index is built in one pass over the headers. Each header is made again from the name and size it states and
//! compared byte for byte, so there is no archive that two readers could read differently. Content is then read in place;
//! blobs are never held in memory.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sealift_model::escape::printable_bytes;
use sealift_model::{RelPath, Sequence, StreamId};

use super::{MAX_ENTRIES, Source, SourceError, SourceRefusal, shown};
use crate::layout::Place;

/// Size of a header, and the unit content is padded to.
pub const BLOCK: u64 = 512;
/// Largest content an entry can have: 11 octal digits.
pub const MAX_ENTRY_BYTES: u64 = (1 << 33) - 1;
/// [`BLOCK`], for arrays.
pub(crate) const BLOCK_SIZE: usize = 512;

const ZEROS: [u8; BLOCK_SIZE] = [0; BLOCK_SIZE];

/// Which rule of the canonical form is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerFault {
    /// The file ends before the entry does, or without the two closing blocks.
    #[error("the file ends too early")]
    Truncated,
    /// Bytes after the closing blocks.
    #[error("there are bytes after its end")]
    Trailing,
    /// The header is not the one our writer would make for this name and size.
    #[error("the header is not the canonical one for its name and size")]
    Header,
    /// The name is not a file of the layout.
    #[error("the name `{0}` does not belong to a bundle")]
    Name(String),
    /// Out of order, or the same name again.
    #[error("`{0}` stands out of order or twice")]
    Order(RelPath),
    /// Padding that is not zero.
    #[error("the padding is not zero")]
    Padding,
}

/// A single-file bundle with its index.
#[derive(Debug)]
pub struct Container {
    file: File,
    path: PathBuf,
    // Sorted by place, as the archive itself is.
    index: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    offset: u64,
    size: u64,
}

impl Container {
    /// Opens a single file and checks its whole structure; content is not read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Self::open_limited(path, MAX_ENTRIES)
    }

    fn open_limited(path: &Path, most: usize) -> Result<Self, SourceError> {
        let (file, len) = sealift_fs::medium::open_file(path)?;
        let index = Indexer { file: &file, path, len, most, at: 0, number: 0 }.run()?;
        Ok(Self { file, path: path.to_owned(), index })
    }

    /// Returns the places of all entries, in order, with their sizes.
    pub fn places(&self) -> impl ExactSizeIterator<Item = (&Place, u64)> {
        self.index.iter().map(|e| (&e.place, e.size))
    }

    fn below(&self, dir: &RelPath) -> impl Iterator<Item = (String, u64)> {
        let prefix = format!("{dir}/");
        let part = self.part(dir).iter();
        part.filter_map(move |e| Some((e.place.path().as_str().strip_prefix(&prefix)?.to_owned(), e.size)))
    }

    /// Returns the entries that may be below a directory: every bundle is listed, and no listing may walk over all others.
    fn part(&self, dir: &RelPath) -> &[Entry] {
        let mut segments = dir.segments();
        let rank = match segments.next() {
            Some("trust") => 0,
            Some("bundles") => 1,
            _ => 2,
        };
        let part = equal_range(&self.index, |place| match place {
            Place::Metadata(_) => 0.cmp(&rank),
            Place::Bundle { .. } => 1.cmp(&rank),
            Place::Blob(_) => 2.cmp(&rank),
        });
        let Some(wanted) = segments.next().filter(|_| rank == 1).and_then(|s| s.parse::<StreamId>().ok()) else {
            return part;
        };
        let number = segments.next().and_then(|s| s.parse::<Sequence>().ok());
        equal_range(part, |place| match (place, number) {
            (Place::Bundle { stream, sequence, .. }, Some(number)) => (stream, *sequence).cmp(&(&wanted, number)),
            (Place::Bundle { stream, .. }, None) => stream.cmp(&wanted),
            _ => Ordering::Equal,
        })
    }
}

/// Returns the entries, sorted, whose place compares equal to what is wanted.
fn equal_range(entries: &[Entry], compare: impl Fn(&Place) -> Ordering) -> &[Entry] {
    let begin = entries.partition_point(|e| compare(&e.place).is_lt());
    let end = entries.partition_point(|e| compare(&e.place).is_le());
    entries.get(begin..end).unwrap_or_default()
}

impl Source for Container {
    fn describe(&self) -> String {
        shown(&self.path)
    }

    fn list(&self, dir: &RelPath) -> Result<Vec<(String, u64)>, SourceError> {
        let mut names: Vec<_> = self.below(dir).filter(|(name, _)| !name.contains('/')).collect();
        names.sort();
        Ok(names)
    }

    fn list_dirs(&self, dir: &RelPath) -> Result<Vec<String>, SourceError> {
        let first = |(name, _): (String, u64)| name.split_once('/').map(|(first, _)| first.to_owned());
        let mut names: Vec<_> = self.below(dir).filter_map(first).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError> {
        let mut dirs: Vec<_> =
            self.index.iter().filter_map(|e| e.place.path().segments().next().map(str::to_owned)).collect();
        dirs.sort();
        dirs.dedup();
        Ok((Vec::new(), dirs))
    }

    fn open(&self, path: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError> {
        let missing = || SourceRefusal::Missing(path.clone());
        let place = Place::parse(path).ok_or_else(missing)?;
        let at = self.index.binary_search_by(|e| e.place.cmp(&place)).map_err(|_| missing())?;
        let entry = self.index.get(at).ok_or_else(missing)?;
        Ok((Box::new(Piece { file: &self.file, at: entry.offset, left: entry.size }), entry.size))
    }
}

/// Reads one entry's content in place.
struct Piece<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|b| !b.is_empty()) else { return Ok(0) };
        let read = self.file.read_at(buffer, self.at)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        self.at += read as u64;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// The one pass over the headers.
struct Indexer<'a> {
    file: &'a File,
    path: &'a Path,
    len: u64,
    most: usize,
    at: u64,
    number: u64,
}

impl Indexer<'_> {
    fn run(mut self) -> Result<Vec<Entry>, SourceError> {
        let mut index: Vec<Entry> = Vec::new();
        loop {
            self.number += 1;
            let start = self.at;
            let fault = |number, source| SourceRefusal::Container { offset: start, number, source };
            let header = self.block()?.ok_or_else(|| fault(self.number, ContainerFault::Truncated))?;
            if header == ZEROS {
                return self.end().map(|()| index);
            }
            if index.len() == self.most {
                return Err(SourceRefusal::TooMany { what: "entries", limit: self.most }.into());
            }
            let (place, size) = read_header(&header).map_err(|f| fault(self.number, f))?;
            if index.last().is_some_and(|last| last.place >= place) {
                return Err(fault(self.number, ContainerFault::Order(place.path())).into());
            }
            let offset = self.at;
            self.skip(size)?;
            index.push(Entry { place, offset, size });
        }
    }

    /// Returns the next block; `None` if the file ends before it does.
    fn block(&mut self) -> Result<Option<[u8; BLOCK_SIZE]>, SourceError> {
        let mut block = ZEROS;
        if self.len.saturating_sub(self.at) < BLOCK {
            return Ok(None);
        }
        self.read_exact(&mut block)?;
        Ok(Some(block))
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), SourceError> {
        let read = self.file.read_exact_at(buffer, self.at);
        read.map_err(|e| sealift_fs::PathError::new("read", self.path, e))?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    /// Steps over content and checks its padding.
    fn skip(&mut self, size: u64) -> Result<(), SourceError> {
        let padding = size.next_multiple_of(BLOCK) - size;
        if self.len.saturating_sub(self.at) < size + padding {
            return Err(self.fault(ContainerFault::Truncated));
        }
        self.at += size;
        let mut bytes = ZEROS;
        let bytes = bytes.get_mut(..usize::try_from(padding).unwrap_or(0)).unwrap_or_default();
        self.read_exact(bytes)?;
        if bytes.iter().all(|b| *b == 0) { Ok(()) } else { Err(self.fault(ContainerFault::Padding)) }
    }

    /// Checks what follows the first closing block: one more, and nothing else.
    fn end(&mut self) -> Result<(), SourceError> {
        match self.block()? {
            None => Err(self.fault(ContainerFault::Truncated)),
            Some(block) if block != ZEROS || self.at != self.len => Err(self.fault(ContainerFault::Trailing)),
            Some(_) => Ok(()),
        }
    }

    fn fault(&self, source: ContainerFault) -> SourceError {
        SourceRefusal::Container { offset: self.at, number: self.number, source }.into()
    }
}

fn read_header(bytes: &[u8; BLOCK_SIZE]) -> Result<(Place, u64), ContainerFault> {
    let header = tar::Header::from_byte_slice(bytes);
    let name = header.path_bytes();
    let bad_name = || ContainerFault::Name(printable_bytes(&name));
    let size = header.entry_size().map_err(|_| ContainerFault::Header)?;
    let path = std::str::from_utf8(&name).ok().and_then(|n| RelPath::new(n).ok()).ok_or_else(bad_name)?;
    if canonical_header(&path, size).is_none_or(|canonical| canonical != *bytes) {
        return Err(ContainerFault::Header);
    }
    Place::parse(&path).map(|place| (place, size)).ok_or_else(bad_name)
}

/// Returns the one header for a name and size; `None` if ustar cannot express them.
pub(crate) fn canonical_header(path: &RelPath, size: u64) -> Option<[u8; BLOCK_SIZE]> {
    if size > MAX_ENTRY_BYTES {
        return None;
    }
    let mut header = tar::Header::new_ustar();
    header.set_path(path.as_path()).ok()?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Some(*header.as_bytes())
}

#[cfg(test)]
mod tests;
