use std::collections::BTreeMap;

use super::*;
use crate::metadata::{self, RoleDraft, RootDraft};
use crate::secret::SecretKey;
use sealift_trust::Purpose;

fn now() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

fn key(purpose: Purpose, n: u8) -> SecretKey {
    SecretKey::from_seed(purpose, &[n; 32])
}

fn root_key(n: u8) -> SecretKey {
    key(Purpose::Root, n)
}

/// Root keys 1, 2, 3 at 2; one key for each other role; signed by 1 and 2.
fn base() -> Signed<Root> {
    let role = |purpose, numbers: &[u8], threshold| RoleDraft {
        keys: numbers.iter().map(|n| key(purpose, *n).public().clone()).collect(),
        threshold,
    };
    let roles = BTreeMap::from([
        (Role::Root, role(Purpose::Root, &[1, 2, 3], 2)),
        (Role::Targets, role(Purpose::Targets, &[11, 12], 1)),
        (Role::Snapshot, role(Purpose::Snapshot, &[21], 1)),
        (Role::Timestamp, role(Purpose::Timestamp, &[31], 1)),
    ]);
    let evidence = vec![key(Purpose::Evidence, 41).public().clone()];
    let draft = RootDraft::new(1, now().plus_days(30), roles, evidence);
    let unsigned = metadata::root(&draft).unwrap();
    let signed = [1, 2].iter().fold(unsigned, |bytes, n| metadata::sign_metadata(&bytes, &root_key(*n)).unwrap());
    Signed::parse(&signed).unwrap()
}

fn draft() -> Draft {
    Draft::follow(base(), now().plus_days(365), now()).unwrap()
}

fn replaced() -> Draft {
    let old = KeyRef::Key(Box::new(root_key(1).public().clone()));
    let changes = [
        Change::RemoveKey { purpose: Purpose::Root, key: old },
        Change::AddKey { purpose: Purpose::Root, key: root_key(4).public().clone() },
    ];
    draft().change(&changes, false, now()).unwrap()
}

fn signed_by(draft: &Draft, numbers: &[u8]) -> Draft {
    numbers.iter().fold(draft.clone(), |draft, n| {
        let secret = root_key(*n);
        draft.attach(secret.public(), &secret.sign(draft.to_sign()), now()).unwrap()
    })
}

#[test]
fn a_draft_reads_back_and_the_order_of_attaching_does_not_matter() {
    let forth = signed_by(&replaced(), &[1, 2, 4]);
    let back = signed_by(&replaced(), &[4, 2, 1]);
    assert_eq!(forth.root().raw(), back.root().raw());
    let bytes = forth.to_bytes().unwrap();
    let read = Draft::parse(&bytes).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.log().len(), 6);
    assert_eq!(read.signers().len(), 3);
}

#[test]
fn refuses_signature_for_another_draft() {
    let other = draft();
    let secret = root_key(2);
    let signature = secret.sign(other.to_sign());
    let error = replaced().attach(secret.public(), &signature, now()).unwrap_err();
    assert!(matches!(error, DraftAttachError::Refused(AttachRefusal::Wrong { .. })), "{error}");
}

#[test]
fn refuses_signature_of_one_key_twice_and_of_nobody_named() {
    let once = signed_by(&replaced(), &[2]);
    let secret = root_key(2);
    let error = once.attach(secret.public(), &secret.sign(once.to_sign()), now()).unwrap_err();
    assert!(matches!(error, DraftAttachError::Refused(AttachRefusal::Already { .. })), "{error}");
    for stranger in [root_key(9), key(Purpose::Targets, 11)] {
        let signature = stranger.sign(once.to_sign());
        let error = once.attach(stranger.public(), &signature, now()).unwrap_err();
        assert!(matches!(error, DraftAttachError::Refused(AttachRefusal::NotNamed { .. })), "{error}");
    }
}

#[test]
fn refuses_signatures_of_any_other_length_or_of_the_envelope() {
    let draft = replaced();
    let secret = root_key(2);
    let mut long = secret.sign(draft.to_sign()).to_vec();
    long.push(0);
    let framed = secret.sign(draft.root().raw());
    for signature in [&long[..], &long[..63], &[], &framed] {
        assert!(draft.attach(secret.public(), signature, now()).is_err());
    }
}

#[test]
fn refuses_to_change_what_was_signed_unless_the_signatures_go() {
    let signed = signed_by(&replaced(), &[2, 4]);
    let change = [Change::Threshold { role: Role::Targets, required: 2 }];
    assert!(matches!(signed.clone().change(&change, false, now()), Err(DraftError::Signed(2))));
    let changed = signed.change(&change, true, now()).unwrap();
    assert_eq!(changed.signers().len(), 0);
    let dropped = changed.log().iter().filter(|step| step.event == Event::Dropped).count();
    assert_eq!(dropped, 2);
}

