use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};
use ed25519_dalek::Signer as _;

use super::*;
use crate::testkit::{p256_public, public, signing_key};

/// The group order, little-endian (RFC 8032 §5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The field's prime plus `n`, little-endian: another encoding of y = n.
fn p_plus(n: u8, sign: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + n;
    bytes[31] = 0x7f | sign;
    bytes
}

fn small_order() -> Vec<[u8; 32]> {
    EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect()
}

#[test]
fn refuses_all_eight_points_of_low_order() {
    let points = small_order();
    assert_eq!(points.iter().collect::<std::collections::BTreeSet<_>>().len(), 8);
    for bytes in points {
        assert_eq!(PublicKey::ed25519(&bytes), Err(KeyError::Weak), "{}", hex(&bytes));
        let object = json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": hex(&bytes) } });
        assert_eq!(PublicKey::from_object(&object), Err(KeyError::Weak));
    }
}

#[test]
fn refuses_keys_with_a_component_of_low_order() {
    let honest = signing_key(1).verifying_key().to_edwards();
    for torsion in EIGHT_TORSION.iter().skip(1) {
        let mixed = (honest + torsion).compress().to_bytes();
        assert_eq!(PublicKey::ed25519(&mixed), Err(KeyError::Weak), "{}", hex(&mixed));
    }
}

#[test]
fn refuses_every_second_encoding_of_a_point() {
    // y from p to p + 18, either sign.
    for n in 0..=18 {
        for sign in [0, 0x80] {
            let bytes = p_plus(n, sign);
            assert!(PublicKey::ed25519(&bytes).is_err(), "{}", hex(&bytes));
        }
    }
    // x = 0 has no sign: y = 1 and y = -1 with the bit set.
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    for bytes in [one, minus_one] {
        assert!(PublicKey::ed25519(&bytes).is_err(), "{}", hex(&bytes));
    }
}

#[test]
fn refuses_ed25519_bytes_that_are_no_point() {
    let mut refused = 0;
    for n in 2..40_u8 {
        let mut bytes = [0; 32];
        bytes[0] = n;
        refused += u32::from(PublicKey::ed25519(&bytes).is_err());
    }
    // About half of all y have no x; the others here have a component of low order or are keys.
    assert!(refused >= 15, "{refused}");
}

#[test]
fn a_signature_fits_one_message() {
    let secret = signing_key(1);
    let key = public(1);
    let signature = secret.sign(b"message").to_bytes();
    assert!(key.verifies(b"message", &signature));
    assert!(!key.verifies(b"messagf", &signature));
    assert!(!key.verifies(b"", &signature));
    assert!(!public(2).verifies(b"message", &signature));
}

#[test]
fn verifies_the_signatures_of_rfc_8032() {
    let cases = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ];
    for (key, message, signature) in cases {
        let key = PublicKey::ed25519(&unhex(key).unwrap().try_into().unwrap()).unwrap();
        assert!(key.verifies(&unhex(message).unwrap(), &unhex(signature).unwrap()));
    }
}

#[test]
fn refuses_s_from_the_group_order_on() {
    let signature = signing_key(1).sign(b"m").to_bytes();
    let mut larger = signature;
    let mut carry = 0_u16;
    for (byte, add) in larger[32..].iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = (carry & 0xff) as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0);
    // The same point multiplication, the same message: only the range of S tells them apart.
    assert!(!public(1).verifies(b"m", &larger));
    let mut exactly = signature;
    exactly[32..].copy_from_slice(&L);
    assert!(!public(1).verifies(b"m", &exactly));
    for bit in [0x20, 0x40, 0x80] {
        let mut high = signature;
        high[63] |= bit;
        assert!(!public(1).verifies(b"m", &high), "{bit:#x}");
    }
}

#[test]
fn refuses_signatures_of_another_length() {
    let signature = signing_key(1).sign(b"m").to_bytes();
    for length in (0..64).chain([65, 66, 128]) {
        let mut other = signature.to_vec();
        other.resize(length, 0);
        assert!(!public(1).verifies(b"m", &other), "{length}");
    }
}

