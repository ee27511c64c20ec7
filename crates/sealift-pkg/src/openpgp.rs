//! OpenPGP: did a key of this keyring sign these bytes, and was it fit to at that time?
//!
//! The cryptography is rPGP's; the policy is ours, because rPGP's own check of bindings refuses real Debian keys for
//! their third-party certifications. [`certificate`] judges keys by their self-signatures only, [`framing`] takes signed
//! files apart. At least one good signature is needed: SHA-2 only, RSA from 2048 bits, no DSA, the key neither expired
//! nor revoked at the given time. Which keyring belongs to which upstream is the caller's to say.

mod certificate;
mod framing;
mod keyring;

use std::fmt;

use pgp::packet::{Signature, SignatureType, SignatureVersion};
use sealift_model::Timestamp;

pub use certificate::KeyInfo;
use certificate::{Certificate, Fault, Signer};
pub use keyring::{Keyring, KeyringError};

/// Largest signed file that is read.
pub const SIGNED_LIMIT: usize = 64 << 20;
/// How far a signature's time may lie ahead of the time it is judged at.
const CLOCK_SKEW: u64 = 86_400;

/// Fingerprint of a key or subkey, printed as upper-case hexadecimal digits, as gpg does.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    fn of(fingerprint: &pgp::types::Fingerprint) -> Self {
        Self(format!("{fingerprint:X}"))
    }

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

/// A text and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The signed text: dashes unescaped, white space at line ends gone, ending in a line end.
    pub text: String,
    /// Primary fingerprints of all keys with a good signature, sorted.
    pub signers: Vec<Fingerprint>,
    /// When the newest good signature was made.
    pub signed_at: Timestamp,
}

/// Who signed a file that has its signature beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDetached {
    /// Primary fingerprints of all keys with a good signature, sorted.
    pub signers: Vec<Fingerprint>,
    /// When the newest good signature was made.
    pub signed_at: Timestamp,
}

/// Why a signed file is not accepted. With several signatures and none good, the refusal is that of the one that came
/// closest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureRefusal {
    /// The signature does not fit the bytes: they were changed after signing, or it is forged.
    #[error("bad signature by key {key}: the signed text was changed, or the signature is forged")]
    BadSignature {
        /// The key it claims to be by.
        key: Fingerprint,
    },
    /// Made by a key that its owner has revoked.
    #[error("key {key} is revoked")]
    RevokedKey {
        /// The key.
        key: Fingerprint,
    },
    /// Made by a key that has expired.
    #[error("key {key} expired at {expired}")]
    ExpiredKey {
        /// The key.
        key: Fingerprint,
        /// When it expired.
        expired: Timestamp,
    },
    /// Made by a key of a kind or strength that is no longer accepted.
    #[error("key {key} is too weak: {reason}")]
    WeakKey {
        /// The key.
        key: Fingerprint,
        /// What is weak about it.
        reason: &'static str,
    },
    /// Made by a key that may not sign, or whose binding does not hold.
    #[error("key {key} is not valid for signing: {reason}")]
    NotForSigning {
        /// The key.
        key: Fingerprint,
        /// Why not.
        reason: &'static str,
    },
    /// Made with a digest other than SHA-2, or in a form no longer accepted.
    #[error("signature by key {key} is too weak: {what}")]
    WeakSignature {
        /// The key it claims to be by.
        key: Fingerprint,
        /// What is weak about it.
        what: String,
    },
    /// Its own time of validity is over.
    #[error("signature by key {key} expired at {expired}")]
    ExpiredSignature {
        /// The key.
        key: Fingerprint,
        /// When it expired.
        expired: Timestamp,
    },
    /// Dated later than now, or before its key was made.
    #[error(
        "signature by key {key} is dated {created}, which cannot be: it is {now} now, and the key was made {key_created}"
    )]
    ImpossibleTime {
        /// The key.
        key: Fingerprint,
        /// When the signature says it was made.
        created: Timestamp,
        /// When the key says it was made.
        key_created: Timestamp,
        /// The time it was judged at.
        now: Timestamp,
    },
    /// No signature is by a key of the keyring.
    #[error("signed by {}, none of which is in the keyring", .issuers.join(", "))]
    UnknownSigner {
        /// Fingerprints or key ids of the signers, as the signatures claim.
        issuers: Vec<String>,
    },
    /// Not of the form of a signed file.
    #[error("not a well-formed signed file: {0}")]
    Malformed(&'static str),
}

/// Verifies an InRelease file: exactly one cleartext-signed message and nothing beside it.
pub fn verify_inrelease(bytes: &[u8], keyring: &Keyring, at: Timestamp) -> Result<Verified, SignatureRefusal> {
    let message = framing::cleartext(bytes)?;
    let signatures = framing::signatures(message.signature.as_bytes())?;
    let good = judge_all(&signatures, message.hashed.as_bytes(), keyring, at)?;
    Ok(Verified { text: message.text, signers: good.signers, signed_at: good.signed_at })
}

