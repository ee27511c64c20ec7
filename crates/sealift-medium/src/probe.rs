//! Whether a medium is as large as it says (decision 0020).
//!
//! Media sold as larger than they are take every write and lose some: what lies beyond the real end is dropped, or lands on
//! something that was written before. Blocks that name their place are written, synced, and read back past the page
//! cache. The quick probe writes a connected piece first, then single blocks as far apart as that piece is long, with
//! room reserved between them: whatever the real end is, some block behind it lands on the connected piece. The full one
//! writes all the free room. Both remove what they wrote.

mod block;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sealift_fs::{Bypass, Mode, PastCache, PathError, create_dir, free_bytes, medium, remove_tree, sync_filesystem};
use sealift_model::Progress;
use serde::Serialize;

use block::{BLOCK, Label, Verdict};

/// Room that is left free, so that the file system can keep its own records.
const HEADROOM: u64 = 4 << 20;
/// Shortest and longest connected piece of the quick probe.
const PIECE: std::ops::RangeInclusive<u64> = (1 << 20)..=(256 << 20);
/// Most single blocks of the quick probe.
const MARKS: u64 = 1024;
/// What is written at each mark.
const MARK: u64 = 64 << 10;
/// Longest file of the full probe: no file system's limit is met.
const FILE: u64 = 1 << 30;

/// How thoroughly a medium is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Blocks spread over the free room.
    Quick,
    /// Every block of the free room.
    Full,
}

/// What a probe showed of a medium that keeps what it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Free room before, in bytes.
    pub free: u64,
    /// Bytes that were written and read back.
    pub written: u64,
    /// Whether the blocks were spread over the free room; if not, nothing is known of the room beyond the first of it.
    pub spread: bool,
    /// Whether they were read past the page cache.
    pub past_cache: bool,
}

/// Why a medium does not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// There is no room to try anything.
    #[error("{free} bytes are free at {path}, too few to probe")]
    NoRoom {
        /// Where.
        path: String,
        /// Free in bytes.
        free: u64,
    },
    /// What was written later lies on what was written before.
    #[error(
        "the medium lies about its size: of {free} bytes that it says are free, it keeps at most about {kept}; what is written beyond lands on what was there"
    )]
    Wraps {
        /// Said to be free, in bytes.
        free: u64,
        /// Kept at most, in bytes: the quick probe may find a multiple of the real size.
        kept: u64,
    },
    /// What was written does not stay.
    #[error(
        "the medium does not keep what is written to it: {found} instead of block {at} bytes into the free room, of {free} bytes that it says are free"
    )]
    Loses {
        /// Said to be free, in bytes.
        free: u64,
        /// Where in the free room.
        at: u64,
        /// What is there.
        found: &'static str,
    },
    /// What was written cannot be read.
    #[error("the medium cannot be read back")]
    Unreadable(#[source] PathError),
}

/// A file of marked blocks, and where in the free room it begins.
struct Area {
    path: PathBuf,
    at: u64,
    len: u64,
}

struct Probe<'a> {
    dir: PathBuf,
    free: u64,
    /// Tells this run's blocks from those of an earlier one.
    run: u64,
    progress: &'a dyn Progress,
    areas: Vec<Area>,
    /// Where in the free room the next file will lie.
    at: u64,
}

/// Probes the free room at `dir`. `run` is any number that is new.
pub fn probe(dir: &Path, depth: Depth, run: u64, progress: &dyn Progress) -> Result<Probed, ProbeError> {
    let place = dir.join(medium::PROBE_DIR);
    remove_tree(&place)?;
    let free = free_bytes(dir)?;
    let room = free.saturating_sub(HEADROOM.max(free / 50));
    if room < 2 * PIECE.start() {
        return Err(ProbeError::NoRoom { path: dir.display().to_string(), free });
    }
    create_dir(&place, Mode::Private)?;
    let mut probe = Probe { dir: place, free, run, progress, areas: Vec::new(), at: 0 };
    let outcome = probe.run(depth, room);
    // The room goes back whatever was found; on a medium that fails now, the first failure is the one to tell.
    let removed = remove_tree(&probe.dir).and_then(|()| sync_filesystem(dir));
    let probed = outcome?;
    removed?;
    Ok(probed)
}

