//! What people who hold the medium, some keys or all online keys may try. Numbers are those of the hostile tests.

use serde_json::{Value, json};

use super::*;
use crate::key::KeyId;
use crate::testkit::{p256_public, p256_sign};

/// A set that trusts everything of the repository above `which`: 0 nothing, 1 root, 2 timestamp, 3 snapshot.
fn before(repo: &Repository, which: usize) -> TrustedSet {
    let mut set = TrustedSet::new(&repo.root, now()).unwrap();
    if which > 1 {
        set.update_timestamp(&repo.timestamp).unwrap();
    }
    if which > 2 {
        set.update_snapshot(&repo.snapshot).unwrap();
    }
    set
}

fn offer(set: &TrustedSet, which: usize, bytes: &[u8]) -> Result<(), Refusal> {
    let mut set = set.clone();
    match which {
        0 => TrustedSet::new(bytes, now()).map(drop),
        1 => set.update_timestamp(bytes).map(drop),
        2 => set.update_snapshot(bytes).map(drop),
        _ => set.update_targets(bytes).map(drop),
    }
}

/// A repository whose parents state versions only, so that nothing but signatures protects the documents.
fn loose() -> Repository {
    let mut repo = Repository::new(1);
    repo.snapshot = edited(&repo.snapshot, &[21], |b| b["meta"]["targets.json"] = json!({ "version": 1 }));
    repo.timestamp = edited(&repo.timestamp, &[31], |b| b["meta"]["snapshot.json"] = json!({ "version": 1 }));
    repo
}

/// Changes the document outside its signed part.
fn rewritten(document: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = json::parse(document).unwrap();
    edit(&mut value);
    json::canonical(&value).unwrap()
}

#[test]
fn refuses_a_flipped_bit_at_every_byte_of_each_document() {
    // The root of the second is that of the first.
    for (first, repo) in [(0, Repository::new(1)), (1, loose())] {
        let documents = [&repo.root, &repo.timestamp, &repo.snapshot, &repo.targets];
        for (which, document) in documents.into_iter().enumerate().skip(first) {
            let set = before(&repo, which);
            offer(&set, which, document).unwrap();
            for at in 0..document.len() {
                let mut flipped = document.clone();
                flipped[at] ^= 1 << (at % 8);
                let refusal = offer(&set, which, &flipped).expect_err("a flipped bit was not noticed");
                assert_eq!(refusal.exit_class(), ExitClass::Signature, "document {which}, byte {at}: {refusal}");
            }
        }
    }
}

#[test]
fn refuses_documents_without_signatures() {
    let repo = loose();
    for (which, document) in [&repo.root, &repo.timestamp, &repo.snapshot, &repo.targets].into_iter().enumerate() {
        let set = before(&repo, which);
        let empty = rewritten(document, |d| d["signatures"] = json!([]));
        assert!(matches!(offer(&set, which, &empty), Err(Refusal::Threshold { valid: 0, .. })));
        for absent in [
            rewritten(document, |d| drop(d.as_object_mut().unwrap().remove("signatures"))),
            rewritten(document, |d| d["signatures"] = Value::Null),
            rewritten(document, |d| d["signatures"] = json!({})),
            rewritten(document, |d| d["signatures"] = json!([{}])),
        ] {
            assert!(matches!(offer(&set, which, &absent), Err(Refusal::Malformed { .. })));
        }
    }
}

#[test]
fn refuses_one_signature_given_twice() {
    let repo = loose();
    let twice = rewritten(&sign(&root(1), &[1]), |d| {
        let first = d["signatures"][0].clone();
        d["signatures"].as_array_mut().unwrap().push(first);
    });
    assert!(matches!(offer(&before(&repo, 0), 0, &twice), Err(Refusal::Malformed { role: Role::Root, .. })));
    // Also where one is enough: which of two signatures by one key counts is not for a reader to choose.
    let twice = rewritten(&repo.timestamp, |d| {
        let first = d["signatures"][0].clone();
        d["signatures"].as_array_mut().unwrap().push(first);
    });
    assert!(matches!(offer(&before(&repo, 1), 1, &twice), Err(Refusal::Malformed { role: Role::Timestamp, .. })));
}

