//! Passphrases, and the places they may come from: a file, a file descriptor, the terminal. Never arguments, never the
//! environment.

use std::path::{Path, PathBuf};

use sealift_fs::{PathError, PrivateError, read_secret, read_stream};
use zeroize::Zeroizing;

const LIMIT: u64 = 4096;

/// A passphrase, wiped from memory when dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why there is no usable passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// The descriptor could not be read.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The file could not be read, or others can read it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Nothing in it.
    #[error("the passphrase is empty")]
    Empty,
    /// More than one line: most likely the wrong file.
    #[error("the passphrase has more than one line")]
    ManyLines,
}

impl Passphrase {
    /// Takes a passphrase; a line end after it does not belong to it.
    pub fn new(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, PassphraseError> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            return Err(PassphraseError::Empty);
        }
        if bytes.contains(&b'\n') {
            return Err(PassphraseError::ManyLines);
        }
        Ok(Self(bytes))
    }

    /// Reads a passphrase from a file that nobody else can read, or from a pipe.
    pub fn from_file(path: &Path) -> Result<Self, PassphraseError> {
        Self::new(Zeroizing::new(read_secret(path, LIMIT)?))
    }

    /// Reads a passphrase from an inherited file descriptor, whatever is behind it.
    pub fn from_fd(number: u16) -> Result<Self, PassphraseError> {
        Self::new(Zeroizing::new(read_stream(&PathBuf::from(format!("/dev/fd/{number}")), LIMIT)?))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Passphrase {
    /// Compares two entries of one person at a prompt; not for secrets of different parties.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u8>, PassphraseError> {
        Passphrase::new(Zeroizing::new(bytes.to_vec())).map(|p| p.as_bytes().to_vec())
    }

    #[test]
    fn a_line_end_does_not_belong_to_it() {
        for bytes in [&b"a b"[..], b"a b\n", b"a b\r\n"] {
            assert_eq!(read(bytes).unwrap(), b"a b");
        }
        assert_eq!(read(b" a \n").unwrap(), b" a ");
    }

    #[test]
    fn refuses_nothing_and_too_much() {
        assert!(matches!(read(b""), Err(PassphraseError::Empty)));
        assert!(matches!(read(b"\n"), Err(PassphraseError::Empty)));
        assert!(matches!(read(b"a\nb\n"), Err(PassphraseError::ManyLines)));
    }
}
