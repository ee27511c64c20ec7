//! Keyrings: the certificates an upstream is trusted by, read from a file's bytes.
//!
//! Reads what apt reads after `Signed-By`: binary or armored certificates, several in one file. It does not say which
//! keyring belongs to which upstream, and trusts no key on its own account.

use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::packet::Signature;
use pgp::types::KeyDetails as _;
use sealift_model::Timestamp;

use super::Fingerprint;
use super::certificate::{Certificate, KeyInfo, Signer};

const KEYRING_LIMIT: usize = 16 << 20;
const MOST_CERTIFICATES: usize = 1000;
const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// The keys an upstream is trusted by.
#[derive(Debug, Clone)]
pub struct Keyring {
    certificates: Vec<Certificate>,
}

/// Why bytes are not a keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// No key in it could be read.
    #[error("keyring holds no readable OpenPGP public key")]
    Empty,
    /// Over the cap.
    #[error("keyring is larger than 16 MiB or 1000 keys")]
    TooLarge,
    /// A file gpg keeps for itself.
    #[error("keyring is a gpg keybox; export the keys with `gpg --export`")]
    Keybox,
}

impl Keyring {
    /// Reads a keyring, binary or armored, of one or several certificates. Keys in forms that cannot be read are left
    /// out: nothing they sign is accepted.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        if bytes.len() > KEYRING_LIMIT {
            return Err(KeyringError::TooLarge);
        }
        if bytes.get(8..12) == Some(b"KBXf") {
            return Err(KeyringError::Keybox);
        }
        let mut keyring = Self { certificates: Vec::new() };
        match std::str::from_utf8(bytes).ok().filter(|text| text.contains(ARMOR)) {
            // Several armored blocks may stand in one file; rPGP reads the first.
            Some(text) => {
                for block in text.split(ARMOR).skip(1) {
                    keyring.absorb(format!("{ARMOR}{block}").as_bytes())?;
                }
            }
            None => keyring.absorb(bytes)?,
        }
        if keyring.certificates.is_empty() { Err(KeyringError::Empty) } else { Ok(keyring) }
    }

    fn absorb(&mut self, bytes: &[u8]) -> Result<(), KeyringError> {
        let Ok((keys, _)) = SignedPublicKey::from_reader_many(bytes) else { return Ok(()) };
        for key in keys.take(MOST_CERTIFICATES + 1) {
            let Ok(key) = key else { continue };
            let fingerprint = Fingerprint::of(&key.primary_key.fingerprint());
            let full = self.certificates.len() == MOST_CERTIFICATES;
            match self.certificates.iter_mut().find(|c| *c.fingerprint() == fingerprint) {
                Some(known) => known.absorb(&key),
                None if full => return Err(KeyringError::TooLarge),
                None => self.certificates.push(Certificate::new(&key)),
            }
        }
        Ok(())
    }

    /// Returns the fingerprints of the primary keys, in the order they stand.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certificates.iter().map(|c| c.fingerprint().clone()).collect()
    }

    /// Returns what the keyring says about its keys at a time.
    pub fn keys(&self, at: Timestamp) -> Vec<KeyInfo> {
        self.certificates.iter().map(|certificate| certificate.info(at)).collect()
    }

    /// Returns the keys that `signature` may be by.
    pub(super) fn candidates(&self, signature: &Signature) -> Vec<(&Certificate, Signer<'_>)> {
        let all = self.certificates.iter().flat_map(|c| c.signers().map(move |signer| (c, signer)));
        all.filter(|(_, signer)| signer.is_issuer_of(signature)).collect()
    }
}
