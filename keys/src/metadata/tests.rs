use sealift_trust::{Envelope, Previous, Subject, TrustedSet};

use super::*;
use crate::key_dir::KeyDir;

fn now() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

fn key(purpose: Purpose, n: u8) -> SecretKey {
    SecretKey::from_seed(purpose, &[n; 32])
}

fn desk() -> KeyDir {
    let numbered = [
        (Purpose::Root, 1),
        (Purpose::Root, 2),
        (Purpose::Targets, 3),
        (Purpose::Snapshot, 4),
        (Purpose::Timestamp, 5),
        (Purpose::Evidence, 6),
    ];
    KeyDir::from_keys(numbered.into_iter().map(|(purpose, n)| key(purpose, n)).collect())
}

fn draft(desk: &KeyDir) -> RootDraft {
    let role = |role: Role| {
        let keys: Vec<_> = desk.keys(role.into()).map(|k| k.public().clone()).collect();
        (role, RoleDraft { threshold: keys.len(), keys })
    };
    RootDraft {
        version: 1,
        expires: now().plus_days(365),
        roles: Role::ALL.into_iter().map(role).collect(),
        evidence: desk.keys(Purpose::Evidence).map(|k| k.public().clone()).collect(),
        people: BTreeMap::new(),
        policy: Policy::default(),
    }
}

fn listed() -> BTreeMap<RelPath, TargetInfo> {
    let custom = Some(json!({ "sealift": { "seq": 1, "stream": "s" } }));
    let info = TargetInfo { length: 1, sha256: Digest::of(b"m"), custom };
    BTreeMap::from([(RelPath::new("bundles/s/1/manifest.json").unwrap(), info)])
}

#[test]
fn what_the_desk_builds_the_verifier_believes() {
    let desk = desk();
    let expires = now().plus_days(9);
    let root = desk.sign_metadata(&root(&draft(&desk)).unwrap()).unwrap();
    let targets = desk.sign_metadata(&targets(7, expires, &listed()).unwrap()).unwrap();
    let snapshot = desk.sign_metadata(&snapshot(8, expires, &targets).unwrap()).unwrap();
    let timestamp = desk.sign_metadata(&timestamp(9, expires, &snapshot).unwrap()).unwrap();
    let mut set = TrustedSet::with_previous(&root, Previous::default(), now()).unwrap();
    set.update_timestamp(&timestamp).unwrap();
    set.update_snapshot(&snapshot).unwrap();
    set.update_targets(&targets).unwrap();
    assert_eq!(set.target(listed().keys().next().unwrap()), listed().values().next());
    assert_eq!(set.evidence_keys(), [key(Purpose::Evidence, 6).public().clone()]);
}

#[test]
fn signing_is_deterministic_and_order_independent() {
    let unsigned = root(&draft(&desk())).unwrap();
    let (one, two) = (key(Purpose::Root, 1), key(Purpose::Root, 2));
    let forth = sign_metadata(&sign_metadata(&unsigned, &one).unwrap(), &two).unwrap();
    let back = sign_metadata(&sign_metadata(&unsigned, &two).unwrap(), &one).unwrap();
    let again = sign_metadata(&back, &one).unwrap();
    assert_eq!(forth, back);
    assert_eq!(forth, again);
}

#[test]
fn refuses_a_key_of_another_purpose() {
    let unsigned = root(&draft(&desk())).unwrap();
    let error = sign_metadata(&unsigned, &key(Purpose::Targets, 3)).unwrap_err();
    assert!(matches!(error, MetadataError::WrongPurpose { wanted: Purpose::Root, .. }));
    let statement = statement();
    let error = sign_statement(&statement, std::iter::once(&key(Purpose::Root, 1))).unwrap_err();
    assert!(matches!(error, MetadataError::WrongPurpose { wanted: Purpose::Evidence, .. }));
    assert!(matches!(sign_statement(&statement, std::iter::empty()), Err(MetadataError::NoKey)));
}

#[test]
fn refuses_to_build_what_no_reader_takes() {
    let mut shared = draft(&desk());
    shared.evidence = vec![key(Purpose::Root, 1).public().clone()];
    assert!(matches!(root(&shared), Err(MetadataError::Refused(Refusal::SharedKey { .. }))));
    let mut open = draft(&desk());
    open.roles.get_mut(&Role::Targets).unwrap().threshold = 0;
    assert!(root(&open).is_err());
    assert!(targets(0, now(), &listed()).is_err());
    assert!(sign_metadata(b"{}", &key(Purpose::Root, 1)).is_err());
}

fn statement() -> Statement {
    Statement {
        subjects: vec![Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") }],
        predicate_type: "https://slsa.dev/provenance/v1".into(),
        predicate: json!({}),
    }
}

#[test]
fn evidence_is_verified_by_the_keys_of_the_root() {
    let desk = desk();
    let bytes = desk.sign_statement(&statement()).unwrap();
    let keys = [key(Purpose::Evidence, 6).public().clone()];
    let verified = Envelope::parse(&bytes).unwrap().verify(&keys, 1).unwrap();
    assert_eq!(Statement::parse(&verified.payload).unwrap(), statement());
}
