//! People make keys, stand in a root, and sign statements.

use std::collections::BTreeMap;

use sealift_keys::ceremony::Given;
use sealift_keys::person::{PersonSpec, PolicySpec};
use sealift_keys::{Ceremony, KdfParams, Passphrase};
use sealift_model::PersonId;
use sealift_trust::policy::judge;
use sealift_trust::{Envelope, EvidenceRefusal, Root, Signed, StatementKind};

use super::desk::{Desk, Ran};

const CHEAP: KdfParams = KdfParams { m_kib: 64, t: 1, p: 1 };
const MANIFEST: &str = r#"{"created":"2026-11-22T16:00:00Z","kind":"complete","not_after":"2027-02-20T00:00:00Z","schema":"sealift.manifest/1","sequence":7,"stream":"deb12","totals":{"bytes":12,"files":3},"upstreams":[{"date":"2026-11-22T15:00:00Z","name":"debian","suite":"bookworm\u001b[2J"}]}"#;

/// Keys as `person new` makes them, which open quickly.
fn person(desk: &Desk, name: &str) {
    let name = PersonId::new(name).unwrap();
    sealift_keys::person::create(&desk.path("people"), &name, &passphrase(), CHEAP).unwrap();
}

fn passphrase() -> Passphrase {
    Passphrase::from_file(&Desk::new().path("passphrase")).unwrap()
}

/// Alice and bob approve and waive, dave scans; two must agree.
fn desk() -> Desk {
    let desk = Desk::new();
    for name in ["alice", "bob", "dave"] {
        person(&desk, name);
    }
    let people = ["alice=alice.pub:approve,waive", "bob=bob.pub:waive,approve", "dave=dave.pub:scan"];
    let spec = |text: &str| PersonSpec { public: desk.path("people").join(file(text)), ..text.parse().unwrap() };
    let specs: Vec<_> = people.iter().map(|text| spec(text)).collect();
    let people = sealift_keys::person::people(&specs).unwrap();
    let policy = "approve=2,waive=2".parse::<PolicySpec>().unwrap().0;
    let now = sealift_model::Timestamp::from_unix(1_795_363_200);
    let ceremony = Ceremony { quorums: BTreeMap::new(), expires: now.plus_days(36_500), now, cost: CHEAP };
    let given = Given { people, policy, ..Given::default() };
    sealift_keys::ceremony::create_with(&desk.path("trust"), &ceremony, &given, &passphrase()).unwrap();
    std::fs::create_dir_all(desk.path("medium/SEALIFT/bundles/deb12/7")).unwrap();
    std::fs::write(desk.path("medium/SEALIFT/bundles/deb12/7/manifest.json"), MANIFEST).unwrap();
    desk
}

fn file(spec: &str) -> &str {
    spec.split(['=', ':']).nth(1).unwrap()
}

fn signed(desk: &Desk, args: &[&str]) -> Ran {
    desk.run(&[args, &["--passphrase-file", "passphrase"]].concat())
}

fn root(desk: &Desk) -> Root {
    Signed::<Root>::parse(&std::fs::read(desk.path("trust/root.json")).unwrap()).unwrap().body().clone()
}

fn statements(desk: &Desk) -> Vec<Envelope> {
    let names = desk.names().into_iter().filter(|name| name.ends_with(".dsse.json"));
    names.map(|name| Envelope::parse(&std::fs::read(desk.path(name)).unwrap()).unwrap()).collect()
}

fn judged(desk: &Desk, kind: StatementKind, subject: &[u8]) -> Result<usize, EvidenceRefusal> {
    let now = sealift_model::Timestamp::from_unix(0);
    let subject = sealift_model::Digest::of(subject);
    judge(kind, subject, &statements(desk), &root(desk), now).map(|verdict| verdict.people.len())
}

