mod hostile;

use sealift_model::{Digest, json};
use serde_json::{Value, json};

use super::*;
use crate::key::{KeyError, Purpose};
use crate::refusal::ExitClass;
use crate::testkit::{Repository, described, key_table, now, public, role, root, sign, signed};

fn load(repo: &Repository, previous: Previous<'_>) -> Result<TrustedSet, Refusal> {
    let mut set = TrustedSet::with_previous(&repo.root, previous, now())?;
    set.update_timestamp(&repo.timestamp)?;
    set.update_snapshot(&repo.snapshot)?;
    set.update_targets(&repo.targets)?;
    Ok(set)
}

fn manifest_path() -> RelPath {
    RelPath::new("bundles/s/1/manifest.json").unwrap()
}

/// Replaces the `signed` part of a document by `edit` and signs it again.
fn edited(document: &[u8], keys: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = json::parse(document).unwrap();
    edit(&mut value["signed"]);
    sign(&value["signed"], keys)
}

#[test]
fn a_consistent_repository_is_believed() {
    let set = load(&Repository::new(3), Previous::default()).unwrap();
    let target = set.target(&manifest_path()).unwrap();
    assert_eq!((target.length, target.sha256), (1, Digest::of(b"m")));
    assert_eq!(set.target(&RelPath::new("bundles/s/2/manifest.json").unwrap()), None);
    assert_eq!(set.evidence_keys(), [public(41)]);
    assert_eq!(set.root().version(), 1);
    assert_eq!(set.targets().unwrap().version(), 3);
}

#[test]
fn refuses_too_few_signatures_and_foreign_keys() {
    let mut repo = Repository::new(1);
    repo.root = sign(&root(1), &[1, 11]);
    let refusal = load(&repo, Previous::default()).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Threshold {
            role: Role::Root,
            version: 1,
            valid: 1,
            required: 2,
            root_version: 1,
            unknown: vec![public(11).id().into()]
        }
    );
    assert_eq!((refusal.exit_class(), refusal.code()), (ExitClass::Signature, "threshold"));
    let mut repo = Repository::new(1);
    repo.timestamp = edited(&repo.timestamp, &[], |_| ());
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Threshold { valid: 0, required: 1, .. })));
    let mut repo = Repository::new(1);
    repo.timestamp = edited(&repo.timestamp, &[21], |_| ());
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Threshold { valid: 0, .. })));
}

#[test]
fn refuses_manifest_list_signed_twice_by_one_key() {
    let mut repo = Repository::new(1);
    repo.root = sign(&root(1), &[1, 1]);
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Malformed { role: Role::Root, .. })));
    // The same key under a second id (its object has one field more) is still one signer.
    let mut object = public(1).to_object();
    object["alias"] = "second".into();
    let alias = Digest::of(&json::canonical(&object).unwrap());
    let mut body = root(1);
    body["keys"][alias.to_hex()] = object;
    body["roles"]["root"]["keyids"].as_array_mut().unwrap().push(alias.to_hex().into());
    let mut document = json::parse(&sign(&body, &[1])).unwrap();
    let mut second = document["signatures"][0].clone();
    second["keyid"] = alias.to_hex().into();
    document["signatures"].as_array_mut().unwrap().push(second);
    repo.root = json::canonical(&document).unwrap();
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Threshold { valid: 1, required: 2, .. })));
}

#[test]
fn refuses_roots_with_bad_keys_and_roles() {
    let change = |edit: fn(&mut Value)| {
        let mut body = root(1);
        edit(&mut body);
        TrustedSet::new(&sign(&body, &[1, 2, 3]), now()).unwrap_err()
    };
    let malformed: [fn(&mut Value); 11] = [
        |b| b["roles"]["timestamp"]["threshold"] = 0.into(),
        |b| b["roles"]["timestamp"]["threshold"] = (-1).into(),
        |b| b["roles"]["timestamp"]["keyids"] = json!([public(31).id(), public(31).id()]),
        |b| b["roles"]["timestamp"]["keyids"] = json!([public(99).id()]),
        |b| b["roles"]["extra"] = role(&[1], 1),
        |b| b["consistent_snapshot"] = Value::Null,
        |b| b["custom"] = Value::Null,
        |b| b["roles"]["timestamp"] = json!([[public(31).id()], 1]),
        |b| b["spec_version"] = "2.0.0".into(),
        |b| b["version"] = 0.into(),
        |b| b["expires"] = "2027-01-01".into(),
    ];
    for edit in malformed {
        assert!(matches!(change(edit), Refusal::Malformed { role: Role::Root, .. }));
    }
    let wrong_id: fn(&mut Value) = |b| b["keys"][public(31).id().to_hex()] = public(32).to_object();
    assert!(matches!(change(wrong_id), Refusal::Key { source: KeyError::WrongId { .. }, .. }));
    let weak: fn(&mut Value) = |b| {
        b["keys"][public(31).id().to_hex()]["keyval"]["public"] = format!("01{}", "00".repeat(31)).into();
    };
    assert!(matches!(change(weak), Refusal::Key { source: KeyError::Weak, .. }));
}

