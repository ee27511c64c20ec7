//! Key ids: names under which metadata files its keys.
//!
//! Other producers choose them freely, so they are text to be matched and nothing more: what counts towards a threshold
//! is the public key behind an id, never the id.

use std::fmt;

use sealift_model::Digest;
use serde::{Deserialize, Deserializer, Serialize};

/// The most characters a key id may have.
pub const MOST_CHARACTERS: usize = 128;

/// The name of a key inside one metadata document: 1 to 128 visible ASCII characters without `"` and `\`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// Why a text is no key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key id has 1 to {MOST_CHARACTERS} visible ASCII characters other than quotes and backslashes")]
pub struct KeyIdError;

impl KeyId {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, KeyIdError> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        let fits = (1..=MOST_CHARACTERS).contains(&text.len()) && text.bytes().all(allowed);
        if fits { Ok(Self(text.to_owned())) } else { Err(KeyIdError) }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Digest> for KeyId {
    fn from(digest: Digest) -> Self {
        Self(digest.to_hex())
    }
}

impl PartialEq<Digest> for KeyId {
    fn eq(&self, digest: &Digest) -> bool {
        self.0 == digest.to_hex()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_visible_ascii_and_refuses_what_could_break_out_of_a_message() {
        for text in ["a", "operator-alice", &"f".repeat(64), &"~".repeat(128)] {
            assert_eq!(KeyId::new(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a b", "a\"", "a\\", "a\n", "\u{1b}[2J", "é", &"f".repeat(129)] {
            assert_eq!(KeyId::new(text), Err(KeyIdError), "{text:?}");
        }
    }

    #[test]
    fn the_id_of_our_keys_is_their_digest_in_lower_case() {
        let digest = Digest::of(b"key");
        assert_eq!(KeyId::from(digest), digest);
        assert_ne!(KeyId::new(&digest.to_hex().to_uppercase()).unwrap(), digest);
    }
}
