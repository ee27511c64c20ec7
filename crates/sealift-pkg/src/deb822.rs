//! Paragraphs of `Field: value` lines, the form of Release, Packages, dpkg's status and apt's .sources.
//!
//! [`Paragraphs`] holds one paragraph at a time, so memory does not grow with an index; each is capped. A paragraph
//! keeps its bytes as they came ([`Paragraph::raw`]). A field that stands twice is refused: two readers could pick
//! different ones, and one of them would be apt.

use std::io::{BufRead, Read as _};
use std::ops::Range;

use sealift_model::escape::printable_bytes;

/// Cap of one paragraph unless another is asked for. The largest real ones are Release files of some 250 kB.
pub const PARAGRAPH_LIMIT: u64 = 16 << 20;
const MOST_FIELDS: usize = 512;

/// What is wrong with a control file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Deb822Error {
    /// The reader failed; also a stream whose compressed form is damaged or too large.
    #[error("cannot read on after line {line}")]
    Read {
        /// Lines read before.
        line: u64,
        /// The fault.
        #[source]
        source: std::io::Error,
    },
    /// A paragraph over the cap, in bytes or fields.
    #[error("paragraph {number} is larger than {limit} bytes or {MOST_FIELDS} fields")]
    TooLarge {
        /// The paragraph, counted from 1.
        number: u64,
        /// The cap.
        limit: u64,
    },
    /// A line that is neither a field nor a continuation of one.
    #[error("line {line} is not `Field: value`: `{text}`")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// Its beginning, made printable.
        text: String,
    },
    /// The same field twice in one paragraph.
    #[error("paragraph {number} has the field `{field}` twice")]
    Duplicate {
        /// The paragraph, counted from 1.
        number: u64,
        /// The field's name.
        field: String,
    },
    /// A field that was asked for and is not UTF-8.
    #[error("paragraph {number}: field `{field}` is not UTF-8")]
    NotUtf8 {
        /// The paragraph, counted from 1.
        number: u64,
        /// The field's name.
        field: String,
    },
}

#[derive(Debug, Clone)]
struct Span {
    name: Range<usize>,
    value: Range<usize>,
    line: u64,
}

/// Reads paragraphs one at a time.
#[derive(Debug)]
pub struct Paragraphs<R> {
    input: R,
    limit: u64,
    comments: bool,
    number: u64,
    line: u64,
    raw: Vec<u8>,
    fields: Vec<Span>,
}

/// One paragraph, borrowed from the reader until the next is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Paragraph<'a> {
    raw: &'a [u8],
    fields: &'a [Span],
    number: u64,
}

impl<R: BufRead> Paragraphs<R> {
    /// Reads from `input`, each paragraph at most [`PARAGRAPH_LIMIT`] bytes.
    pub fn new(input: R) -> Self {
        Self { input, limit: PARAGRAPH_LIMIT, comments: false, number: 0, line: 0, raw: Vec::new(), fields: Vec::new() }
    }

    /// Leaves out lines that begin with `#`, as human-edited files have them.
    #[must_use]
    pub fn with_comments(mut self) -> Self {
        self.comments = true;
        self
    }

    /// Caps a paragraph at `limit` bytes.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Returns the next paragraph, `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "lends from itself, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<Paragraph<'_>>, Deb822Error> {
        self.raw.clear();
        self.fields.clear();
        self.number += 1;
        loop {
            let start = self.raw.len();
            if !self.read_line()? {
                break;
            }
            let line = self.raw.get(start..).unwrap_or_default();
            if matches!(line, b"\n" | b"\r\n") {
                self.raw.truncate(start);
                if self.fields.is_empty() {
                    continue;
                }
                break;
            }
            if self.comments && line.first() == Some(&b'#') {
                self.raw.truncate(start);
                continue;
            }
            self.take_line(start)?;
        }
        let paragraph = Paragraph { raw: &self.raw, fields: &self.fields, number: self.number };
        Ok((!self.fields.is_empty()).then_some(paragraph))
    }

    /// Appends one line to `raw`; false at the end.
    fn read_line(&mut self) -> Result<bool, Deb822Error> {
        let room = self.limit.saturating_sub(self.raw.len() as u64);
        let read = self
            .input
            .by_ref()
            .take(room.saturating_add(1))
            .read_until(b'\n', &mut self.raw)
            .map_err(|source| Deb822Error::Read { line: self.line, source })?;
        if read as u64 > room {
            return Err(Deb822Error::TooLarge { number: self.number, limit: self.limit });
        }
        self.line += 1;
        Ok(read > 0)
    }

    /// Enters the line that begins at `start` of `raw` as a field or as more of the last one.
    fn take_line(&mut self, start: usize) -> Result<(), Deb822Error> {
        let end = self.raw.len();
        let line = self.raw.get(start..end).unwrap_or_default();
        let bad = || Deb822Error::Line {
            line: self.line,
            text: printable_bytes(line.get(..line.len().min(80)).unwrap_or_default()),
        };
        if matches!(line.first(), Some(b' ' | b'\t')) {
            self.fields.last_mut().ok_or_else(bad)?.value.end = end;
            return Ok(());
        }
        let colon = line.iter().position(|b| *b == b':').ok_or_else(bad)?;
        let name = line.get(..colon).unwrap_or_default();
        if !is_field_name(name) {
            return Err(bad());
        }
        if self.fields.iter().any(|f| bytes_of(&self.raw, &f.name).eq_ignore_ascii_case(name)) {
            return Err(Deb822Error::Duplicate { number: self.number, field: printable_bytes(name) });
        }
        if self.fields.len() == MOST_FIELDS {
            return Err(Deb822Error::TooLarge { number: self.number, limit: self.limit });
        }
        self.fields.push(Span { name: start..start + colon, value: start + colon + 1..end, line: self.line });
        Ok(())
    }
}