#[test]
fn refuses_one_key_with_two_purposes() {
    let mut body = root(1);
    body["roles"]["snapshot"] = role(&[31], 1);
    let refusal = TrustedSet::new(&sign(&body, &[1, 2]), now()).unwrap_err();
    assert!(matches!(refusal, Refusal::SharedKey { first: Purpose::Snapshot, second: Purpose::Timestamp, .. }));
    let mut body = root(1);
    body["custom"]["sealift"]["evidence"]["keys"] = key_table(&[1]);
    let refusal = TrustedSet::new(&sign(&body, &[1, 2]), now()).unwrap_err();
    assert!(matches!(refusal, Refusal::SharedKey { first: Purpose::Root, second: Purpose::Evidence, .. }));
}

#[test]
fn follows_a_root_change_signed_by_old_and_new_keys() {
    let mut body = root(2);
    body["keys"] = key_table(&[4, 5, 11, 12, 21, 31]);
    body["roles"]["root"] = role(&[4, 5], 2);
    let repo = Repository::new(1);
    let mut set = TrustedSet::new(&repo.root, now()).unwrap();
    for keys in [&[1, 2, 4][..], &[1, 4, 5]] {
        assert!(matches!(set.update_root(&sign(&body, keys)), Err(Refusal::Threshold { .. })), "{keys:?}");
        assert_eq!(set.root().version(), 1);
    }
    assert_eq!(set.update_root(&sign(&body, &[1, 2, 4, 5])).unwrap().version(), 2);
    assert!(matches!(
        set.update_root(&sign(&root(3), &[1, 2])),
        Err(Refusal::Threshold { role: Role::Root, root_version: 2, .. })
    ));
    set.update_timestamp(&repo.timestamp).unwrap();
    assert_eq!(set.update_root(&sign(&root(3), &[4, 5])).unwrap_err(), Refusal::RootTooLate);
}

#[test]
fn refuses_a_root_that_skips_or_repeats_a_version() {
    let mut set = TrustedSet::new(&sign(&root(2), &[1, 2]), now()).unwrap();
    for version in [1, 2] {
        let refusal = set.update_root(&sign(&root(version), &[1, 2])).unwrap_err();
        assert_eq!(refusal, Refusal::Rollback { role: Role::Root, trusted: 2, found: version });
    }
    let refusal = set.update_root(&sign(&root(4), &[1, 2])).unwrap_err();
    assert_eq!(refusal, Refusal::VersionMismatch { role: Role::Root, expected: 3, found: 4 });
    assert_eq!(refusal.exit_class(), ExitClass::Order);
}

#[test]
fn only_the_last_root_may_not_be_expired() {
    let expired = |version| {
        let mut body = root(version);
        body["expires"] = json!(now());
        sign(&body, &[1, 2])
    };
    let repo = Repository::new(1);
    let mut set = TrustedSet::new(&expired(1), now()).unwrap();
    set.update_root(&expired(2)).unwrap();
    let refusal = set.update_timestamp(&repo.timestamp).unwrap_err();
    assert_eq!(refusal, Refusal::Expired { role: Role::Root, version: 2, expires: now(), now: now() });
    set.update_root(&sign(&root(3), &[1, 2])).unwrap();
    set.update_timestamp(&repo.timestamp).unwrap();
}

#[test]
fn refuses_each_expired_document() {
    let expire = |body: &mut Value| body["expires"] = json!(now());
    let mut repo = Repository::new(1);
    repo.timestamp = edited(&repo.timestamp, &[31], expire);
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Expired { role: Role::Timestamp, .. })));

    let mut repo = Repository::new(1);
    repo.snapshot = edited(&repo.snapshot, &[21], expire);
    let meta = described(1, &repo.snapshot);
    repo.timestamp = edited(&repo.timestamp, &[31], |b| b["meta"]["snapshot.json"] = meta);
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Expired { role: Role::Snapshot, .. })));

    let repo = Repository::with_targets(1, &{
        let mut body = signed("targets", 1, json!({ "targets": {} }));
        expire(&mut body);
        body
    });
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Expired { role: Role::Targets, .. })));
}

