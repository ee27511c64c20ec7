mod forge;

use pgp::composed::{ArmorOptions, DetachedSignature, KeyType};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::SubpacketData;
use pgp::ser::Serialize as _;

use super::*;
use forge::{Forge, MADE, NOW, SIGNED, Shape, duration, inrelease, lifetime, may_sign};

const TEXT: &str = "Origin: Example\nSuite: stable\n- a dashed line\nSHA256:\n 00 1 x";

fn now() -> Timestamp {
    Timestamp::from_unix(u64::from(NOW))
}

fn check(file: &str, keys: &[&Forge]) -> Result<Verified, SignatureRefusal> {
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.bytes()).collect();
    verify_inrelease(file.as_bytes(), &Keyring::parse(&bytes).unwrap(), now())
}

#[test]
fn returns_the_signed_text_and_its_signers() {
    let key = Forge::new(1);
    let good = check(&key.inrelease(TEXT), &[&key]).unwrap();
    assert_eq!(good.text, format!("{TEXT}\n"));
    assert_eq!(good.signers, Keyring::parse(&key.bytes()).unwrap().fingerprints());
    assert_eq!(good.signed_at.unix(), u64::from(SIGNED));
}

#[test]
fn one_good_signature_among_strangers_is_enough() {
    let (known, stranger) = (Forge::new(1), Forge::new(2));
    let file = inrelease(TEXT, |data| vec![stranger.sign(Shape::text(), data), known.sign(Shape::text(), data)]);
    assert_eq!(check(&file, &[&known]).unwrap().signers.len(), 1);
    assert_eq!(check(&file, &[&known, &stranger]).unwrap().signers.len(), 2);
}

#[test]
fn refuses_a_signer_outside_the_keyring() {
    let refusal = check(&Forge::new(1).inrelease(TEXT), &[&Forge::new(2)]).unwrap_err();
    let fingerprint = Keyring::parse(&Forge::new(1).bytes()).unwrap().fingerprints()[0].to_string();
    assert_eq!(refusal, SignatureRefusal::UnknownSigner { issuers: vec![fingerprint.clone()] });
    assert_eq!(refusal.to_string(), format!("signed by {fingerprint}, none of which is in the keyring"));
}

#[test]
fn refuses_changed_text() {
    let key = Forge::new(1);
    let file = key.inrelease(TEXT);
    for (from, to) in
        [("stable", "Stable"), ("- - a dashed", "a dashed"), (" 00 1 x", " 00 1 y"), ("Origin", "\nOrigin")]
    {
        let refusal = check(&file.replacen(from, to, 1), &[&key]).unwrap_err();
        assert!(matches!(refusal, SignatureRefusal::BadSignature { .. }), "{from}: {refusal}");
    }
}

#[test]
fn white_space_at_line_ends_is_not_part_of_the_text() {
    let key = Forge::new(1);
    let file = key.inrelease(TEXT).replacen("stable\n", "stable \t\n", 1);
    assert_eq!(check(&file, &[&key]).unwrap().text, format!("{TEXT}\n"));
    let windows = key.inrelease(TEXT).replace('\n', "\r\n");
    assert_eq!(check(&windows, &[&key]).unwrap().text, format!("{TEXT}\n"));
}

#[test]
fn refuses_anything_beside_the_one_message() {
    let key = Forge::new(1);
    let file = key.inrelease(TEXT);
    let body = file.split_once("\n\n").unwrap().1;
    for (what, bad) in [
        ("before", format!("Suite: evil\n{file}")),
        ("after", format!("{file}Suite: evil\n")),
        ("second message", format!("{file}{file}")),
        ("message inside", file.replacen("Suite", "-----BEGIN PGP SIGNED MESSAGE-----\nSuite", 1)),
        ("unescaped dash", file.replacen("Suite", "-Suite", 1)),
        ("other header", file.replacen("Hash: SHA256", "NotDashEscaped: yes", 1)),
        ("text in a header", file.replacen("Hash: SHA256", "Hash: SHA256\u{b}Suite: evil", 1)),
        ("no empty line", format!("-----BEGIN PGP SIGNED MESSAGE-----\n{body}")),
        ("blank line that is not empty", file.replacen("\n\n", "\n \n", 1)),
        ("control character", file.replacen("stable", "sta\u{0}ble", 1)),
        ("carriage return", file.replacen("stable", "sta\rble", 1)),
        ("no signature", file.split_once("-----BEGIN PGP SIG").unwrap().0.to_owned()),
        ("cut signature", file.replace("-----END PGP SIGNATURE-----\n", "")),
        ("plain text", TEXT.to_owned()),
        ("nothing", String::new()),
    ] {
        let refusal = check(&bad, &[&key]).unwrap_err();
        assert!(matches!(refusal, SignatureRefusal::Malformed(_)), "{what}: {refusal}");
    }
    let latin1 = key.inrelease(TEXT).replacen("stable", "st\u{e4}ble", 1);
    let latin1: Vec<u8> = latin1.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let keyring = Keyring::parse(&key.bytes()).unwrap();
    assert_eq!(verify_inrelease(&latin1, &keyring, now()), Err(SignatureRefusal::Malformed("not UTF-8")));
}

