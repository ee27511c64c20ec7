//! The Ed25519 key that receipts, records and other statements of this site are signed with.

use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use sealift_fs::{Mode, read_capped, read_private, write_new};
use sealift_model::digest::{hex, unhex};
use sealift_model::{Digest, SiteId, json};
use sealift_trust::{NeedList, PublicKey, Receipt, Request, dsse};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::SiteKeyError;

const SCHEMA: &str = "sealift.site-key/1";
const LIMIT: u64 = 4096;

/// The private statement key of a site, wiped from memory when dropped.
pub struct StatementKey {
    site: SiteId,
    public: PublicKey,
    signing: SigningKey,
}

// Field order is alphabetical, as canonical JSON wants it.
#[derive(Serialize, Deserialize)]
struct Wire {
    public: String,
    schema: String,
    secret: Secret,
    site: SiteId,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Secret(String);

impl StatementKey {
    /// Makes a new key for a site.
    pub fn generate(site: &SiteId) -> Result<Self, SiteKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(SiteKeyError::Randomness)?;
        Ok(Self::from_seed(site, &seed))
    }

    /// Makes the key that belongs to 32 secret bytes.
    pub fn from_seed(site: &SiteId, seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey::ed25519(signing.verifying_key().as_bytes())
            .expect("a clamped multiple of the base point is canonical and not of low order");
        Self { site: site.clone(), public, signing }
    }

    /// Reads the key from its private file.
    pub fn read(path: &Path) -> Result<Self, SiteKeyError> {
        let bytes = Zeroizing::new(read_private(path, LIMIT)?);
        let wire: Wire = json::from_canonical(&bytes).map_err(|e| SiteKeyError::malformed(path, &e))?;
        if wire.schema != SCHEMA {
            return Err(SiteKeyError::malformed(path, &format!("it is not {SCHEMA}")));
        }
        let seed = unhex(&wire.secret.0).map(Zeroizing::new);
        let seed: Option<&[u8; 32]> = seed.as_deref().and_then(|bytes| bytes.as_slice().try_into().ok());
        let seed = seed.ok_or_else(|| SiteKeyError::malformed(path, &"its secret is not 64 hexadecimal digits"))?;
        let key = Self::from_seed(&wire.site, seed);
        if key.public_hex() != wire.public {
            return Err(SiteKeyError::malformed(path, &"its two halves do not belong together"));
        }
        Ok(key)
    }

    /// Writes the private key into a new file, mode 0600.
    pub fn write(&self, path: &Path) -> Result<(), SiteKeyError> {
        let wire = Wire {
            public: self.public_hex(),
            schema: SCHEMA.into(),
            secret: Secret(hex(self.signing.as_bytes())),
            site: self.site.clone(),
        };
        let bytes = json::to_canonical(&wire).expect("names and hexadecimal text have no control characters");
        Ok(write_new(path, &Zeroizing::new(bytes), Mode::Private)?)
    }

    /// Returns the site whose key this is.
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// Returns the public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Returns the public half in 64 hexadecimal digits, the form a receipt names.
    pub fn public_hex(&self) -> String {
        self.public.to_hex()
    }

    /// Returns the key id.
    pub fn key_id(&self) -> Digest {
        self.public.id()
    }

    /// Returns the public half as PEM (SubjectPublicKeyInfo), which openssl reads.
    pub fn public_pem(&self) -> String {
        self.public.to_pem()
    }

    /// Signs exactly `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// Returns the signed text of a receipt.
    pub fn sign_receipt(&self, receipt: &Receipt) -> String {
        let signature = self.sign(receipt.unsigned_text(&self.public).as_bytes());
        receipt.signed_text(&self.public, &signature)
    }

    /// Returns the signed text of a request.
    pub fn sign_request(&self, request: &Request) -> String {
        let signature = self.sign(request.unsigned_text(&self.public).as_bytes());
        request.signed_text(&self.public, &signature)
    }

