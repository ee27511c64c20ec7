//! What people must agree to before a bundle comes in.

use sealift_import::Repository;
use sealift_import::receive::ReceiveError;
use sealift_keys::metadata::PersonDraft;
use sealift_model::{Digest, PersonId};
use sealift_trust::statement::{Remark, Said, Scan, ScanResult};
use sealift_trust::{EvidenceRefusal, ExitClass, Power, Purpose};

use crate::fixture::{Connected, Isolated, Medium, deb, now, secret, signed_by, spec};

/// Alice holds two keys.
const ALICE: [u8; 2] = [41, 42];
const BOB: u8 = 43;
const DAVE: u8 = 44;
const MALLORY: u8 = 66;

/// Two of alice and bob must approve; dave may scan.
fn sides() -> (Connected, Isolated, Medium, Digest) {
    let mut connected = Connected::new();
    connected.roots.clear();
    for (name, seeds, power) in
        [("alice", &ALICE[..], Power::Approve), ("bob", &[BOB], Power::Approve), ("dave", &[DAVE], Power::Scan)]
    {
        let keys = seeds.iter().map(|seed| secret(Purpose::Person, *seed).public().clone()).collect();
        connected.people.insert(name.parse().unwrap(), PersonDraft { keys, may: [power].into() });
    }
    connected.policy.approve = 2;
    connected.add_root(now().plus_days(365));
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    let id = connected.id("deb12", 1);
    (connected, isolated, medium, id)
}

fn approval(seeds: &[u8], bundle: Digest) -> Vec<u8> {
    signed_by(seeds, bundle, Said::Approve(Remark { issued: now(), note: None }))
}

fn scan(seeds: &[u8], bundle: Digest, result: ScanResult) -> Vec<u8> {
    let scanner = "scanner 1".into();
    signed_by(seeds, bundle, Said::Scan(Scan { findings: 0, issued: now(), note: None, result, scanner }))
}

/// Puts statements beside the bundle's manifest, as the mirror would have.
fn put(medium: &Medium, statements: &[Vec<u8>]) {
    for (n, bytes) in statements.iter().enumerate() {
        std::fs::write(medium.file(&format!("bundles/deb12/1/evidence/s-{n}.dsse.json")), bytes).unwrap();
    }
}

fn missing(error: ReceiveError) -> (Vec<String>, usize) {
    let ReceiveError::Refused { refusal, .. } = error else { panic!("{error:?}") };
    assert_eq!((refusal.exit_class(), refusal.code()), (ExitClass::Policy, "people-missing"));
    let hint = refusal.hint().unwrap();
    assert!(hint.contains("sealift-keys approve") && hint.contains("--statement"), "{hint}");
    match *refusal {
        sealift_import::Refusal::People { source: EvidenceRefusal::People { people, required, .. }, .. } => {
            (people.iter().map(ToString::to_string).collect(), required)
        }
        other => panic!("{other}"),
    }
}

fn evidence(isolated: &Isolated) -> Vec<String> {
    let dir = isolated.path().join("bundles/deb12/1/evidence");
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn refuses_a_bundle_until_two_people_have_approved_it() {
    let (_, isolated, medium, id) = sides();
    assert_eq!(missing(isolated.receive(&medium).unwrap_err()), (vec![], 2));
    // Test 58: alice's two keys are one person.
    put(&medium, &[approval(&ALICE, id)]);
    assert_eq!(missing(isolated.receive(&medium).unwrap_err()), (vec!["alice".into()], 2));
    let again = approval(&ALICE[1..], id);
    assert_eq!(missing(isolated.receive_with(&medium, &[again]).unwrap_err()), (vec!["alice".into()], 2));
    assert!(Repository::open(&isolated.path()).unwrap().floors().streams.is_empty());
    let report = isolated.receive_with(&medium, &[approval(&[BOB], id)]).unwrap();
    let approved: Vec<_> = report.accepted[0].agreement.approved.iter().map(PersonId::as_str).collect();
    assert_eq!(approved, ["alice", "bob"]);
    assert_eq!(evidence(&isolated).len(), 3, "what came late is kept beside what came with the bundle");
    let ledger = std::fs::read_to_string(isolated.path().join("ledger.jsonl")).unwrap();
    assert!(ledger.lines().last().unwrap().contains("approved by alice, bob"), "{ledger}");
    let receipt = sealift_import::receipt::receipt(&mut isolated.writer()).unwrap();
    assert!(receipt.contains("\nagreed: deb12 approve alice bob\nkey: "), "{receipt}");
}

#[test]
fn approvals_on_the_medium_suffice() {
    let (_, isolated, medium, id) = sides();
    put(&medium, &[approval(&[ALICE[0], BOB], id)]);
    assert_eq!(isolated.receive(&medium).unwrap().accepted.len(), 1);
}

#[test]
fn refuses_a_failed_scan_that_came_late() {
    let (_, isolated, medium, id) = sides();
    put(&medium, &[approval(&[ALICE[0], BOB], id)]);
    let failed = scan(&[DAVE], id, ScanResult::Fail);
    match isolated.receive_with(&medium, &[failed]) {
        Err(ReceiveError::Refused { refusal, .. }) => {
            assert_eq!((refusal.code(), refusal.exit_class()), ("scan-failed", ExitClass::Policy));
        }
        other => panic!("{other:?}"),
    }
    let passed = scan(&[DAVE], id, ScanResult::Pass);
    let report = isolated.receive_with(&medium, &[passed]).unwrap();
    assert_eq!(report.accepted[0].agreement.scanned.len(), 1);
}

#[test]
fn refuses_approvals_of_another_bundle_of_strangers_and_of_evidence_keys() {
    // Test 57, at the importer.
    let (connected, isolated, medium, id) = sides();
    let cases = [
        (approval(&[ALICE[0], BOB], Digest::of(b"another")), "evidence-subject"),
        (approval(&[MALLORY], id), "evidence-signature"),
        (b"{}".to_vec(), "evidence-malformed"),
    ];
    for (bytes, code) in cases {
        put(&medium, &[bytes]);
        assert_eq!(isolated.refused(&medium), code);
    }
    std::fs::remove_file(medium.file("bundles/deb12/1/evidence/s-0.dsse.json")).unwrap();
    let strangers = [approval(&[MALLORY], id), approval(&[ALICE[0], BOB], Digest::of(b"another"))];
    assert_eq!(missing(isolated.receive_with(&medium, &strangers).unwrap_err()), (vec![], 2));
    let evidence_key = connected.keys.keys(Purpose::Evidence).next().unwrap();
    let statement = sealift_trust::Statement {
        subjects: vec![sealift_trust::Subject { name: "manifest.json".into(), sha256: id }],
        predicate_type: sealift_trust::StatementKind::Approve.predicate_type().into(),
        predicate: serde_json::json!({ "issued": now() }),
    };
    let by_builder = sealift_keys::metadata::sign_statement(&statement, [evidence_key].into_iter()).unwrap();
    put(&medium, &[by_builder]);
    assert_eq!(isolated.refused(&medium), "evidence-signature");
}
