//! What a key's own self-signatures say about it.
//!
//! Cryptography is done once, when a certificate is read; what depends on the time is decided by
//! [`Certificate::standing`]. Certifications by others are not looked at. Copies of one certificate are merged, so that
//! a revocation in one of them counts.

use std::collections::BTreeMap;

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{EcdsaPublicParams, KeyDetails, PublicParams, Tag};
use sealift_model::Timestamp;

use super::{CLOCK_SKEW, Fingerprint};

/// What a keyring says about one key, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The primary key's fingerprint.
    pub fingerprint: Fingerprint,
    /// Its user ids, made printable.
    pub user_ids: Vec<String>,
    /// Why no signature by this key or its subkeys would be accepted at the time asked about; `None` if one would.
    pub unusable: Option<String>,
    /// When it expires, if it does.
    pub expires: Option<Timestamp>,
}

/// A primary key, its subkeys, and what they were found to say about themselves.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    primary: PublicKey,
    fingerprint: Fingerprint,
    revoked: bool,
    weak_bindings: bool,
    /// Self-signatures by what they are over: a user id, or (under `None`) the key itself.
    slots: BTreeMap<Option<Vec<u8>>, Slot>,
    subkeys: Vec<Subkey>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    statements: Vec<Statement>,
    revoked_at: Option<u64>,
}

#[derive(Debug, Clone)]
struct Subkey {
    key: PublicSubkey,
    revoked: bool,
    weak_bindings: bool,
    statements: Vec<Statement>,
}

/// What one verified self-signature says.
#[derive(Debug, Clone)]
struct Statement {
    created: u64,
    expires: Option<u64>,
    key_lifetime: Option<u64>,
    /// Whether the key may sign; `None` if the signature has no key flags.
    may_sign: Option<bool>,
}