#[test]
fn refuses_thresholds_that_are_no_threshold() {
    for threshold in ["0", "-1", "4", "18446744073709551615", "18446744073709551616", "1.0", "1e0", "null", "\"1\""] {
        let document = String::from_utf8(sign(&root(1), &[1, 2, 3])).unwrap();
        let bad = document.replacen("\"threshold\":2", &format!("\"threshold\":{threshold}"), 1);
        assert_ne!(bad, document);
        let refusal = TrustedSet::new(bad.as_bytes(), now()).unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed { role: Role::Root, .. }), "{threshold}: {refusal}");
    }
}

#[test]
fn refuses_a_signature_by_a_key_of_another_role() {
    let repo = loose();
    // Root and targets keys sign the timestamp, the timestamp's key signs targets.
    let by_others = edited(&repo.timestamp, &[1, 2, 3, 11, 12, 21, 41], |_| ());
    assert!(matches!(offer(&before(&repo, 1), 1, &by_others), Err(Refusal::Threshold { valid: 0, required: 1, .. })));
    let by_others = edited(&repo.targets, &[11, 31, 21, 1], |_| ());
    assert!(matches!(offer(&before(&repo, 3), 3, &by_others), Err(Refusal::Threshold { valid: 1, required: 2, .. })));
}

#[test]
fn a_garbage_signature_spoils_no_good_one_and_is_none_itself() {
    let repo = loose();
    let with_garbage = |document: &[u8], sig: Value| {
        rewritten(document, |d| {
            d["signatures"].as_array_mut().unwrap().push(json!({ "keyid": public(99).id(), "sig": sig }));
        })
    };
    for garbage in ["", "00", "zz", "é", &"00".repeat(64), &"0".repeat(10_000)] {
        let one_is_enough = with_garbage(&repo.timestamp, garbage.into());
        offer(&before(&repo, 1), 1, &one_is_enough).unwrap();
        let two_are_not = with_garbage(&sign(&root(1), &[1]), garbage.into());
        let refusal = TrustedSet::new(&two_are_not, now()).unwrap_err();
        assert!(matches!(refusal, Refusal::Threshold { valid: 1, required: 2, .. }), "{refusal}");
    }
    // Garbage by a key of the role is no signature either.
    let bad = rewritten(&sign(&root(1), &[1, 2]), |d| d["signatures"][1]["sig"] = "00".repeat(64).into());
    assert!(matches!(TrustedSet::new(&bad, now()), Err(Refusal::Threshold { valid: 1, .. })));
}

#[test]
fn refuses_a_target_added_with_the_online_keys_alone() {
    let repo = Repository::new(1);
    // The attacker rewrites targets and signs with every key of the online host.
    let mut forged = Repository::new(2);
    forged.targets = edited(&repo.targets, &[21, 31, 41], |b| {
        b["version"] = 2.into();
        b["targets"]["bundles/s/2/manifest.json"] = b["targets"]["bundles/s/1/manifest.json"].clone();
    });
    let meta = described(2, &forged.targets);
    forged.snapshot = edited(&forged.snapshot, &[21], |b| b["meta"]["targets.json"] = meta);
    let meta = described(2, &forged.snapshot);
    forged.timestamp = edited(&forged.timestamp, &[31], |b| b["meta"]["snapshot.json"] = meta);
    let refusal = load(&forged, Previous::default()).unwrap_err();
    assert!(matches!(refusal, Refusal::Threshold { role: Role::Targets, valid: 0, required: 2, .. }), "{refusal}");
}

/// The repository after whoever held the online keys pushed both versions to 2^63.
fn far() -> Repository {
    let mut far = Repository::new(1);
    far.snapshot = edited(&far.snapshot, &[21], |b| b["version"] = (1_u64 << 63).into());
    let meta = described(1 << 63, &far.snapshot);
    far.timestamp = edited(&far.timestamp, &[31], |b| {
        b["version"] = (1_u64 << 63).into();
        b["meta"]["snapshot.json"] = meta;
    });
    far
}