#[test]
fn refuses_an_expired_key() {
    let day = 86_400;
    let key = Forge::new(1).certified(vec![may_sign(true), lifetime(SIGNED - MADE + day / 2)]);
    let refusal = check(&key.inrelease(TEXT), &[&key]).unwrap_err();
    assert!(
        matches!(refusal, SignatureRefusal::ExpiredKey { expired, .. } if expired.unix() == u64::from(SIGNED + day / 2))
    );
}

#[test]
fn a_direct_key_signature_does_not_lift_the_limit_of_the_user_id() {
    let mut key = Forge::new(1).certified(vec![may_sign(true), lifetime(1000)]);
    let direct = key.sign_key(Shape::new(pgp::packet::SignatureType::Key, SIGNED, vec![may_sign(true)]));
    key.public.details.direct_signatures.push(direct);
    assert!(matches!(check(&key.inrelease(TEXT), &[&key]), Err(SignatureRefusal::ExpiredKey { .. })));
}

#[test]
fn a_newer_self_signature_extends_a_key() {
    let mut key = Forge::new(1).certified(vec![may_sign(true), lifetime(1000)]);
    let longer = vec![may_sign(true), lifetime(NOW - MADE + 1)];
    key.certify_as(Shape::new(pgp::packet::SignatureType::CertPositive, SIGNED, longer));
    assert!(check(&key.inrelease(TEXT), &[&key]).is_ok());
}

#[test]
fn refuses_a_revoked_key_even_if_another_copy_is_not() {
    let (key, revoked) = (Forge::new(1), Forge::new(1).revoked());
    for keys in [[&revoked, &revoked], [&key, &revoked], [&revoked, &key]] {
        assert!(matches!(check(&key.inrelease(TEXT), &keys), Err(SignatureRefusal::RevokedKey { .. })));
    }
}

#[test]
fn a_revocation_by_somebody_else_counts_for_nothing() {
    let (mut key, other) = (Forge::new(1), Forge::new(2).revoked());
    key.public.details.revocation_signatures.clone_from(&other.public.details.revocation_signatures);
    assert!(check(&key.inrelease(TEXT), &[&key]).is_ok());
}

#[test]
fn refuses_sha1_over_the_text() {
    let key = Forge::of_type(1, KeyType::Rsa(2048));
    let file = inrelease(TEXT, |data| vec![key.sign(Shape { digest: HashAlgorithm::Sha1, ..Shape::text() }, data)]);
    let refusal = check(&file, &[&key]).unwrap_err();
    assert!(matches!(&refusal, SignatureRefusal::WeakSignature { what, .. } if what == "digest SHA1"), "{refusal}");
}

#[test]
fn refuses_a_key_bound_by_sha1_alone() {
    let mut key = Forge::of_type(1, KeyType::Rsa(2048));
    key.public.details.users[0].signatures.clear();
    let shape = Shape::new(pgp::packet::SignatureType::CertPositive, MADE, vec![may_sign(true)]);
    key.certify_as(Shape { digest: HashAlgorithm::Sha1, ..shape });
    let refusal = check(&key.inrelease(TEXT), &[&key]).unwrap_err();
    assert!(matches!(refusal, SignatureRefusal::WeakKey { .. }), "{refusal}");
}

#[test]
fn refuses_short_rsa_and_dsa() {
    let made_by_gpg = [
        (include_str!("tests/rsa1024.asc"), include_str!("tests/rsa1024.inrelease"), "RSA of less than 2048 bits"),
        (include_str!("tests/dsa2048.asc"), include_str!("tests/dsa2048.inrelease"), "DSA"),
    ];
    for (key, file, why) in made_by_gpg {
        let refusal = verify_inrelease(file.as_bytes(), &Keyring::parse(key.as_bytes()).unwrap(), now()).unwrap_err();
        assert!(matches!(refusal, SignatureRefusal::WeakKey { reason, .. } if reason == why), "{refusal}");
    }
}

#[test]
fn refuses_a_key_that_may_not_sign() {
    let key = Forge::new(1).certified(vec![may_sign(false)]);
    assert!(matches!(check(&key.inrelease(TEXT), &[&key]), Err(SignatureRefusal::NotForSigning { .. })));
}

#[test]
fn a_signing_subkey_counts_as_its_primary_key() {
    let mut key = Forge::new(1).certified(vec![may_sign(false)]);
    key.bind_subkey(vec![may_sign(true)], true);
    let file = inrelease(TEXT, |data| vec![key.sign_by_subkey(Shape::text(), data)]);
    let good = check(&file, &[&key]).unwrap();
    assert_eq!(good.signers, Keyring::parse(&key.bytes()).unwrap().fingerprints());
}

