//! Indexes out of their compressed form, by the ending of their name, in bounded memory and up to a bounded size.
//!
//! The bounds stop a file of a few kilobytes from filling memory or a disk. Concatenated streams are read to the end in
//! every form, as apt does: stopping after the first would make two readers see two indexes.

use std::io::{self, BufRead, BufReader, Read};

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Most memory an xz decoder may take; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// Largest window of a zstd frame, as a power of two: 128 MiB.
const ZSTD_WINDOW: u32 = 27;

/// How an index file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Compression {
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
    /// `.gz`
    Gzip,
    /// As it is.
    Plain,
}

impl Compression {
    /// All forms this crate reads, the preferred first: smaller on the wire.
    pub const PREFERRED: [Self; 4] = [Self::Xz, Self::Zstd, Self::Gzip, Self::Plain];

    /// Returns the form that the ending of a file's name tells; a name without a known ending is plain.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("xz") => Self::Xz,
            Some("zst") => Self::Zstd,
            Some("gz") => Self::Gzip,
            _ => Self::Plain,
        }
    }

    /// Returns the ending of names, with its dot; empty for plain.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
            Self::Plain => "",
        }
    }
}

/// Reads `input` decompressed as its `name` tells, at most `limit` bytes; more is an error of kind `FileTooLarge`.
pub fn open_index<'r>(name: &str, input: impl Read + 'r, limit: u64) -> io::Result<Box<dyn BufRead + 'r>> {
    let input = BufReader::with_capacity(64 << 10, input);
    let plain: Box<dyn Read + 'r> = match Compression::of_name(name) {
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED).map_err(io::Error::other)?;
            Box::new(XzDecoder::new_stream(input, stream))
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Plain => Box::new(input),
    };
    Ok(Box::new(BufReader::with_capacity(128 << 10, Capped { input: plain, left: limit, limit })))
}

/// Fails as soon as more than its cap was read. `Take` would end quietly, and a cut index looks like a smaller one.
struct Capped<R> {
    input: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buf)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("index is larger than {} bytes decompressed", self.limit),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(text, 1).unwrap(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Plain => text.to_vec(),
        }
    }

    fn read(compression: Compression, bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        open_index(&format!("Packages{}", compression.ending()), bytes, limit)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn every_form_reads_back() {
        let text = b"Package: a\n".repeat(10_000);
        for form in Compression::PREFERRED {
            assert_eq!(read(form, &packed(form, &text), text.len() as u64).unwrap(), text, "{form:?}");
        }
    }

    #[test]
    fn refuses_more_than_the_cap() {
        let text = vec![b'x'; 1 << 20];
        for form in Compression::PREFERRED {
            let error = read(form, &packed(form, &text), (1 << 20) - 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{form:?}");
        }
    }

    #[test]
    fn refuses_a_truncated_file() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for form in [Compression::Xz, Compression::Zstd, Compression::Gzip] {
            let whole = packed(form, &text);
            assert!(read(form, &whole[..whole.len() - 9], 1 << 30).is_err(), "{form:?}");
        }
    }

    #[test]
    fn refuses_a_zstd_window_over_the_bound() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(b"x").unwrap();
        assert!(read(Compression::Zstd, &encoder.finish().unwrap(), 100).is_err());
    }
}