/// Makes the signature with this R that satisfies S·B = R + k·A when the point `r` encodes is 0 or of low order.
fn signature_around(r: [u8; 32], message: &[u8]) -> [u8; 64] {
    use sha2::{Digest as _, Sha512};
    let secret = signing_key(1);
    let key = secret.verifying_key().to_bytes();
    let k = Scalar::from_bytes_mod_order_wide(&Sha512::digest([&r[..], &key, message].concat()).into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice((k * secret.to_scalar()).as_bytes());
    signature
}

#[test]
fn refuses_r_of_low_order_and_r_in_a_second_encoding() {
    let identity = EIGHT_TORSION[0].compress().to_bytes();
    let forged = signature_around(identity, b"m");
    // It satisfies the equation: a verifier that does not look at R takes it.
    let s = Scalar::from_canonical_bytes(forged[32..].try_into().unwrap()).unwrap();
    assert_ne!(s * ED25519_BASEPOINT_POINT, EdwardsPoint::default());
    assert!(signing_key(1).verifying_key().verify_strict(b"m", &Signature::from_bytes(&forged)).is_err());
    assert!(!public(1).verifies(b"m", &forged));
    for r in small_order().into_iter().chain([p_plus(1, 0), p_plus(1, 0x80), p_plus(0, 0), p_plus(3, 0)]) {
        assert!(!public(1).verifies(b"m", &signature_around(r, b"m")), "{}", hex(&r));
    }
}

#[test]
fn refuses_algorithms_outside_the_list() {
    for key in [public(1), p256_public(1)] {
        for (keytype, scheme) in [
            ("rsa", "rsassa-pss-sha256"),
            ("ed25519", "ed25519ph"),
            ("ED25519", "ed25519"),
            ("ed25519", "none"),
            ("", ""),
            ("ed25519", ""),
            ("none", "none"),
            ("ed25519", "ecdsa-sha2-nistp256"),
            ("ecdsa", "ed25519"),
            ("ecdsa", "ecdsa-sha2-nistp384"),
            ("ecdsa", "ecdsa"),
            ("ecdsa-sha2-nistp256", "ecdsa"),
        ] {
            let mut object = key.to_object();
            (object["keytype"], object["scheme"]) = (keytype.into(), scheme.into());
            assert!(matches!(PublicKey::from_object(&object), Err(KeyError::Unsupported { .. })), "{object}");
        }
        for field in ["keytype", "scheme", "keyval"] {
            for bad in [Value::Null, 0.into(), json!(["ed25519"]), json!({})] {
                let mut object = key.to_object();
                object[field] = bad;
                assert_eq!(PublicKey::from_object(&object), Err(KeyError::Malformed), "{object}");
            }
            let mut object = key.to_object();
            object.as_object_mut().unwrap().remove(field);
            assert_eq!(PublicKey::from_object(&object), Err(KeyError::Malformed), "{object}");
        }
    }
}

#[test]
fn refuses_the_bytes_of_one_algorithm_declared_as_the_other() {
    let as_type = |mut object: Value, like: &PublicKey| {
        (object["keytype"], object["scheme"]) =
            (like.to_object()["keytype"].clone(), like.to_object()["scheme"].clone());
        PublicKey::from_object(&object)
    };
    assert!(as_type(public(1).to_object(), &p256_public(1)).is_err());
    assert_eq!(as_type(p256_public(1).to_object(), &public(1)), Err(KeyError::Malformed));
    // Also in the container of the other: an Ed25519 key in PEM under ECDSA, and the hexadecimal digits of a point.
    let mut object = p256_public(1).to_object();
    object["keyval"]["public"] = public(1).to_pem().into();
    assert_eq!(PublicKey::from_object(&object), Err(KeyError::Malformed));
    object["keyval"]["public"] = p256_public(1).to_hex().into();
    assert!(PublicKey::from_object(&object).is_err());
    // A signature of the one is none of the other.
    let signature = signing_key(1).sign(b"m").to_bytes();
    assert!(!p256_public(1).verifies(b"m", &signature));
}

#[test]
fn refuses_keys_filed_under_another_id() {
    for key in [public(1), p256_public(1)] {
        assert_eq!(PublicKey::from_entry(&key.id().into(), &key.to_object()).unwrap(), key);
        let wrong = KeyId::from(Digest::of(b"x"));
        assert!(matches!(PublicKey::from_entry(&wrong, &key.to_object()), Err(KeyError::WrongId { .. })));
    }
}

#[test]
fn one_key_spelled_differently_is_one_key() {
    let mut extra = public(1).to_object();
    extra["note"] = "second".into();
    let second = PublicKey::from_object(&extra).unwrap();
    assert_ne!(second.id(), public(1).id());
    assert_eq!(second.material(), public(1).material());
    assert_eq!(second.to_object(), extra);
    // Upper-case digits are refused rather than counted.
    let mut upper = public(1).to_object();
    upper["keyval"]["public"] = public(1).to_hex().to_uppercase().into();
    assert_eq!(PublicKey::from_object(&upper), Err(KeyError::Malformed));

    let key = p256_public(1);
    let pem = key.to_pem();
    for text in [pem.replace('\n', "\r\n"), pem.trim_end().to_owned(), p256::tests::compressed_pem(&key)] {
        let mut object = key.to_object();
        object["keyval"]["public"] = text.into();
        let other = PublicKey::from_object(&object).unwrap();
        assert_ne!(other.id(), key.id());
        assert_eq!(other.material(), key.material());
    }
    let mut renamed = key.to_object();
    renamed["keytype"] = "ecdsa-sha2-nistp256".into();
    assert_eq!(PublicKey::from_object(&renamed).unwrap().material(), key.material());
}
