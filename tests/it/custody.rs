//! A medium from the mirror that wrote it to the repository that took it, with two people and the papers they sign.

use std::fs;

use sealift_keys::{KdfParams, Passphrase, SecretKey, key_file};
use sealift_model::Digest;
use sealift_trust::Purpose;
use serde_json::Value;

use crate::line::{Line, Said};

const MEDIA: &str = env!("CARGO_BIN_EXE_t-sealift-media");
const WHY: [&str; 6] = ["--place", "plant A", "--purpose", "monthly updates", "--passphrase-file", "passphrase"];

/// A line with a register in which alice keeps and bob carries, and a stick.
fn line() -> Line {
    let line = Line::new();
    let passphrase = Passphrase::from_file(&line.path("passphrase")).unwrap();
    for (n, name) in (50..).zip(["alice", "bob"]) {
        let secret = SecretKey::from_seed(Purpose::Person, &[n; 32]);
        let cheap = KdfParams { m_kib: 64, t: 1, p: 1 };
        key_file::write(&line.path(&format!("{name}.key")), &secret, &passphrase, cheap).unwrap();
        fs::write(line.path(&format!("{name}.pub")), secret.public().to_pem()).unwrap();
    }
    let begin = ["init", "register", "--name", "media of plant A", "--keeper", "alice", "--key", "alice.key"];
    line.run(MEDIA, &[&begin[..], &WHY].concat()).done();
    sign(&line, "register", "alice", "person add bob --public bob.pub").done();
    sign(
        &line,
        "register",
        "alice",
        "add stick-07 --label updates --kind stick --classification internal --owner alice",
    )
    .done();
    sign(&line, "register", "alice", "record sanitised stick-07 --method overwritten").done();
    line
}

fn sign(line: &Line, register: &str, who: &str, words: &str) -> Said {
    let key = format!("{who}.key");
    let signing = ["--dir", register, "--key", &key];
    line.run(MEDIA, &[&words.split_whitespace().collect::<Vec<_>>()[..], &signing, &WHY].concat())
}

#[test]
fn papers_of_a_medium_name_the_bundle_that_was_written_and_the_one_that_was_accepted() {
    let line = line();
    line.mirror("sync", &[]).done();
    line.build("media", &["--report", "written.json"]).done();
    line.site("isolated");
    sign(&line, "register", "alice", "record written stick-07 --report written.json").done();
    sign(&line, "register", "alice", "record sealed stick-07 --seal A-0017").done();
    sign(&line, "register", "alice", "handover stick-07 --to bob").done();
    // A copy of the register goes along; bob signs on the other side.
    line.copy("register", "inside");
    sign(&line, "inside", "bob", "countersign stick-07").done();
    sign(&line, "inside", "bob", "record received stick-07 --seal A-0017").done();
    line.import("receive", &["media"]).done();
    let ledger = fs::read_to_string(line.path("isolated/ledger.jsonl")).unwrap();
    let accepted = ledger.lines().find(|line| line.contains("\"event\":\"accepted\"")).unwrap();
    fs::write(line.path("accepted"), format!("{accepted}\n")).unwrap();
    sign(&line, "inside", "bob", "record imported stick-07 --ledger-line accepted").done();
    line.run(MEDIA, &["merge", "inside", "--dir", "register"]).done();
    line.run(MEDIA, &["check", "--dir", "register"]).done();

    let manifest = fs::read(line.path("media/SEALIFT/bundles/patches/1/manifest.json")).unwrap();
    let sums = Digest::of(&fs::read(line.path("media/SEALIFT/SHA256SUMS")).unwrap());
    let transfers = line.run(MEDIA, &["export", "--transfers", "--dir", "register"]).done();
    let rows: Vec<&str> = transfers.lines().skip(1).collect();
    assert_eq!(rows.len(), 4, "{transfers}");
    for (row, words) in rows.iter().zip([
        ["written", "export to medium", "alice"],
        ["handed-over", "both signed", "bob"],
        ["received", "seal A-0017 found", "bob"],
        ["imported", "import from medium", "good"],
    ]) {
        assert!(words.iter().all(|word| row.contains(word)), "{row}: {words:?}");
        assert!(row.contains(&Digest::of(&manifest).tagged()), "{row}");
    }
    let shown = line.run(MEDIA, &["show", "stick-07", "--json", "--dir", "register"]).done();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["records"].as_array().unwrap().len(), 8);
    assert!(shown["remarks"].as_array().unwrap().is_empty(), "{shown}");
    let written = fs::read_dir(line.path("register/media/stick-07")).unwrap();
    let files: Vec<_> = written.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert!(files.iter().any(|file| payload(file).contains(&sums.to_hex())), "no record names SHA256SUMS");
}

fn payload(envelope: &str) -> String {
    use base64::Engine as _;
    let envelope: Value = serde_json::from_str(envelope).unwrap();
    let payload = base64::engine::general_purpose::STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    String::from_utf8(payload).unwrap()
}

#[test]
fn papers_are_not_made_from_something_else_than_a_report_or_an_import() {
    let line = line();
    line.mirror("sync", &[]).done();
    line.build("media", &["--report", "written.json"]).done();
    let report = fs::read_to_string(line.path("written.json")).unwrap();
    fs::write(line.path("other.json"), report.replacen("\"files\":", "\"also\":1,\"files\":", 1)).unwrap();
    sign(&line, "register", "alice", "record written stick-07 --report other.json").refused(10, &["other.json"]);
    line.site("isolated");
    let ledger = fs::read_to_string(line.path("isolated/ledger.jsonl")).unwrap();
    fs::write(line.path("line"), ledger.lines().next().unwrap()).unwrap();
    sign(&line, "register", "alice", "record imported stick-07 --ledger-line line").refused(10, &["`initialised`"]);
    // What a signer of the register says is never taken for an approval: the predicate types differ.
    let record = line.files("register/media/stick-07").pop().unwrap();
    let words = ["statement", "show", &format!("register/media/stick-07/{record}"), "--root", "keys/root.json"];
    let said = line.run(env!("CARGO_BIN_EXE_t-sealift-keys"), &words);
    assert!(said.code != 0 && !said.stdout.contains("approve"), "{said}");
}
