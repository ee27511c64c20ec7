//! Makes keys and signed files for tests, good and wrong in single points. All keys are named insecure-test-….

use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedPublicSubKey,
    SignedSecretKey, SubkeyParamsBuilder,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{Duration, KeyDetails, Password, SigningKey, Tag, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// When test keys are made.
pub(super) const MADE: u32 = 1_700_000_000;
/// When test files are signed.
pub(super) const SIGNED: u32 = 1_750_000_000;
/// When they are judged.
pub(super) const NOW: u32 = 1_750_086_400;

/// A key whose certificate says only what a test makes it say.
pub(super) struct Forge {
    pub(super) secret: SignedSecretKey,
    pub(super) public: SignedPublicKey,
}

pub(super) fn may_sign(allowed: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_sign(allowed);
    flags.set_certify(true);
    SubpacketData::KeyFlags(flags)
}

pub(super) fn lifetime(seconds: u32) -> SubpacketData {
    SubpacketData::KeyExpirationTime(duration(seconds))
}

pub(super) fn duration(seconds: u32) -> Duration {
    Duration::from_secs(seconds)
}

/// What goes into a signature besides its content.
pub(super) struct Shape {
    pub(super) typ: SignatureType,
    pub(super) digest: HashAlgorithm,
    pub(super) created: u32,
    pub(super) says: Vec<SubpacketData>,
}

impl Shape {
    pub(super) fn new(typ: SignatureType, created: u32, says: Vec<SubpacketData>) -> Self {
        Self { typ, digest: HashAlgorithm::Sha256, created, says }
    }

    pub(super) fn text() -> Self {
        Self::new(SignatureType::Text, SIGNED, Vec::new())
    }

    fn config(self, key: &impl KeyDetails) -> SignatureConfig {
        let mut config = SignatureConfig::v4(self.typ, key.algorithm(), self.digest);
        let created = SubpacketData::SignatureCreationTime(Timestamp::from_secs(self.created));
        let fixed = [created, SubpacketData::IssuerFingerprint(key.fingerprint())];
        config.hashed_subpackets =
            fixed.into_iter().chain(self.says).map(|data| Subpacket::regular(data).unwrap()).collect();
        config
    }
}

impl Forge {
    /// Makes an Ed25519 key with a bare subkey; the same seed gives the same key.
    pub(super) fn new(seed: u64) -> Self {
        Self::of_type(seed, KeyType::Ed25519Legacy)
    }

    pub(super) fn of_type(seed: u64, key_type: KeyType) -> Self {
        let made = Timestamp::from_secs(MADE);
        let subkey =
            SubkeyParamsBuilder::default().key_type(KeyType::Ed25519Legacy).can_sign(true).created_at(made).build();
        let params = SecretKeyParamsBuilder::default()
            .key_type(key_type)
            .can_certify(true)
            .can_sign(true)
            .created_at(made)
            .primary_user_id(format!("insecure-test-{seed}"))
            .subkey(subkey.unwrap())
            .build();
        let secret = params.unwrap().generate(StdRng::seed_from_u64(seed)).unwrap();
        let mut forge = Self { public: secret.to_public_key(), secret };
        forge.public.public_subkeys.clear();
        forge.public.details.users[0].signatures.clear();
        forge.certify(vec![may_sign(true)]);
        forge
    }

    /// Adds a self-signature over the user id.
    pub(super) fn certify(&mut self, says: Vec<SubpacketData>) {
        self.certify_as(Shape::new(SignatureType::CertPositive, MADE, says));
    }

    pub(super) fn certify_as(&mut self, shape: Shape) {
        let (primary, user) = (&self.secret.primary_key, &self.public.details.users[0].id);
        let config = shape.config(primary);
        let signature = config.sign_certification(primary, primary.public_key(), &Password::empty(), Tag::UserId, user);
        self.public.details.users[0].signatures.push(signature.unwrap());
    }

    /// Replaces all self-signatures by one.
    pub(super) fn certified(mut self, says: Vec<SubpacketData>) -> Self {
        self.public.details.users[0].signatures.clear();
        self.certify(says);
        self
    }

    /// Signs the key itself: a direct-key signature or a revocation.
    pub(super) fn sign_key(&self, shape: Shape) -> Signature {
        let primary = &self.secret.primary_key;
        shape.config(primary).sign_key(primary, &Password::empty(), primary.public_key()).unwrap()
    }

    pub(super) fn revoked(mut self) -> Self {
        let revocation = self.sign_key(Shape::new(SignatureType::KeyRevocation, SIGNED, Vec::new()));
        self.public.details.revocation_signatures.push(revocation);
        self
    }

    /// Binds the subkey, with its own signature back or without.
    pub(super) fn bind_subkey(&mut self, mut says: Vec<SubpacketData>, back: bool) {
        let (primary, subkey) = (&self.secret.primary_key, &self.secret.secret_subkeys[0].key);
        if back {
            let config = Shape::new(SignatureType::KeyBinding, MADE, Vec::new()).config(subkey);
            let signature =
                config.sign_primary_key_binding(subkey, subkey.public_key(), &Password::empty(), primary.public_key());
            says.push(SubpacketData::EmbeddedSignature(Box::new(signature.unwrap())));
        }
        self.subkey_signature(Shape::new(SignatureType::SubkeyBinding, MADE, says));
    }

    pub(super) fn subkey_signature(&mut self, shape: Shape) {
        let (primary, subkey) = (&self.secret.primary_key, &self.secret.secret_subkeys[0].key);
        let config = shape.config(primary);
        let signature =
            config.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), subkey.public_key()).unwrap();
        if let Some(known) = self.public.public_subkeys.first_mut() {
            known.signatures.push(signature);
        } else {
            let subkey = SignedPublicSubKey::new(subkey.public_key().clone(), vec![signature]);
            self.public.public_subkeys.push(subkey);
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.public.to_bytes().unwrap()
    }

    pub(super) fn armored(&self) -> String {
        self.public.to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// Signs `data` with the primary key.
    pub(super) fn sign(&self, shape: Shape, data: &[u8]) -> Signature {
        sign_with(&self.secret.primary_key, shape, data)
    }

    /// Signs `data` with the subkey.
    pub(super) fn sign_by_subkey(&self, shape: Shape, data: &[u8]) -> Signature {
        sign_with(&self.secret.secret_subkeys[0].key, shape, data)
    }

    /// Makes a cleartext-signed file.
    pub(super) fn inrelease(&self, text: &str) -> String {
        inrelease(text, |data| vec![self.sign(Shape::text(), data)])
    }
}

fn sign_with(key: &impl SigningKey, shape: Shape, data: &[u8]) -> Signature {
    shape.config(key).sign(key, &Password::empty(), data).unwrap()
}

pub(super) fn inrelease(text: &str, signer: impl FnOnce(&[u8]) -> Vec<Signature>) -> String {
    let message = CleartextSignedMessage::new_many(text, |data| Ok(signer(data.as_bytes()))).unwrap();
    message.to_armored_string(ArmorOptions::default()).unwrap()
}
