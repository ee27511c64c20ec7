//! People agree to a bundle or do not: approvals, scans and what is none, on real media.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealift_bundle::{Manifest, VerifyError, VerifyRefusal};
use sealift_keys::metadata::PersonDraft;
use sealift_model::{Digest, PersonId};
use sealift_trust::statement::{PersonStatement, Remark, Said, Scan, ScanResult};
use sealift_trust::{Envelope, EvidenceRefusal, ExitClass, Policy, Power, Purpose, Statement, Subject, dsse};

use crate::fixture::{FIRST, Fixture, created, person, tree};

/// Alice holds keys 1 and 2, bob 3; dave scans with 4. Two must approve.
pub fn fixture() -> Fixture {
    let named = |name: &str, keys: &[u8], may: &[Power]| {
        let keys = keys.iter().map(|n| person(*n).public().clone()).collect();
        (PersonId::new(name).unwrap(), PersonDraft { keys, may: may.iter().copied().collect() })
    };
    let people = BTreeMap::from([
        named("alice", &[1, 2], &[Power::Approve]),
        named("bob", &[3], &[Power::Approve]),
        named("dave", &[4], &[Power::Scan]),
    ]);
    Fixture::with_people(people, Policy { approve: 2, scan: 0, waive: None })
}

fn manifest(f: &Fixture) -> Manifest {
    f.manifest(1, &FIRST, None)
}

fn id(f: &Fixture) -> Digest {
    Digest::of(&manifest(f).to_bytes().unwrap())
}

fn sealed(payload: &[u8], keys: &[u8]) -> Vec<u8> {
    let sign = |n: &u8| (person(*n).id(), person(*n).sign(&dsse::pae(payload)));
    dsse::envelope_bytes(payload, &keys.iter().map(sign).collect::<Vec<_>>())
}

fn said(subject: Digest, said: Said) -> Vec<u8> {
    PersonStatement { subject: Subject { name: "manifest.json".into(), sha256: subject }, said }.to_bytes().unwrap()
}

fn approval(subject: Digest) -> Vec<u8> {
    said(subject, Said::Approve(Remark { issued: created(), note: None }))
}

fn scan(subject: Digest, result: ScanResult) -> Vec<u8> {
    let scanner = "scanner 1".to_owned();
    said(subject, Said::Scan(Scan { findings: 1, issued: created(), note: None, result, scanner }))
}

fn generic(f: &Fixture, predicate_type: &str) -> Statement {
    Statement {
        subjects: vec![Subject { name: "manifest.json".into(), sha256: id(f) }],
        predicate_type: predicate_type.into(),
        predicate: serde_json::json!({}),
    }
}

/// Writes a medium whose bundle carries these besides the build provenance.
pub fn medium(f: &Fixture, name: &str, more: &[(&str, Vec<u8>)]) -> PathBuf {
    let dir = f.path(name);
    write(f, &dir, more);
    dir
}

fn write(f: &Fixture, dir: &Path, more: &[(&str, Vec<u8>)]) {
    let manifest = manifest(f);
    let mut evidence = vec![("build.dsse.json".to_owned(), f.provenance(&manifest.to_bytes().unwrap()))];
    evidence.extend(more.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())));
    f.write_parts(dir, &manifest, &evidence, &f.metadata(1, &[&manifest])).unwrap();
}

#[track_caller]
fn refused(f: &Fixture, name: &str, more: &[(&str, Vec<u8>)]) -> &'static str {
    f.refusal(&medium(f, name, more))
}

#[test]
fn a_bundle_that_two_people_approved_is_good() {
    let f = fixture();
    let both = [("a.dsse.json", sealed(&approval(id(&f)), &[1, 3]))];
    let each = [("a.dsse.json", sealed(&approval(id(&f)), &[2])), ("b.dsse.json", sealed(&approval(id(&f)), &[3]))];
    for (name, more) in [("both", &both[..]), ("each", &each[..])] {
        let report = f.verify(&medium(&f, name, more)).unwrap();
        let agreement = &report.bundles[0].agreement;
        let approved: Vec<_> = agreement.approved.iter().map(PersonId::as_str).collect();
        assert_eq!((approved, agreement.approvals_required), (vec!["alice", "bob"], 2), "{name}");
    }
}

#[test]
fn refuses_too_few_people_only_after_all_else_is_right() {
    let f = fixture();
    assert_eq!(refused(&f, "none", &[]), "people-missing");
    let alice_twice = [("a.dsse.json", sealed(&approval(id(&f)), &[1, 2]))];
    let dir = medium(&f, "alice", &alice_twice);
    let error = f.verify(&dir).unwrap_err();
    assert_eq!(error.exit_class(), Some(ExitClass::Policy));
    let VerifyError::Refused(VerifyRefusal::People { source, .. }) = &error else { panic!("{error}") };
    let alice = vec![PersonId::new("alice").unwrap()];
    assert!(matches!(source, EvidenceRefusal::People { people, required: 2, .. } if *people == alice), "{source}");
    let blob = dir.join("SEALIFT/blobs/sha256").join(Digest::of(FIRST[0].2).to_hex());
    std::fs::remove_file(&blob).unwrap();
    assert_eq!(f.refusal(&dir), "blob-missing", "the graver answer comes first");
}

#[test]
fn refuses_one_failed_scan() {
    let f = fixture();
    let both = || sealed(&approval(id(&f)), &[1, 3]);
    let passed = ("s.dsse.json", sealed(&scan(id(&f), ScanResult::Pass), &[4]));
    let report = f.verify(&medium(&f, "passed", &[("a.dsse.json", both()), passed])).unwrap();
    assert_eq!(report.bundles[0].agreement.scanned.len(), 1);
    let failed = ("s.dsse.json", sealed(&scan(id(&f), ScanResult::Fail), &[4]));
    assert_eq!(refused(&f, "failed", &[("a.dsse.json", both()), failed]), "scan-failed");
}