/// Why a key may not sign now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Revoked,
    Expired(Timestamp),
    Weak(&'static str),
    NotForSigning(&'static str),
}

/// A primary key or a subkey of some certificate.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signer<'a> {
    Primary(&'a PublicKey),
    Subkey(&'a PublicSubkey),
}

impl Signer<'_> {
    fn details(&self) -> &dyn KeyDetails {
        match self {
            Self::Primary(key) => *key,
            Self::Subkey(key) => *key,
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.details().fingerprint())
    }

    pub(super) fn created(&self) -> Timestamp {
        Timestamp::from_unix(u64::from(self.details().created_at().as_secs()))
    }

    pub(super) fn verify(&self, signature: &Signature, data: &[u8]) -> pgp::errors::Result<()> {
        match self {
            Self::Primary(key) => signature.verify(key, data),
            Self::Subkey(key) => signature.verify(key, data),
        }
    }

    pub(super) fn is_issuer_of(&self, signature: &Signature) -> bool {
        let details = self.details();
        let (fingerprints, key_ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
        if !fingerprints.is_empty() {
            let own = details.fingerprint();
            return fingerprints.iter().any(|f| **f == own);
        }
        let own = details.legacy_key_id();
        key_ids.is_empty() || key_ids.iter().any(|id| **id == own)
    }
}

impl Certificate {
    pub(super) fn new(key: &SignedPublicKey) -> Self {
        let mut certificate = Self {
            primary: key.primary_key.clone(),
            fingerprint: Fingerprint::of(&key.primary_key.fingerprint()),
            revoked: false,
            weak_bindings: false,
            slots: BTreeMap::new(),
            subkeys: Vec::new(),
        };
        certificate.absorb(key);
        certificate
    }

    pub(super) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(super) fn signers(&self) -> impl Iterator<Item = Signer<'_>> {
        std::iter::once(Signer::Primary(&self.primary)).chain(self.subkeys.iter().map(|s| Signer::Subkey(&s.key)))
    }

    /// Takes over all self-signatures of `key` that verify.
    pub(super) fn absorb(&mut self, key: &SignedPublicKey) {
        // Revocations count whatever their digest: refusing a weak one would keep a revoked key alive.
        self.revoked |= key.details.revocation_signatures.iter().any(|s| s.verify_key(&self.primary).is_ok());
        for signature in &key.details.direct_signatures {
            if signature.typ() == Some(SignatureType::Key) && signature.verify_key(&self.primary).is_ok() {
                self.state(None, signature);
            }
        }
        for user in &key.details.users {
            let id = Some(user.id.id().to_vec());
            for signature in &user.signatures {
                // Most signatures here are by others; those are told apart by the issuer before any arithmetic.
                let own = Signer::Primary(&self.primary).is_issuer_of(signature);
                if own && signature.verify_certification(&self.primary, Tag::UserId, &user.id).is_ok() {
                    self.state(id.clone(), signature);
                }
            }
        }
        for subkey in &key.public_subkeys {
            self.absorb_subkey(subkey);
        }
    }

    /// Enters a verified self-signature over the key (`None`) or a user id.
    fn state(&mut self, over: Option<Vec<u8>>, signature: &Signature) {
        if signature.typ() == Some(SignatureType::CertRevocation) {
            let created = signature.created().map(|t| u64::from(t.as_secs()));
            let slot = self.slots.entry(over).or_default();
            slot.revoked_at = slot.revoked_at.max(created);
        } else if !is_strong(signature) {
            self.weak_bindings = true;
        } else if let Some(statement) = Statement::of(signature) {
            self.slots.entry(over).or_default().statements.push(statement);
        }
    }

    fn absorb_subkey(&mut self, subkey: &SignedPublicSubKey) {
        let at =
            self.subkeys.iter().position(|s| s.key.fingerprint() == subkey.key.fingerprint()).unwrap_or_else(|| {
                let key = subkey.key.clone();
                self.subkeys.push(Subkey { key, revoked: false, weak_bindings: false, statements: Vec::new() });
                self.subkeys.len() - 1
            });
        let Some(known) = self.subkeys.get_mut(at) else { return };
        for signature in &subkey.signatures {
            if signature.verify_subkey_binding(&self.primary, &subkey.key).is_err() {
                continue;
            }
            if signature.typ() == Some(SignatureType::SubkeyRevocation) {
                known.revoked = true;
            } else if !is_strong(signature) {
                known.weak_bindings = true;
            } else if let Some(mut statement) = Statement::of(signature) {
                // Without a signature by the subkey itself, anybody could claim it as theirs.
                statement.may_sign =
                    Some(statement.may_sign == Some(true) && has_back_signature(signature, &subkey.key, &self.primary));
                known.statements.push(statement);
            }
        }
    }

    /// Decides whether `signer`, a key of this certificate, may sign at a time.
    pub(super) fn standing(&self, signer: Signer<'_>, at: Timestamp) -> Result<(), Fault> {
        let primary_may_sign = self.primary_standing(at)?;
        match signer {
            Signer::Primary(_) if primary_may_sign => Ok(()),
            Signer::Primary(_) => Err(Fault::NotForSigning("its flags do not allow it")),
            Signer::Subkey(key) => match self.subkeys.iter().find(|s| s.key.fingerprint() == key.fingerprint()) {
                Some(subkey) => subkey.standing(at),
                None => Err(Fault::NotForSigning("it is not bound to a key of the keyring")),
            },
        }
    }

    /// Decides whether the primary key holds at a time; true if it may sign itself.
    fn primary_standing(&self, at: Timestamp) -> Result<bool, Fault> {
        if self.revoked {
            return Err(Fault::Revoked);
        }
        weakness(&self.primary).map_or(Ok(()), |reason| Err(Fault::Weak(reason)))?;
        let current = self.current(at);
        if current.is_empty() {
            let weak = self.weak_bindings;
            return Err(if weak {
                Fault::Weak("its self-signatures use SHA-1 or MD5")
            } else {
                Fault::NotForSigning("it has no valid self-signature")
            });
        }
        check_expiry(self.expires(at), at)?;
        let flags: Vec<_> = current.iter().filter_map(|s| s.may_sign).collect();
        Ok(flags.is_empty() || flags.contains(&true))
    }

    /// Returns the newest self-signature over each user id that is not revoked, and over the key.
    fn current(&self, at: Timestamp) -> Vec<&Statement> {
        let newest = |slot: &'_ Slot| -> Option<usize> {
            let at_index = newest(&slot.statements, at)?;
            let created = slot.statements.get(at_index)?.created;
            slot.revoked_at.is_none_or(|revoked| revoked < created).then_some(at_index)
        };
        self.slots.values().filter_map(|slot| slot.statements.get(newest(slot)?)).collect()
    }

    /// Returns the earliest limit of the current self-signatures. Taking the newest instead would let a direct-key
    /// signature without a limit lift the one on the user id, which happens with real, expired Debian keys.
    fn expires(&self, at: Timestamp) -> Option<Timestamp> {
        let lifetime = self.current(at).iter().filter_map(|s| s.key_lifetime).min()?;
        Some(expiry(&self.primary, lifetime))
    }

    pub(super) fn info(&self, at: Timestamp) -> KeyInfo {
        let mut faults = self.signers().map(|signer| self.standing(signer, at));
        let first = faults.next().and_then(Result::err);
        let usable = first.is_none() || faults.any(|standing| standing.is_ok());
        let user_ids = self.slots.keys().flatten().map(|id| sealift_model::escape::printable_bytes(id)).collect();
        let unusable = first.filter(|_| !usable).map(|fault| match fault {
            Fault::Revoked => "revoked".to_owned(),
            Fault::Expired(expired) => format!("expired at {expired}"),
            Fault::Weak(reason) => format!("too weak: {reason}"),
            Fault::NotForSigning(reason) => format!("not valid for signing: {reason}"),
        });
        KeyInfo { fingerprint: self.fingerprint.clone(), user_ids, unusable, expires: self.expires(at) }
    }
}