/// An ordinary repository whose online documents are signed by new keys, and the root that names them.
fn recovered(version: u64) -> (Repository, Vec<u8>) {
    let mut body = root(2);
    body["keys"] = key_table(&[1, 2, 3, 11, 12, 22, 32]);
    (body["roles"]["timestamp"], body["roles"]["snapshot"]) = (role(&[32], 1), role(&[22], 1));
    let mut repo = Repository::new(version);
    repo.snapshot = edited(&repo.snapshot, &[22], |_| ());
    let meta = described(version, &repo.snapshot);
    repo.timestamp = edited(&repo.timestamp, &[32], |b| b["meta"]["snapshot.json"] = meta);
    (repo, sign(&body, &[1, 2]))
}

fn load_after(repo: &Repository, new_root: &[u8], previous: Previous<'_>) -> Result<TrustedSet, Refusal> {
    let mut set = TrustedSet::with_previous(&repo.root, previous, now())?;
    set.update_root(new_root)?;
    set.update_timestamp(&repo.timestamp)?;
    set.update_snapshot(&repo.snapshot)?;
    set.update_targets(&repo.targets)?;
    Ok(set)
}

#[test]
fn recovers_from_versions_of_2_to_the_63_by_new_online_keys() {
    let far = far();
    load(&far, Previous::default()).unwrap();
    let stored = Previous { timestamp: Some(&far.timestamp), snapshot: Some(&far.snapshot) };
    // From then on everything ordinary is a rollback,
    assert!(matches!(load(&Repository::new(5), stored), Err(Refusal::Rollback { .. })));
    // until the root replaces both online keys.
    let (repo, new_root) = recovered(5);
    assert_eq!(load_after(&repo, &new_root, stored).unwrap().targets().unwrap().version(), 5);
}

#[test]
fn refuses_to_recover_when_only_one_online_key_is_replaced() {
    let far = far();
    let stored = Previous { timestamp: Some(&far.timestamp), snapshot: Some(&far.snapshot) };
    let mut body = root(2);
    body["keys"] = key_table(&[1, 2, 3, 11, 12, 21, 32]);
    body["roles"]["timestamp"] = role(&[32], 1);
    let mut repo = Repository::new(5);
    repo.timestamp = edited(&repo.timestamp, &[32], |_| ());
    let refusal = load_after(&repo, &sign(&body, &[1, 2]), stored).unwrap_err();
    assert!(matches!(refusal, Refusal::Rollback { role: Role::Snapshot, .. }), "{refusal}");
}

#[test]
fn refuses_what_is_older_than_what_the_recovery_brought() {
    let far = far();
    let stored = Previous { timestamp: Some(&far.timestamp), snapshot: Some(&far.snapshot) };
    let (new, new_root) = recovered(5);
    load_after(&new, &new_root, stored).unwrap();
    // What was just trusted is the floor now, under the new root, and the attacker's old keys raise nothing any more.
    let stored = Previous { timestamp: Some(&new.timestamp), snapshot: Some(&new.snapshot) };
    let (older, _) = recovered(4);
    let older = Repository { root: new_root.clone(), ..older };
    assert!(matches!(load(&older, stored), Err(Refusal::Rollback { role: Role::Timestamp, trusted: 5, found: 4 })));
    let again = Repository { root: new_root, ..far };
    assert!(matches!(load(&again, stored), Err(Refusal::Threshold { role: Role::Timestamp, .. })));
}

#[test]
fn refuses_new_roots_below_either_threshold() {
    let mut body = root(2);
    body["keys"] = key_table(&[4, 5, 6, 11, 12, 21, 31]);
    body["roles"]["root"] = role(&[4, 5, 6], 2);
    let mut set = before(&Repository::new(1), 1);
    for keys in [&[1, 2, 3][..], &[4, 5, 6], &[1, 2, 4], &[1, 4, 5], &[1, 4], &[]] {
        let refusal = set.update_root(&sign(&body, keys)).unwrap_err();
        assert!(matches!(refusal, Refusal::Threshold { role: Role::Root, .. }), "{keys:?}");
        assert_eq!(set.root().version(), 1);
    }
    assert_eq!(set.update_root(&sign(&body, &[1, 3, 5, 6])).unwrap().version(), 2);
}

