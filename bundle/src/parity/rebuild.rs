//! Rebuilds lost pieces, stripe by stripe.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};

use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};
use sealift_fs::{Store, StoreError};
use sealift_model::{Digest, Progress, Silent};

use super::row::{Access, Layout, RowReader};
use super::{ParityError, judge};
use crate::volumes::{Piece, VolumeSet};

/// Memory for shards of other rows that came out of a stripe on the way.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// Rebuilds those of `wanted` that `access` does not have and leaves them in `store`; durable on return.
///
/// What `access` has must have been compared with its digest before. Of the rest, a piece that cannot be rebuilt ends the
/// run with [`ParityError::TooMuchLost`]; [`judge`] tells before. Each rebuilt piece is compared with its digest before it gets
/// its name.
pub fn rebuild(
    set: &VolumeSet,
    access: Access<'_>,
    wanted: &BTreeSet<Digest>,
    store: &Store,
    progress: &dyn Progress,
) -> Result<u64, ParityError> {
    let there = |digest: &Digest| access(digest).is_some();
    let judged = judge(set, &there);
    let mut todo: Vec<Piece> = judged.possible.into_iter().filter(|p| wanted.contains(&p.sha256)).collect();
    // A piece may lie on two volumes, in one of which it can be rebuilt.
    let mut seen = BTreeSet::new();
    todo.retain(|piece| seen.insert(piece.sha256));
    if let Some(piece) = judged.hopeless.iter().find(|p| wanted.contains(&p.sha256) && !seen.contains(&p.sha256)) {
        return Err(ParityError::TooMuchLost { piece: piece.sha256 });
    }
    progress.phase("Rebuilding", Some(todo.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.size))));
    let rows = Layout::of_set(set);
    let mut stripes = Stripes::new(set, &rows, access)?;
    // Where several rows lost the same stripes, each is computed once for all of them.
    todo.sort_by_key(|piece| (stripes.start(piece), piece.volume));
    stripes.wanted = todo.iter().map(row_of).collect();
    let batch = store.batch();
    for piece in &todo {
        stripes.take(piece, &batch)?;
        progress.advance(piece.size);
    }
    batch.commit()?;
    Ok(todo.len() as u64)
}

/// The stripes of a set, of which the last one computed is kept: small pieces lie many in one.
struct Stripes<'a> {
    rows: &'a [Layout],
    /// Where each piece begins in its row.
    starts: HashMap<(usize, Digest), u64>,
    readers: Vec<RowReader<'a>>,
    access: Access<'a>,
    shard: usize,
    data: usize,
    decoder: ReedSolomonDecoder,
    encoder: ReedSolomonEncoder,
    /// Row, stripe and bytes.
    current: Option<(usize, u64, Vec<u8>)>,
    /// Rows of which pieces are rebuilt.
    wanted: BTreeSet<usize>,
    /// By stripe and row, what will be asked for soon.
    kept: BTreeMap<(u64, usize), Vec<u8>>,
}

fn row_of(piece: &Piece) -> usize {
    usize::from(piece.volume).saturating_sub(1)
}

impl<'a> Stripes<'a> {
    fn new(set: &VolumeSet, rows: &'a [Layout], access: Access<'a>) -> Result<Self, ParityError> {
        let parity = set.parity().ok_or(ParityError::NoParity)?;
        let (data, recovery, shard) =
            (usize::from(set.data_volumes()), usize::from(parity.volumes), parity.shard as usize);
        let unfit = |_| ParityError::Code { data, parity: recovery };
        let starts = rows
            .iter()
            .enumerate()
            .flat_map(|(row, layout)| layout.pieces.iter().map(move |(start, digest, _)| ((row, *digest), *start)));
        Ok(Self {
            rows,
            starts: starts.collect(),
            readers: rows.iter().map(|row| RowReader::new(row, access, false)).collect(),
            access,
            shard,
            data,
            decoder: ReedSolomonDecoder::new(data, recovery, shard).map_err(unfit)?,
            encoder: ReedSolomonEncoder::new(data, recovery, shard).map_err(unfit)?,
            current: None,
            wanted: BTreeSet::new(),
            kept: BTreeMap::new(),
        })
    }

    /// Returns where a piece begins in its row.
    fn start(&self, piece: &Piece) -> u64 {
        self.starts.get(&(row_of(piece), piece.sha256)).copied().unwrap_or(0)
    }

