//! Where the pieces of a set lie on this machine: whole blobs, parts as ranges of them, parity in a store of its own.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sealift_fs::{Store, medium};
use sealift_model::{Digest, Hasher};

use super::plan::SplitPlan;
use super::{Piece, Split, VolumeSet};
use crate::write::{BlobAt, BlobProvider};

/// The pieces of a set, for writing volumes and making parity.
#[derive(Clone, Copy)]
pub struct SetFiles<'a> {
    /// The set.
    pub set: &'a VolumeSet,
    /// Where the manifest's blobs lie.
    pub blobs: &'a dyn BlobProvider,
    /// Where blobs of parity lie; without them, parity cannot be written.
    pub parity: Option<&'a Store>,
}

impl BlobProvider for SetFiles<'_> {
    fn blob_file(&self, blob: &Digest) -> PathBuf {
        match self.parity {
            Some(store) if self.set.is_parity(blob) => store.path(blob),
            _ => self.blobs.blob_file(blob),
        }
    }

    fn blob_at(&self, blob: &Digest) -> BlobAt {
        match self.set.part(blob) {
            Some((of, offset, size)) => BlobAt::Part { file: self.blobs.blob_file(&of), offset, size },
            None => BlobAt::Whole(self.blob_file(blob)),
        }
    }
}

impl VolumeSet {
    /// Tells whether these bytes are parity and nothing else.
    fn is_parity(&self, blob: &Digest) -> bool {
        !self.assigned.contains_key(blob) && self.parity.iter().flat_map(|p| &p.blobs).any(|p| p.sha256 == *blob)
    }

    /// Returns of which blob these bytes are a part, where it begins, and its size; `None` for all that is no part.
    pub fn part(&self, piece: &Digest) -> Option<(Digest, u64, u64)> {
        if matches!(self.assigned.get(piece), Some((_, 1..))) {
            return None;
        }
        for Split { blob, parts } in &self.split {
            let mut offset = 0_u64;
            for part in parts {
                if part.sha256 == *piece {
                    return Some((*blob, offset, part.size));
                }
                offset = offset.saturating_add(part.size);
            }
        }
        None
    }
}

/// Reads a blob once and names its parts by their digests.
pub fn name_parts(plan: &SplitPlan, blob: &Path, tick: &mut dyn FnMut(u64)) -> io::Result<Split> {
    let (mut file, _) = medium::open_file(blob).map_err(|e| io::Error::new(e.kind(), e.to_string()))?;
    let mut parts = Vec::with_capacity(plan.parts.len());
    for (size, volume) in &plan.parts {
        let sha256 = digest_of_next(&mut file, *size, tick)?;
        parts.push(Piece { sha256, size: *size, volume: *volume });
    }
    Ok(Split { blob: plan.blob, parts })
}

fn digest_of_next(file: &mut dyn Read, size: u64, tick: &mut dyn FnMut(u64)) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut rest = file.take(size);
    loop {
        match rest.read(&mut buffer) {
            Ok(0) if hasher.len() == size => return Ok(hasher.finish()),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                tick(read as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Opens bytes of a blob or piece from `skip` on; reading ends with the piece.
pub fn open_at(at: &BlobAt, skip: u64) -> io::Result<Box<dyn Read + Send>> {
    let (path, offset, size) = match at {
        BlobAt::Whole(path) => (path, 0, u64::MAX),
        BlobAt::Part { file, offset, size } => (file, *offset, *size),
    };
    let (mut file, _) = medium::open_file(path).map_err(|e| io::Error::new(e.kind(), e.to_string()))?;
    let start = offset.saturating_add(skip);
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    Ok(Box::new(file.take(size.saturating_sub(skip))))
}

/// The parts of a blob, one after the other. Whoever reads them compares the digest of the whole (format/volumes §3).
pub fn joined<'a>(split: &'a Split, at: &'a dyn Fn(&Digest) -> Option<BlobAt>) -> impl Read + 'a {
    Joined { parts: split.parts.iter(), at, open: None }
}

struct Joined<'a> {
    parts: std::slice::Iter<'a, Piece>,
    at: &'a dyn Fn(&Digest) -> Option<BlobAt>,
    open: Option<io::Take<Box<dyn Read + Send>>>,
}

impl Read for Joined<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(open) = &mut self.open {
                let read = open.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
            }
            let Some(part) = self.parts.next() else { return Ok(0) };
            let at = (self.at)(&part.sha256).ok_or(io::ErrorKind::NotFound)?;
            self.open = Some(open_at(&at, 0)?.take(part.size));
        }
    }
}
