//! The blocks of a frame (RFC 8878 §3.1.1.2), as far as readers of zstd disagree about them.
//!
//! libzstd refuses a compressed block without content if it has the whole frame at hand, and skips it if it has not. What
//! is accepted must not hang on how much was read at once, so it is refused here in either case.

use super::BlobFault;

const COMPRESSED: u32 = 2;
const RLE: u32 = 1;

/// Steps from block header to block header as the bytes of a frame go by.
#[derive(Debug)]
pub(super) struct Blocks {
    skip: u64,
    header: u32,
    have: u32,
    ended: bool,
}

impl Blocks {
    /// Begins before a frame whose own header takes `skip` bytes.
    pub(super) fn after(skip: u64) -> Self {
        Self { skip, header: 0, have: 0, ended: false }
    }

    /// Looks at the bytes that come next.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), BlobFault> {
        while !self.ended {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= skipped as u64;
            let Some((next, rest)) = bytes.get(skipped..).and_then(<[u8]>::split_first) else { break };
            bytes = rest;
            self.header |= u32::from(*next) << (8 * self.have);
            self.have += 1;
            if self.have == 3 {
                self.begin(self.header)?;
                (self.header, self.have) = (0, 0);
            }
        }
        Ok(())
    }

    fn begin(&mut self, header: u32) -> Result<(), BlobFault> {
        let (kind, size) = ((header >> 1) & 3, header >> 3);
        if kind == COMPRESSED && size == 0 {
            return Err(BlobFault::Damaged("a compressed block without content".into()));
        }
        self.ended = header & 1 == 1;
        self.skip = if kind == RLE { 1 } else { u64::from(size) };
        Ok(())
    }
}
