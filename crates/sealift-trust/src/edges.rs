//! Limits met exactly, and questions that only other crates ask: what a change of one operator would not otherwise show.

use ed25519_dalek::Signer as _;
use sealift_model::{Digest, PersonId, json};
use serde_json::{Map, Value, json};

use crate::dsse::{self, Envelope, EvidenceRefusal, envelope_bytes, pae};
use crate::key::{PublicKey, Purpose, Role};
use crate::metadata::{Body, Hashes, Root, Signed, TargetFile, TargetMismatch, TimestampMeta};
use crate::people::{MAX_ALL_KEYS, MAX_ENVELOPE, MAX_KEYS, People, Power};
use crate::refusal::Refusal;
use crate::statement::{PersonStatement, Remark, Said, Scan, ScanResult, Subject};
use crate::testkit::{
    Repository, delegating, delegation, described, key_table, now, p256_public, p256_sign, public, root, sign, signed,
    signing_key,
};
use crate::trusted_set::{Previous, Search, Step, TrustedSet, TufSet};

fn padded(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(size, b' ');
    bytes
}

#[test]
fn documents_and_envelopes_may_be_as_large_as_the_limit_and_no_larger() {
    let timestamp = Repository::new(1).timestamp;
    let limit = TimestampMeta::LIMIT;
    let exact = Signed::<TimestampMeta>::parse(&padded(&timestamp, limit)).unwrap();
    assert_eq!(exact.raw().len(), limit);
    let refusal = Signed::<TimestampMeta>::parse(&padded(&timestamp, limit + 1)).unwrap_err();
    assert_eq!(refusal, Refusal::TooLarge { role: Role::Timestamp, limit });
    let envelope = envelope_bytes::<[u8; 64]>(b"{}", &[]);
    assert_eq!(Envelope::parse(&padded(&envelope, dsse::LIMIT)).unwrap().size(), dsse::LIMIT);
    assert_eq!(Envelope::parse(&padded(&envelope, dsse::LIMIT + 1)).unwrap_err(), EvidenceRefusal::TooLarge);
}

