//! Relative paths that may become file names (format/manifest §3).
//!
//! No name from a bundle or an upstream becomes a path unless it is a [`RelPath`]. The grammar leaves out everything
//! that some file system, shell or terminal reads as more than a name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A relative path: 1 to 16 segments of `A-Z a-z 0-9 . _ + ~ : % -` joined by `/`.
///
/// Segments are 1 to 255 bytes, the whole at most 1024. A segment is not `.` or `..`, does not begin with `-`, `.` or a
/// drive (`C:`), does not end with `.`, and is no device name of Windows (`CON`, `nul.txt`, …).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RelPath(String);

/// Which rule of the path grammar a text breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathGrammarError {
    /// Nothing there.
    #[error("path is empty")]
    Empty,
    /// Over 1024 bytes, 255 in a segment, or 16 segments.
    #[error("path `{0}` is too long or too deep (1024 bytes, 255 a segment, 16 segments)")]
    TooLong(String),
    /// Begins with `/`.
    #[error("path `{0}` is absolute")]
    Absolute(String),
    /// A segment that is empty, `.`, `..`, hidden, an option, a device, or has a character outside the set.
    #[error("path `{path}` has the forbidden segment `{segment}`")]
    Segment {
        /// The path, made printable.
        path: String,
        /// The segment, made printable.
        segment: String,
    },
}

impl RelPath {
    /// Checks `text` against the path grammar.
    pub fn new(text: &str) -> Result<Self, PathGrammarError> {
        use crate::escape::printable;
        if text.is_empty() {
            return Err(PathGrammarError::Empty);
        }
        if text.starts_with('/') {
            return Err(PathGrammarError::Absolute(printable(text)));
        }
        if text.len() > 1024 || text.split('/').count() > 16 || text.split('/').any(|s| s.len() > 255) {
            return Err(PathGrammarError::TooLong(printable(&text.chars().take(80).collect::<String>())));
        }
        match text.split('/').find(|s| !is_segment(s)) {
            None => Ok(Self(text.to_owned())),
            Some(segment) => Err(PathGrammarError::Segment { path: printable(text), segment: printable(segment) }),
        }
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path for the file system. It is relative and stays below whatever it is joined to.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Returns the segments, at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Returns the last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns this path with `tail` below it.
    pub fn join(&self, tail: &Self) -> Result<Self, PathGrammarError> {
        Self::new(&format!("{}/{}", self.0, tail.0))
    }

    /// Returns the form by which two paths collide on a case-folding file system.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'~' | b':' | b'%' | b'-');
    !segment.is_empty()
        && segment.bytes().all(allowed)
        && !segment.starts_with(['-', '.'])
        && !segment.ends_with('.')
        && !is_drive(segment)
        && !is_device(segment)
}

/// Windows reads `C:x` as a file on another drive.
fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Windows opens these as devices whatever follows the first dot.
fn is_device(segment: &str) -> bool {
    let stem = segment.split(['.', ':']).next().unwrap_or(segment).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [digit] if digit.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for RelPath {
    fn as_ref(&self) -> &Path {
        self.as_path()
    }
}

impl FromStr for RelPath {
    type Err = PathGrammarError;
    fn from_str(text: &str) -> Result<Self, PathGrammarError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_pool_paths_pass() {
        for good in [
            "pool/main/o/openssl/openssl_3.0.19-1~deb12u2_amd64.deb",
            "pool/main/g/gcc-12/libstdc++6_12.2.0-14+deb12u1_amd64.deb",
            "bundles/deb12-security/42/manifest.json",
            "pool/main/x/x_1%3a2_all.deb",
            "pool/main/x/x_1:2_all.deb",
        ] {
            assert_eq!(RelPath::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn forms_that_mean_more_than_a_name_are_refused() {
        let deep = vec!["a"; 17].join("/");
        let long = "a".repeat(256);
        for bad in [
            "",
            "/x",
            "..",
            "a/../b",
            "a//b",
            "a/./b",
            "-rf",
            "a/-b",
            ".hidden",
            "a\\b",
            "C:x",
            "a/c:",
            "CON",
            "nul.txt",
            "aux:x",
            "com0",
            "com1",
            "a/LPT9.x",
            "trailing.",
            "a ",
            "a\nb",
            "a\u{1b}b",
            "a\u{202e}b",
            "ä",
            "a/",
            &deep,
            &long,
        ] {
            assert!(RelPath::new(bad).is_err(), "{bad:?}");
        }
    }
}
