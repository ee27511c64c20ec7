//! The scan gate: nothing comes in that a scanner has not called clean, and what it found is named and kept apart.
//!
//! The scanners here are stand-ins that find a word; a real clamd does the same in `cargo xtask test`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use sealift_keys::{KdfParams, Passphrase, person};
use sealift_model::Digest;
use serde_json::Value;

use crate::line::Line;

/// In the postinst of one package only, and packed there.
const PLANTED: &str = "compass: cannot find north";

/// A clamd that finds `word` in streams, and counts the streams.
struct FakeClamd {
    streams: Arc<AtomicUsize>,
}

impl FakeClamd {
    fn start(socket: &Path, version: &'static str, word: &'static str) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let streams = Arc::new(AtomicUsize::new(0));
        let counted = streams.clone();
        thread::spawn(move || {
            for session in listener.incoming() {
                let counted = counted.clone();
                thread::spawn(move || serve(session.unwrap(), version, word, &counted));
            }
        });
        Self { streams }
    }

    fn streams(&self) -> usize {
        self.streams.load(Ordering::SeqCst)
    }
}

fn serve(mut session: UnixStream, version: &str, word: &str, counted: &AtomicUsize) -> Option<()> {
    let mut number = 0;
    loop {
        let command = command(&mut session)?;
        number += 1;
        let answer = match command.as_str() {
            "zIDSESSION" => {
                number = 0;
                continue;
            }
            "zVERSION" => version.to_owned(),
            _ => {
                let content = stream(&mut session)?;
                counted.fetch_add(1, Ordering::SeqCst);
                let found = content.windows(word.len()).any(|part| part == word.as_bytes());
                if found { "stream: Test.Planted.UNOFFICIAL FOUND".into() } else { "stream: OK".into() }
            }
        };
        write!(session, "{number}: {answer}\0").ok()?;
    }
}

fn command(session: &mut UnixStream) -> Option<String> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    loop {
        session.read_exact(&mut byte).ok()?;
        match byte {
            [0] => return String::from_utf8(text).ok(),
            [byte] => text.push(byte),
        }
    }
}

fn stream(session: &mut UnixStream) -> Option<Vec<u8>> {
    let (mut content, mut length) = (Vec::new(), [0; 4]);
    loop {
        session.read_exact(&mut length).ok()?;
        let mut part = vec![0; u32::from_be_bytes(length) as usize];
        if part.is_empty() {
            return Some(content);
        }
        session.read_exact(&mut part).ok()?;
        content.extend(part);
    }
}

const VERSION: &str = "ClamAV 1.0.7/27123/Fri Nov 20 08:00:00 2026";

fn with_clamd(line: &Line) {
    let socket = line.path("clamd.ctl");
    let table = format!("\n[[scanner]]\nname = \"clamd\"\nkind = \"clamd\"\nsocket = \"{}\"\n", socket.display());
    line.append("isolated/import.toml", &table);
}

/// Receives the medium, whose bundle then waits for a scanner.
#[track_caller]
fn received(line: &Line, scanner: &str) {
    let said = line.import("receive", &["media"]).failed(3, &[]);
    let waits = said.lines().find(|line| line.contains("the verdict of"));
    assert!(waits.is_some_and(|line| line.contains(scanner)), "{said}");
}

fn published(line: &Line) -> String {
    line.import("promote", &["--channel", "production", "1"]).done();
    line.import("publish", &[]).done()
}

fn packages(line: &Line) -> String {
    let index = "isolated/published/production/dists/lighthouse-security/main/binary-amd64/Packages";
    fs::read_to_string(line.path(index)).unwrap()
}

