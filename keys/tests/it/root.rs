//! Ceremonies by the command line, as holders in several places go through them.

use sealift_keys::{Ceremony, KdfParams, Passphrase, Quorum, ceremony};
use sealift_trust::Role;

use super::desk::{Desk, Ran};

/// Root keys at 2-of-3, cheap to open; every other role has one key.
fn desk() -> Desk {
    let desk = Desk::new();
    let now = sealift_term::now();
    let quorums = [(Role::Root, Quorum::new(2, 3).unwrap())].into();
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    let passphrase = Passphrase::from_file(&desk.path("passphrase")).unwrap();
    let ceremony = Ceremony { quorums, expires: now.plus_days(30), now, cost };
    ceremony::create(&desk.path("trust"), &ceremony, &passphrase).unwrap();
    desk
}

fn done(desk: &Desk, line: &str) -> Ran {
    let ran = desk.run(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{line}\n{}", ran.stderr);
    ran
}

fn refused(desk: &Desk, line: &str, code: i32, what: &str) {
    desk.run(&line.split_whitespace().collect::<Vec<_>>()).refused(code, what);
}

fn read(desk: &Desk, name: &str) -> Vec<u8> {
    std::fs::read(desk.path(name)).unwrap()
}

/// Exports `draft` and has root key `n` sign the exported file; the signature lies in `n.sig`.
fn sign_elsewhere(desk: &Desk, draft: &str, n: u8) {
    let _ = std::fs::remove_file(desk.path("to-sign"));
    let _ = std::fs::remove_file(desk.path(format!("{n}.sig")));
    done(desk, &format!("export {draft} -o to-sign"));
    done(desk, &format!("sign to-sign --key trust/keys/root-{n}.key -o {n}.sig --passphrase-file passphrase"));
}

fn attach(draft: &str, n: u8) -> String {
    format!("attach {draft} --key trust/keys/root-{n}.key --signature {n}.sig")
}

#[test]
fn two_holders_apart_rotate_the_root() {
    let desk = desk();
    done(&desk, "generate --purpose root -o new.key --passphrase-file passphrase");
    done(&desk, "root draft trust/root.json -o d");
    let said = done(&desk, "root replace-key d --role root --old trust/keys/root-1.key --new new.pub").stdout;
    assert!(said.contains("root: loses key") && said.contains("root: gets key"), "{said}");
    sign_elsewhere(&desk, "d", 2);
    let exported = read(&desk, "to-sign");
    let first = done(&desk, &attach("d", 2)).stdout;
    assert!(first.contains("1 of 2 signatures by the root keys of version 1"), "{first}");
    refused(&desk, "root publish d --to trust", 10, "1 of 2 required signatures");
    sign_elsewhere(&desk, "d", 3);
    assert_eq!(read(&desk, "to-sign"), exported, "a signature changes nothing of what is signed");
    done(&desk, &attach("d", 3));
    done(&desk, "root publish d --to trust");
    assert_eq!(read(&desk, "trust/root.json"), read(&desk, "trust/2.root.json"));
    let shown = done(&desk, "show trust/root.json --json").stdout;
    assert!(shown.contains("\"version\": 2"), "{shown}");
    let log = done(&desk, "root show d").stdout;
    for event in ["drafted", "changed", "signed by", "published"] {
        assert!(log.contains(event), "{event}: {log}");
    }
    assert!(done(&desk, "root publish d --to trust").stdout.contains("was published before"));
}

#[test]
fn refuses_what_does_not_belong_to_the_draft_and_leaves_it_as_it_was() {
    let desk = desk();
    done(&desk, "root draft trust/root.json -o d");
    done(&desk, "root draft trust/root.json -o other --expires-days 20");
    sign_elsewhere(&desk, "other", 1);
    let before = read(&desk, "d");
    refused(&desk, &attach("d", 1), 10, "not a signature of this document");
    sign_elsewhere(&desk, "d", 1);
    // Somebody else's key, an outsider's, a key of another role.
    refused(&desk, "attach d --key trust/keys/root-2.key --signature 1.sig", 10, "not a signature of this document");
    refused(&desk, "attach d --key trust/keys/targets-1.key --signature 1.sig", 10, "does not name key");
    std::fs::write(desk.path("long.sig"), [read(&desk, "1.sig"), vec![0; 100]].concat()).unwrap();
    refused(&desk, "attach d --key trust/keys/root-1.key --signature long.sig", 1, "larger than the limit");
    assert_eq!(read(&desk, "d"), before);
    done(&desk, &attach("d", 1));
    let once = read(&desk, "d");
    refused(&desk, &attach("d", 1), 10, "has signed this document already");
    assert_eq!(read(&desk, "d"), once);
}

#[test]
fn refuses_the_second_of_two_ceremonies_for_one_version() {
    let desk = desk();
    for draft in ["one", "two"] {
        let days = if draft == "one" { 20 } else { 40 };
        done(&desk, &format!("root draft trust/root.json -o {draft} --expires-days {days}"));
        for n in [1, 2] {
            sign_elsewhere(&desk, draft, n);
            done(&desk, &attach(draft, n));
        }
    }
    done(&desk, "root publish one --to trust");
    let published = read(&desk, "trust/root.json");
    refused(&desk, "root publish two --to trust", 11, "another ceremony published version 2");
    assert_eq!(read(&desk, "trust/root.json"), published);
}

#[test]
fn a_signed_draft_is_changed_only_where_the_signatures_are_dropped_loudly() {
    let desk = desk();
    done(&desk, "root draft trust/root.json -o d");
    done(&desk, "sign d --root trust/root.json --key trust/keys/root-1.key --passphrase-file passphrase");
    refused(&desk, "root threshold d --role root 3", 1, "1 holder has signed this draft");
    let ran = done(&desk, "root threshold d --role root 3 --drop-signatures");
    assert!(ran.stderr.contains("1 signature dropped"), "{}", ran.stderr);
    let shown = done(&desk, "root show d").stdout;
    assert!(shown.contains("0 of 2 signatures") && shown.contains("dropped the signature of"), "{shown}");
}

#[test]
fn lint_refuses_one_key_for_two_purposes_and_thresholds_nobody_reaches() {
    let desk = desk();
    done(&desk, "root draft trust/root.json -o d");
    let before = read(&desk, "d");
    let key = |role: &str, n: u8| format!("--role {role} --key trust/keys/root-{n}.key");
    refused(&desk, &format!("root add-key d {}", key("targets", 1)), 10, "a key has one purpose");
    refused(&desk, &format!("root add-key d {}", key("evidence", 1)), 10, "a key has one purpose");
    refused(&desk, &format!("root add-key d {}", key("root", 1)), 2, "already");
    desk.run(&["root", "threshold", "d", "--role", "snapshot", "2"]).refused(10, "snapshot");
    refused(&desk, "root remove-key d --role root --key 00000000", 2, "no root key 00000000");
    std::fs::write(desk.path("weak.pub"), weak_key()).unwrap();
    refused(&desk, "root add-key d --role root --key weak.pub", 10, "weak");
    assert_eq!(read(&desk, "d"), before);
}

/// The identity point: any signature fits any message under it.
fn weak_key() -> String {
    let body = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn key_signs_only_metadata_of_its_own_purpose() {
    let desk = desk();
    done(&desk, "root draft trust/root.json -o d");
    done(&desk, "export d -o to-sign");
    let sign =
        |file: &str, key: &str| format!("sign {file} --key trust/keys/{key}.key -o x.sig --passphrase-file passphrase");
    refused(&desk, &sign("to-sign", "targets-1"), 10, "a key for targets does not sign root");
    refused(&desk, &sign("to-sign", "evidence-1"), 10, "a key for evidence does not sign root");
    // Bytes that are a statement's, or nothing that can be shown to a person, get no signature of any role key.
    let statement = b"DSSEv1 28 application/vnd.in-toto+json 2 {}";
    for bytes in
        [&statement[..], b"", b"\x00\x01", b"{\"_type\":\"root\"}", &[&read(&desk, "to-sign")[..], b"\n"].concat()]
    {
        std::fs::write(desk.path("foreign"), bytes).unwrap();
        let ran = desk.run(&sign("foreign", "root-1").split(' ').collect::<Vec<_>>());
        assert_ne!(ran.code, 0, "{bytes:?}");
        assert!(!desk.path("x.sig").exists());
    }
}

#[test]
fn targets_document_is_exported_signed_and_attached_to_like_a_root() {
    let desk = desk();
    let now = sealift_term::now();
    let targets = sealift_keys::metadata::targets(1, now.plus_days(9), &std::collections::BTreeMap::new()).unwrap();
    std::fs::write(desk.path("targets.json"), targets).unwrap();
    done(&desk, "export targets.json -o t");
    done(&desk, "sign t --root trust/root.json --key trust/keys/targets-1.key -o t.sig --passphrase-file passphrase");
    refused(&desk, "attach targets.json --key trust/keys/targets-1.key --signature t.sig", 2, "name the root");
    let attach = "attach targets.json --root trust/root.json --key trust/keys/targets-1.key --signature t.sig";
    assert!(done(&desk, attach).stdout.contains("1 of 1 signatures"));
    refused(&desk, attach, 10, "has signed this document already");
}

#[test]
fn people_and_what_they_may_are_part_of_what_holders_sign() {
    let desk = desk();
    done(&desk, "person new alice --out . --passphrase-file passphrase");
    done(&desk, "root draft trust/root.json -o d");
    let said = done(&desk, "root add-person d alice --key alice.pub --may approve,waive").stdout;
    assert!(said.contains("person alice: new; may approve, waive; key "), "{said}");
    let said = done(&desk, "root policy d --kind approve 1").stdout;
    assert!(said.contains("policy approve: 1 instead of unset"), "{said}");
    // A policy that nobody can meet, one person twice, and a person's key for a role.
    let before = read(&desk, "d");
    refused(&desk, "root policy d --kind approve 2", 10, "approve");
    refused(&desk, "root add-person d bob --key alice.pub --may scan", 10, "alice");
    refused(&desk, "root add-key d --role targets --key alice.pub", 10, "a key has one purpose");
    refused(&desk, "root remove-person d bob", 2, "nobody is named `bob`");
    assert_eq!(read(&desk, "d"), before);
    for n in [1, 2] {
        sign_elsewhere(&desk, "d", n);
        done(&desk, &attach("d", n));
    }
    done(&desk, "root publish d --to trust");
    let root = sealift_trust::Signed::<sealift_trust::Root>::parse(&read(&desk, "trust/root.json")).unwrap();
    assert_eq!(root.body().people().keys().count(), 1);
}
