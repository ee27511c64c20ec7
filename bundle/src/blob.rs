//! Blobs: content as it lies in a bundle, plain or as one zstd frame (format/manifest §3).
//!
//! Reading never makes more bytes than the manifest declares, and takes only the one form of frame the format allows,
//! so that a frame cannot hide a second one, a huge window or a bomb. Digests of plain blobs are left to whoever reads
//! them: stored and content digest are the same there.

mod blocks;

use std::io::{self, BufReader, Read, Write};

use sealift_model::{Digest, Hasher};

use self::blocks::Blocks;
use crate::layout::blob_path;
use crate::manifest::{Encoding, FileEntry, Stored};
use crate::source::{Source, SourceError};

/// Largest window of a frame, as a power of two.
pub const MAX_WINDOW_LOG: u32 = 23;
/// The level used for writing; fixed, because the same inputs must give the same bytes.
const LEVEL: i32 = 9;
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Longest frame header: magic, descriptor, window, dictionary id, content size.
const LONGEST_HEADER: u64 = 4 + 1 + 1 + 4 + 8;

/// Which rule a stored blob breaks. Comes out of readers as the inner error of an `io::Error` of kind `InvalidData`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobFault {
    /// Not a zstd frame.
    #[error("not a zstd frame")]
    NotZstd,
    /// A frame without content size or checksum, with a dictionary, or with reserved bits.
    #[error("zstd frame without {0}")]
    Lacks(&'static str),
    /// A window over the limit.
    #[error("zstd frame with a window above 2^{MAX_WINDOW_LOG} bytes")]
    Window,
    /// The frame states another size than the manifest.
    #[error("zstd frame of {found} bytes of content, {expected} are declared")]
    ContentSize {
        /// What the manifest declares.
        expected: u64,
        /// What the frame says.
        found: u64,
    },
    /// More or fewer bytes came out than declared.
    #[error("{found} bytes of content or more, {expected} are declared")]
    Length {
        /// What the manifest declares.
        expected: u64,
        /// What came out before reading stopped.
        found: u64,
    },
    /// Bytes after the frame.
    #[error("bytes after the zstd frame")]
    Trailing,
    /// The frame is damaged.
    #[error("damaged zstd frame: {0}")]
    Damaged(String),
    /// The stored bytes are not those the manifest lists.
    #[error("the stored bytes have the digest {found}, {expected} is listed")]
    StoredDigest {
        /// What the manifest lists.
        expected: Digest,
        /// What was read.
        found: Digest,
    },
}

impl From<BlobFault> for io::Error {
    fn from(fault: BlobFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// Opens the content of a carried entry; `None` if the bundle does not carry it.
///
/// Content size is kept in any case, and for encoded blobs the stored digest; the content's digest is the reader's.
pub fn open_content<'s>(
    source: &'s dyn Source,
    entry: &FileEntry,
) -> Result<Option<Box<dyn Read + Send + 's>>, SourceError> {
    let Some(stored) = entry.stored else { return Ok(None) };
    let path = blob_path(&stored.sha256);
    let (input, _) = source.open(&path)?;
    decode(stored, entry.size, input).map(Some).map_err(|e| source.fault(&path, e))
}

/// Reads content of `size` bytes from the bytes of a blob; the reader fails rather than give one byte more or less.
pub fn decode<'r>(stored: Stored, size: u64, input: impl Read + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
    // One byte beyond what is listed shows that there is more; nothing further is ever read.
    let input = input.take(stored.size.saturating_add(1));
    match stored.encoding {
        Encoding::Identity => Ok(Box::new(Exact { input, left: size, size })),
        Encoding::Zstd => Ok(Box::new(Exact { input: ZstdFrame::open(stored.sha256, size, input)?, left: size, size })),
    }
}

/// Ends only after exactly `size` bytes.
struct Exact<R> {
    input: R,
    left: u64,
    size: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let wrong = |found| BlobFault::Length { expected: self.size, found };
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(wrong(self.size - self.left).into());
        }
        let Some(left) = self.left.checked_sub(read as u64) else {
            return Err(wrong(self.size.saturating_add(1)).into());
        };
        self.left = left;
        Ok(read)
    }
}

type Decoder<R> = zstd::Decoder<'static, BufReader<Tee<R>>>;

/// One frame, and nothing after it.
struct ZstdFrame<R: Read> {
    decoder: Option<Decoder<R>>,
    expected: Digest,
}