#[test]
fn refuses_drafts_that_somebody_meddled_with() {
    let draft = signed_by(&replaced(), &[2]);
    let bytes = draft.to_bytes().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let root = String::from_utf8(draft.root().raw().to_vec()).unwrap();
    let with_root = |from: &str, to: &str| {
        let forged = root.replacen(from, to, 1);
        assert_ne!(forged, root);
        text.replacen(&STANDARD.encode(&root), &STANDARD.encode(forged), 1)
    };
    let edits = [
        with_root("\"threshold\":2", "\"threshold\":1"),
        with_root("\"version\":2", "\"version\":3"),
        with_root("\"sig\":\"", "\"sig\":\"00"),
        text.replacen("\"log\":", " \"log\":", 1),
        text.replacen("sealift.draft/1", "sealift.draft/2", 1),
        text.replacen("\"event\":\"drafted\"", "\"event\":\"approved\"", 1),
        text.replacen("\"base\":\"eyJ", "\"base\":\"eyK", 1),
        text.replacen("\"log\":", "\"extra\":1,\"log\":", 1),
        format!("{text} "),
    ];
    for edit in edits {
        assert_ne!(edit, text);
        assert!(Draft::parse(edit.as_bytes()).is_err(), "{edit}");
    }
    // Without its base it would be a first root, of a version that no first root has.
    let (_, rest) = text.split_once("\"log\":").unwrap();
    assert!(Draft::parse(format!("{{\"log\":{rest}").as_bytes()).is_err());
}

#[test]
fn refuses_drafts_whose_base_is_not_signed() {
    let bytes = draft().to_bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let base = String::from_utf8(base().raw().to_vec()).unwrap();
    let (_, signed) = base.split_once("\"signed\":").unwrap();
    let bare = format!("{{\"signatures\":[],\"signed\":{signed}");
    let forged = text.replacen(&STANDARD.encode(&base), &STANDARD.encode(bare), 1);
    assert_ne!(forged, text);
    let error = Draft::parse(forged.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("0 of 2 required signatures"), "{error}");
}

#[test]
fn lint_refuses_what_no_root_should_be() {
    let add = |purpose, n| Change::AddKey { purpose, key: root_key(n).public().clone() };
    let refused = |changes: &[Change]| draft().change(changes, false, now()).unwrap_err();
    // One key, two purposes.
    assert!(matches!(refused(&[add(Purpose::Targets, 1)]), DraftError::Metadata(_)));
    assert!(matches!(refused(&[add(Purpose::Evidence, 2)]), DraftError::Metadata(_)));
    // Twice in one role.
    assert!(matches!(refused(&[add(Purpose::Root, 1)]), DraftError::Change(ChangeError::There { .. })));
    // A threshold nobody can reach, by raising it or by taking keys away.
    let high = Change::Threshold { role: Role::Snapshot, required: 2 };
    assert!(matches!(refused(&[high]), DraftError::Lint(_) | DraftError::Metadata(_)));
    let remove = |n: u8| {
        let key = KeyRef::id(root_key(n).id().to_hex().get(..8).unwrap()).unwrap();
        Change::RemoveKey { purpose: Purpose::Root, key }
    };
    assert!(matches!(refused(&[remove(1), remove(2)]), DraftError::Lint(_) | DraftError::Metadata(_)));
    assert!(matches!(refused(&[remove(9)]), DraftError::Change(ChangeError::NoKey { .. })));
    let zero = Change::Threshold { role: Role::Targets, required: 0 };
    assert!(matches!(refused(&[zero]), DraftError::Metadata(_)));
}

#[test]
fn says_in_words_all_that_changes() {
    let key_of = |secret: &SecretKey| secret.id().to_hex();
    let evidence = KeyRef::Key(Box::new(key(Purpose::Evidence, 41).public().clone()));
    let changes = [
        Change::RemoveKey { purpose: Purpose::Evidence, key: evidence },
        Change::AddKey { purpose: Purpose::Evidence, key: key(Purpose::Evidence, 42).public().clone() },
        Change::Threshold { role: Role::Targets, required: 2 },
    ];
    let lines = replaced().change(&changes, false, now()).unwrap().changes();
    for line in [
        format!("root: loses key {}", key_of(&root_key(1))),
        format!("root: gets key {}", key_of(&root_key(4))),
        format!("evidence: loses key {}", key_of(&key(Purpose::Evidence, 41))),
        format!("evidence: gets key {}", key_of(&key(Purpose::Evidence, 42))),
        "targets: 2 of 2 must sign instead of 1".to_owned(),
    ] {
        assert!(lines.contains(&line), "{line} not in {lines:?}");
    }
    assert_eq!(lines.len(), 6);
    // What has no words of its own is named all the same.
    let mut odd = signed_part(&draft().root).unwrap();
    odd["x-note"] = "unseen".into();
    let lines = words::changes(Some(&base()), &unsigned(&odd).unwrap());
    assert!(lines.iter().any(|line| line.contains("another change, in the field `x-note`")), "{lines:?}");
    assert_eq!(draft().changes().len(), 1);
}

/// An ECDSA P-256 key as openssl makes them; its PEM has line ends, which JSON has to escape and signatures cover raw.
const P256: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEehMgg5XWhd5544LorwDHOuAhq7/z\n\
                    fmVeUORc1Qy3qMB0A3t3DhEXqWSbD110i6DrNqceHFH7U/0ceS55jr9BLQ==\n-----END PUBLIC KEY-----\n";