/// Verifies `data` (a Release file) by the signature beside it (Release.gpg), armored or binary.
pub fn verify_detached(
    data: &[u8],
    signature: &[u8],
    keyring: &Keyring,
    at: Timestamp,
) -> Result<VerifiedDetached, SignatureRefusal> {
    if data.len() > SIGNED_LIMIT {
        return Err(SignatureRefusal::Malformed("larger than 64 MiB"));
    }
    judge_all(&framing::signatures(signature)?, data, keyring, at)
}

fn judge_all(
    signatures: &[Signature],
    data: &[u8],
    keyring: &Keyring,
    at: Timestamp,
) -> Result<VerifiedDetached, SignatureRefusal> {
    let mut good: Option<VerifiedDetached> = None;
    let mut issuers = Vec::new();
    let mut refusals = Vec::new();
    for signature in signatures {
        let candidates = keyring.candidates(signature);
        if candidates.is_empty() {
            issuers.push(issuer(signature));
        }
        for (certificate, signer) in candidates {
            match judge(signature, data, (certificate, signer), at) {
                Ok(created) => {
                    let good = good.get_or_insert(VerifiedDetached { signers: Vec::new(), signed_at: created });
                    good.signers.push(certificate.fingerprint().clone());
                    good.signed_at = good.signed_at.max(created);
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
    }
    if let Some(mut good) = good {
        good.signers.sort();
        good.signers.dedup();
        return Ok(good);
    }
    let unknown = SignatureRefusal::UnknownSigner { issuers };
    Err(refusals.into_iter().max_by_key(SignatureRefusal::closeness).unwrap_or(unknown))
}

impl SignatureRefusal {
    /// How much of the check a signature passed; the refusal that passed most says most.
    fn closeness(&self) -> u8 {
        match self {
            Self::ExpiredKey { .. } | Self::ExpiredSignature { .. } | Self::RevokedKey { .. } => 4,
            Self::WeakKey { .. } | Self::NotForSigning { .. } | Self::ImpossibleTime { .. } => 3,
            Self::BadSignature { .. } => 2,
            Self::WeakSignature { .. } => 1,
            Self::UnknownSigner { .. } | Self::Malformed(_) => 0,
        }
    }
}

/// Decides on one signature against one key it may be by; returns when it was made.
fn judge(
    signature: &Signature,
    data: &[u8],
    (certificate, signer): (&Certificate, Signer<'_>),
    at: Timestamp,
) -> Result<Timestamp, SignatureRefusal> {
    let key = signer.fingerprint();
    if let Some(what) = weakness(signature) {
        return Err(SignatureRefusal::WeakSignature { key, what });
    }
    if !certificate::is_understood(signature) || signer.verify(signature, data).is_err() {
        return Err(SignatureRefusal::BadSignature { key });
    }
    let Some(created) = signature.created().map(|time| u64::from(time.as_secs())) else {
        return Err(SignatureRefusal::BadSignature { key });
    };
    let (made, key_made) = (Timestamp::from_unix(created), signer.created());
    if created > at.unix().saturating_add(CLOCK_SKEW) || made < key_made {
        return Err(SignatureRefusal::ImpossibleTime { key, created: made, key_created: key_made, now: at });
    }
    if let Some(lifetime) = signature.signature_expiration_time().map(|d| u64::from(d.as_secs())).filter(|d| *d > 0) {
        let expired = Timestamp::from_unix(created + lifetime);
        if at >= expired {
            return Err(SignatureRefusal::ExpiredSignature { key, expired });
        }
    }
    certificate.standing(signer, at).map(|()| made).map_err(|fault| match fault {
        Fault::Revoked => SignatureRefusal::RevokedKey { key },
        Fault::Expired(expired) => SignatureRefusal::ExpiredKey { key, expired },
        Fault::Weak(reason) => SignatureRefusal::WeakKey { key, reason },
        Fault::NotForSigning(reason) => SignatureRefusal::NotForSigning { key, reason },
    })
}

fn weakness(signature: &Signature) -> Option<String> {
    let digest = signature.hash_alg();
    if !matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6) {
        return Some("version 3 or older".to_owned());
    }
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Some("not a signature over a document".to_owned());
    }
    (!certificate::is_strong(signature)).then(|| match digest {
        Some(digest) => format!("digest {digest}"),
        None => "unknown digest".to_owned(),
    })
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|f| format!("{f:X}"));
    let key_id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    fingerprint.or_else(key_id).unwrap_or_else(|| "an unnamed key".to_owned())
}

#[cfg(test)]
mod tests;
