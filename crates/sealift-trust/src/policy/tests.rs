use ed25519_dalek::Signer;
use serde_json::{Value, json};

use super::*;
use crate::dsse::{envelope_bytes, pae};
use crate::metadata::Signed;
use crate::statement::{ClockOverride, FreshnessWaiver, Remark, Scan, Statement, Subject};
use crate::testkit::{key_table, now, public, sign, signing_key};

const MANIFEST: &[u8] = b"manifest";

fn id() -> Digest {
    Digest::of(MANIFEST)
}

/// Alice holds two keys, bob and carol one each; dave scans.
fn people() -> Value {
    json!({
        "alice": { "keys": key_table(&[51, 52]), "may": ["approve", "waive"] },
        "bob": { "keys": key_table(&[53]), "may": ["approve", "waive"] },
        "carol": { "keys": key_table(&[54]), "may": ["approve"] },
        "dave": { "keys": key_table(&[55]), "may": ["scan"] },
        "erin": { "keys": key_table(&[56]), "may": ["scan"] },
    })
}

fn root_with(people: &Value, policy: &Value) -> Result<Root, Refusal> {
    let mut signed = crate::testkit::root(1);
    signed["custom"]["sealift"]["people"] = people.clone();
    signed["custom"]["sealift"]["policy"] = policy.clone();
    Signed::<Root>::parse(&sign(&signed, &[1, 2])).map(|root| root.body().clone())
}

fn root() -> Root {
    root_with(&people(), &json!({ "approve": 2, "scan": 1, "waive": 2 })).unwrap()
}

fn payload(subject: Digest, said: Said) -> Vec<u8> {
    PersonStatement { subject: Subject { name: "manifest.json".into(), sha256: subject }, said }.to_bytes().unwrap()
}

fn sealed(payload: &[u8], keys: &[u8]) -> Envelope {
    let sign = |n: &u8| (public(*n).id(), signing_key(*n).sign(&pae(payload)).to_bytes());
    Envelope::parse(&envelope_bytes(payload, &keys.iter().map(sign).collect::<Vec<_>>())).unwrap()
}

fn approval(note: &str) -> Said {
    Said::Approve(Remark { issued: now(), note: Some(note.into()) })
}

fn approved(keys: &[u8]) -> Envelope {
    sealed(&payload(id(), approval("as agreed")), keys)
}

fn waiver(keys: &[u8], days: u64) -> Envelope {
    let waiver = FreshnessWaiver { issued: now(), reason: "no medium".into(), until: now().plus_days(days) };
    sealed(&payload(id(), Said::WaiveExpiry(waiver)), keys)
}

fn scan(keys: &[u8], result: ScanResult) -> Envelope {
    let scan = Scan { findings: 0, issued: now(), note: None, result, scanner: "scanner 1".into() };
    sealed(&payload(id(), Said::Scan(scan)), keys)
}

fn countersigned(envelope: &Envelope, keys: &[u8]) -> Envelope {
    sealed(&payload(envelope.payload_digest(), Said::Countersign(Remark { issued: now(), note: None })), keys)
}

fn names(list: &[&str]) -> Vec<PersonId> {
    list.iter().map(|name| PersonId::new(name).unwrap()).collect()
}

fn judged(kind: StatementKind, envelopes: &[Envelope]) -> Result<Verdict, EvidenceRefusal> {
    judge(kind, id(), envelopes, &root(), now())
}