#[test]
fn refuses_a_gap_in_the_roots_and_goes_on_with_the_right_one() {
    let mut set = before(&Repository::new(1), 1);
    for version in [3, 4, u64::MAX] {
        let refusal = set.update_root(&sign(&root(version), &[1, 2])).unwrap_err();
        assert_eq!(refusal, Refusal::VersionMismatch { role: Role::Root, expected: 2, found: version });
        assert_eq!(set.root().version(), 1);
    }
    set.update_root(&sign(&root(2), &[1, 2])).unwrap();
}

#[test]
fn refuses_what_a_removed_key_signed_even_if_newer_and_not_expired() {
    let newer = Repository::new(7);
    load(&newer, Previous::default()).unwrap();
    // The key of the timestamp is removed; then one of the two that signed targets.
    for (keys, roles, refused) in [
        (&[1, 2, 3, 11, 12, 21, 32][..], ("timestamp", role(&[32], 1)), Role::Timestamp),
        (&[1, 2, 3, 12, 13, 21, 31], ("targets", role(&[12, 13], 2)), Role::Targets),
    ] {
        let mut body = root(2);
        body["keys"] = key_table(keys);
        body["roles"][roles.0] = roles.1;
        let refusal = load_after(&newer, &sign(&body, &[1, 2]), Previous::default()).unwrap_err();
        let Refusal::Threshold { role, root_version, unknown, .. } = refusal else { panic!("{refusal}") };
        assert_eq!((role, root_version), (refused, 2));
        assert_eq!(unknown.len(), 1, "the message names the key that is no longer there");
    }
}

#[test]
fn refuses_more_than_256_new_roots_in_one_go() {
    let mut set = TrustedSet::new(&sign(&root(1), &[1, 2]), now()).unwrap();
    for version in 2..=300 {
        let outcome = set.update_root(&sign(&root(version), &[1, 2])).map(Signed::version);
        if version <= 1 + MOST_ROOTS {
            assert_eq!(outcome, Ok(version));
        } else {
            let refusal = outcome.unwrap_err();
            assert_eq!(refusal, Refusal::TooManyRoots { limit: 256 });
            assert_eq!(refusal.to_string(), "more than 256 root metadata versions in one go");
            assert_eq!(set.root().version(), 257);
        }
    }
}

#[test]
fn refuses_a_root_of_600_kilobytes_before_parsing_it() {
    let mut body = root(1);
    body["padding"] = "x".repeat(600_000).into();
    let refusal = TrustedSet::new(&sign(&body, &[1, 2]), now()).unwrap_err();
    assert_eq!(refusal, Refusal::TooLarge { role: Role::Root, limit: 512_000 });
    assert_eq!(TrustedSet::new(&b"[".repeat(600_000), now()).unwrap_err(), refusal);
    body["padding"] = "x".repeat(500_000).into();
    TrustedSet::new(&sign(&body, &[1, 2]), now()).unwrap();
}

/// A root whose root role has these keys under these ids at threshold 2, signed as told.
fn with_root_keys(keys: &[(KeyId, Value)], sign: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut body = root(1);
    for (id, object) in keys {
        body["keys"][id.as_str()] = object.clone();
    }
    body["roles"]["root"] = json!({ "keyids": keys.iter().map(|k| k.0.as_str()).collect::<Vec<_>>(), "threshold": 2 });
    let covered = json::canonical(&body).unwrap();
    let entry = |(key, sig): (&(KeyId, Value), Vec<u8>)| json!({ "keyid": key.0.as_str(), "sig": sealift_model::digest::hex(&sig) });
    let signatures: Vec<_> = keys.iter().zip(sign(&covered)).map(entry).collect();
    serde_json::to_vec(&json!({ "signatures": signatures, "signed": body })).unwrap()
}

fn filed(object: Value) -> (KeyId, Value) {
    (Digest::of(&json::canonical(&object).unwrap()).into(), object)
}

