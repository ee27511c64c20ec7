//! A row: the pieces of one volume as one sequence of bytes, zeros behind its end.

use std::io::{self, Read};

use sealift_model::{Digest, Hasher};

use super::ParityError;
use crate::volumes::{VolumeSet, open_at};
use crate::write::BlobAt;

/// Where bytes of a digest lie on this machine; `None` for what is lost.
pub(super) type Access<'a> = &'a (dyn Fn(&Digest) -> Option<BlobAt> + Sync);

/// Pieces with where each begins.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) pieces: Vec<(u64, Digest, u64)>,
    pub(super) len: u64,
}

impl Layout {
    pub(super) fn new(pieces: impl Iterator<Item = (Digest, u64)>) -> Self {
        let mut layout = Self { pieces: Vec::new(), len: 0 };
        for (digest, size) in pieces {
            layout.pieces.push((layout.len, digest, size));
            layout.len = layout.len.saturating_add(size);
        }
        layout
    }

    /// Rows of a set, those of parity last.
    pub(super) fn of_set(set: &VolumeSet) -> Vec<Self> {
        let data = (1..=set.data_volumes()).map(|volume| Self::new(set.blobs_of(volume).into_iter()));
        let parity = |volume| {
            let blobs = set.parity().into_iter().flat_map(|parity| &parity.blobs);
            Self::new(blobs.filter(|piece| piece.volume == volume).map(|piece| (piece.sha256, piece.size)))
        };
        data.chain((set.data_volumes().saturating_add(1)..=set.volumes()).map(parity)).collect()
    }

    /// Returns the piece that has the byte at `at`.
    pub(super) fn piece_at(&self, at: u64) -> Option<&(u64, Digest, u64)> {
        let before = self.pieces.partition_point(|(start, _, _)| *start <= at);
        // A piece without bytes begins where its successor does.
        let found = self.pieces.get(before.checked_sub(1)?)?;
        (at < found.0.saturating_add(found.2)).then_some(found)
    }
}

/// Reads a row, best from front to back.
pub(super) struct RowReader<'a> {
    layout: &'a Layout,
    access: Access<'a>,
    open: Option<Open>,
    /// Compares digests; only for rows that are read from front to back.
    checked: bool,
}

struct Open {
    piece: Digest,
    at: u64,
    end: u64,
    input: Box<dyn Read + Send>,
    hasher: Option<Hasher>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(layout: &'a Layout, access: Access<'a>, checked: bool) -> Self {
        Self { layout, access, open: None, checked }
    }

    /// Fills `buffer` with the bytes from `from` on.
    pub(super) fn fill(&mut self, from: u64, buffer: &mut [u8]) -> Result<(), ParityError> {
        let mut done = 0_usize;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = from.saturating_add(done as u64);
            let Some(&(start, piece, size)) = self.layout.piece_at(at) else {
                rest.fill(0);
                break;
            };
            let left = start.saturating_add(size).saturating_sub(at);
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let rest = rest.get_mut(..wanted).unwrap_or_default();
            self.read(at, (start, piece, size), rest)?;
            done += wanted;
        }
        Ok(())
    }

    fn read(&mut self, at: u64, (start, piece, size): (u64, Digest, u64), out: &mut [u8]) -> Result<(), ParityError> {
        let failed = |source: io::Error| ParityError::Read { piece, source };
        let fits = self.open.as_ref().is_some_and(|open| open.at == at && open.piece == piece);
        if !fits {
            let skip = at.saturating_sub(start);
            let place = (self.access)(&piece).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
            let input = open_at(&place, skip).map_err(failed)?;
            let hasher = (self.checked && skip == 0).then(Hasher::new);
            self.open = Some(Open { piece, at, end: start.saturating_add(size), input, hasher });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.input.read_exact(out).map_err(failed)?;
        open.at = open.at.saturating_add(out.len() as u64);
        if let Some(hasher) = &mut open.hasher {
            hasher.update(out);
        }
        if open.at == open.end
            && let Some(found) = self.open.take().and_then(|open| open.hasher).map(Hasher::finish)
            && found != piece
        {
            return Err(ParityError::Damaged { piece, found });
        }
        Ok(())
    }
}