#[test]
fn refuses_statements_about_another_manifest_and_of_another_type() {
    // Test 57.
    let f = fixture();
    let other = sealed(&approval(Digest::of(b"another manifest")), &[1, 3]);
    assert_eq!(refused(&f, "other", &[("a.dsse.json", other)]), "evidence-subject");
    let good = String::from_utf8(sealed(&approval(id(&f)), &[1, 3])).unwrap();
    let payload_type = good.replace("application/vnd.in-toto+json", "application/vnd.example+json");
    assert_eq!(refused(&f, "payload", &[("a.dsse.json", payload_type.into_bytes())]), "evidence-malformed");
    // The signed type is changed: the signature is no longer one of this statement.
    let payload = String::from_utf8(approval(id(&f))).unwrap().replace("approval/v1", "scan/v1");
    let envelope = Envelope::parse(good.as_bytes()).unwrap();
    let bytes = String::from_utf8(envelope.to_bytes()).unwrap();
    let swapped = dsse::envelope_bytes(payload.as_bytes(), &[(id(&f), [0; 64])]);
    assert_ne!(bytes.as_bytes(), swapped);
    assert_eq!(refused(&f, "type", &[("a.dsse.json", swapped)]), "evidence-signature");
    let lone = said(Digest::of(b"not here"), Said::Countersign(Remark { issued: created(), note: None }));
    let lone = [("a.dsse.json", sealed(&approval(id(&f)), &[1, 3])), ("c.dsse.json", sealed(&lone, &[3]))];
    assert_eq!(refused(&f, "lone", &lone), "evidence-subject");
}

#[test]
fn refuses_statements_by_keys_that_are_for_something_else() {
    // Test 36, on a medium: role and evidence keys approve nothing, people vouch for no build.
    let f = fixture();
    let approve = Statement::parse(&approval(id(&f))).unwrap();
    for purpose in [Purpose::Root, Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence] {
        let more = [("a.dsse.json", f.signed_by_role(purpose, &approve))];
        assert_eq!(refused(&f, &purpose.to_string(), &more), "evidence-signature", "{purpose}");
    }
    let provenance = generic(&f, sealift_bundle::evidence::PROVENANCE).to_bytes().unwrap();
    assert_eq!(refused(&f, "provenance", &[("p.dsse.json", sealed(&provenance, &[1, 3]))]), "evidence-signature");
    assert_eq!(refused(&f, "stranger", &[("a.dsse.json", sealed(&approval(id(&f)), &[9]))]), "evidence-signature");
}

#[test]
fn ignores_and_counts_what_it_does_not_know() {
    let f = fixture();
    let unknown = generic(&f, "https://example.org/sealift/approval/v9").to_bytes().unwrap();
    let more = [("a.dsse.json", sealed(&approval(id(&f)), &[1, 3])), ("u.dsse.json", sealed(&unknown, &[1]))];
    let report = f.verify(&medium(&f, "m", &more)).unwrap();
    assert_eq!(report.bundles[0].agreement.ignored, 1);
    let alone = [("u.dsse.json", sealed(&unknown, &[1, 3]))];
    assert_eq!(refused(&f, "alone", &alone), "people-missing", "what is not known is never enough");
}

#[test]
fn refuses_a_malformed_statement_whoever_signed_it() {
    let f = fixture();
    let mut spaced = approval(id(&f));
    spaced.push(b'\n');
    let more = [("a.dsse.json", sealed(&approval(id(&f)), &[1, 3])), ("b.dsse.json", sealed(&spaced, &[3]))];
    assert_eq!(refused(&f, "m", &more), "evidence-malformed");
}

#[test]
fn later_approvals_are_added_to_a_medium_that_is_written_already() {
    let f = fixture();
    let dir = medium(&f, "m", &[("a.dsse.json", sealed(&approval(id(&f)), &[1]))]);
    assert_eq!(f.refusal(&dir), "people-missing");
    let both = [("a.dsse.json", sealed(&approval(id(&f)), &[1])), ("b.dsse.json", sealed(&approval(id(&f)), &[3]))];
    write(&f, &dir, &both);
    f.verify(&dir).unwrap();
    assert!(tree(&dir) == tree(&medium(&f, "at once", &both)));
    let one = [("a.dsse.json", sealed(&approval(id(&f)), &[1, 3])), ("b.dsse.json", sealed(&approval(id(&f)), &[3]))];
    write(&f, &dir, &one);
    assert!(tree(&dir) == tree(&medium(&f, "more signatures", &one)));
}

#[test]
fn inspect_shows_claims_and_believes_none() {
    let f = fixture();
    let hostile = generic(&f, "https://example.org/\u{202e}x").to_bytes().unwrap();
    let more = [("a.dsse.json", sealed(&approval(id(&f)), &[1])), ("h.dsse.json", sealed(&hostile, &[9]))];
    let source = sealift_bundle::open_source(&medium(&f, "m", &more)).unwrap();
    let found = sealift_bundle::inspect::inspect(source.as_ref()).unwrap();
    let statements = &found.bundles[0].statements;
    assert_eq!(statements[0].people, [PersonId::new("alice").unwrap()]);
    assert_eq!(statements[0].says.as_deref(), Some("approved"));
    assert_eq!(statements[2].predicate_type, "https://example.org/\\u{202e}x");
    assert!(statements[2].people.is_empty());
}
