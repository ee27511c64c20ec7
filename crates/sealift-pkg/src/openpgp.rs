//! OpenPGP signatures of upstreams.

use std::fmt;

use sealift_model::Timestamp;

/// Largest signed file that is read.
pub const SIGNED_LIMIT: usize = 64 << 20;

/// Fingerprint of a key or subkey, printed as upper-case hexadecimal digits, as gpg does.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Returns the hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The keys an upstream is trusted by.
#[derive(Debug, Clone)]
pub struct Keyring {}

/// Why bytes are not a keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// No key in it could be read.
    #[error("keyring holds no readable OpenPGP key")]
    Empty,
}

/// A text and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The signed text.
    pub text: String,
    /// Primary fingerprints of all keys with a good signature.
    pub signers: Vec<Fingerprint>,
    /// When the newest good signature was made.
    pub signed_at: Timestamp,
}

/// Who signed a file that has its signature beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDetached {
    /// Primary fingerprints of all keys with a good signature.
    pub signers: Vec<Fingerprint>,
    /// When the newest good signature was made.
    pub signed_at: Timestamp,
}

/// Why a signed file is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureRefusal {
    /// Not of the form of a signed file.
    #[error("not a well-formed signed file: {0}")]
    Malformed(String),
}

impl Keyring {
    /// Reads a keyring, binary or armored, of one or several certificates.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        let _ = bytes;
        Err(KeyringError::Empty)
    }

    /// Returns the fingerprints of the primary keys.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        Vec::new()
    }
}

/// Verifies an InRelease file.
pub fn verify_inrelease(bytes: &[u8], keyring: &Keyring, at: Timestamp) -> Result<Verified, SignatureRefusal> {
    let _ = (bytes, keyring, at);
    Err(SignatureRefusal::Malformed("not built yet".into()))
}

/// Verifies `data` by the detached signature beside it.
pub fn verify_detached(
    data: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    at: Timestamp,
) -> Result<VerifiedDetached, SignatureRefusal> {
    let _ = (data, signature, keyring, at);
    Err(SignatureRefusal::Malformed("not built yet".into()))
}