#[test]
fn nothing_is_accepted_before_every_scanner_called_it_clean() {
    let line = Line::with_bundle();
    with_clamd(&line);
    line.append("isolated/import.toml", "\n[[scanner]]\nname = \"hall-2\"\nkind = \"kiosk\"\n");
    let said = line.import("receive", &["media"]).failed(3, &[]);
    assert!(said.contains("clamd") && said.contains("hall-2"), "names whose verdict is missing: {said}");
    line.import("promote", &["--channel", "testing", "1"]).failed(1, &["no accepted bundle"]);

    // Nobody listens: no verdict, and no bundle.
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("NO VERDICT") && said.contains("nobody listens"), "{said}");
    line.import("bundles", &[]).done();

    let clamd = FakeClamd::start(&line.path("clamd.ctl"), VERSION, "no such word");
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("without a verdict of hall-2"), "{said}");
    let asked = clamd.streams();
    assert!(asked > 10, "packages are taken apart: {asked}");

    // The station's results come as a file with what the gate itself writes of the contents.
    let table = line.import("scan verdicts", &["patches/1"]).done();
    let rows: Vec<&str> = table.lines().skip(1).filter(|row| row.contains("\"clamd\"")).collect();
    let csv = format!("{}\n{}\n", table.lines().next().unwrap(), rows.join("\n"));
    fs::write(line.path("half.csv"), csv.lines().take(rows.len()).collect::<Vec<_>>().join("\n")).unwrap();
    line.import("scan import", &["--csv", "half.csv", "--as", "hall-2"]).done();
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("1 content without a verdict of hall-2"), "{said}");
    assert_eq!(clamd.streams(), asked, "what was scanned by the same signatures is not scanned again");
    fs::write(line.path("all.csv"), &csv).unwrap();
    line.import("scan import", &["--csv", "all.csv", "--as", "hall-2"]).done();
    let said = line.import("scan", &[]).done();
    assert!(said.contains("Accepted."), "{said}");
    assert!(published(&line).contains("Published production"));
    let ledger = line.import("ledger show", &["--last", "0"]).done();
    assert!(ledger.contains("27123 of 2026-11-20T08:00:00Z"), "the ledger says what looked: {ledger}");
}

