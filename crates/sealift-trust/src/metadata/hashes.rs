//! Hashes that a signed parent states of a document or a target.

use std::collections::BTreeMap;

use sealift_model::Digest;
use sealift_model::digest::unhex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha512};

/// Why bytes are not those that were signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashMismatch {
    /// Another SHA-256.
    #[error("the digest is {found}, {expected} was signed")]
    Sha256 {
        /// Signed.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// Another SHA-512.
    #[error("the SHA-512 is not the one that was signed")]
    Sha512,
    /// A hash that sealift does not compute; other readers would, and might refuse.
    #[error("a hash other than SHA-256 and SHA-512 was signed")]
    Unknown,
}

/// The hashes of one document or target; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    sha256: Option<Digest>,
    sha512: Option<[u8; 64]>,
    unknown: bool,
}

impl Hashes {
    /// Returns the SHA-256 if it is stated and nothing else is.
    pub(crate) fn only_sha256(&self) -> Option<Digest> {
        self.sha256.filter(|_| self.sha512.is_none() && !self.unknown)
    }

    /// Refuses bytes with another hash than was signed. All hashes must fit, not one of them.
    pub fn check(&self, bytes: &[u8]) -> Result<(), HashMismatch> {
        // An unchecked hash would be one that another reader refuses.
        if self.unknown {
            return Err(HashMismatch::Unknown);
        }
        if let Some(expected) = self.sha256 {
            let found = Digest::of(bytes);
            if found != expected {
                return Err(HashMismatch::Sha256 { expected, found });
            }
        }
        match self.sha512 {
            Some(expected) if expected != <[u8; 64]>::from(Sha512::digest(bytes)) => Err(HashMismatch::Sha512),
            _ => Ok(()),
        }
    }

    /// Returns the hash that consistent snapshots put before a target's name; `None` if none of it is known.
    pub fn prefix(&self) -> Option<String> {
        let sha512 = || self.sha512.map(|bytes| sealift_model::digest::hex(&bytes));
        self.sha256.map(Digest::to_hex).or_else(sha512)
    }
}

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = BTreeMap::<String, String>::deserialize(deserializer)?;
        if fields.is_empty() {
            return Err(D::Error::custom("no hash is stated"));
        }
        let mut hashes = Self { sha256: None, sha512: None, unknown: false };
        for (name, text) in &fields {
            // Lower-case digits only: others compare this text with what they computed.
            let bytes = || unhex(text).ok_or_else(|| D::Error::custom("a hash is not in hexadecimal digits"));
            let length = |_| D::Error::custom("a hash has another length than its name says");
            match name.as_str() {
                "sha256" => hashes.sha256 = Some(Digest::from_bytes(bytes()?.try_into().map_err(length)?)),
                "sha512" => hashes.sha512 = Some(bytes()?.try_into().map_err(length)?),
                _ => hashes.unknown = true,
            }
        }
        Ok(hashes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<Hashes, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn every_hash_that_is_stated_must_fit() {
        let sha256 = Digest::of(b"m").to_hex();
        let sha512 = sealift_model::digest::hex(&Sha512::digest(b"m"));
        let other = sealift_model::digest::hex(&Sha512::digest(b"n"));
        for good in
            [json!({ "sha256": sha256 }), json!({ "sha512": sha512 }), json!({ "sha256": sha256, "sha512": sha512 })]
        {
            assert_eq!(read(good.clone()).unwrap().check(b"m"), Ok(()), "{good}");
            assert!(read(good).unwrap().check(b"n").is_err());
        }
        let half = read(json!({ "sha256": sha256, "sha512": other })).unwrap();
        assert_eq!(half.check(b"m"), Err(HashMismatch::Sha512));
    }

    #[test]
    fn refuses_unknown_hashes_alone_and_beside_known_ones() {
        for fields in [json!({ "md5": "00" }), json!({ "sha256": Digest::of(b"m"), "blake3": "00" })] {
            assert_eq!(read(fields).unwrap().check(b"m"), Err(HashMismatch::Unknown));
        }
    }

    #[test]
    fn refuses_hashes_in_another_form() {
        let digest = Digest::of(b"m");
        for bad in [
            json!({}),
            json!({ "sha256": digest.tagged() }),
            json!({ "sha256": digest.to_hex().to_uppercase() }),
            json!({ "sha256": "00" }),
            json!({ "sha512": digest }),
            json!({ "sha256": null }),
            json!([digest]),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
