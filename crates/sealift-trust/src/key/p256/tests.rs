use sealift_model::digest::unhex;

use super::*;
use crate::key::{PublicKey, pem};
use crate::testkit::{p256_public, p256_sign};

/// The order of the group, big-endian (SEC 2 §2.4.2).
const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The prime of the field.
const P: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

pub(crate) fn compressed_pem(key: &PublicKey) -> String {
    pem::wrap(&spki(&unhex(&key.to_hex()).unwrap()))
}

fn spki(point: &[u8]) -> Vec<u8> {
    let length = |n: usize| u8::try_from(n).unwrap();
    let mut bits = vec![0x03, length(point.len() + 1), 0];
    bits.extend(point);
    [&[0x30, length(ALGORITHM.len() + bits.len())], &ALGORITHM[..], &bits].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len() - 1);
    let digits = &bytes[first..];
    let padded = if digits[0] >= 0x80 { [&[0], digits].concat() } else { digits.to_vec() };
    [&[0x02, u8::try_from(padded.len()).unwrap()], &padded[..]].concat()
}

fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let content = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

/// A good signature of `m` by key 1, as two numbers.
fn good() -> ([u8; 32], [u8; 32]) {
    let (r, s) = numbers(&p256_sign(1, b"m")).unwrap();
    (r.into(), s.into())
}

fn verifies(signature: &[u8]) -> bool {
    p256_public(1).verifies(b"m", signature)
}

/// n - s, big-endian.
fn opposite(s: &[u8; 32]) -> [u8; 32] {
    let mut out = [0; 32];
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let difference = i16::from(unhex(N).unwrap()[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(difference < 0);
        out[at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    out
}

#[test]
fn a_signature_fits_one_message_and_one_key() {
    let signature = p256_sign(1, b"m");
    assert!(verifies(&signature));
    assert!(!p256_public(1).verifies(b"n", &signature));
    assert!(!p256_public(2).verifies(b"m", &signature));
    let (r, s) = good();
    assert_eq!(der(&r, &s), signature);
}

#[test]
fn verifies_the_signature_of_rfc_6979() {
    // A.2.5, curve P-256, SHA-256, message "sample".
    let point = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let key = PublicKey::ecdsa_p256(&unhex(point).unwrap()).unwrap();
    assert!(key.verifies(b"sample", &der(&unhex(r).unwrap(), &unhex(s).unwrap())));
}

#[test]
fn both_forms_of_s_are_good_and_count_as_one_signer() {
    let (r, s) = good();
    let other = opposite(&s);
    assert_ne!(other, s);
    assert!(verifies(&der(&r, &other)));
}

#[test]
fn refuses_numbers_outside_1_to_n_minus_1() {
    let (r, s) = good();
    let n: [u8; 32] = unhex(N).unwrap().try_into().unwrap();
    for bad in [[0; 32], n, [0xff; 32]] {
        assert!(!verifies(&der(&bad, &s)));
        assert!(!verifies(&der(&r, &bad)));
        assert!(!verifies(&der(&bad, &bad)));
    }
    // r + n has 33 bytes or none at all; s + n likewise.
    let mut wide = vec![1];
    wide.extend(s);
    assert!(!verifies(&der(&r, &wide)));
}

#[test]
fn refuses_every_other_encoding_of_a_good_signature() {
    let (r, s) = good();
    let (ri, si) = (integer(&r), integer(&s));
    let content = [&ri[..], &si].concat();
    let length = u8::try_from(content.len()).unwrap();
    let whole = [&[0x30, length], &content[..]].concat();
    assert!(verifies(&whole));
    // An integer with one zero too many, keeping the lengths around it right.
    let longer = |i: &[u8]| [&[0x02, i[1] + 1, 0], &i[2..]].concat();
    let wrapped = |content: &[u8]| [&[0x30, u8::try_from(content.len()).unwrap()], content].concat();
    let cases = [
        [&whole[..], &[0]].concat(),
        whole[..whole.len() - 1].to_vec(),
        [&[0x30, 0x81, length], &content[..]].concat(),
        [&[0x30, 0x82, 0, length], &content[..]].concat(),
        [&[0x30, 0x80], &content[..], &[0, 0]].concat(),
        [&[0x31, length], &content[..]].concat(),
        wrapped(&[&longer(&ri)[..], &si].concat()),
        wrapped(&[&ri[..], &longer(&si)].concat()),
        wrapped(&[&ri[..], &si, &[0x05, 0]].concat()),
        wrapped(&[&ri[..], &[0x02, 0x81, si[1]], &si[2..]].concat()),
        wrapped(&ri),
        wrapped(&[&ri[..], &[0x02, 0]].concat()),
        wrapped(&[&[0x02, 0], &si[..]].concat()),
        // The digits without the zero that makes them positive, or the raw 64 bytes.
        wrapped(&[&[0x02, 32, 0x80 | r[0]], &r[1..], &si[..]].concat()),
        [r, s].concat(),
        Vec::new(),
        vec![0x30],
        vec![0x30, 0],
    ];
    for case in cases {
        assert!(!verifies(&case), "{}", sealift_model::digest::hex(&case));
    }
}

#[test]
fn refuses_points_that_are_not_on_the_curve_or_no_key() {
    let good = unhex(&p256_public(1).to_hex()).unwrap();
    assert!(PublicKey::ecdsa_p256(&good).is_ok());
    let full = PublicKey::ecdsa_p256(&good).unwrap().to_pem();
    let full = pem::unwrap(full.as_bytes()).unwrap();
    let full = full[full.len() - 65..].to_vec();
    assert_eq!(PublicKey::ecdsa_p256(&full).unwrap(), PublicKey::ecdsa_p256(&good).unwrap());
    let with = |at: usize, byte: u8, point: &[u8]| {
        let mut point = point.to_vec();
        point[at] = byte;
        point
    };
    let cases = [
        vec![0],
        Vec::new(),
        with(64, full[64] ^ 1, &full),
        // Hybrid and compact forms.
        with(0, 0x06 | (full[64] & 1), &full),
        with(0, 0x05, &good),
        with(0, 0, &full),
        good[..32].to_vec(),
        [&full[..], &[0]].concat(),
        [&[0x04], &[0; 64][..]].concat(),
        // x = p and above is no field element.
        [&[0x02], &unhex(P).unwrap()[..]].concat(),
        [&[0x02], &[0xff; 32][..]].concat(),
    ];
    for point in cases {
        assert_eq!(PublicKey::ecdsa_p256(&point), Err(KeyError::NotOnCurve));
        assert!(!matches!(from_spki(&spki(&point)), Some(Ok(_))));
    }
}

#[test]
fn refuses_other_algorithms_and_loose_encodings_of_the_container() {
    let point = unhex(&p256_public(1).to_hex()).unwrap();
    let good = spki(&point);
    assert!(matches!(from_spki(&good), Some(Ok(_))));
    // secp256k1's parameters, unused bits, a byte after the end, a length in two bytes.
    let mut other_curve = good.clone();
    other_curve[22] = 0x08;
    let mut unused_bits = good.clone();
    unused_bits[25] = 1;
    let trailing = [&good[..], &[0]].concat();
    let long_form = [&[0x30, 0x81], &good[1..]].concat();
    for der in [other_curve, unused_bits, trailing, long_form, good[..good.len() - 1].to_vec()] {
        assert!(from_spki(&der).is_none());
    }
}