#[test]
fn two_people_approve_what_they_were_shown() {
    let desk = desk();
    let ran = signed(&desk, &["approve", "medium", "--key", "people/alice.key", "--root", "trust/root.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for shown in ["alice says: approved", "stream:    deb12", "sequence:  7", "debian bookworm\\u{1b}[2J of 2026-11-22"]
    {
        assert!(ran.stderr.contains(shown), "{shown}: {}", ran.stderr);
    }
    assert!(matches!(
        judged(&desk, StatementKind::Approve, MANIFEST.as_bytes()),
        Err(EvidenceRefusal::People { required: 2, .. })
    ));
    let note = ["approve", "medium/SEALIFT/bundles/deb12/7", "--note", "CHG-17", "--key", "people/bob.key"];
    assert_eq!(signed(&desk, &note).code, 0);
    assert_eq!(judged(&desk, StatementKind::Approve, MANIFEST.as_bytes()), Ok(2));
    let id = sealift_model::Digest::of(MANIFEST.as_bytes());
    let file = format!("approve-bob-{}.dsse.json", id.short());
    assert!(desk.names().contains(&file), "{:?}", desk.names());
    let shown = desk.run(&["statement", "show", &file, "--root", "trust/root.json"]);
    assert!(shown.stdout.contains("approved: CHG-17") && shown.stdout.contains("signed by: bob"), "{}", shown.stdout);
}

#[test]
fn people_sign_one_statement_or_countersign_it() {
    let desk = desk();
    let id = format!("sha256:{}", sealift_model::Digest::of(MANIFEST.as_bytes()));
    assert_eq!(signed(&desk, &["approve", &id, "--key", "people/alice.key"]).code, 0);
    let file = desk.names().into_iter().find(|name| name.starts_with("approve-alice")).unwrap();
    let before = std::fs::read(desk.path(&file)).unwrap();
    assert_eq!(signed(&desk, &["statement", "sign", &file, "--key", "people/bob.key"]).code, 0);
    assert_eq!(judged(&desk, StatementKind::Approve, MANIFEST.as_bytes()), Ok(2));
    std::fs::write(desk.path(&file), before).unwrap();
    let ran = signed(&desk, &["countersign", &file, "--key", "people/bob.key"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(judged(&desk, StatementKind::Approve, MANIFEST.as_bytes()), Ok(2));
    std::fs::remove_file(desk.path(&file)).unwrap();
    assert!(judged(&desk, StatementKind::Approve, MANIFEST.as_bytes()).is_err(), "alone it says nothing");
}

#[test]
fn waivers_and_scans_are_signed_by_those_who_may() {
    let desk = desk();
    let waive = |who: &str, root: &str| {
        let key = format!("people/{who}.key");
        let mut args = vec!["waive", "expiry", "medium", "--days", "9", "--reason", "no medium came", "--key", &key];
        args.extend(["--root", root]);
        signed(&desk, &args)
    };
    waive("dave", "trust/root.json").refused(12, "dave may not waive");
    assert_eq!(waive("alice", "trust/root.json").code, 0);
    assert_eq!(waive("bob", "trust/root.json").code, 0);
    assert_eq!(judged(&desk, StatementKind::WaiveExpiry, MANIFEST.as_bytes()), Ok(2));
    let scan = ["scan", "medium", "--result", "fail", "--scanner", "clamscan 1.4", "--key", "people/dave.key"];
    assert_eq!(signed(&desk, &scan).code, 0);
    let failed = judged(&desk, StatementKind::Scan, MANIFEST.as_bytes());
    assert!(matches!(failed, Err(EvidenceRefusal::ScanFailed { .. })));
    let state = "ab".repeat(32);
    for who in ["alice", "bob"] {
        let key = format!("people/{who}.key");
        let ran = signed(&desk, &["waive", "clock", &state, "--reason", "no battery", "--key", &key]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let now = sealift_model::Timestamp::from_unix(0);
    let state = state.parse().unwrap();
    assert!(judge(StatementKind::OverrideClock, state, &statements(&desk), &root(&desk), now).is_ok());
}

#[test]
fn refuses_keys_of_roles_strangers_and_bad_statements() {
    let desk = desk();
    let refused = |args: &[&str], code, what: &str| signed(&desk, args).refused(code, what);
    refused(&["approve", "medium", "--key", "trust/keys/targets-1.key"], 10, "statements are signed by keys of people");
    refused(
        &["approve", "medium", "--key", "trust/keys/evidence-1.key"],
        10,
        "statements are signed by keys of people",
    );
    person(&desk, "mallory");
    let stranger = ["approve", "medium", "--key", "people/mallory.key", "--root", "trust/root.json"];
    refused(&stranger, 12, "names nobody with this key");
    refused(&["approve", "medium", "--key", "people/alice.key", "--note", "a\u{202e}b"], 10, "not printable");
    refused(&["approve", "medium", "--key", "people/alice.key", "--note", ""], 10, "its note is empty");
    refused(&["approve", "absent", "--key", "people/alice.key"], 1, "absent");
    refused(&["approve", "passphrase", "--key", "people/alice.key"], 1, "is not a manifest");
    refused(&["approve", "x.sealift", "--key", "people/alice.key"], 2, "single file");
    refused(
        &["countersign", "medium/SEALIFT/bundles/deb12/7/manifest.json", "--key", "people/bob.key"],
        10,
        "malformed",
    );
    let late = ["waive", "expiry", "medium", "--until", "2020-01-01T00:00:00Z", "--reason", "x", "--key"];
    refused(&[&late[..], &["people/alice.key"]].concat(), 2, "over already");
    assert!(!desk.names().iter().any(|name| name.ends_with(".dsse.json")), "{:?}", desk.names());
}

#[test]
fn people_make_their_own_keys_and_a_new_root_names_them() {
    let desk = Desk::new();
    let new = ["person", "new", "alice", "--out", "people", "--passphrase-file", "passphrase"];
    let ran = desk.run(&new);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("people/alice.pub"), "{}", ran.stdout);
    desk.run(&new).refused(1, "a key is never overwritten");
    let named = ["--person", "alice=people/alice.pub:approve,waive", "--policy", "approve=1,waive=1"];
    let ran = desk.run(&[&["init", "trust", "--passphrase-file", "passphrase"][..], &named].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let shown = desk.run(&["show", "trust/root.json"]);
    assert!(shown.stdout.contains("alice   approve, waive"), "{}", shown.stdout);
    assert!(shown.stdout.contains("needs 1 approvals and 0 scans; waivers by 1."), "{}", shown.stdout);
}

#[test]
fn refuses_people_whom_no_root_may_name() {
    let desk = Desk::new();
    person(&desk, "alice");
    let init = |more: &[&str]| desk.run(&[&["init", "other", "--passphrase-file", "passphrase"], more].concat());
    let alice = "alice=people/alice.pub:approve";
    init(&["--person", alice, "--policy", "approve=2"]).refused(10, "asks for 2 people who may approve, there are 1");
    init(&["--person", alice, "--policy", "waive=0"]).refused(10, "nobody's waiver");
    init(&["--person", alice, "--person", "bob=people/alice.pub:approve"]).refused(10, "belongs to one person");
    init(&["--person", alice, "--person", "alice=people/alice.pub:scan"]).refused(1, "different powers");
    init(&["--person", "alice=people/alice.key:approve"]).refused(10, "not a public key");
    init(&["--person", "alice=people/absent.pub:approve"]).refused(1, "absent.pub");
    for bad in ["Alice=people/alice.pub:approve", "alice=people/alice.pub", "alice=people/alice.pub:rule"] {
        assert_eq!(init(&["--person", bad]).code, 2, "{bad}");
    }
    assert_eq!(init(&["--policy", "approve"]).code, 2);
    assert!(!desk.names().contains(&"other".to_owned()), "{:?}", desk.names());
}

#[test]
fn a_signature_made_elsewhere_is_attached_only_if_it_is_good() {
    let desk = desk();
    let openssl = |args: &[&str]| {
        let mut command = std::process::Command::new("openssl");
        let output = command.args(args).current_dir(desk.path("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "carol.pem"]);
    openssl(&["pkey", "-in", "carol.pem", "-pubout", "-out", "carol.pub"]);
    let ran = desk.run(&["approve", "medium", "--unsigned", "--person", "carol"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let file = desk.names().into_iter().find(|name| name.starts_with("approve-carol")).unwrap();
    let exported = desk.run(&["statement", "export", &file, "-o", "to-sign"]);
    assert!(exported.stdout.contains("sealift-hsm sign"), "{}", exported.stdout);
    openssl(&["dgst", "-sha256", "-sign", "carol.pem", "-out", "sig", "to-sign"]);
    let attach = |key: &str| desk.run(&["statement", "attach", &file, "--key", key, "--signature", "sig"]);
    attach("people/alice.pub").refused(10, "not a signature of this statement");
    let ran = attach("carol.pub");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let bytes = std::fs::read(desk.path(&file)).unwrap();
    let public = sealift_trust::PublicKey::from_pem(&std::fs::read(desk.path("carol.pub")).unwrap()).unwrap();
    assert!(Envelope::parse(&bytes).unwrap().verify(&[public], 1).is_ok());
}
