//! The OpenPGP key that the published repository is signed with.
//!
//! Version 4 with the older EdDSA framing: gpgv of the supported releases refuses the one of RFC 9580. Times are
//! arguments, so the library's clock-reading shortcuts are not used.

use std::path::Path;

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, Deserializable, DetachedSignature, SignedKeyDetails, SignedSecretKey,
};
use pgp::crypto::ed25519::{Mode as EdMode, SecretKey as EdSecretKey};
use pgp::crypto::eddsa_legacy;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PacketTrait, PubKeyInner, PublicKey, SecretKey, Signature, SignatureConfig, SignatureType, Subpacket,
    SubpacketData, UserId,
};
use pgp::types::{
    KeyDetails, KeyVersion, Password, PlainSecretParams, PublicParams, SecretParams, Timestamp as PgpTime,
};
use sealift_fs::{Mode, read_private, write_new};
use sealift_model::Timestamp;
use zeroize::Zeroizing;

use crate::error::SiteKeyError;

const LIMIT: u64 = 64 << 10;
const HASH: HashAlgorithm = HashAlgorithm::Sha512;

/// The private repository key, usable.
pub struct RepositoryKey {
    key: SignedSecretKey,
}

impl RepositoryKey {
    /// Makes a new key for `user_id`, created at `created`, which does not expire.
    pub fn generate(user_id: &str, created: Timestamp) -> Result<Self, SiteKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(SiteKeyError::Randomness)?;
        let key = build(*seed, user_id, pgp_time(created)).map_err(SiteKeyError::openpgp("key"))?;
        Ok(Self { key })
    }

    /// Reads the key from its private file.
    pub fn read(path: &Path) -> Result<Self, SiteKeyError> {
        let bytes = Zeroizing::new(read_private(path, LIMIT)?);
        let (key, _) = SignedSecretKey::from_armor_single(bytes.as_slice())
            .map_err(|error| SiteKeyError::malformed(path, &error))?;
        let signing = key.primary_key.algorithm() == PublicKeyAlgorithm::EdDSALegacy;
        let open = matches!(key.primary_key.secret_params(), SecretParams::Plain(_));
        if key.primary_key.version() != KeyVersion::V4 || !signing || !open {
            return Err(SiteKeyError::malformed(path, &"not an unsealed version 4 EdDSA key"));
        }
        Ok(Self { key })
    }

    /// Writes the private key into a new file, mode 0600.
    pub fn write(&self, path: &Path) -> Result<(), SiteKeyError> {
        let armored = self.key.to_armored_bytes(ArmorOptions::default()).map_err(SiteKeyError::openpgp("key file"))?;
        Ok(write_new(path, &Zeroizing::new(armored), Mode::Private)?)
    }

    /// Returns the public key in armor, as apt's `Signed-By` takes it.
    pub fn public_armored(&self) -> Result<Vec<u8>, SiteKeyError> {
        let public = self.key.to_public_key();
        public.to_armored_bytes(ArmorOptions::default()).map_err(SiteKeyError::openpgp("public key file"))
    }

    /// Returns the fingerprint, 40 upper-case hexadecimal digits as OpenPGP tools print it.
    pub fn fingerprint(&self) -> String {
        format!("{:X}", self.key.primary_key.fingerprint())
    }

    /// Returns an InRelease file around `release`, signed at `at`.
    ///
    /// Blanks at line ends are taken away: they are not covered by such a signature, and readers disagree about them.
    pub fn sign_cleartext(&self, release: &str, at: Timestamp) -> Result<Vec<u8>, SiteKeyError> {
        let error = SiteKeyError::openpgp("signature");
        let lines: Vec<&str> = release.lines().map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
        // Without the last line end: the writer adds one, and the signature covers what stands before it.
        let text = lines.join("\n");
        let config = self.config(SignatureType::Text, at).map_err(&error)?;
        let message = CleartextSignedMessage::new(&text, config, &self.key.primary_key, &Password::empty());
        message.and_then(|m| m.to_armored_bytes(ArmorOptions::default())).map_err(&error)
    }

    /// Returns a detached armored signature of exactly `bytes` (Release.gpg), made at `at`.
    pub fn sign_detached(&self, bytes: &[u8], at: Timestamp) -> Result<Vec<u8>, SiteKeyError> {
        let error = SiteKeyError::openpgp("signature");
        let config = self.config(SignatureType::Binary, at).map_err(&error)?;
        let signature = config.sign(&self.key.primary_key, &Password::empty(), bytes).map_err(&error)?;
        DetachedSignature::new(signature).to_armored_bytes(ArmorOptions::default()).map_err(&error)
    }

    fn config(&self, kind: SignatureType, at: Timestamp) -> pgp::errors::Result<SignatureConfig> {
        let key = &self.key.primary_key;
        // A signature older than its key is refused everywhere; a clock that was set back must not make one.
        let at = pgp_time(at).max(key.public_key().created_at());
        config(key, kind, at)
    }
}

impl std::fmt::Debug for RepositoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepositoryKey({})", self.fingerprint())
    }
}

fn build(seed: [u8; 32], user_id: &str, created: PgpTime) -> pgp::errors::Result<SignedSecretKey> {
    let secret = EdSecretKey::try_from_bytes(seed, EdMode::EdDSALegacy)?;
    let public = PublicParams::EdDSALegacy((&secret).into());
    let public = PubKeyInner::new(KeyVersion::V4, PublicKeyAlgorithm::EdDSALegacy, created, None, public)?;
    let public = PublicKey::from_inner(public)?;
    let secret = PlainSecretParams::EdDSALegacy(eddsa_legacy::SecretKey::Ed25519(secret));
    let key = SecretKey::new(public.clone(), SecretParams::Plain(secret))?;
    let user = UserId::from_str(pgp::types::PacketHeaderVersion::default(), user_id)?;
    let signature = certify(&key, &public, &user, created)?;
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![user.into_signed(signature)], Vec::new());
    Ok(SignedSecretKey::new(key, details, Vec::new(), Vec::new()))
}

fn certify(key: &SecretKey, public: &PublicKey, user: &UserId, at: PgpTime) -> pgp::errors::Result<Signature> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut config = config(key, SignatureType::CertPositive, at)?;
    config.hashed_subpackets.push(Subpacket::regular(SubpacketData::KeyFlags(flags))?);
    config.hashed_subpackets.push(Subpacket::regular(SubpacketData::IsPrimary(true))?);
    config.sign_certification(key, public, &Password::empty(), user.tag(), user)
}

fn config(key: &SecretKey, kind: SignatureType, at: PgpTime) -> pgp::errors::Result<SignatureConfig> {
    let mut config = SignatureConfig::v4(kind, key.algorithm(), HASH);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(at))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

/// OpenPGP's times end in the year 2106.
fn pgp_time(time: Timestamp) -> PgpTime {
    PgpTime::from_secs(u32::try_from(time.unix()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
