//! Private keys at rest: one key a file, sealed under a passphrase (format/key-file).
//!
//! Argon2id turns the passphrase into a key, XChaCha20-Poly1305 seals the seed with everything else in the file as
//! associated data: no field can be changed without the opening failing. What the file asks of memory and time is
//! capped before it is spent.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sealift_fs::{Mode, PathError, PrivateError, read_private, write_new};
use sealift_model::digest::{hex, unhex};
use sealift_model::{Digest, json};
use sealift_trust::{PublicKey, Purpose};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;
use crate::secret::SecretKey;

const SCHEMA: &str = "sealift.key/1";
const CIPHER: &str = "xchacha20poly1305";
const KDF: &str = "argon2id";
const LIMIT: u64 = 4096;
const MAX_M_KIB: u32 = 1 << 20;
const MAX_T: u32 = 16;
const MAX_P: u32 = 16;

/// Cost of turning a passphrase into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfParams {
    /// Memory in KiB.
    pub m_kib: u32,
    /// Passes over it.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

impl Default for KdfParams {
    /// 64 MiB, 3 passes, 1 lane: the second recommendation of RFC 9106 with one lane.
    fn default() -> Self {
        Self { m_kib: 65_536, t: 3, p: 1 }
    }
}

/// A key file, still sealed.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    public: PublicKey,
    sealed: Sealed,
}

/// Why a key file is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It is missing, cannot be read, or is open to others.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// It could not be written or listed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Not a key file of a version we know.
    #[error("{path} is not a sealift key file: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, made printable.
        reason: String,
    },
    /// Asks for more memory or time than a key file may.
    #[error("{path} asks for more memory or time than a key file may (1 GiB, 16 passes, 16 lanes)")]
    Cost {
        /// The file.
        path: String,
    },
    /// Wrong passphrase, or the file was changed; which of the two cannot be told.
    #[error("{path}: wrong passphrase, or the file is damaged")]
    Passphrase {
        /// The file.
        path: String,
    },
    /// Two files in one directory hold the same key.
    #[error("{path} holds a key that another file of the directory holds already")]
    Twice {
        /// The second file.
        path: String,
    },
    /// There is no memory for the key derivation.
    #[error("not enough memory to open a key file")]
    Memory,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness(#[source] getrandom::Error),
}

// Field order is alphabetical, as canonical JSON wants it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sealed {
    cipher: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext: Option<String>,
    kdf: Kdf,
    keyid: Digest,
    nonce: String,
    public: String,
    purpose: Purpose,
    schema: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kdf {
    m_kib: u32,
    name: String,
    p: u32,
    salt: String,
    t: u32,
}

impl KeyFile {
    /// Reads a key file. Refuses one that is a link, belongs to somebody else, or is open to others.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let bytes = read_private(path, LIMIT)?;
        let name = || sealift_model::escape::printable(&path.to_string_lossy());
        let malformed = |reason: &dyn std::fmt::Display| KeyFileError::Malformed {
            path: name(),
            reason: sealift_model::escape::printable(&reason.to_string()),
        };
        let sealed: Sealed = json::from_canonical(&bytes).map_err(|e| malformed(&e))?;
        if sealed.schema != SCHEMA || sealed.cipher != CIPHER || sealed.kdf.name != KDF {
            return Err(malformed(&format!("it is not {SCHEMA} with {KDF} and {CIPHER}")));
        }
        if sealed.kdf.m_kib > MAX_M_KIB || sealed.kdf.t > MAX_T || sealed.kdf.p > MAX_P {
            return Err(KeyFileError::Cost { path: name() });
        }
        let public = unhex(&sealed.public).and_then(|b| b.try_into().ok());
        let public = public.ok_or_else(|| malformed(&"its public key is not 64 hexadecimal digits"))?;
        let public = PublicKey::ed25519(&public).map_err(|e| malformed(&e))?;
        if public.id() != sealed.keyid {
            return Err(malformed(&"its key id is not the one of its public key"));
        }
        Ok(Self { path: path.to_owned(), public, sealed })
    }

    /// Returns where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the key is for, as the file says; proven only by [`KeyFile::open`].
    pub fn purpose(&self) -> Purpose {
        self.sealed.purpose
    }

    /// Returns the public half, as the file says; proven only by [`KeyFile::open`].
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Opens the file with its passphrase.
    pub fn open(&self, passphrase: &Passphrase) -> Result<SecretKey, KeyFileError> {
        // One message for a wrong passphrase and for every kind of damage: the difference is nobody's business.
        let path = || sealift_model::escape::printable(&self.path.to_string_lossy());
        let refuse = || KeyFileError::Passphrase { path: path() };
        let salt = unhex(&self.sealed.kdf.salt).ok_or_else(refuse)?;
        let nonce: [u8; 24] = unhex(&self.sealed.nonce).and_then(|b| b.try_into().ok()).ok_or_else(refuse)?;
        let ciphertext = self.sealed.ciphertext.as_deref().and_then(unhex).ok_or_else(refuse)?;
        let cost = KdfParams { m_kib: self.sealed.kdf.m_kib, t: self.sealed.kdf.t, p: self.sealed.kdf.p };
        let key = derive(passphrase, &salt, cost).map_err(|e| e.unwrap_or_else(refuse))?;
        let aad = header(&self.sealed);
        let payload = Payload { msg: &ciphertext, aad: &aad };
        let seed = cipher(&key).decrypt(&XNonce::from(nonce), payload).map_err(|_| refuse())?;
        let seed = Zeroizing::new(seed);
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| refuse())?;
        let secret = SecretKey::from_seed(self.sealed.purpose, seed);
        if *secret.public() == self.public { Ok(secret) } else { Err(refuse()) }
    }
}

