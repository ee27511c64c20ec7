//! ECDSA over P-256 with SHA-256, verification only.
//!
//! Keys come as SubjectPublicKeyInfo, compressed or not; both are one key. Signatures are DER, and of DER exactly one
//! encoding for two numbers from 1 to n - 1: a reader that repairs encodings takes signatures that others do not. A
//! signature with a large s is another valid signature of the same message and is taken, as every other verifier does;
//! nothing here counts signatures, only keys.

use p256::FieldBytes;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use sealift_model::Digest;

use super::KeyError;

/// AlgorithmIdentifier of a P-256 key (RFC 5480: id-ecPublicKey, prime256v1).
const ALGORITHM: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];

/// Reads a SubjectPublicKeyInfo; `None` if it is for another algorithm or not the one encoding of what it holds.
pub(super) fn from_spki(der: &[u8]) -> Option<Result<VerifyingKey, KeyError>> {
    let (content, []) = tagged(der, 0x30)? else { return None };
    let (bits, []) = tagged(content.strip_prefix(&ALGORITHM)?, 0x03)? else { return None };
    Some(from_sec1(bits.strip_prefix(&[0])?))
}

/// Reads a point of SEC 1, compressed or not.
pub(super) fn from_sec1(point: &[u8]) -> Result<VerifyingKey, KeyError> {
    // The library also takes forms that no public key is ever written in.
    match (point.first(), point.len()) {
        (Some(0x02 | 0x03), 33) | (Some(0x04), 65) => {
            // It checks that the point is on the curve and not at infinity. The curve has no points of low order.
            VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::NotOnCurve)
        }
        _ => Err(KeyError::NotOnCurve),
    }
}

/// Writes a SubjectPublicKeyInfo with the point not compressed, as openssl does.
pub(super) fn to_spki(key: &VerifyingKey) -> Vec<u8> {
    let point = key.to_sec1_point(false);
    let mut der = vec![0x30, 0x59];
    der.extend(ALGORITHM);
    der.extend([0x03, 0x42, 0x00]);
    der.extend(point.as_bytes());
    der
}

/// Returns the compressed point.
pub(super) fn compressed(key: &VerifyingKey) -> [u8; 33] {
    key.to_sec1_point(true).as_bytes().try_into().expect("a compressed point has 33 bytes")
}

/// Tells whether `signature` is a signature of exactly `message`.
pub(super) fn verifies(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let Some((r, s)) = numbers(signature) else { return false };
    // Refuses 0 and everything from n on.
    let Ok(signature) = Signature::from_scalars(r, s) else { return false };
    key.verify_prehash(Digest::of(message).as_bytes(), &signature).is_ok()
}

/// Splits a DER signature into r and s.
fn numbers(der: &[u8]) -> Option<(FieldBytes, FieldBytes)> {
    let (content, []) = tagged(der, 0x30)? else { return None };
    let (r, rest) = tagged(content, 0x02)?;
    let (s, []) = tagged(rest, 0x02)? else { return None };
    Some((number(r)?, number(s)?))
}

/// Splits off one DER element. Lengths from 128 on, which would need a second form, never occur here.
fn tagged(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk::<2>()?;
    if found == tag && length < 0x80 { rest.split_at_checked(length.into()) } else { None }
}

/// Reads a DER integer that is not negative and has no byte too many.
fn number(der: &[u8]) -> Option<FieldBytes> {
    let magnitude = match der {
        [0, rest @ ..] if rest.first().is_some_and(|b| *b >= 0x80) => rest,
        [first, ..] if *first < 0x80 => der,
        _ => return None,
    };
    let mut bytes = [0; 32];
    let unused = bytes.len().checked_sub(magnitude.len())?;
    bytes.get_mut(unused..)?.copy_from_slice(magnitude);
    Some(bytes.into())
}

#[cfg(test)]
pub(super) mod tests;