impl Subkey {
    fn standing(&self, at: Timestamp) -> Result<(), Fault> {
        if self.revoked {
            return Err(Fault::Revoked);
        }
        weakness(&self.key).map_or(Ok(()), |reason| Err(Fault::Weak(reason)))?;
        let Some(statement) = newest(&self.statements, at).and_then(|i| self.statements.get(i)) else {
            let weak = self.weak_bindings;
            return Err(if weak {
                Fault::Weak("its binding uses SHA-1 or MD5")
            } else {
                Fault::NotForSigning("it has no valid binding")
            });
        };
        check_expiry(statement.key_lifetime.map(|lifetime| expiry(&self.key, lifetime)), at)?;
        if statement.may_sign == Some(true) {
            return Ok(());
        }
        Err(Fault::NotForSigning("its flags do not allow it, or it did not sign its binding back"))
    }
}

impl Statement {
    fn of(signature: &Signature) -> Option<Self> {
        let created = u64::from(signature.created()?.as_secs());
        let seconds = |d: Option<pgp::types::Duration>| d.map(|d| u64::from(d.as_secs())).filter(|d| *d > 0);
        let has_flags = signature.config()?.hashed_subpackets().any(|s| matches!(s.data, SubpacketData::KeyFlags(_)));
        is_understood(signature).then(|| Self {
            created,
            expires: seconds(signature.signature_expiration_time()).map(|lifetime| created + lifetime),
            key_lifetime: seconds(signature.key_expiration_time()),
            may_sign: has_flags.then(|| signature.key_flags().sign()),
        })
    }
}

/// Returns the newest statement that holds at a time.
fn newest(statements: &[Statement], at: Timestamp) -> Option<usize> {
    let now = at.unix();
    let holds = |s: &Statement| s.created <= now.saturating_add(CLOCK_SKEW) && s.expires.is_none_or(|end| now < end);
    let held = statements.iter().enumerate().filter(|(_, s)| holds(s));
    held.max_by_key(|(_, s)| s.created).map(|(at_index, _)| at_index)
}

fn expiry(key: &impl KeyDetails, lifetime: u64) -> Timestamp {
    Timestamp::from_unix(u64::from(key.created_at().as_secs()) + lifetime)
}

fn check_expiry(expires: Option<Timestamp>, at: Timestamp) -> Result<(), Fault> {
    match expires {
        Some(expired) if at >= expired => Err(Fault::Expired(expired)),
        _ => Ok(()),
    }
}

fn has_back_signature(binding: &Signature, subkey: &PublicSubkey, primary: &PublicKey) -> bool {
    binding.embedded_signature().is_some_and(|back| {
        is_strong(back) && is_understood(back) && back.verify_primary_key_binding(subkey, primary).is_ok()
    })
}

/// Tells whether a signature's digest is one that still resists forgery.
pub(super) fn is_strong(signature: &Signature) -> bool {
    matches!(signature.hash_alg(), Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512))
}

/// Tells whether everything that a signature calls critical is known; otherwise its maker wants it ignored
/// (RFC 9580 §5.2.3.7).
pub(super) fn is_understood(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        config.hashed_subpackets().all(|subpacket| {
            !subpacket.is_critical
                || !matches!(
                    subpacket.data,
                    SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_)
                )
        })
    })
}

fn weakness(key: &impl KeyDetails) -> Option<&'static str> {
    match key.public_params() {
        // The first two bytes of the parameters are the number of bits of the modulus.
        PublicParams::RSA(params) => {
            let bits = params.to_bytes().ok().and_then(|b| b.first_chunk::<2>().copied()).map_or(0, u16::from_be_bytes);
            (bits < 2048).then_some("RSA of less than 2048 bits")
        }
        PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
        )
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => None,
        PublicParams::DSA(_) => Some("DSA"),
        _ => Some("its algorithm is not accepted"),
    }
}