#[test]
fn an_envelope_is_written_as_it_was_read() {
    let signature = signing_key(41).sign(&pae(b"{}")).to_bytes();
    let bytes = envelope_bytes(b"{}", &[(public(41).id(), signature)]);
    assert_eq!(Envelope::parse(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn stored_metadata_that_nobody_of_its_role_signed_is_damage_unless_the_keys_changed() {
    let repo = Repository::new(1);
    let foreign = sign(&json::parse(&repo.timestamp).unwrap()["signed"], &[21]);
    let previous = Previous { timestamp: Some(&foreign), snapshot: None };
    let mut set = TrustedSet::with_previous(&repo.root, previous, now()).unwrap();
    let refusal = set.update_timestamp(&repo.timestamp).unwrap_err();
    assert_eq!(refusal, Refusal::PreviousDamaged { role: Role::Timestamp });
}

#[test]
fn refuses_a_timestamp_that_names_an_older_snapshot_than_the_stored_timestamp() {
    let old = Repository::new(2);
    let meta = json!({ "meta": { "snapshot.json": described(1, b"x") } });
    let new = sign(&signed("timestamp", 3, meta), &[31]);
    let previous = Previous { timestamp: Some(&old.timestamp), snapshot: None };
    let mut set = TrustedSet::with_previous(&old.root, previous, now()).unwrap();
    let refusal = set.update_timestamp(&new).unwrap_err();
    assert_eq!(refusal, Refusal::Rollback { role: Role::Snapshot, trusted: 2, found: 1 });
}

#[test]
fn a_set_hands_out_what_it_believes() {
    let repo = Repository::new(5);
    let mut set = TrustedSet::new(&repo.root, now()).unwrap();
    assert!(set.timestamp().is_none() && set.snapshot().is_none() && set.targets().is_none());
    set.update_timestamp(&repo.timestamp).unwrap();
    set.update_snapshot(&repo.snapshot).unwrap();
    set.update_targets(&repo.targets).unwrap();
    assert_eq!(set.timestamp().unwrap().raw(), repo.timestamp);
    assert_eq!(set.snapshot().unwrap().raw(), repo.snapshot);
    assert_eq!(set.targets().unwrap().raw(), repo.targets);
    assert_eq!((set.root().raw(), set.now()), (&repo.root[..], now()));
}

#[test]
fn a_search_says_which_document_it_needs() {
    let leaf = sign(&delegating(7, &["p/x"], &[], &[]), &[51]);
    let top = delegating(7, &[], &[51], &[delegation("a", &[51], &["p/*"], false)]);
    let repo = Repository::with_delegated(7, &top, &[("a", &leaf)]);
    let mut set = TufSet::for_tuf(&repo.root, Previous::default(), now()).unwrap();
    set.update_timestamp(&repo.timestamp).unwrap();
    set.update_snapshot(&repo.snapshot).unwrap();
    set.update_targets(&repo.targets).unwrap();
    let Step::Needs(need) = Search::new("p/x").step(&set).unwrap() else { panic!("the role was not fetched yet") };
    assert_eq!((need.role().as_str(), need.version(), need.limit()), ("a", 7, leaf.len() as u64));
}

/// People with so many keys each, all different.
fn people(counts: &[usize]) -> Result<People, Refusal> {
    let mut number = 0_u16;
    let mut key = || {
        number += 1;
        let mut seed = [9; 32];
        seed[..2].copy_from_slice(&number.to_le_bytes());
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = PublicKey::ed25519(secret.verifying_key().as_bytes()).unwrap();
        (public.id().to_hex(), public.to_object())
    };
    let mut table = Map::new();
    for (at, count) in counts.iter().enumerate() {
        let keys: Map<_, _> = (0..*count).map(|_| key()).collect();
        table.insert(format!("person-{at}"), json!({ "keys": keys, "may": ["approve"] }));
    }
    read(Value::Object(table))
}

fn read(people: Value) -> Result<People, Refusal> {
    let mut body = root(1);
    body["custom"]["sealift"]["people"] = people;
    Signed::<Root>::parse(&sign(&body, &[1, 2])).map(|root| root.body().people().clone())
}

#[test]
fn people_may_have_as_many_keys_as_the_limits_and_no_more() {
    assert_eq!(people(&[MAX_KEYS]).unwrap().keys().count(), MAX_KEYS);
    assert!(matches!(people(&[MAX_KEYS + 1]), Err(Refusal::Malformed { .. })));
    let full = [MAX_KEYS; MAX_ALL_KEYS / MAX_KEYS];
    assert_eq!(people(&full).unwrap().keys().count(), MAX_ALL_KEYS);
    for more in [1, 2] {
        assert!(matches!(people(&[&full[..], &[more]].concat()), Err(Refusal::Malformed { .. })));
    }
}

#[test]
fn refuses_one_key_of_a_person_written_in_two_ways() {
    let mut again = public(51).to_object();
    again["note"] = "the same".into();
    let mut keys = key_table(&[51]);
    let id = Digest::of(&json::canonical(&again).unwrap());
    keys[id.to_hex()] = again;
    let refusal = read(json!({ "alice": { "keys": keys, "may": ["approve"] } })).unwrap_err();
    assert!(refusal.to_string().contains("twice"), "{refusal}");
}

#[test]
fn people_are_found_by_their_keys_and_say_what_they_may() {
    let alice = json!({ "keys": key_table(&[51, 52]), "may": ["approve", "scan"] });
    let people = read(json!({ "alice": alice })).unwrap();
    let name = PersonId::new("alice").unwrap();
    assert_eq!(people.owner(&public(52)), Some(&name));
    assert_eq!(people.owner(&public(53)), None);
    assert_eq!(people.get(&name).unwrap().powers().collect::<Vec<_>>(), [Power::Approve, Power::Scan]);
    assert!(!people.is_empty() && People::default().is_empty());
}

#[test]
fn an_envelope_of_people_may_be_as_large_as_the_limit() {
    let people = read(json!({ "alice": { "keys": key_table(&[51]), "may": ["approve"] } })).unwrap();
    let signature = signing_key(51).sign(&pae(b"{}")).to_bytes();
    let bytes = envelope_bytes(b"{}", &[(public(51).id(), signature)]);
    let open = |size| people.open(&Envelope::parse(&padded(&bytes, size)).unwrap()).map(|opened| opened.signers.len());
    assert_eq!(open(MAX_ENVELOPE), Some(1));
    assert_eq!(open(MAX_ENVELOPE + 1), None);
}

#[test]
fn refuses_specification_versions_that_are_not_1_x() {
    let with = |version: &str| {
        let mut body = root(1);
        body["spec_version"] = version.into();
        TrustedSet::new(&sign(&body, &[1, 2]), now()).map(|_| ())
    };
    for good in ["1.0", "1.0.34", "1.99.0"] {
        assert_eq!(with(good), Ok(()), "{good}");
    }
    for bad in ["1", "", "1.", ".0", "1..0", "1.0.", "1.0.0.0", "1.x", "1.0.x", "2.0", "2.0.34", "01.0", "1.-1", "1,0"]
    {
        assert!(matches!(with(bad), Err(Refusal::Malformed { .. })), "{bad}");
    }
}

/// Puts what the timestamp says of the snapshot in place of the usual.
fn snapshot_described_as(repo: &Repository, meta: &Value) -> Result<(), Refusal> {
    let body = signed("timestamp", 1, json!({ "meta": { "snapshot.json": meta } }));
    let mut set = TrustedSet::new(&repo.root, now())?;
    set.update_timestamp(&sign(&body, &[31]))?;
    set.update_snapshot(&repo.snapshot).map(|_| ())
}

#[test]
fn a_length_alone_binds_a_document() {
    let repo = Repository::new(1);
    let (size, role) = (repo.snapshot.len() as u64, Role::Snapshot);
    assert_eq!(snapshot_described_as(&repo, &json!({ "version": 1, "length": size })), Ok(()));
    for length in [size - 1, size + 1] {
        let refusal = snapshot_described_as(&repo, &json!({ "version": 1, "length": length })).unwrap_err();
        assert_eq!(refusal, Refusal::Length { role, expected: length, found: size });
    }
    let refusal = snapshot_described_as(&repo, &json!({ "version": 0 })).unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed { role: Role::Timestamp, .. }), "{refusal}");
}

#[test]
fn media_describe_documents_by_sha256_alone_and_tuf_by_others_too() {
    let repo = Repository::new(1);
    let hashes = json!({ "sha512": "cd".repeat(64) });
    let meta = json!({ "version": 1, "hashes": hashes });
    let refusal = snapshot_described_as(&repo, &meta).unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed { role: Role::Timestamp, .. }), "{refusal}");
    let body = signed("timestamp", 1, json!({ "meta": { "snapshot.json": meta } }));
    let mut set = TufSet::for_tuf(&repo.root, Previous::default(), now()).unwrap();
    set.update_timestamp(&sign(&body, &[31])).unwrap();
}

