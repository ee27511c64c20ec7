//! Names of delegated roles.
//!
//! A name is chosen by whoever delegates and is data: it never becomes a path or part of a URL except through
//! [`RoleName::encoded`].

use std::fmt::{self, Write as _};

use sealift_model::escape::printable;
use serde::{Deserialize, Deserializer};

use crate::key::Role;

/// The most bytes of a name: encoded and with `.json` it still is a file name everywhere.
pub const MOST_BYTES: usize = 80;

/// The name of a delegated role; never the name of a top-level one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(String);

/// Why a text is no name of a delegated role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delegated role has a name of 1 to {MOST_BYTES} bytes that is no top-level role's")]
pub struct RoleNameError;

impl RoleName {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, RoleNameError> {
        let top_level = Role::ALL.iter().any(|role| role.as_str() == text);
        if (1..=MOST_BYTES).contains(&text.len()) && !top_level {
            Ok(Self(text.to_owned()))
        } else {
            Err(RoleNameError)
        }
    }

    /// Returns the name as it was signed. **Not for paths and not for showing.**
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name with every byte but letters, digits, `_`, `-`, `.` and `~` as `%XX`, for file names and URLs.
    pub fn encoded(&self) -> String {
        percent_encoded(&self.0)
    }

    /// Returns the name under which snapshot metadata lists the role.
    pub(crate) fn in_snapshot(&self) -> String {
        format!("{}.json", self.0)
    }
}

/// Encodes text so that it is one segment of a path or URL, as RFC 3986 §2 does.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_name_never_leaves_its_directory() {
        for (name, encoded) in [
            ("A", "A"),
            ("?", "%3F"),
            ("../x", "..%2Fx"),
            ("/x", "%2Fx"),
            ("a\\b\0", "a%5Cb%00"),
            ("%2F", "%252F"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(RoleName::new(name).unwrap().encoded(), encoded);
        }
    }

    #[test]
    fn refuses_no_name_and_names_of_top_level_roles() {
        for name in ["", "root", "targets", "snapshot", "timestamp", &"x".repeat(81)] {
            assert_eq!(RoleName::new(name), Err(RoleNameError), "{name}");
        }
    }
}