#[test]
fn refuses_subkeys_that_are_claimed_expired_revoked_or_of_a_revoked_key() {
    type Make = fn(&mut Forge);
    type Expected = fn(&SignatureRefusal) -> bool;
    let cases: [(Make, Expected); 5] = [
        (|k| k.bind_subkey(vec![may_sign(true)], false), |r| matches!(r, SignatureRefusal::NotForSigning { .. })),
        (|k| k.bind_subkey(vec![may_sign(false)], true), |r| matches!(r, SignatureRefusal::NotForSigning { .. })),
        (
            |k| k.bind_subkey(vec![may_sign(true), lifetime(9)], true),
            |r| matches!(r, SignatureRefusal::ExpiredKey { .. }),
        ),
        (
            |k| {
                k.bind_subkey(vec![may_sign(true)], true);
                k.subkey_signature(Shape::new(pgp::packet::SignatureType::SubkeyRevocation, SIGNED, Vec::new()));
            },
            |r| matches!(r, SignatureRefusal::RevokedKey { .. }),
        ),
        (
            |k| {
                k.bind_subkey(vec![may_sign(true)], true);
                *k = Forge { public: k.public.clone(), secret: k.secret.clone() }.revoked();
            },
            |r| matches!(r, SignatureRefusal::RevokedKey { .. }),
        ),
    ];
    for (number, (make, expected)) in cases.into_iter().enumerate() {
        let mut key = Forge::new(1);
        make(&mut key);
        let file = inrelease(TEXT, |data| vec![key.sign_by_subkey(Shape::text(), data)]);
        let refusal = check(&file, &[&key]).unwrap_err();
        assert!(expected(&refusal), "case {number}: {refusal}");
    }
}

#[test]
fn refuses_signatures_outside_their_time() {
    let key = Forge::new(1);
    let signed = |created, says| {
        let shape = Shape { created, says, ..Shape::text() };
        check(&inrelease(TEXT, |data| vec![key.sign(shape, data)]), &[&key])
    };
    assert!(matches!(signed(NOW + 86_401, vec![]), Err(SignatureRefusal::ImpossibleTime { .. })));
    assert!(matches!(signed(MADE - 1, vec![]), Err(SignatureRefusal::ImpossibleTime { .. })));
    let expired = vec![SubpacketData::SignatureExpirationTime(duration(10))];
    assert!(matches!(signed(SIGNED, expired), Err(SignatureRefusal::ExpiredSignature { .. })));
    assert!(signed(NOW + 86_000, vec![]).is_ok(), "a clock may be a little wrong");
}

#[test]
fn detached_signatures_are_judged_by_the_same_rules() {
    let (key, other) = (Forge::new(1), Forge::new(2));
    let keyring = Keyring::parse(key.armored().as_bytes()).unwrap();
    let binary = || Shape::new(pgp::packet::SignatureType::Binary, SIGNED, Vec::new());
    let signature = DetachedSignature::new(key.sign(binary(), TEXT.as_bytes()));
    let armored = signature.to_armored_string(ArmorOptions::default()).unwrap();
    let check = |data: &[u8], signature: &[u8]| verify_detached(data, signature, &keyring, now());
    assert!(check(TEXT.as_bytes(), armored.as_bytes()).is_ok());
    assert!(check(TEXT.as_bytes(), &signature.to_bytes().unwrap()).is_ok());
    assert!(matches!(check(b"other", armored.as_bytes()), Err(SignatureRefusal::BadSignature { .. })));
    let foreign = DetachedSignature::new(other.sign(binary(), TEXT.as_bytes())).to_bytes().unwrap();
    assert!(matches!(check(TEXT.as_bytes(), &foreign), Err(SignatureRefusal::UnknownSigner { .. })));
    for bad in [
        &b""[..],
        b"\n",
        b"-----BEGIN PGP SIGNATURE-----",
        &[0xff; 40],
        format!("{armored}{armored}").as_bytes(),
        &key.bytes(),
    ] {
        assert!(matches!(check(TEXT.as_bytes(), bad), Err(SignatureRefusal::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn keyrings_are_read_binary_armored_and_several_in_one_file() {
    let (a, b) = (Forge::new(1), Forge::new(2));
    let both = |bytes: &[u8]| Keyring::parse(bytes).unwrap().fingerprints().len();
    assert_eq!(both(&[a.bytes(), b.bytes(), a.bytes()].concat()), 2);
    assert_eq!(both(format!("{}\n{}", a.armored(), b.armored()).as_bytes()), 2);
    let info = &Keyring::parse(&a.bytes()).unwrap().keys(now())[0];
    assert_eq!((info.user_ids.as_slice(), &info.unusable), (&["insecure-test-1".to_owned()][..], &None));
}

#[test]
fn refuses_what_is_no_keyring() {
    for bad in [&b""[..], b"hello", &[0x99; 100], TEXT.as_bytes()] {
        assert_eq!(Keyring::parse(bad).unwrap_err(), KeyringError::Empty);
    }
    assert_eq!(Keyring::parse(b"\0\0\0\x20\x01\x01\0\x02KBXf____").unwrap_err(), KeyringError::Keybox);
}