    /// Returns the signed text of a need-list.
    pub fn sign_need(&self, list: &NeedList) -> String {
        let signature = self.sign(list.unsigned_text(&self.public).as_bytes());
        list.signed_text(&self.public, &signature)
    }

    /// Returns a DSSE envelope around an in-toto statement.
    pub fn sign_dsse(&self, payload: &[u8]) -> Vec<u8> {
        dsse::envelope_bytes(payload, &[(self.key_id(), self.sign(&dsse::pae(payload)))])
    }
}

/// Reads the public half of a site's statement key (`statement.pub`), which is all that checking takes.
pub fn read_public(path: &Path) -> Result<PublicKey, SiteKeyError> {
    let bytes = read_capped(path, LIMIT)?;
    PublicKey::from_pem(&bytes).map_err(|e| SiteKeyError::malformed(path, &e))
}

impl std::fmt::Debug for StatementKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StatementKey({} {})", self.site, self.key_id().short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_model::{Sequence, StreamId};
    use sealift_trust::{Envelope, Held};

    fn key() -> StatementKey {
        StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[5; 32])
    }

    fn receipt() -> Receipt {
        Receipt {
            site: SiteId::new("plant-a").unwrap(),
            issued: "2026-11-22T16:00:00Z".parse().unwrap(),
            ledger_head: Digest::of(b"ledger"),
            holds: vec![Held {
                stream: StreamId::new("deb12").unwrap(),
                sequence: Sequence::FIRST,
                manifest: Digest::of(b"m"),
            }],
            agreed: Vec::new(),
            waived: Vec::new(),
        }
    }

    #[test]
    fn receipts_and_envelopes_verify_by_the_public_half() {
        let text = key().sign_receipt(&receipt());
        let verified = Receipt::parse_verified(text.as_bytes(), key().public().ed25519_bytes()).unwrap();
        assert_eq!(verified.receipt, receipt());
        let envelope = Envelope::parse(&key().sign_dsse(b"{}")).unwrap();
        assert_eq!(envelope.verify(&[key().public().clone()], 1).unwrap().payload, b"{}");
    }

    #[test]
    fn a_written_key_reads_back_and_a_changed_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("statement.key");
        key().write(&path).unwrap();
        assert_eq!(StatementKey::read(&path).unwrap().sign(b"x"), key().sign(b"x"));
        assert!(key().write(&path).is_err());
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [("\"public\":\"", "\"public\":\"0"), ("site-key/1", "site-key/2"), ("0505", "0506")] {
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            assert!(matches!(StatementKey::read(&path), Err(SiteKeyError::Malformed { .. })), "{from}");
        }
    }

    #[test]
    fn the_public_half_is_read_from_its_own_file_and_never_from_the_private_one() {
        let dir = tempfile::tempdir().unwrap();
        let (public, private) = (dir.path().join("statement.pub"), dir.path().join("statement.key"));
        std::fs::write(&public, key().public_pem()).unwrap();
        key().write(&private).unwrap();
        assert_eq!(&read_public(&public).unwrap(), key().public());
        assert!(matches!(read_public(&private), Err(SiteKeyError::Malformed { .. })));
        assert!(matches!(read_public(&dir.path().join("none")), Err(SiteKeyError::Fs(_))));
    }

    #[test]
    fn openssl_checks_a_receipt() {
        let dir = tempfile::tempdir().unwrap();
        let text = key().sign_receipt(&receipt());
        let (signed, signature) = text.split_once("signature: ").unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let message = file("message", signed.as_bytes());
        let signature = file("signature", &unhex(signature.trim_end()).unwrap());
        let public = file("statement.pub", key().public_pem().as_bytes());
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(public).arg("-in").arg(message);
        match openssl.arg("-sigfile").arg(signature).output() {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => eprintln!("NOT CHECKED: openssl cannot be run here: {error}"),
        }
    }
}