    fn take(&mut self, piece: &Piece, batch: &sealift_fs::Batch<'_>) -> Result<(), ParityError> {
        let (row, at) = (row_of(piece), self.start(piece));
        let mut range = Range { stripes: self, row, at, end: at.saturating_add(piece.size), failed: None };
        let stored = batch.insert_stream(&mut range, &piece.sha256, piece.size, &Silent);
        match (range.failed, stored) {
            (Some(error), _) => Err(error),
            (None, Err(StoreError::WrongDigest { .. })) => Err(ParityError::Rebuilt { piece: piece.sha256 }),
            (None, stored) => Ok(stored.map(drop)?),
        }
    }

    /// Computes one shard of a row that is erased there.
    fn shard(&mut self, row: usize, stripe: u64) -> Result<&[u8], ParityError> {
        if !matches!(&self.current, Some((r, s, _)) if (*r, *s) == (row, stripe)) {
            let kept = self.kept.remove(&(stripe, row));
            let bytes = kept.map_or_else(|| self.compute(row, stripe), Ok)?;
            self.current = Some((row, stripe, bytes));
        }
        Ok(self.current.as_ref().map_or(&[], |(_, _, bytes)| bytes))
    }

    fn compute(&mut self, row: usize, stripe: u64) -> Result<Vec<u8>, ParityError> {
        let from = stripe.saturating_mul(self.shard as u64);
        let whole: Vec<usize> = (0..self.rows.len()).filter(|at| self.is_there(*at, from)).collect();
        let mut originals: Vec<Option<Vec<u8>>> = vec![None; self.data];
        // As many as there are volumes with data suffice, and those of data come first.
        for at in whole.into_iter().take(self.data) {
            let mut bytes = vec![0; self.shard];
            if let Some(reader) = self.readers.get_mut(at) {
                reader.fill(from, &mut bytes)?;
            }
            if let Some(original) = originals.get_mut(at) {
                self.decoder.add_original_shard(at, &bytes).map_err(|_| self.lost(row, from))?;
                *original = Some(bytes);
            } else {
                let index = at.saturating_sub(self.data);
                self.decoder.add_recovery_shard(index, &bytes).map_err(|_| self.lost(row, from))?;
            }
        }
        let lost = self.lost(row, from);
        let Ok(restored) = self.decoder.decode() else { return Err(lost) };
        if row < self.data {
            for (at, bytes) in restored.restored_original_iter().filter(|(at, _)| *at != row) {
                if self.wanted.contains(&at) {
                    self.kept.insert((stripe, at), bytes.to_vec());
                }
            }
            while self.kept.len() > KEPT_BYTES / self.shard.max(1) {
                self.kept.pop_first();
            }
            return restored.restored_original(row).map(<[u8]>::to_vec).ok_or(lost);
        }
        for (at, original) in originals.iter().enumerate() {
            let bytes = original.as_deref().or_else(|| restored.restored_original(at));
            let Some(bytes) = bytes else { return Err(lost) };
            if self.encoder.add_original_shard(bytes).is_err() {
                return Err(lost);
            }
        }
        let Ok(encoded) = self.encoder.encode() else { return Err(lost) };
        encoded.recovery(row.saturating_sub(self.data)).map(<[u8]>::to_vec).ok_or(lost)
    }

    /// Tells whether all bytes of a row's shard can be read.
    fn is_there(&self, row: usize, from: u64) -> bool {
        let Some(layout) = self.rows.get(row) else { return false };
        let end = from.saturating_add(self.shard as u64).min(layout.len);
        let mut at = from;
        while at < end {
            let Some((start, digest, size)) = layout.piece_at(at) else { return true };
            if (self.access)(digest).is_none() {
                return false;
            }
            at = start.saturating_add(*size);
        }
        true
    }

    fn lost(&self, row: usize, from: u64) -> ParityError {
        let piece = self.rows.get(row).and_then(|layout| layout.piece_at(from).or_else(|| layout.pieces.last()));
        ParityError::TooMuchLost { piece: piece.map_or_else(|| Digest::of(b""), |(_, digest, _)| *digest) }
    }
}

/// The bytes of one lost piece.
struct Range<'s, 'a> {
    stripes: &'s mut Stripes<'a>,
    row: usize,
    at: u64,
    end: u64,
    failed: Option<ParityError>,
}

impl Read for Range<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let shard = self.stripes.shard as u64;
        let (stripe, offset) = (self.at / shard, self.at % shard);
        let left = self.end.saturating_sub(self.at).min(shard.saturating_sub(offset));
        let wanted = usize::try_from(left).unwrap_or(0).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        match self.stripes.shard(self.row, stripe) {
            Ok(bytes) => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                let from = bytes.get(offset..).and_then(|rest| rest.get(..wanted));
                let (Some(from), Some(to)) = (from, buffer.get_mut(..wanted)) else {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                };
                to.copy_from_slice(from);
                self.at = self.at.saturating_add(wanted as u64);
                Ok(wanted)
            }
            Err(error) => {
                self.failed = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}