#[test]
fn a_target_is_its_length_and_its_hash() {
    let top = delegating(1, &["own"], &[], &[]);
    let repo = Repository::with_delegated(1, &top, &[]);
    let mut set = TufSet::for_tuf(&repo.root, Previous::default(), now()).unwrap();
    set.update_timestamp(&repo.timestamp).unwrap();
    set.update_snapshot(&repo.snapshot).unwrap();
    set.update_targets(&repo.targets).unwrap();
    let file = set.targets().unwrap().body().get("own").unwrap();
    assert!(matches!(file.check_bytes(b"own"), Err(TargetMismatch::Length { expected: 1, found: 3 })));
    assert!(matches!(file.check_bytes(b"x"), Err(TargetMismatch::Hash(_))));
    let file = TargetFile { length: 3, ..file.clone() };
    assert_eq!(file.check_bytes(b"own"), Ok(()));
}

#[test]
fn keys_of_kinds_that_only_others_read_may_lie_in_a_table_of_tuf_and_not_on_media() {
    let with = |keytype: &str, scheme: &str| {
        let mut body = root(1);
        body["keys"]["other"] = json!({ "keytype": keytype, "scheme": scheme, "keyval": { "public": "x" } });
        sign(&body, &[1, 2])
    };
    for (keytype, scheme, read) in [("rsa", "rsassa-pss-sha256", true), ("rsa", "x", false), ("x", "ed25519", false)] {
        let bytes = with(keytype, scheme);
        assert_eq!(TufSet::for_tuf(&bytes, Previous::default(), now()).is_ok(), read, "{keytype} {scheme}");
        assert!(matches!(TrustedSet::new(&bytes, now()), Err(Refusal::Key { .. })), "{keytype} {scheme}");
    }
}