/// Writes `secret` sealed under `passphrase` into a new file, mode 0600.
pub fn write(path: &Path, secret: &SecretKey, passphrase: &Passphrase, cost: KdfParams) -> Result<(), KeyFileError> {
    Ok(write_new(path, &sealed(secret, passphrase, cost)?, Mode::Private)?)
}

/// Replaces the file of the same key by one sealed under another passphrase; a run that is cut leaves the old one.
pub fn reseal(path: &Path, secret: &SecretKey, passphrase: &Passphrase, cost: KdfParams) -> Result<(), KeyFileError> {
    let bytes = sealed(secret, passphrase, cost)?;
    // Never over another key: there may be no other copy of it.
    if *KeyFile::read(path)?.public() != *secret.public() {
        let path = sealift_model::escape::printable(&path.to_string_lossy());
        return Err(KeyFileError::Malformed { path, reason: "it holds another key now".into() });
    }
    Ok(sealift_fs::replace(path, &bytes, Mode::Private)?)
}

fn sealed(secret: &SecretKey, passphrase: &Passphrase, cost: KdfParams) -> Result<Vec<u8>, KeyFileError> {
    let mut salt = [0; 16];
    let mut nonce = [0; 24];
    getrandom::fill(&mut salt).map_err(KeyFileError::Randomness)?;
    getrandom::fill(&mut nonce).map_err(KeyFileError::Randomness)?;
    let mut sealed = Sealed {
        cipher: CIPHER.into(),
        ciphertext: None,
        kdf: Kdf { m_kib: cost.m_kib, name: KDF.into(), p: cost.p, salt: hex(&salt), t: cost.t },
        keyid: secret.id(),
        nonce: hex(&nonce),
        public: secret.public().to_hex(),
        purpose: secret.purpose(),
        schema: SCHEMA.into(),
    };
    let key = derive(passphrase, &salt, cost).map_err(|e| e.unwrap_or(KeyFileError::Memory))?;
    let aad = header(&sealed);
    let seed = secret.seed();
    let payload = Payload { msg: seed.as_slice(), aad: &aad };
    let ciphertext = cipher(&key).encrypt(&XNonce::from(nonce), payload).map_err(|_| KeyFileError::Memory)?;
    sealed.ciphertext = Some(hex(&ciphertext));
    Ok(json::to_canonical(&sealed).expect("hexadecimal text and fixed words have no control characters"))
}

/// Everything but the ciphertext, in canonical form: what the seal binds.
fn header(sealed: &Sealed) -> Vec<u8> {
    let header = Sealed { ciphertext: None, ..sealed.clone() };
    json::to_canonical(&header).expect("text read from canonical JSON has no control characters")
}

/// `Err(None)` means parameters that make no sense, which for a file is damage.
fn derive(passphrase: &Passphrase, salt: &[u8], cost: KdfParams) -> Result<Zeroizing<[u8; 32]>, Option<KeyFileError>> {
    let params = Params::new(cost.m_kib, cost.t, cost.p, Some(32)).map_err(|_| None)?;
    let mut key = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    match argon.hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice()) {
        Ok(()) => Ok(key),
        Err(argon2::Error::OutOfMemory) => Err(Some(KeyFileError::Memory)),
        Err(_) => Err(None),
    }
}

fn cipher(key: &Zeroizing<[u8; 32]>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key.as_slice()).expect("the key is 32 bytes by construction")
}

#[cfg(test)]
mod tests;
