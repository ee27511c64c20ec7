//! Debian version numbers and their order (Debian Policy 5.6.12).
//!
//! [`Version::compare`] is dpkg's order, in which different texts can be equal (`1.0` and `1.00`). `Ord` breaks those
//! ties by the text, so that it agrees with `Eq` and versions can be keys; dependency checks use `compare`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use sealift_model::escape::printable;

const LONGEST: usize = 1024;

/// A version as its upstream wrote it: `[epoch:]upstream[-revision]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(Box<str>);

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Debian version")]
pub struct VersionError(String);

impl Version {
    /// Checks `text` against the grammar of Debian versions.
    pub fn new(text: &str) -> Result<Self, VersionError> {
        if is_version(text) {
            Ok(Self(text.into()))
        } else {
            Err(VersionError(printable(&text.chars().take(80).collect::<String>())))
        }
    }

    /// Returns the version exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares as dpkg does. Versions that differ only in leading zeros or an absent `0` are equal here.
    pub fn compare(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }

    /// Returns the version without its epoch, as it stands in file names.
    pub fn without_epoch(&self) -> &str {
        split(&self.0).1
    }
}

/// Compares two version texts as dpkg does; the texts need not be checked.
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let ((epoch_a, rest_a), (epoch_b, rest_b)) = (split(a), split(b));
    let (upstream_a, revision_a) = rest_a.rsplit_once('-').unwrap_or((rest_a, ""));
    let (upstream_b, revision_b) = rest_b.rsplit_once('-').unwrap_or((rest_b, ""));
    number(epoch_a.as_bytes(), epoch_b.as_bytes())
        .then_with(|| part(upstream_a.as_bytes(), upstream_b.as_bytes()))
        .then_with(|| part(revision_a.as_bytes(), revision_b.as_bytes()))
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or(("", text))
}

fn is_version(text: &str) -> bool {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, text),
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((upstream, revision)) => (upstream, Some(revision)),
        None => (rest, None),
    };
    // dpkg keeps epochs in an int; longer ones would be cut there and mean another version than here.
    let epoch_ok = epoch.is_none_or(|e| !e.is_empty() && e.len() <= 9 && e.bytes().all(|b| b.is_ascii_digit()));
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'~');
    text.len() <= LONGEST
        && epoch_ok
        && !upstream.is_empty()
        && upstream.bytes().all(|b| word(b) || b == b'-' || (b == b':' && epoch.is_some()))
        && revision.is_none_or(|r| !r.is_empty() && r.bytes().all(word))
}

/// Sorts `~` before the end of the part, the end before letters, letters before the rest.
fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None | Some(b'0'..=b'9') => 1,
        Some(b) if b.is_ascii_alphabetic() => 2 + u16::from(b),
        Some(b) => 258 + u16::from(b),
    }
}

/// Compares an upstream version or a revision: alternating runs of non-digits and digits.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = cut(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = cut(b, |c| !c.is_ascii_digit());
        let longest = text_a.len().max(text_b.len());
        let text = (0..longest)
            .map(|i| weight(text_a.get(i).copied()).cmp(&weight(text_b.get(i).copied())))
            .find(|order| order.is_ne());
        let (digits_a, next_a) = cut(rest_a, u8::is_ascii_digit);
        let (digits_b, next_b) = cut(rest_b, u8::is_ascii_digit);
        let order = text.unwrap_or_else(|| number(digits_a, digits_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

fn cut(bytes: &[u8], inside: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|b| !inside(b)).unwrap_or(bytes.len());
    bytes.split_at(at)
}

/// Compares digits as numbers of any length; none is zero.
fn number(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|d| *d != b'0').unwrap_or(digits.len());
    let (_, a) = a.split_at(significant(a));
    let (_, b) = b.split_at(significant(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.0)
    }
}

impl FromStr for Version {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests;