#[test]
fn an_infected_package_is_named_withheld_and_never_published() {
    let line = Line::with_bundle_of(sealift_tests::miniature::Variant::FailingPostinst);
    with_clamd(&line);
    FakeClamd::start(&line.path("clamd.ctl"), VERSION, PLANTED);
    received(&line, "clamd");
    let said = line.import("scan", &[]).failed(12, &[]);
    assert!(said.contains("INFECTED debian-security/pool/main/c/compass/compass_0.9-2+sec1_all.deb"), "{said}");
    assert!(said.contains("Test.Planted.UNOFFICIAL (control.tar/postinst)"), "{said}");
    let waits = line.import("waiting", &[]).done();
    assert!(waits.contains("a person's decision: clamd found something in"), "{waits}");
    assert!(!waits.contains("the verdict of"), "it has spoken of everything: {waits}");
    line.import("promote", &["--channel", "testing", "1"]).failed(1, &["no accepted bundle"]);
    let answer: Value = serde_json::from_str(&line.import("scan", &["--json"]).stdout).unwrap();
    let digest = answer["bundles"][0]["gate"]["infected"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(answer["confinement"]["sockets"], "enforced", "packages are taken apart without sockets");

    let accept = ["patches/1", "--without-infected", "--reason", "compass is not used here"];
    let said = line.import("accept", &accept).done();
    assert!(said.contains("Withheld") && said.contains("Accepted bundle patches/1 without it"), "{said}");
    let said = published(&line);
    assert!(said.contains("withheld, a scanner found something in it"), "{said}");
    let index = packages(&line);
    assert!(index.contains("Package: beacon\n") && !index.contains("Package: compass\n"), "{index}");
    let files = line.files("isolated/published");
    assert!(!files.iter().any(|file| file.contains("compass_0.9-2+sec1")), "{files:?}");
    let store = line.files("isolated/store");
    assert!(!store.iter().any(|file| file.contains(&digest)), "it is not in the store");
    line.import("scrub", &[]).done();
    let ledger = fs::read_to_string(line.path("isolated/ledger.jsonl")).unwrap();
    assert!(ledger.contains(&digest) && ledger.contains("compass is not used here"), "{ledger}");

    // Another bundle that lists it does not bring it back, nor does taking the scanner away.
    let without = fs::read_to_string(line.path("isolated/import.toml")).unwrap();
    fs::write(line.path("isolated/import.toml"), without.split("[[scanner]]").next().unwrap()).unwrap();
    line.import("publish", &[]).done();
    assert!(!packages(&line).contains("Package: compass\n"));

    // Nor does an index that is lost and made anew.
    let keys = env!("CARGO_BIN_EXE_t-sealift-keys");
    let shown = line.run(keys, &["fingerprint", "keys/root.json", "--json", "-q"]).done();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    fs::remove_file(line.path("isolated/index.sqlite")).unwrap();
    let fingerprint = shown["fingerprint"].as_str().unwrap();
    line.import("trust recover", &["--root", "keys/root.json", "--fingerprint", fingerprint]).done();
    line.import("publish", &[]).done();
    assert!(!packages(&line).contains("Package: compass\n"));
}

#[test]
fn only_packages_that_were_scanned_can_be_withheld() {
    let line = Line::with_bundle();
    with_clamd(&line);
    received(&line, "clamd");
    let accept = ["patches/1", "--without-infected", "--reason", "test"];
    line.import("accept", &accept).refused(1, &["no scanner found anything"]);
    line.import("accept", &["patches/9", "--without-infected", "--reason", "x"])
        .failed(1, &["no bundle patches/9 waits"]);
    line.import("accept", &["patches/1", "--reason", "x"]).failed(2, &["--without-infected"]);

    // In the signed Release file: the bundle rests on it.
    FakeClamd::start(&line.path("clamd.ctl"), VERSION, "Suite: lighthouse-security");
    let said = line.import("scan", &[]).failed(12, &[]);
    assert!(said.contains("(the file itself)"), "{said}");
    line.import("accept", &accept).refused(12, &["is no package", "discard"]);
    line.import("bundles", &[]).done();

    // What a scanner has not spoken of does not come in by this way.
    let line = Line::with_bundle_of(sealift_tests::miniature::Variant::FailingPostinst);
    with_clamd(&line);
    line.append("isolated/import.toml", "\n[[scanner]]\nname = \"hall-2\"\nkind = \"kiosk\"\n");
    FakeClamd::start(&line.path("clamd.ctl"), VERSION, PLANTED);
    received(&line, "hall-2");
    line.import("scan", &[]).failed(12, &[]);
    line.import("accept", &accept).refused(12, &["hall-2 has no verdict yet"]);
}

#[test]
fn what_people_said_of_a_scan_does_not_open_the_gate() {
    let line = Line::new();
    line.mirror("sync", &[]).done();
    line.site("isolated");
    with_clamd(&line);
    let keys = |words: &str| {
        line.run(env!("CARGO_BIN_EXE_t-sealift-keys"), &words.split_whitespace().collect::<Vec<_>>()).done()
    };
    let passphrase = Passphrase::from_file(&line.path("passphrase")).unwrap();
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    person::create(&line.path("people"), &"alice".parse().unwrap(), &passphrase, cost).unwrap();
    keys("root draft keys/root.json -o 2.draft");
    keys("root add-person 2.draft alice --key people/alice.pub --may scan");
    keys("root policy 2.draft --kind scan 1");
    keys("sign 2.draft --key keys/keys/root-1.key --passphrase-file passphrase");
    keys("root publish 2.draft --to keys");
    line.build("media", &[]).done();
    fs::create_dir_all(line.path("said")).unwrap();
    keys("scan media --result pass --scanner x --key people/alice.key --passphrase-file passphrase --out said");
    let said = fs::read_dir(line.path("said")).unwrap().next().unwrap().unwrap().path();
    let attach = ["--stream", "patches", "--keys", "keys", "--to", "media", said.to_str().unwrap()];
    line.mirror("bundle attach", &attach).done();

    received(&line, "clamd");
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("NO VERDICT"), "{said}");
    FakeClamd::start(&line.path("clamd.ctl"), VERSION, "no such word");
    let said = line.import("scan", &[]).done();
    assert!(said.contains("scanned by alice"), "it is shown as information: {said}");
}

