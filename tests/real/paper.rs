//! The register of media as others read it: a browser prints its paper, a scanner reads the codes, openssl the signatures.

use std::fs;
use std::path::Path;
use std::process::Command;

use sealift_keys::{KdfParams, Passphrase, SecretKey, key_file};
use sealift_trust::Purpose;

use crate::line::Line;

const MEDIA: &str = env!("CARGO_BIN_EXE_t-sealift-media");
const WHY: [&str; 6] = ["--place", "plant A", "--purpose", "updates", "--passphrase-file", "passphrase"];
const LOAD: &str = "patches/12=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3/5";

/// A register with a loaded and sealed stick on its way from alice to bob.
fn register() -> Line {
    let line = Line::new();
    let passphrase = Passphrase::from_file(&line.path("passphrase")).unwrap();
    for (n, name) in (60..).zip(["alice", "bob"]) {
        let secret = SecretKey::from_seed(Purpose::Person, &[n; 32]);
        let cheap = KdfParams { m_kib: 64, t: 1, p: 1 };
        key_file::write(&line.path(&format!("{name}.key")), &secret, &passphrase, cheap).unwrap();
        fs::write(line.path(&format!("{name}.pub")), secret.public().to_pem()).unwrap();
    }
    let begin = ["init", "register", "--name", "media of plant A", "--keeper", "alice", "--key", "alice.key"];
    line.run(MEDIA, &[&begin[..], &WHY].concat()).done();
    for (who, words) in [
        ("alice", "person add bob --public bob.pub"),
        ("alice", "add stick-07 --label <b>updates</b> --kind stick --classification INTERNAL --owner alice"),
        ("alice", "record sanitised stick-07 --method overwritten"),
        ("alice", &format!("record written stick-07 --bundle {LOAD} --method direct")),
        ("alice", "record sealed stick-07 --seal A-0017"),
        ("alice", "handover stick-07 --to bob"),
        ("bob", "countersign stick-07"),
    ] {
        let key = format!("{who}.key");
        let words: Vec<&str> = words.split_whitespace().collect();
        line.run(MEDIA, &[&words[..], &["--dir", "register", "--key", &key], &WHY].concat()).done();
    }
    line
}

fn run(dir: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Prints a page with a browser, as a picture and as a document.
fn print(dir: &Path, name: &str) {
    let page = format!("{name}.html");
    let browser = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-pdf-header-footer"];
    let (picture, document) = (format!("--screenshot={name}.png"), format!("--print-to-pdf={name}.pdf"));
    let profile = format!("--user-data-dir={}", dir.join("browser").display());
    for to in [&["--window-size=820,1160", &picture][..], &[&document]] {
        run(dir, "chromium", &[&browser[..], &[&profile], to, &[&page]].concat());
    }
}

#[test]
fn a_scanner_reads_the_digest_of_the_record_from_printed_paper() {
    let line = register();
    let dir = line.path("");
    line.run(MEDIA, &["label", "stick-07", "--html", "label.html", "--dir", "register"]).done();
    line.run(MEDIA, &["handover-sheet", "stick-07", "--html", "sheet.html", "--dir", "register"]).done();
    for (name, number) in [("label", 1), ("sheet", 5)] {
        print(&dir, name);
        let read = String::from_utf8(run(&dir, "zbarimg", &["--quiet", "--raw", &format!("{name}.png")])).unwrap();
        let (before, digest) = read.trim_end().split_once("sha256:").unwrap();
        assert_eq!(before, format!("sealift custody media/stick-07 {number} "));
        let file = format!("register/media/stick-07/{number}-{}.dsse.json", &digest[..12]);
        assert!(line.path(&file).exists(), "{file}");
        let document = fs::read(line.path(&format!("{name}.pdf"))).unwrap();
        let pages = String::from_utf8_lossy(&document).matches("/Count 1\n").count();
        assert_eq!(pages, 1, "{name} is not one page");
    }
}

#[test]
fn openssl_verifies_a_record_and_its_place_in_the_chain() {
    let line = register();
    let dir = line.path("");
    let mut records: Vec<String> = line.files("register/media/stick-07");
    records.sort();
    let mut before = None;
    for (record, person) in records.iter().zip(["alice", "alice", "alice", "alice", "alice", "bob"]) {
        let script = format!(
            "set -eu; F=register/media/stick-07/{record}\n\
             jq -rj .payload $F | base64 -d > payload\n\
             {{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' $(wc -c < payload); cat payload; }} > covered\n\
             jq -rj '.signatures[0].sig' $F | base64 -d > signature\n\
             openssl pkeyutl -verify -rawin -pubin -inkey {person}.pub -in covered -sigfile signature >&2\n\
             jq -r '.subject[0].digest.sha256' payload; sha256sum payload | cut -d' ' -f1"
        );
        let said = String::from_utf8(run(&dir, "sh", &["-c", &script])).unwrap();
        let (follows, digest) = said.trim_end().split_once('\n').unwrap();
        assert!(record.contains(&digest[..12]), "{record} {digest}");
        assert!(before.is_none_or(|before| before == follows), "{record} does not follow");
        before = Some(digest.to_owned());
    }
    assert_eq!(records.len(), 6);
}