impl Probe<'_> {
    fn run(&mut self, depth: Depth, room: u64) -> Result<Probed, ProbeError> {
        let spread = match depth {
            Depth::Quick => self.write_spread(room)?,
            Depth::Full => self.write_all(room)?,
        };
        sync_filesystem(&self.dir)?;
        let (written, bypass) = self.read_back()?;
        Ok(Probed { free: self.free, written, spread, past_cache: bypass < Bypass::Cached })
    }

    fn write_spread(&mut self, room: u64) -> Result<bool, ProbeError> {
        let piece = (room / 512).clamp(*PIECE.start(), *PIECE.end()).next_multiple_of(MARK);
        let step = piece.max((room / MARKS).next_multiple_of(MARK));
        let marks = (room.saturating_sub(piece) / step).min(MARKS);
        self.progress.phase("Probing the medium", Some(2 * (piece + marks * MARK)));
        if !self.area(piece, piece)? {
            return Ok(false);
        }
        for _ in 0..marks {
            if !self.area(MARK, step)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_all(&mut self, room: u64) -> Result<bool, ProbeError> {
        self.progress.phase("Filling the medium", Some(2 * room));
        let mut left = room;
        while left >= BLOCK as u64 {
            let len = left.min(FILE);
            self.area(len, len)?;
            left -= len;
        }
        Ok(true)
    }

    /// Writes a file of marked blocks into the first `len` of `room` bytes that it takes for itself; tells whether it could
    /// take them before they were written.
    fn area(&mut self, len: u64, room: u64) -> Result<bool, ProbeError> {
        let path = self.dir.join(format!("blocks-{}", self.areas.len()));
        let mut file = medium::create_plain(&path)?;
        // Taken at once: room for what is written is chosen as late as the sync, and then close together.
        let reserved = medium::reserve(&file, room)?;
        let mut buffer = Vec::with_capacity(1 << 20);
        let blocks = len / BLOCK as u64;
        for number in 0..blocks {
            let label = Label { run: self.run, at: self.at.saturating_add(number * BLOCK as u64) };
            buffer.extend_from_slice(&label.block());
            if buffer.len() >= 1 << 20 || number + 1 == blocks {
                file.write_all(&buffer).map_err(|e| PathError::new("write", &path, e))?;
                self.progress.advance(buffer.len() as u64);
                buffer.clear();
            }
        }
        medium::begin_writeback(&file);
        self.areas.push(Area { path, at: self.at, len: blocks * BLOCK as u64 });
        self.at = self.at.saturating_add(room);
        Ok(reserved)
    }

    /// Reads all files back; the worst that is found decides.
    fn read_back(&self) -> Result<(u64, Bypass), ProbeError> {
        let (mut bypass, mut total, mut verdict) = (Bypass::Direct, 0_u64, Verdict::default());
        for area in &self.areas {
            let mut file = PastCache::open(&area.path).map_err(ProbeError::Unreadable)?;
            let mut check = block::Check::new(self.run, area.at);
            let read = file.each(&mut |piece| {
                self.progress.advance(piece.len() as u64);
                check.feed(piece);
            });
            total = total.saturating_add(read.map_err(ProbeError::Unreadable)?);
            bypass = bypass.max(file.bypass());
            verdict = verdict.and(check.finish(area.len));
        }
        // Which block lies on which other tells the real size; zeros only tell that something is missing.
        match (verdict.nearest, verdict.first) {
            (Some(kept), _) => Err(ProbeError::Wraps { free: self.free, kept }),
            (None, Some((at, found))) => Err(ProbeError::Loses { free: self.free, at, found: found.describe() }),
            (None, None) => Ok((total, bypass)),
        }
    }
}

#[cfg(test)]
mod tests;