#[test]
fn refuses_documents_that_are_not_the_ones_named() {
    let (one, two) = (Repository::new(1), Repository::new(2));
    let mixed = Repository { snapshot: two.snapshot, ..Repository::new(1) };
    assert!(matches!(load(&mixed, Previous::default()), Err(Refusal::Digest { role: Role::Snapshot, .. })));
    let mixed = Repository { targets: two.targets.clone(), ..one };
    assert!(matches!(load(&mixed, Previous::default()), Err(Refusal::Digest { role: Role::Targets, .. })));
    // Without length and digest in the parent, the version still binds.
    let mut loose = Repository::new(1);
    loose.snapshot = edited(&loose.snapshot, &[21], |b| b["meta"]["targets.json"] = json!({ "version": 1 }));
    loose.targets = two.targets;
    let meta = json!({ "version": 1 });
    loose.timestamp = edited(&loose.timestamp, &[31], |b| b["meta"]["snapshot.json"] = meta);
    let refusal = load(&loose, Previous::default()).unwrap_err();
    assert_eq!(refusal, Refusal::VersionMismatch { role: Role::Targets, expected: 1, found: 2 });
}

#[test]
fn refuses_rollback_behind_what_was_trusted_before() {
    let (old, new) = (Repository::new(1), Repository::new(2));
    let before = Previous { timestamp: Some(&new.timestamp), snapshot: Some(&new.snapshot) };
    let refusal = load(&old, before).unwrap_err();
    assert_eq!(refusal, Refusal::Rollback { role: Role::Timestamp, trusted: 2, found: 1 });
    assert_eq!((refusal.exit_class(), refusal.code()), (ExitClass::Order, "rollback"));
    // A newer timestamp over the older snapshot.
    let mut mixed = Repository::new(1);
    mixed.timestamp = edited(&mixed.timestamp, &[31], |b| b["version"] = 3.into());
    let refusal = load(&mixed, before).unwrap_err();
    assert_eq!(refusal, Refusal::Rollback { role: Role::Snapshot, trusted: 2, found: 1 });
    load(&new, before).unwrap();
    load(&Repository::new(3), before).unwrap();
}

#[test]
fn refuses_targets_that_go_back_or_vanish_in_a_newer_snapshot() {
    let old = Repository::new(2);
    let with_meta = |version: u64, meta: Value| {
        let mut repo = Repository::new(2);
        repo.snapshot = sign(&signed("snapshot", version, json!({ "meta": meta })), &[21]);
        let meta = json!({ "meta": { "snapshot.json": described(version, &repo.snapshot) } });
        repo.timestamp = sign(&signed("timestamp", version, meta), &[31]);
        repo
    };
    let before = Previous { timestamp: Some(&old.timestamp), snapshot: Some(&old.snapshot) };
    let refusal = load(&with_meta(3, json!({ "targets.json": { "version": 1 } })), before).unwrap_err();
    assert_eq!(refusal, Refusal::Rollback { role: Role::Targets, trusted: 2, found: 1 });

    let two = with_meta(3, json!({ "targets.json": { "version": 2 }, "x.json": { "version": 1 } }));
    let next = with_meta(4, json!({ "targets.json": { "version": 2 } }));
    let before = Previous { timestamp: Some(&two.timestamp), snapshot: Some(&two.snapshot) };
    assert_eq!(load(&next, before).unwrap_err(), Refusal::Dropped { version: 4, file: "x.json".into() });
}

#[test]
fn refuses_two_contents_under_one_timestamp_version() {
    let old = Repository::new(1);
    let mut new = Repository::new(1);
    new.timestamp = edited(&new.timestamp, &[31], |b| b["expires"] = json!(now().plus_days(9)));
    let before = Previous { timestamp: Some(&old.timestamp), snapshot: None };
    assert_eq!(load(&new, before).unwrap_err(), Refusal::Equivocation { role: Role::Timestamp, version: 1 });
}

#[test]
fn refuses_two_contents_under_one_snapshot_version() {
    let old = Repository::new(1);
    let mut new = Repository::new(1);
    new.snapshot = edited(&new.snapshot, &[21], |b| b["expires"] = json!(now().plus_days(9)));
    let meta = described(1, &new.snapshot);
    new.timestamp = edited(&new.timestamp, &[31], |b| {
        b["version"] = 2.into();
        b["meta"]["snapshot.json"] = meta;
    });
    load(&new, Previous::default()).unwrap();
    let before = Previous { timestamp: Some(&old.timestamp), snapshot: Some(&old.snapshot) };
    assert_eq!(load(&new, before).unwrap_err(), Refusal::Equivocation { role: Role::Snapshot, version: 1 });
}