#[test]
fn refuses_one_key_under_two_ids_as_two_signers() {
    use ed25519_dalek::Signer as _;
    let mut again = public(1).to_object();
    again["comment"] = "the same".into();
    let keys = [filed(public(1).to_object()), filed(again)];
    let both = |covered: &[u8]| vec![crate::testkit::signing_key(1).sign(covered).to_bytes().to_vec(); 2];
    let refusal = TrustedSet::new(&with_root_keys(&keys, both), now()).unwrap_err();
    assert!(matches!(refusal, Refusal::Threshold { valid: 1, required: 2, .. }), "{refusal}");
    // Ids of any form, as the specification allows them, make no difference.
    let free = [
        (KeyId::new("operator-a").unwrap(), public(1).to_object()),
        (KeyId::new("operator-b").unwrap(), public(1).to_object()),
    ];
    let refusal = TufSet::for_tuf(&with_root_keys(&free, both), Previous::default(), now()).unwrap_err();
    assert!(matches!(refusal, Refusal::Threshold { valid: 1, required: 2, .. }), "{refusal}");
    assert!(matches!(TrustedSet::new(&with_root_keys(&free, both), now()), Err(Refusal::Key { .. })));
}

#[test]
fn refuses_one_point_written_in_two_ways_as_two_signers() {
    let key = p256_public(1);
    let spelled = |text: String| {
        let mut object = key.to_object();
        object["keyval"]["public"] = text.into();
        filed(object)
    };
    let other_type = {
        let mut object = key.to_object();
        object["keytype"] = "ecdsa-sha2-nistp256".into();
        filed(object)
    };
    let pem = key.to_pem();
    let signer = |n: u8| move |covered: &[u8]| p256_sign(n, covered);
    for second in [
        spelled(crate::key::compressed_pem(&key)),
        spelled(pem.replace('\n', "\r\n")),
        spelled(pem.trim_end().to_owned()),
        other_type,
    ] {
        let keys = [filed(key.to_object()), second];
        let both = |covered: &[u8]| vec![signer(1)(covered), signer(1)(covered)];
        let refusal = TrustedSet::new(&with_root_keys(&keys, both), now()).unwrap_err();
        assert!(matches!(refusal, Refusal::Threshold { valid: 1, required: 2, .. }), "{refusal}");
    }
    // Two points are two signers, and one of them may be of the other algorithm.
    let keys = [filed(key.to_object()), filed(p256_public(2).to_object())];
    TrustedSet::new(&with_root_keys(&keys, |covered| vec![signer(1)(covered), signer(2)(covered)]), now()).unwrap();
}

#[test]
fn refuses_weak_keys_and_foreign_algorithms_in_a_root() {
    use curve25519_dalek::constants::EIGHT_TORSION;
    let with = |object: Value| {
        let (id, object) = filed(object);
        let mut body = root(1);
        body["keys"][id.as_str()] = object;
        // Refused even if no role uses the key.
        TrustedSet::new(&sign(&body, &[1, 2]), now()).unwrap_err()
    };
    for point in EIGHT_TORSION {
        let mut object = public(1).to_object();
        object["keyval"]["public"] = sealift_model::digest::hex(&point.compress().to_bytes()).into();
        assert!(matches!(with(object), Refusal::Key { source: KeyError::Weak, .. }));
    }
    for (keytype, scheme) in [("rsa", "rsassa-pss-sha256"), ("ed25519", "none"), ("", ""), ("ed25519", "ed25519ph")] {
        let mut object = public(1).to_object();
        (object["keytype"], object["scheme"]) = (keytype.into(), scheme.into());
        assert!(
            matches!(with(object), Refusal::Key { source: KeyError::Unsupported { .. }, .. }),
            "{keytype} {scheme}"
        );
    }
    let mut object = public(1).to_object();
    object["scheme"] = Value::Null;
    assert!(matches!(with(object), Refusal::Key { source: KeyError::Malformed, .. }));
    let mut object = p256_public(1).to_object();
    object["keyval"] = public(1).to_object()["keyval"].clone();
    assert!(matches!(with(object), Refusal::Key { .. }));
}
