//! The outer archive of a package: the `ar` of Debian, with short names only.

use std::io::{self, Read};

use sealift_model::escape::printable_bytes;

use super::{DebError, fill, skip};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;

pub(super) struct Archive<R> {
    input: R,
}

/// One member; what the caller leaves of it is read by [`Member::skip_rest`].
pub(super) struct Member<'a, R> {
    input: &'a mut R,
    name: String,
    size: u64,
    left: u64,
}

impl<R: Read> Archive<R> {
    pub(super) fn open(mut input: R) -> Result<Self, DebError> {
        let mut magic = [0; 8];
        if !fill(&mut input, &mut magic)? || magic != *MAGIC {
            return Err(DebError::Form("it does not begin as an ar archive".into()));
        }
        Ok(Self { input })
    }

    pub(super) fn next(&mut self) -> Result<Option<Member<'_, R>>, DebError> {
        let mut header = [0; HEADER];
        if !fill(&mut self.input, &mut header)? {
            return Ok(None);
        }
        let (name, rest) = header.split_at(16);
        let size = rest.get(32..42).and_then(decimal);
        match (size, header.ends_with(b"`\n")) {
            (Some(size), true) => Ok(Some(Member { input: &mut self.input, name: name_of(name), size, left: size })),
            _ => Err(DebError::Form("the header of a member is damaged".into())),
        }
    }
}

impl<R: Read> Member<'_, R> {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Reads what is left of the member and the byte that fills it up to an even size.
    pub(super) fn skip_rest(self) -> Result<(), DebError> {
        skip(self.input, self.left)?;
        if self.size % 2 == 1 {
            // The last one may lack it.
            fill(self.input, &mut [0])?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Member<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&mut *self.input).take(self.left).read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the package ends in the middle"));
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// The name without what fills it up, and without the slash that some writers end it with.
fn name_of(field: &[u8]) -> String {
    let text = printable_bytes(field.trim_ascii_end());
    text.strip_suffix('/').map_or(text.clone(), str::to_owned)
}

/// A number of decimal digits, filled up with blanks.
fn decimal(field: &[u8]) -> Option<u64> {
    let text = field.trim_ascii_end();
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
