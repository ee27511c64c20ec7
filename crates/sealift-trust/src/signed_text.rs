//! What receipts, requests and need-lists have in common: lines of text in a fixed order, a key and a signature at their end.
//!
//! Only splitting and the small readers of fields are here. That a text is the one spelling of what it says is each
//! document's own business: it prints what it read and compares.

use sealift_model::Digest;
use sealift_model::digest::unhex;

use crate::key::{KeyError, PublicKey};

/// A line that is not what belongs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineFault {
    /// Its number, from 1.
    pub(crate) line: usize,
    /// The form it should have.
    pub(crate) expected: &'static str,
}

/// The lines of a document that were not read yet.
pub(crate) struct Lines<'a> {
    rest: std::iter::Peekable<std::str::Split<'a, char>>,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text.split('\n').peekable(), number: 0 }
    }

    /// Reads the first line of a document, which is always the same.
    pub(crate) fn first(&mut self, line: &'static str) -> Result<(), LineFault> {
        self.field(line, line, |rest| rest.is_empty().then_some(()))
    }

    /// Tells whether the next line begins with `name`.
    pub(crate) fn begins(&mut self, name: &str) -> bool {
        self.rest.peek().is_some_and(|line| line.starts_with(name))
    }

    /// Reads the lines that begin with `name`, none or more.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, LineFault> {
        let mut list = Vec::new();
        while self.begins(name) {
            list.push(self.field(name, expected, &read)?);
        }
        Ok(list)
    }

    /// Reads one line that begins with `name`.
    pub(crate) fn field<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, LineFault> {
        self.number = self.number.saturating_add(1);
        let line = self.rest.next().and_then(|line| line.strip_prefix(name));
        line.and_then(read).ok_or(LineFault { line: self.number, expected })
    }

    /// Reads the two lines at the end.
    pub(crate) fn signed_by(&mut self) -> Result<Signing, LineFault> {
        let key = self.field("key: ed25519:", "key: ed25519:HEX", |t| unhex(t)?.try_into().ok())?;
        let signature = self.field("signature: ", "signature: HEX", |t| unhex(t)?.try_into().ok())?;
        Ok(Signing { key, signature })
    }
}

/// Key and signature as a document names them.
pub(crate) struct Signing {
    pub(crate) key: [u8; 32],
    pub(crate) signature: [u8; 64],
}

impl Signing {
    /// Returns the key if it can be used at all.
    pub(crate) fn public(&self) -> Result<PublicKey, KeyError> {
        PublicKey::ed25519(&self.key)
    }
}

/// Reads `sha256:` and 64 digits.
pub(crate) fn tagged(text: &str) -> Option<Digest> {
    text.strip_prefix("sha256:")?.parse().ok()
}

/// Reads 64 digits without a tag.
pub(crate) fn bare(text: &str) -> Option<Digest> {
    if text.contains(':') { None } else { text.parse().ok() }
}

/// Reads a whole number in its one spelling.
pub(crate) fn number(text: &str) -> Option<u64> {
    let one_spelling = text == "0" || !text.starts_with('0');
    (one_spelling && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Tells whether each element is above the one before it.
pub(crate) fn rises<T: PartialOrd>(list: &[T]) -> bool {
    list.windows(2).all(|w| matches!(w, [a, b] if a < b))
}