#[test]
fn content_that_a_cut_run_left_in_the_store_is_scanned() {
    let line = Line::with_bundle_of(sealift_tests::miniature::Variant::FailingPostinst);
    with_clamd(&line);
    for blob in line.files("media/SEALIFT/blobs/sha256") {
        let place = line.path("isolated/store/sha256").join(&blob[..2]);
        fs::create_dir_all(&place).unwrap();
        fs::copy(line.path("media/SEALIFT/blobs/sha256").join(&blob), place.join(&blob)).unwrap();
    }
    received(&line, "clamd");
    FakeClamd::start(&line.path("clamd.ctl"), VERSION, PLANTED);
    let said = line.import("scan", &[]).failed(12, &[]);
    assert!(said.contains("INFECTED debian-security/pool/main/c/compass"), "{said}");
}

#[test]
fn a_verdict_of_somebody_else_stops_the_work() {
    let line = Line::with_bundle();
    with_clamd(&line);
    received(&line, "clamd");
    FakeClamd::start(&line.path("clamd.ctl"), VERSION, "no such word");
    line.site("other");
    let forged = line.path("isolated/verdicts/001800000000-0123456789abcdef.dsse.json");
    fs::create_dir_all(forged.parent().unwrap()).unwrap();
    fs::set_permissions(forged.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    let key = sealift_site::SiteKeys::open(&line.path("other/site")).unwrap().statement;
    fs::write(&forged, key.sign_dsse(b"{}")).unwrap();
    for verb in ["scan", "waiting", "status"] {
        line.import(verb, &[]).failed(11, &["no verdict of this site", "take it out of the way"]);
    }
    fs::remove_file(forged).unwrap();
    line.import("scan", &[]).done();
}

#[test]
fn a_command_sees_the_package_and_what_is_in_it_and_its_exit_code_decides() {
    let line = Line::with_bundle_of(sealift_tests::miniature::Variant::FailingPostinst);
    let program = line.path("scan.sh");
    let script = format!(
        "#!/bin/sh\ngrep --recursive --quiet '{PLANTED}' \"$1\"\ncase $? in 0) echo \"$1: Planted\"; exit 1;; 1) exit 0;; *) exit 2;; esac\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let table = format!(
        "\n[[scanner]]\nname = \"own\"\nkind = \"command\"\nargv = [\"{}\", \"{{path}}\"]\nsignatures = \"rules 4\"\n",
        program.display()
    );
    line.append("isolated/import.toml", &table);
    received(&line, "own");
    let said = line.import("scan", &[]).failed(12, &["not confined by sealift"]);
    assert_eq!(said.matches("INFECTED").count(), 1, "{said}");
    assert!(said.contains("compass_0.9-2+sec1_all.deb: own says"), "{said}");
    assert!(line.files("isolated/quarantine").is_empty(), "what was laid out for it is gone");
    let manifest = fs::read(line.path("isolated/waiting/patches/1/bundles/patches/1/manifest.json"));
    assert!(manifest.is_ok_and(|bytes| Digest::of(&bytes).to_hex().len() == 64), "the bundle waits for a person");
}

#[test]
fn a_stations_file_with_one_bad_line_is_refused_whole() {
    let line = Line::with_bundle();
    line.append("isolated/import.toml", "\n[[scanner]]\nname = \"hall-2\"\nkind = \"kiosk\"\n");
    let header = "sha256,verdict,engine,engine_version,signatures,time\n";
    let row = |verdict: &str| format!("{},{verdict},X,1,base 9,2026-01-01T00:00:00Z\n", Digest::of(b"a"));
    fs::write(line.path("bad.csv"), format!("{header}{}{}", row("clean"), row("perhaps"))).unwrap();
    line.import("scan import", &["--csv", "bad.csv", "--as", "hall-2"]).refused(1, &["line 3", "neither `clean` nor"]);
    line.import("scan import", &["--csv", "bad.csv", "--as", "hall-3"]).failed(2, &["hall-3", "kiosk"]);
    assert!(!line.path("isolated/verdicts").exists());
}
