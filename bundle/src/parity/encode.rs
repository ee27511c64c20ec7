//! Makes parity: one thread reads and hashes the rows, the other computes and writes.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use reed_solomon_simd::ReedSolomonEncoder;
use sealift_fs::Store;
use sealift_model::Progress;

use super::ParityError;
use super::row::{Access, Layout, RowReader};
use crate::volumes::{MAX_PARITY_BLOB, Parity, Piece, VolumeSet, shard_for};

/// Largest blob of parity that is written; kept in memory, one for each volume of parity.
const BLOB: u64 = 16 * 1024 * 1024;
/// Memory for all of them.
const BLOBS: u64 = 128 * 1024 * 1024;
/// Stripes that are read ahead.
const AHEAD: usize = 2;

/// What to protect.
#[derive(Clone, Copy)]
pub struct EncodeRequest<'a> {
    /// The set without parity yet: all its volumes hold data.
    pub data: &'a VolumeSet,
    /// How many volumes of parity to make.
    pub volumes: u16,
    /// Where the pieces lie.
    pub access: Access<'a>,
}

/// Computes the parity of a set, leaves its blobs in `store`, and returns what the set is to say about them.
///
/// Every piece of data is compared with its digest while it is read. The same data gives the same parity.
pub fn encode(request: &EncodeRequest<'_>, store: &Store, progress: &dyn Progress) -> Result<Parity, ParityError> {
    let rows = Layout::of_set(request.data);
    let longest = rows.iter().map(|row| row.len).max().unwrap_or(0);
    let shard = shard_for(longest);
    progress.phase("Computing parity", Some(rows.iter().fold(0, |sum: u64, row| sum.saturating_add(row.len))));
    let stripes = longest.div_ceil(u64::from(shard));
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_rows(&rows, request.access, (shard, stripes), sender));
        let blobs = compute(request, rows.len(), shard, (receiver, store, progress));
        // The cause of an early end is what could not be read.
        match reader.join() {
            Ok(read) => read?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(Parity { blobs: blobs?, shard, volumes: request.volumes })
    })
}

type Stripe = Vec<Vec<u8>>;

#[expect(clippy::needless_pass_by_value, reason = "dropped at the end, which tells the other side that it is one")]
fn read_rows(
    rows: &[Layout],
    access: Access<'_>,
    (shard, stripes): (u32, u64),
    sender: SyncSender<Stripe>,
) -> Result<(), ParityError> {
    let mut readers: Vec<_> = rows.iter().map(|row| RowReader::new(row, access, true)).collect();
    for at in 0..stripes {
        let mut stripe = Vec::with_capacity(readers.len());
        for reader in &mut readers {
            let mut bytes = vec![0; shard as usize];
            reader.fill(at.saturating_mul(u64::from(shard)), &mut bytes)?;
            stripe.push(bytes);
        }
        if sender.send(stripe).is_err() {
            break;
        }
    }
    Ok(())
}

fn compute(
    request: &EncodeRequest<'_>,
    data: usize,
    shard: u32,
    (stripes, store, progress): (Receiver<Stripe>, &Store, &dyn Progress),
) -> Result<Vec<Piece>, ParityError> {
    let parity = usize::from(request.volumes);
    let unfit = |_| ParityError::Code { data, parity };
    let mut encoder = ReedSolomonEncoder::new(data, parity, shard as usize).map_err(unfit)?;
    let mut writers: Vec<_> =
        (1..=request.volumes).map(|n| Writer::new(request.data.volumes().saturating_add(n), parity, shard)).collect();
    for stripe in stripes {
        for bytes in &stripe {
            encoder.add_original_shard(bytes).map_err(unfit)?;
        }
        let result = encoder.encode().map_err(unfit)?;
        for (writer, bytes) in writers.iter_mut().zip(result.recovery_iter()) {
            writer.write(bytes, store)?;
        }
        progress.advance(stripe.iter().map(|bytes| bytes.len() as u64).sum());
    }
    let mut blobs = Vec::new();
    for writer in writers {
        blobs.extend(writer.finish(store)?);
    }
    Ok(blobs)
}

/// Cuts a row of parity in blobs.
struct Writer {
    volume: u16,
    limit: usize,
    pending: Vec<u8>,
    blobs: Vec<Piece>,
}

impl Writer {
    fn new(volume: u16, rows: usize, shard: u32) -> Self {
        let each = (BLOBS / rows.max(1) as u64).min(BLOB).min(MAX_PARITY_BLOB);
        let limit = (each / u64::from(shard)).max(1) * u64::from(shard);
        Self { volume, limit: usize::try_from(limit).unwrap_or(shard as usize), pending: Vec::new(), blobs: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8], store: &Store) -> Result<(), ParityError> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= self.limit { self.flush(store) } else { Ok(()) }
    }

    fn flush(&mut self, store: &Store) -> Result<(), ParityError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let sha256 = store.insert(&self.pending)?;
        self.blobs.push(Piece { sha256, size: self.pending.len() as u64, volume: self.volume });
        self.pending.clear();
        Ok(())
    }

    fn finish(mut self, store: &Store) -> Result<Vec<Piece>, ParityError> {
        self.flush(store)?;
        Ok(self.blobs)
    }
}

#[cfg(test)]
mod tests {
    use sealift_model::Digest;

    #[test]
    fn the_same_rows_give_the_same_parity_in_every_version() {
        let shard = |row: u8| (0..64).map(|at| row.wrapping_mul(31).wrapping_add(at)).collect::<Vec<u8>>();
        let made = reed_solomon_simd::encode(3, 2, (1..=3).map(shard)).unwrap();
        let digests: Vec<String> = made.iter().map(|bytes| Digest::of(bytes).to_hex()).collect();
        assert_eq!(
            digests,
            [
                "9eeaba489d58fbf0c4ac685cae09036d1f369d3e7ef0b5e5964d944f6e9b0c53",
                "1d68a20c7c0902ce559751ae633a76cdaa8b548af4e4f2f733a384806366bb78"
            ]
        );
    }
}