fn is_field_name(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_graphic) && !matches!(name.first(), None | Some(b'#' | b'-'))
}

fn bytes_of<'a>(raw: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    raw.get(range.clone()).unwrap_or_default()
}

impl<'a> Paragraph<'a> {
    /// Returns the paragraph's bytes as they came, without the empty line after it.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Returns the paragraph's number, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the value of the field `name`, whatever its case, without surrounding white space. Inner line breaks
    /// stay.
    pub fn get(&self, name: &str) -> Result<Option<&'a str>, Deb822Error> {
        let Some(span) = self.span(name) else { return Ok(None) };
        match std::str::from_utf8(bytes_of(self.raw, &span.value)) {
            Ok(text) => Ok(Some(text.trim())),
            Err(_) => Err(Deb822Error::NotUtf8 { number: self.number, field: name.to_owned() }),
        }
    }

    /// Returns the line the field `name` begins on, counted from 1.
    pub fn line_of(&self, name: &str) -> Option<u64> {
        self.span(name).map(|span| span.line)
    }

    /// Returns the line the paragraph begins on, counted from 1.
    pub fn first_line(&self) -> u64 {
        self.fields.first().map_or(0, |span| span.line)
    }

    /// Returns names and untouched values (with their line breaks) in the order they stand.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let raw = self.raw;
        self.fields.iter().map(move |f| (bytes_of(raw, &f.name), bytes_of(raw, &f.value)))
    }

    /// Returns where the whole field `name`, its lines and their ends, stands in [`Self::raw`].
    pub fn extent(&self, name: &str) -> Option<Range<usize>> {
        self.span(name).map(|span| span.name.start..span.value.end)
    }

    fn span(&self, name: &str) -> Option<&'a Span> {
        let wanted = name.as_bytes();
        self.fields
            .iter()
            .find(|f| f.name.len() == wanted.len() && bytes_of(self.raw, &f.name).eq_ignore_ascii_case(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_keep_their_bytes() {
        let text = b"\n\nA: 1\nB:2\n more\n\t last\n\n\nA: 3";
        let mut all = Paragraphs::new(&text[..]);
        let first = all.next().unwrap().unwrap();
        assert_eq!(first.raw(), b"A: 1\nB:2\n more\n\t last\n");
        assert_eq!(first.get("b").unwrap(), Some("2\n more\n\t last"));
        assert_eq!((first.number(), first.line_of("B")), (1, Some(4)));
        let second = all.next().unwrap().unwrap();
        assert_eq!((second.raw(), second.get("A").unwrap()), (&b"A: 3"[..], Some("3")));
        assert!(all.next().unwrap().is_none());
    }

    #[test]
    fn refuses_a_field_that_stands_twice() {
        let error = Paragraphs::new(&b"Filename: a\nFILENAME: b\n"[..]).next().unwrap_err();
        assert_eq!(error.to_string(), "paragraph 1 has the field `FILENAME` twice");
    }

    #[test]
    fn refuses_lines_that_are_no_fields() {
        for bad in ["no colon\n", " continuation of nothing\n", ": empty\n", "a b: c\n", "-x: y\n", "A: 1\nnothing\n"] {
            assert!(matches!(Paragraphs::new(bad.as_bytes()).next(), Err(Deb822Error::Line { .. })), "{bad:?}");
        }
    }

    #[test]
    fn refuses_a_paragraph_over_the_cap() {
        let text = format!("A: {}\n", "x".repeat(100));
        let error = Paragraphs::new(text.as_bytes()).with_limit(50).next().unwrap_err();
        assert!(matches!(error, Deb822Error::TooLarge { number: 1, limit: 50 }));
    }

    #[test]
    fn only_fields_that_are_asked_for_must_be_text() {
        let mut all = Paragraphs::new(&b"A: 1\nMaintainer: \xff\n"[..]);
        let paragraph = all.next().unwrap().unwrap();
        assert_eq!(paragraph.get("A").unwrap(), Some("1"));
        assert!(matches!(paragraph.get("Maintainer"), Err(Deb822Error::NotUtf8 { .. })));
    }
}