/// The people who counted, or those there were when it was too few.
fn approvers(envelopes: &[Envelope]) -> Result<Vec<PersonId>, Vec<PersonId>> {
    match judged(StatementKind::Approve, envelopes) {
        Ok(verdict) => Ok(verdict.people),
        Err(EvidenceRefusal::People { people, required: 2, .. }) => Err(people),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn two_people_are_two_whether_they_sign_one_envelope_or_one_each() {
    assert_eq!(approvers(&[approved(&[51, 53])]), Ok(names(&["alice", "bob"])));
    let bobs = sealed(&payload(id(), approval("looked at the list")), &[53]);
    assert_eq!(approvers(&[approved(&[51]), bobs]), Ok(names(&["alice", "bob"])));
    assert_eq!(approvers(&[approved(&[51]), approved(&[53])]), Ok(names(&["alice", "bob"])));
}

#[test]
fn refuses_two_keys_of_one_person_as_two_people() {
    assert_eq!(approvers(&[approved(&[51, 52])]), Err(names(&["alice"])));
    assert_eq!(approvers(&[approved(&[51]), approved(&[52])]), Err(names(&["alice"])));
    assert_eq!(approvers(&[approved(&[51, 51])]), Err(names(&["alice"])));
    let second = sealed(&payload(id(), approval("again")), &[52]);
    let countersigned = countersigned(&second, &[51]);
    assert_eq!(approvers(&[approved(&[51]), second, countersigned]), Err(names(&["alice"])));
}

#[test]
fn refuses_people_who_may_not_and_keys_of_nobody() {
    assert_eq!(approvers(&[approved(&[51, 55])]), Err(names(&["alice"])), "dave may only scan");
    assert_eq!(approvers(&[approved(&[51, 41, 11, 1, 99])]), Err(names(&["alice"])), "no key of a role counts");
    assert_eq!(approvers(&[approved(&[41])]), Err(Vec::new()));
    assert_eq!(approvers(&[]), Err(Vec::new()));
}

#[test]
fn refuses_approvals_of_something_else() {
    let other = sealed(&payload(Digest::of(b"other"), approval("x")), &[53]);
    assert_eq!(approvers(&[approved(&[51]), other]), Err(names(&["alice"])));
    assert_eq!(approvers(&[approved(&[51]), waiver(&[53], 9)]), Err(names(&["alice"])), "a waiver is no approval");
}

#[test]
fn a_countersignature_counts_for_what_it_names_if_that_is_there() {
    let alices = approved(&[51]);
    let bobs = countersigned(&alices, &[53]);
    assert_eq!(approvers(&[alices.clone(), bobs.clone()]), Ok(names(&["alice", "bob"])));
    assert_eq!(approvers(std::slice::from_ref(&bobs)), Err(Vec::new()));
    assert_eq!(approvers(&[alices.clone(), countersigned(&bobs, &[53])]), Err(names(&["alice"])));
    let chained = countersigned(&bobs, &[54]);
    assert_eq!(
        approvers(&[alices.clone(), bobs, chained]),
        Ok(names(&["alice", "bob"])),
        "carol signed a countersignature"
    );
    // What only somebody without the power signed is lifted by somebody who has it, and counts for the latter alone.
    let daves = approved(&[55]);
    let lifted = countersigned(&daves, &[53]);
    assert_eq!(approvers(&[daves, lifted]), Err(names(&["bob"])));
}

#[test]
fn a_root_without_a_policy_asks_for_nobody() {
    let root = root_with(&people(), &json!({})).unwrap();
    let verdict = judge(StatementKind::Approve, id(), &[approved(&[51])], &root, now()).unwrap();
    assert_eq!((verdict.required, verdict.people), (0, names(&["alice"])));
    assert!(judge(StatementKind::Approve, id(), &[], &root, now()).is_ok());
}

#[test]
fn refuses_waivers_and_overrides_where_the_root_allows_none() {
    let root = root_with(&people(), &json!({ "approve": 1 })).unwrap();
    for kind in [StatementKind::WaiveExpiry, StatementKind::OverrideClock] {
        let refused = judge(kind, id(), &[waiver(&[51, 53], 9)], &root, now());
        assert_eq!(refused, Err(EvidenceRefusal::NotAllowed { kind }));
    }
    let refused = judge(StatementKind::Countersign, id(), &[], &root, now());
    assert_eq!(refused, Err(EvidenceRefusal::NotAllowed { kind: StatementKind::Countersign }));
}

#[test]
fn a_waiver_holds_until_what_enough_people_stand_for() {
    let granted = |envelopes: &[Envelope]| judged(StatementKind::WaiveExpiry, envelopes).map(|v| v.granted);
    assert_eq!(granted(&[waiver(&[51, 53], 9)]), Ok(Some(now().plus_days(9))));
    assert_eq!(granted(&[waiver(&[51], 30), waiver(&[53], 9)]), Ok(Some(now().plus_days(9))));
    assert_eq!(granted(&[waiver(&[51], 3), waiver(&[52], 30), waiver(&[53], 9)]), Ok(Some(now().plus_days(9))));
    let few = Err(EvidenceRefusal::People { kind: StatementKind::WaiveExpiry, people: names(&["alice"]), required: 2 });
    assert_eq!(granted(&[waiver(&[51], 9)]), few);
    assert_eq!(granted(&[waiver(&[51], 9), waiver(&[53], 0)]), few, "bob's is over");
    assert_eq!(granted(&[waiver(&[51, 54], 9)]), few, "carol may not waive");
}

#[test]
fn an_override_needs_the_state_it_names() {
    let state = Digest::of(b"state");
    let clock = |keys: &[u8], days| {
        let said = ClockOverride { reason: "battery".into(), time: now().plus_days(days) };
        sealed(&payload(state, Said::OverrideClock(said)), keys)
    };
    let both = [clock(&[51], 2), clock(&[53], 1)];
    let verdict = judge(StatementKind::OverrideClock, state, &both, &root(), now()).unwrap();
    assert_eq!(verdict.granted, Some(now().plus_days(1)));
    let mut used: Vec<_> = both.iter().map(Envelope::payload_digest).collect();
    used.sort_unstable();
    assert_eq!(verdict.payloads, used);
    assert!(judged(StatementKind::OverrideClock, &both).is_err(), "another state");
}

#[test]
fn one_failed_scan_outweighs_every_passed_one() {
    let passed = scan(&[55], ScanResult::Pass);
    assert_eq!(judged(StatementKind::Scan, std::slice::from_ref(&passed)).unwrap().people, names(&["dave"]));
    let refused = judged(StatementKind::Scan, &[passed.clone(), scan(&[56], ScanResult::Fail)]);
    assert_eq!(refused, Err(EvidenceRefusal::ScanFailed { people: names(&["erin"]) }));
    let by_nobody = scan(&[51], ScanResult::Fail);
    assert!(judged(StatementKind::Scan, &[passed, by_nobody]).is_ok(), "alice may not scan");
}

#[test]
fn refuses_a_malformed_statement_that_a_person_signed() {
    let mut bad = payload(id(), approval("x"));
    bad.push(b' ');
    assert!(matches!(judged(StatementKind::Approve, &[sealed(&bad, &[53])]), Err(EvidenceRefusal::Malformed { .. })));
    // Of a stranger the payload is never read.
    assert_eq!(approvers(&[sealed(&bad, &[99])]), Err(Vec::new()));
}

#[test]
fn ignores_and_counts_statements_of_unknown_types() {
    let unknown = Statement {
        subjects: vec![Subject { name: "m".into(), sha256: id() }],
        predicate_type: "https://example.org/sealift/approval/v2".into(),
        predicate: json!({}),
    };
    let verdict = judged(StatementKind::Approve, &[approved(&[51, 53]), sealed(&unknown.to_bytes().unwrap(), &[54])]);
    assert_eq!(verdict.unwrap().ignored, 1);
}

#[test]
fn refuses_an_envelope_that_is_too_large_for_a_person() {
    let mut large = sealed(&vec![b' '; crate::people::MAX_ENVELOPE], &[51, 53]);
    assert_eq!(root().people().open(&large), None);
    large = approved(&[51, 53]);
    assert!(root().people().open(&large).is_some());
}

#[test]
fn refuses_roots_whose_people_or_policy_make_no_sense() {
    let fine = json!({ "approve": 1 });
    assert!(root_with(&people(), &fine).is_ok());
    let policies = [
        json!({ "approve": 4 }),
        json!({ "scan": 3 }),
        json!({ "waive": 3 }),
        json!({ "waive": 0 }),
        json!({ "waive": null }),
        json!({ "approve": -1 }),
        json!({ "approve": "2" }),
        json!({ "approve": 4_294_967_296_u64 }),
        json!({ "aprove": 2 }),
        json!([]),
        Value::Null,
    ];
    for policy in policies {
        assert!(root_with(&people(), &policy).is_err(), "{policy}");
    }
    let one = |name: &str, keys: Value, may: Value| json!({ name: { "keys": keys, "may": may } });
    let misfiled = json!({ Digest::of(b"x").to_hex(): public(51).to_object() });
    let many: Vec<u8> = (60..77).collect();
    let cases = [
        one("Alice", key_table(&[51]), json!(["approve"])),
        one("a\u{1b}[2J", key_table(&[51]), json!(["approve"])),
        one("", key_table(&[51]), json!(["approve"])),
        one("alice", json!({}), json!(["approve"])),
        one("alice", key_table(&[51]), json!([])),
        one("alice", key_table(&[51]), json!(["approve", "approve"])),
        one("alice", key_table(&[51]), json!(["scan", "approve"])),
        one("alice", key_table(&[51]), json!(["approve", "rule"])),
        one("alice", misfiled, json!(["approve"])),
        one("alice", key_table(&many), json!(["approve"])),
        json!({ "alice": { "keys": key_table(&[51]), "may": ["approve"], "more": 1 } }),
        json!({ "alice": { "keys": key_table(&[51]) } }),
        json!({ "alice": [key_table(&[51]), ["approve"]] }),
        json!([]),
    ];
    for people in cases {
        assert!(root_with(&people, &fine).is_err(), "{people}");
    }
}

#[test]
fn refuses_a_key_of_two_people_or_of_a_person_and_a_role() {
    let both = json!({
        "alice": { "keys": key_table(&[51]), "may": ["approve"] },
        "bob": { "keys": key_table(&[51]), "may": ["approve"] },
    });
    assert!(matches!(root_with(&both, &json!({})), Err(Refusal::SharedPerson { .. })));
    for role_key in [1, 11, 21, 31, 41] {
        let person = json!({ "alice": { "keys": key_table(&[role_key]), "may": ["approve"] } });
        let refused = root_with(&person, &json!({}));
        assert!(matches!(refused, Err(Refusal::SharedKey { second: crate::Purpose::Person, .. })), "{role_key}");
    }
}

#[test]
fn refuses_metadata_and_statements_signed_for_each_other() {
    // Test 36: what a DSSE signature covers never fits TUF metadata, and the reverse, even by one and the same key.
    let document = sign(&crate::testkit::root(1), &[1, 2]);
    let parsed = Signed::<Root>::parse(&document).unwrap();
    let key = public(1);
    let over_metadata = signing_key(1).sign(parsed.covered()).to_bytes();
    assert!(key.verifies(parsed.covered(), &over_metadata));
    assert!(!key.verifies(&pae(parsed.covered()), &over_metadata));
    let over_envelope = signing_key(1).sign(&pae(parsed.covered())).to_bytes();
    assert!(!key.verifies(parsed.covered(), &over_envelope));
    let pasted = Envelope::parse(&envelope_bytes(parsed.covered(), &[(key.id(), over_metadata)])).unwrap();
    assert!(pasted.verify(std::slice::from_ref(&key), 1).is_err());
}

#[test]
fn a_person_may_sign_with_p256_where_the_key_is_a_token() {
    use crate::testkit::{p256_public, p256_sign};
    let key = p256_public(7);
    let bobs = json!({ key.id().to_hex(): key.to_object() });
    let people = json!({
        "alice": { "keys": key_table(&[51]), "may": ["approve"] },
        "bob": { "keys": bobs, "may": ["approve"] },
    });
    // PEM has line feeds, which canonical JSON cannot hold.
    let mut signed = crate::testkit::root(1);
    signed["custom"]["sealift"]["people"] = people;
    signed["custom"]["sealift"]["policy"] = json!({ "approve": 2 });
    let document = json!({ "signatures": [], "signed": signed }).to_string();
    let root = Signed::<Root>::parse(document.as_bytes()).unwrap().body().clone();
    let payload = payload(id(), approval("by token"));
    let der = p256_sign(7, &pae(&payload));
    let both = sealed(&payload, &[51]).with_signature(&key, &der).unwrap();
    let verdict = judge(StatementKind::Approve, id(), &[Envelope::parse(&both).unwrap()], &root, now()).unwrap();
    assert_eq!(verdict.people, names(&["alice", "bob"]));
    let mut long = der.clone();
    long.push(0);
    assert_eq!(sealed(&payload, &[51]).with_signature(&key, &long), None, "trailing bytes");
    assert_eq!(sealed(&payload, &[51]).with_signature(&public(53), &der), None, "another key");
}

#[test]
fn refuses_names_and_types_that_would_move_the_cursor_and_shows_them_spelled_out() {
    // Test 79: no message may hold what a terminal obeys.
    let hostile = "x\u{202e}\u{200b}";
    let people = |name: &str, may: &str| json!({ name: { "keys": key_table(&[51]), "may": [may] } });
    let statement = |predicate_type: &str| Statement {
        subjects: vec![Subject { name: "m".into(), sha256: id() }],
        predicate_type: predicate_type.into(),
        predicate: json!({}),
    };
    let other = String::from_utf8(envelope_bytes(b"{}", &[(id(), [0; 64])])).unwrap().replace("in-toto", hostile);
    // A control character has no place in canonical JSON, but JSON can spell it.
    let spelled = other.replace(hostile, "\\u001b[2J\\u202e");
    let shown = [
        root_with(&people(hostile, "approve"), &json!({})).unwrap_err().to_string(),
        root_with(&people("alice", hostile), &json!({})).unwrap_err().to_string(),
        root_with(&json!({}), &json!({ hostile: 1 })).unwrap_err().to_string(),
        statement(hostile).check_about("wanted", id()).unwrap_err().to_string(),
        Envelope::parse(other.as_bytes()).unwrap_err().to_string(),
        Envelope::parse(spelled.as_bytes()).unwrap_err().to_string(),
    ];
    for message in shown {
        assert!(!message.chars().any(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')), "{message:?}");
        assert!(message.contains("\\u{202e}"), "{message}");
    }
}
