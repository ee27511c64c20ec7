//! The only free text of a record: one short line that a terminal, a table and a sheet of paper show as it is.

use std::fmt;
use std::str::FromStr;

use sealift_model::escape::printable;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest line, in bytes.
pub const MAX_LINE: usize = 200;

/// One line of text: 1 to 200 bytes, nothing invisible, no white space at its ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line(String);

/// Why a text is no line of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one line of 1 to {MAX_LINE} bytes without invisible characters")]
pub struct LineError(String);

impl Line {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let good = (1..=MAX_LINE).contains(&text.len()) && text.trim() == text && printable(text) == text;
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(LineError(printable(text).chars().take(MAX_LINE).collect()))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_a_terminal_or_a_sheet_would_not_show() {
        assert!("OFFICIAL: plant A, gate 2 (Süd)".parse::<Line>().is_ok());
        let long = "a".repeat(MAX_LINE + 1);
        for bad in ["", " a", "a ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{200b}b", long.as_str()] {
            let refused = bad.parse::<Line>().unwrap_err().to_string();
            assert!(!refused.contains('\u{1b}'), "{refused}");
        }
    }
}
