//! The archives in a package, as dpkg reads them: ustar and GNU, with long names; no PAX, no sparse files.

use std::io::{self, Read};

use sealift_model::escape::printable_bytes;

use super::{DebError, fill, skip};

const BLOCK: usize = 512;
/// Longest path that a header of its own may bring.
const LONGEST: u64 = 64 << 10;

pub(super) struct Archive<'r> {
    input: &'r mut dyn Read,
    left: u64,
    padding: u64,
}

/// An entry whose content, if it is a file, comes next.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) is_file: bool,
}

impl<'r> Archive<'r> {
    pub(super) fn new(input: &'r mut dyn Read) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// Goes to the next entry; `None` at the end, behind which nothing but zeros may come.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, DebError> {
        let mut long = None;
        loop {
            skip(self.input, self.left + self.padding)?;
            (self.left, self.padding) = (0, 0);
            let mut block = [0; BLOCK];
            if !fill(self.input, &mut block)? {
                return Err(DebError::Form("an archive in it has no end".into()));
            }
            if block == [0; BLOCK] {
                return self.only_zeros().map(|()| None);
            }
            let header = Header::read(&block)?;
            match header.kind {
                b'L' => long = Some(self.long_name(header.size)?),
                b'K' => drop(self.long_name(header.size)?),
                _ => return self.entry(header, long).map(Some),
            }
        }
    }

    fn entry(&mut self, header: Header, long: Option<Vec<u8>>) -> Result<Entry, DebError> {
        let path = long.unwrap_or(header.path);
        let is_file = matches!(header.kind, b'0' | 0 | b'7');
        let shown = printable_bytes(path.strip_prefix(b"./").unwrap_or(&path));
        if path.is_empty() {
            return Err(DebError::Form("an entry has no name".into()));
        }
        // A name that ends so is a directory to some readers, whose next header lies where others see content.
        if is_file && path.ends_with(b"/") {
            return Err(DebError::Form(format!("{shown} is a file by its kind and a directory by its name")));
        }
        if !is_file && !matches!(header.kind, b'1'..=b'6') {
            return Err(DebError::Form(format!("{shown} is of a kind that dpkg does not unpack")));
        }
        if !is_file && header.size > 0 {
            return Err(DebError::Form(format!("{shown} has content but is no file")));
        }
        self.expect(header.size);
        Ok(Entry { path: shown, size: header.size, is_file })
    }

    fn expect(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, DebError> {
        if size == 0 || size > LONGEST {
            return Err(DebError::Form("a long name has an impossible length".into()));
        }
        self.expect(size);
        let mut name = Vec::new();
        self.content().read_to_end(&mut name).map_err(DebError::Read)?;
        name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len()));
        Ok(name)
    }

    /// Returns a reader of the content of the entry that came last.
    pub(super) fn content(&mut self) -> Content<'_, 'r> {
        Content { archive: self }
    }

    fn only_zeros(&mut self) -> Result<(), DebError> {
        let mut buffer = [0; 8 << 10];
        loop {
            match self.input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) if buffer.iter().take(read).all(|b| *b == 0) => {}
                Ok(_) => return Err(DebError::Form("something lies behind the end of an archive in it".into())),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(DebError::Read(e)),
            }
        }
    }
}

pub(super) struct Content<'a, 'r> {
    archive: &'a mut Archive<'r>,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&mut *self.archive.input).take(self.archive.left).read(buffer)?;
        if read == 0 && self.archive.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an archive in the package ends in the middle"));
        }
        self.archive.left = self.archive.left.saturating_sub(read as u64);
        Ok(read)
    }
}

struct Header {
    path: Vec<u8>,
    size: u64,
    kind: u8,
}

impl Header {
    fn read(block: &[u8; BLOCK]) -> Result<Self, DebError> {
        let damaged = || DebError::Form("a header of an archive in it is damaged".into());
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*byte) })
            .sum();
        if octal(block.get(148..156).unwrap_or_default()) != Some(sum) {
            return Err(damaged());
        }
        let size = number(block.get(124..136).unwrap_or_default()).ok_or_else(damaged)?;
        let kind = block.get(156).copied().ok_or_else(damaged)?;
        let mut path = until_zero(block.get(..100).unwrap_or_default()).to_vec();
        let prefix = until_zero(block.get(345..500).unwrap_or_default());
        if block.get(257..263) == Some(b"ustar\0") && !prefix.is_empty() {
            path = [prefix, b"/", &path].concat();
        }
        Ok(Self { path, size, kind })
    }
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// A size: octal digits, or as GNU writes large ones, a set bit and big-endian bytes.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first & 0x80 == 0 {
        return octal(field);
    }
    let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    if *first != 0x80 || high.iter().any(|b| *b != 0) {
        return None;
    }
    // One above what any file can have would overflow where it is rounded up to blocks.
    Some(u64::from_be_bytes(low.try_into().ok()?)).filter(|size| *size < 1 << 62)
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = field.trim_ascii_start();
    let end = text.iter().position(|b| *b == 0 || *b == b' ').unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() || rest.iter().any(|b| *b != 0 && *b != b' ') {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        sum.checked_mul(8)?.checked_add(u64::from(digit))
    })
}
