//! A private role key in memory.

use ed25519_dalek::{Signer, SigningKey};
use sealift_model::Digest;
use sealift_trust::{PublicKey, Purpose};
use zeroize::Zeroizing;

/// A private key and what it is for. Wiped from memory when dropped; never shown.
pub struct SecretKey {
    purpose: Purpose,
    public: PublicKey,
    signing: SigningKey,
}

impl SecretKey {
    /// Makes a new key from the operating system's randomness.
    pub fn generate(purpose: Purpose) -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())?;
        Ok(Self::from_seed(purpose, &seed))
    }

    /// Makes the key that belongs to 32 secret bytes.
    pub fn from_seed(purpose: Purpose, seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey::ed25519(signing.verifying_key().as_bytes())
            .expect("a clamped multiple of the base point is canonical and not of low order");
        Self { purpose, public, signing }
    }

    /// Returns what the key is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Returns the key id.
    pub fn id(&self) -> Digest {
        self.public.id()
    }

    /// Signs exactly `message`; the same message always gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    pub(crate) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({} {})", self.purpose, self.id().short())
    }
}