#[test]
fn a_fast_forward_is_forgotten_only_with_the_keys_that_made_it() {
    let far = Repository::new(1000);
    let before = Previous { timestamp: Some(&far.timestamp), snapshot: Some(&far.snapshot) };
    let mut body = root(2);
    body["keys"] = key_table(&[1, 2, 3, 11, 12, 22, 32]);
    body["roles"]["timestamp"] = role(&[32], 1);
    body["roles"]["snapshot"] = role(&[22], 1);
    let mut repo = Repository::new(1);
    repo.snapshot = edited(&repo.snapshot, &[22], |_| ());
    let meta = described(1, &repo.snapshot);
    repo.timestamp = edited(&repo.timestamp, &[32], |b| b["meta"]["snapshot.json"] = meta);
    let mut set = TrustedSet::with_previous(&repo.root, before, now()).unwrap();
    set.update_root(&sign(&body, &[1, 2])).unwrap();
    set.update_timestamp(&repo.timestamp).unwrap();
    set.update_snapshot(&repo.snapshot).unwrap();
    set.update_targets(&repo.targets).unwrap();
    // Without the change of keys the floor stands.
    assert!(matches!(load(&Repository::new(1), before), Err(Refusal::Rollback { .. })));
}

#[test]
fn refuses_to_go_on_from_damaged_stored_metadata() {
    let repo = Repository::new(1);
    let mut damaged = repo.timestamp.clone();
    let at = damaged.len() - 3;
    damaged[at] ^= 1;
    for stored in [&damaged[..], b"", b"{}"] {
        let before = Previous { timestamp: Some(stored), snapshot: None };
        assert_eq!(load(&repo, before).unwrap_err(), Refusal::PreviousDamaged { role: Role::Timestamp });
    }
}

#[test]
fn refuses_documents_out_of_order() {
    let repo = Repository::new(1);
    let mut set = TrustedSet::new(&repo.root, now()).unwrap();
    assert!(matches!(set.update_snapshot(&repo.snapshot), Err(Refusal::Premature { .. })));
    assert!(matches!(set.update_targets(&repo.targets), Err(Refusal::Premature { .. })));
    set.update_timestamp(&repo.timestamp).unwrap();
    assert!(matches!(set.update_targets(&repo.targets), Err(Refusal::Premature { needs: Role::Snapshot, .. })));
    assert_eq!(set.target(&manifest_path()), None);
}

#[test]
fn refuses_forms_that_readers_disagree_about() {
    let targets = |more: Value| load(&Repository::with_targets(1, &signed("targets", 1, more)), Previous::default());
    assert!(targets(json!({ "targets": {} })).is_ok());
    assert!(matches!(
        targets(json!({ "targets": {}, "delegations": { "keys": {}, "roles": [] } })),
        Err(Refusal::Unsupported { .. })
    ));
    let entry = |path: &str, info: Value| json!({ "targets": { path: info } });
    let sha256 = Digest::of(b"");
    for bad in [
        json!({}),
        entry("../x", json!({ "length": 0, "hashes": { "sha256": sha256 } })),
        entry("x", json!({ "length": -1, "hashes": { "sha256": sha256 } })),
        entry("x", json!({ "length": true, "hashes": { "sha256": sha256 } })),
        entry("x", json!({ "length": 0, "hashes": {} })),
        entry("x", json!({ "length": 0, "hashes": { "sha256": sha256, "md5": "00" } })),
        entry("x", json!([0, { "sha256": sha256 }, {}])),
        entry("x", json!({ "length": 0, "hashes": [sha256] })),
    ] {
        assert!(matches!(targets(bad.clone()), Err(Refusal::Malformed { role: Role::Targets, .. })), "{bad}");
    }
    let mut repo = Repository::new(1);
    let meta = described(1, &repo.snapshot);
    repo.timestamp = edited(&repo.timestamp, &[31], |b| b["meta"] = json!({ "snapshot.json": meta, "x.json": meta }));
    assert!(matches!(load(&repo, Previous::default()), Err(Refusal::Malformed { role: Role::Timestamp, .. })));
}

#[test]
fn refuses_oversized_and_mistyped_documents() {
    let repo = Repository::new(1);
    let mut set = TrustedSet::new(&repo.root, now()).unwrap();
    let large = [repo.timestamp.clone(), vec![b' '; 20_000]].concat();
    assert_eq!(set.update_timestamp(&large).unwrap_err(), Refusal::TooLarge { role: Role::Timestamp, limit: 16_384 });
    assert!(matches!(set.update_timestamp(&repo.snapshot), Err(Refusal::Malformed { .. })));
    assert!(matches!(TrustedSet::new(&repo.targets, now()), Err(Refusal::Malformed { .. })));
    assert!(matches!(TrustedSet::new(b"\xff", now()), Err(Refusal::Malformed { .. })));
}