impl<R: Read> ZstdFrame<R> {
    fn open(expected: Digest, size: u64, mut input: R) -> io::Result<Self> {
        let mut head = Vec::new();
        input.by_ref().take(LONGEST_HEADER).read_to_end(&mut head)?;
        let blocks = Blocks::after(check_header(&head, size)?);
        let tee = Tee { head: io::Cursor::new(head), input, hasher: Hasher::new(), blocks };
        let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(128 * 1024, tee))?.single_frame();
        decoder.window_log_max(MAX_WINDOW_LOG)?;
        Ok(Self { decoder: Some(decoder), expected })
    }

    /// Checks what can only be checked at the end.
    fn finish(&mut self) -> io::Result<()> {
        let Some(decoder) = self.decoder.take() else { return Ok(()) };
        let mut rest = decoder.finish();
        let mut one = [0];
        if rest.read(&mut one)? != 0 {
            return Err(BlobFault::Trailing.into());
        }
        let found = rest.into_inner().hasher.finish();
        if found == self.expected {
            return Ok(());
        }
        Err(BlobFault::StoredDigest { expected: self.expected, found }.into())
    }
}

impl<R: Read> Read for ZstdFrame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = self.decoder.as_mut().filter(|_| !buffer.is_empty()) else { return Ok(0) };
        match decoder.read(buffer) {
            Ok(0) => self.finish().map(|()| 0),
            Ok(read) => Ok(read),
            // zstd's own errors have no system error behind them; those of the medium pass as they are.
            Err(e) if e.raw_os_error().is_some() || e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => Err(BlobFault::Damaged(e.to_string()).into()),
        }
    }
}

/// Hashes what the decoder takes, and looks at the blocks.
struct Tee<R> {
    head: io::Cursor<Vec<u8>>,
    input: R,
    hasher: Hasher,
    blocks: Blocks,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.head.read(buffer)?;
        if read == 0 {
            read = self.input.read(buffer)?;
        }
        let passed = buffer.get(..read).unwrap_or_default();
        self.hasher.update(passed);
        self.blocks.pass(passed)?;
        Ok(read)
    }
}

/// Checks a frame header (RFC 8878 §3.1.1.1) against the one form the format allows, and returns its length.
fn check_header(head: &[u8], size: u64) -> Result<u64, BlobFault> {
    let Some((descriptor, fields)) = head.strip_prefix(&MAGIC).and_then(<[u8]>::split_first) else {
        return Err(BlobFault::NotZstd);
    };
    let single_segment = descriptor & 0x20 != 0;
    if descriptor & 0x04 == 0 {
        return Err(BlobFault::Lacks("a checksum"));
    }
    if descriptor & 0x03 != 0 || descriptor & 0x08 != 0 {
        return Err(BlobFault::Lacks("its plain form (dictionary or reserved bit)"));
    }
    let width = match (descriptor >> 6, single_segment) {
        (0, true) => 1,
        (0, false) => return Err(BlobFault::Lacks("a content size")),
        (1, _) => 2,
        (2, _) => 4,
        _ => 8,
    };
    let (window, fields) =
        if single_segment { (None, fields) } else { (fields.first(), fields.get(1..).unwrap_or_default()) };
    let bytes = fields.get(..width).ok_or(BlobFault::NotZstd)?;
    let number = bytes.iter().rev().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    let found = if width == 2 { number + 256 } else { number };
    if found != size {
        return Err(BlobFault::ContentSize { expected: size, found });
    }
    let window = window.map_or(found, |b| {
        let base = 1_u64 << (10 + (b >> 3));
        base + (base / 8) * u64::from(b & 7)
    });
    let length = 5 + u64::from(!single_segment) + width as u64;
    if window > 1 << MAX_WINDOW_LOG { Err(BlobFault::Window) } else { Ok(length) }
}

/// Writes `size` bytes of content as a blob: one zstd frame. The same content always gives the same bytes.
pub fn encode(input: &mut dyn Read, size: u64, output: &mut dyn Write) -> io::Result<Stored> {
    let counted = HashingWriter { output, hasher: Hasher::new() };
    let mut encoder = zstd::Encoder::new(counted, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    encoder.window_log(MAX_WINDOW_LOG.min(window_for(size)))?;
    let copied = io::copy(&mut input.take(size.saturating_add(1)), &mut encoder)?;
    if copied != size {
        return Err(BlobFault::Length { expected: size, found: copied }.into());
    }
    let HashingWriter { hasher, .. } = encoder.finish()?;
    let size = hasher.len();
    Ok(Stored { encoding: Encoding::Zstd, sha256: hasher.finish(), size })
}

/// A window much above the content would only make readers reserve memory.
fn window_for(size: u64) -> u32 {
    u64::BITS.saturating_sub(size.leading_zeros()).clamp(10, MAX_WINDOW_LOG)
}

struct HashingWriter<'a> {
    output: &'a mut dyn Write,
    hasher: Hasher,
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests;