#[test]
fn a_role_names_its_keys_and_a_key_its_bytes() {
    let set = TrustedSet::new(&Repository::new(1).root, now()).unwrap();
    let timestamp = set.root().body().role(Role::Timestamp);
    assert!(timestamp.names(&public(31)) && !timestamp.names(&public(21)));
    assert_eq!(public(31).ed25519_bytes(), Some(signing_key(31).verifying_key().as_bytes()));
    assert_eq!(p256_public(31).ed25519_bytes(), None);
}

#[test]
fn a_target_is_fetched_under_the_hash_that_was_signed() {
    let read = |hashes: Value| serde_json::from_value::<Hashes>(hashes).unwrap().prefix();
    let (short, long) = ("ab".repeat(32), "cd".repeat(64));
    assert_eq!(read(json!({ "sha256": short, "sha512": long })), Some(short));
    assert_eq!(read(json!({ "sha512": long })), Some(long));
    assert_eq!(read(json!({ "blake2b": "00" })), None);
}

/// DER integers have a sign: without its leading zero, a number from 2^255 on is another, negative one.
#[test]
fn refuses_p256_signatures_whose_numbers_lost_their_sign_byte() {
    let mut seen = std::collections::BTreeSet::new();
    for n in 0_u32..4000 {
        let message = n.to_le_bytes();
        let good = p256_sign(1, &message);
        // SEQUENCE, its length, INTEGER, its length, then r.
        let [0x30, whole, 0x02, length, 0x00, first, ..] = good[..] else { continue };
        let mut bad = vec![0x30, whole - 1, 0x02, length - 1];
        bad.extend(&good[5..]);
        assert!(p256_public(1).verifies(&message, &good));
        assert!(!p256_public(1).verifies(&message, &bad), "{n}");
        seen.insert(first);
        if seen.contains(&0x80) && seen.len() > 1 {
            return;
        }
    }
    panic!("no signature in 4000 begins with 0x80");
}

#[test]
fn a_scan_is_shown_to_whoever_signs_it_as_it_is() {
    let shown = |result, findings| {
        let scan = Scan { findings, issued: now(), note: None, result, scanner: "scanner 1".into() };
        let subject = Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") };
        PersonStatement { subject, said: Said::Scan(scan) }.describe()
    };
    let passed = shown(ScanResult::Pass, 1);
    assert!(passed.contains("passed with 1 finding") && !passed.contains("findings"), "{passed}");
    assert!(shown(ScanResult::Fail, 2).contains("failed with 2 findings"));
}

#[test]
fn purposes_of_roles_are_those_of_the_roles() {
    for role in Role::ALL {
        assert_eq!(Purpose::from(role).role(), Some(role));
    }
    assert_eq!((Purpose::Evidence.role(), Purpose::Person.role()), (None, None));
}

#[test]
fn a_remark_has_1_to_1000_bytes_that_a_terminal_shows() {
    let said = |note: String| {
        let subject = Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") };
        PersonStatement { subject, said: Said::Approve(Remark { issued: now(), note: Some(note) }) }.to_bytes().is_ok()
    };
    for (length, good) in [(0, false), (1, true), (1000, true), (1001, false)] {
        assert_eq!(said("x".repeat(length)), good, "{length}");
    }
    assert!(!said("red \u{1b}[31m".into()) && !said("\u{202e}".into()));
}

#[test]
fn a_root_says_whether_snapshots_are_consistent() {
    for (field, consistent) in [(json!(true), true), (json!(false), false)] {
        let mut body = root(1);
        body["consistent_snapshot"] = field;
        let set = TrustedSet::new(&sign(&body, &[1, 2]), now()).unwrap();
        assert_eq!(set.root().body().consistent_snapshot(), consistent);
    }
}
