//! Two people must agree: a new root says so, the mirror carries what they sign, the isolated side counts them.

use sealift_keys::{KdfParams, Passphrase, person};
use serde_json::Value;

use crate::line::{Line, Said};

const KEYS: &str = env!("CARGO_BIN_EXE_t-sealift-keys");

fn desk(line: &Line, words: &str) -> Said {
    line.run(KEYS, &words.split_whitespace().collect::<Vec<_>>())
}

/// Root 2 names alice and bob, who must both approve; `mallory` has a key that nobody asked for.
fn name_people(line: &Line) {
    let passphrase = Passphrase::from_file(&line.path("passphrase")).unwrap();
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    for name in ["alice", "bob", "mallory"] {
        person::create(&line.path("people"), &name.parse().unwrap(), &passphrase, cost).unwrap();
    }
    desk(line, "root draft keys/root.json -o 2.draft").done();
    desk(line, "root add-person 2.draft alice --key people/alice.pub --may approve,waive").done();
    desk(line, "root add-person 2.draft bob --key people/bob.pub --may approve,waive").done();
    desk(line, "root policy 2.draft --kind approve 2").done();
    desk(line, "sign 2.draft --key keys/keys/root-1.key --passphrase-file passphrase").done();
    desk(line, "root publish 2.draft --to keys").done();
}

fn approve(line: &Line, who: &str) -> String {
    let words = format!("approve media --key people/{who}.key --passphrase-file passphrase --out said --json -q");
    std::fs::create_dir_all(line.path("said")).unwrap();
    let said = desk(line, &words);
    assert_eq!(said.code, 0, "{said}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    answer["file"].as_str().unwrap().to_owned()
}

fn line() -> Line {
    let line = Line::new();
    line.mirror("sync", &[]).done();
    line.site("isolated");
    name_people(&line);
    line.build("media", &[]).done();
    line
}

#[test]
fn a_bundle_comes_in_when_two_people_have_approved_it() {
    let line = line();
    line.verify("media").failed(12, &["is as signed, but people must agree to it", "0 of 2 people", "(nobody)"]);
    line.import("receive", &["media"]).refused(12, &["0 of 2 people needed for the approval", "sealift-keys approve"]);
    let alices = approve(&line, "alice");
    line.mirror("bundle attach", &["--stream", "patches", "--keys", "keys", "--to", "media", &alices]).done();
    line.verify("media").failed(12, &["1 of 2 people", "(alice)"]);
    line.import("receive", &["media"]).refused(12, &["(alice)", "--statement"]);

    // The medium is at the site by now; bob's approval follows it.
    let bobs = approve(&line, "bob");
    let said = line.import("receive", &["media", "--statement", &bobs]).done();
    assert!(said.contains("approved by alice, bob"), "{said}");
    let receipt = line.import("receipt", &[]).done();
    assert!(receipt.contains("agreed: patches approve alice bob"), "{receipt}");
    let ledger = line.import("ledger show", &["--last", "0"]).done();
    assert!(ledger.contains("approved by alice, bob"), "{ledger}");
    assert!(ledger.contains("people-missing"), "a refusal leaves its line: {ledger}");
}

#[test]
fn refuses_statements_of_strangers_before_they_reach_a_medium() {
    let line = line();
    let mallorys = approve(&line, "mallory");
    let attach = ["--stream", "patches", "--keys", "keys", &mallorys];
    line.mirror("bundle attach", &attach).refused(10, &["0 of 1 required signatures"]);
    line.import("receive", &["media", "--statement", &mallorys]).refused(12, &["0 of 2 people"]);
    let inspected = line.run(env!("CARGO_BIN_EXE_t-sealift-bundle"), &["inspect", "media"]).done();
    assert!(!inspected.contains("mallory"), "{inspected}");
}
