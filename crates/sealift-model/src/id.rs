//! Names and numbers of things, one type each, so that a stream cannot be passed where a channel is meant.
//!
//! Names follow one grammar: 1 to 64 characters of `a-z 0-9 . _ -`, beginning with a letter or digit. They appear in
//! file names, URLs and shell commands; nothing outside that set ever needs quoting.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a name or number of sealift.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not of the name grammar.
    #[error("`{0}` is not a valid name: use 1 to 64 of a-z, 0-9, `.`, `_`, `-`, beginning with a letter or digit")]
    Name(String),
    /// Not a positive integer.
    #[error("`{0}` is not a sequence number: use a positive whole number")]
    Sequence(String),
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first_ok = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first_ok
        && text.len() <= 64
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks `text` against the name grammar.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(IdError::Name(crate::escape::printable(text))) }
            }

            /// Returns the name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// Names a stream: a selection of upstreams that crosses the gap as one numbered series of bundles.
    StreamId
);
name_type!(
    /// Names an upstream repository that a mirror follows.
    UpstreamId
);
name_type!(
    /// Names a channel of the isolated repository (testing, production).
    ChannelId
);
name_type!(
    /// Names a host in an inventory.
    HostId
);
name_type!(
    /// Names a group of hosts.
    GroupId
);
name_type!(
    /// Names an isolated site.
    SiteId
);
name_type!(
    /// Names a person who makes signed statements.
    PersonId
);
name_type!(
    /// Names a medium of a register: its control number.
    MediumId
);

/// Number of a bundle in its stream: 1, 2, 3, …, strictly increasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(NonZeroU64);

impl Sequence {
    /// The first bundle of a stream.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Returns the sequence with this number; `None` for 0 and for numbers JSON cannot carry exactly (≥ 2^53).
    pub fn new(number: u64) -> Option<Self> {
        (number < (1 << 53)).then(|| NonZeroU64::new(number).map(Self)).flatten()
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Returns the following sequence.
    pub fn next(self) -> Option<Self> {
        Self::new(self.get() + 1)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Sequence {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::Sequence(crate::escape::printable(text));
        // `+7` and `007` parse as integers but are other spellings of a path segment.
        if text.is_empty() || text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        text.parse().ok().and_then(Self::new).ok_or_else(error)
    }
}

impl Serialize for Sequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

impl<'de> Deserialize<'de> for Sequence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom(IdError::Sequence(number.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_need_quoting() {
        for good in ["deb12-security", "a", "0.x_y"] {
            assert_eq!(StreamId::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in ["", "-rf", ".hidden", "A", "a b", "a/b", "a\u{1b}[2J", "ä", long.as_str()] {
            assert!(StreamId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sequences_have_one_spelling() {
        assert_eq!("42".parse::<Sequence>().unwrap().get(), 42);
        for bad in ["0", "+1", "01", "-1", "1.0", "", "9007199254740992"] {
            assert!(bad.parse::<Sequence>().is_err(), "{bad}");
        }
    }
}