#[test]
fn keys_of_tokens_whose_pem_has_line_ends_fit_into_drafts_and_exports() {
    let key = PublicKey::from_pem(P256.as_bytes()).unwrap();
    let change = [Change::AddKey { purpose: Purpose::Root, key: key.clone() }];
    let draft = signed_by(&replaced().change(&change, false, now()).unwrap(), &[2]);
    assert!(draft.to_sign().contains(&b'\n'));
    let read = Draft::parse(&draft.to_bytes().unwrap()).unwrap();
    assert_eq!(read.to_sign(), draft.to_sign());
    let (role, document) = metadata::document_of(draft.to_sign()).unwrap();
    assert_eq!((role, metadata::bytes_to_sign(&document).unwrap()), (Role::Root, draft.to_sign().to_vec()));
    assert!(read.changes().contains(&format!("root: gets key {}", key.id())), "{:?}", read.changes());
    let remove = [Change::RemoveKey { purpose: Purpose::Root, key: KeyRef::Key(Box::new(key)) }];
    assert_eq!(read.change(&remove, true, now()).unwrap().to_sign(), replaced().to_sign());
}

#[test]
fn two_copies_of_a_draft_are_joined_and_other_drafts_are_not() {
    let (one, other) = (signed_by(&replaced(), &[2]), signed_by(&replaced(), &[2, 4]));
    let (joined, added) = one.merge(&other, now()).unwrap();
    assert_eq!((joined.signers().len(), added), (2, 1));
    assert!(one.merge(&draft(), now()).is_err());
}

mod publishing {
    use super::*;

    fn directory() -> (tempfile::TempDir, std::path::PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("keys");
        sealift_fs::create_dir_all(&dir, Mode::Private).unwrap();
        sealift_fs::write_new(&dir.join("root.json"), base().raw(), Mode::Private).unwrap();
        (temp, dir)
    }

    fn read(dir: &Path, name: &str) -> Vec<u8> {
        sealift_fs::read_capped(&dir.join(name), 512_000).unwrap()
    }

    #[test]
    fn publishes_at_the_thresholds_of_the_old_and_of_the_new_root() {
        let (_temp, dir) = directory();
        // Old root: keys 1, 2, 3 at 2. New root: keys 2, 3, 4 at 2.
        for too_few in [&[][..], &[2], &[1, 2], &[2, 4], &[1, 4]] {
            let before = read(&dir, "root.json");
            let error = publish(&signed_by(&replaced(), too_few), &dir, now()).unwrap_err();
            assert!(matches!(error, PublishError::Refused(_)), "{too_few:?}: {error}");
            assert_eq!(read(&dir, "root.json"), before);
            assert!(!dir.join("2.root.json").exists());
        }
        let draft = signed_by(&replaced(), &[2, 3]);
        let done = publish(&draft, &dir, now()).unwrap();
        assert!(!done.already);
        assert_eq!(read(&dir, "root.json"), draft.root().raw());
        assert_eq!(read(&dir, "2.root.json"), draft.root().raw());
        assert_eq!(read(&dir, "1.root.json"), base().raw());
        assert!(publish(&draft, &dir, now()).unwrap().already);
    }

    #[test]
    fn refuses_the_second_of_two_drafts_of_one_version() {
        let (_temp, dir) = directory();
        let (first, second) = (signed_by(&replaced(), &[2, 3]), signed_by(&draft(), &[2, 3]));
        publish(&first, &dir, now()).unwrap();
        let error = publish(&second, &dir, now()).unwrap_err();
        assert!(matches!(error, PublishError::Taken { version: 2, .. }), "{error}");
        assert_eq!(read(&dir, "root.json"), first.root().raw());
    }

    #[test]
    fn finishes_what_was_cut_between_the_two_files() {
        let (_temp, dir) = directory();
        let draft = signed_by(&replaced(), &[2, 3]);
        sealift_fs::write_new(&dir.join("2.root.json"), draft.root().raw(), Mode::Private).unwrap();
        assert!(!publish(&draft, &dir, now()).unwrap().already);
        assert_eq!(read(&dir, "root.json"), draft.root().raw());
        // And the other way: the file with the version in its name is made up for.
        sealift_fs::remove_file(&dir.join("2.root.json")).unwrap();
        assert!(publish(&draft, &dir, now()).unwrap().already);
        assert_eq!(read(&dir, "2.root.json"), draft.root().raw());
    }

    #[test]
    fn refuses_a_root_that_is_expired_or_follows_another() {
        let (_temp, dir) = directory();
        let draft = signed_by(&replaced(), &[2, 3]);
        let error = publish(&draft, &dir, now().plus_days(365)).unwrap_err();
        assert!(matches!(error, PublishError::Refused(sealift_trust::Refusal::Expired { .. })), "{error}");
        sealift_fs::remove_file(&dir.join("root.json")).unwrap();
        assert!(matches!(publish(&draft, &dir, now()), Err(PublishError::OtherBase { .. })));
        assert!(!dir.join("2.root.json").exists());
    }
}
