//! Damage to the repository's own state is noticed and nothing goes on upon it.

use std::fs;

use sealift_import::floors::{FloorFile, Floors};
use sealift_import::init::{InitError, InitOptions, fingerprint, init};
use sealift_import::ledger::LedgerError;
use sealift_import::{Repository, StateError, Writer};

use crate::fixture::{Connected, Isolated, deb, spec};

fn with_one_bundle() -> (Connected, Isolated) {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    (connected, isolated)
}

fn trust_state_is_refused(isolated: &Isolated) {
    let error = Writer::open(&isolated.path(), isolated.caller()).unwrap_err();
    assert!(error.is_trust_state(), "{error}");
    assert!(Repository::open(&isolated.path()).unwrap_err().is_trust_state());
}

#[test]
fn a_floor_file_set_back_lost_or_damaged_stops_everything() {
    let (mut connected, isolated) = with_one_bundle();
    let path = isolated.path().join("trust/floor.json");
    let old = fs::read(&path).unwrap();
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.7")])));
    let good = fs::read(&path).unwrap();
    for bad in [&old[..], b"", &good[..good.len() - 1]] {
        fs::write(&path, bad).unwrap();
        trust_state_is_refused(&isolated);
    }
    fs::remove_file(&path).unwrap();
    trust_state_is_refused(&isolated);
    fs::write(&path, &good).unwrap();
    Repository::open(&isolated.path()).unwrap();
}

#[test]
fn an_index_set_back_lost_or_damaged_stops_everything() {
    let (mut connected, isolated) = with_one_bundle();
    let path = isolated.path().join("index.sqlite");
    let old = fs::read(&path).unwrap();
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.7")])));
    let good = fs::read(&path).unwrap();
    for bad in [&old[..], b"", b"not a database at all, but long enough to be read as the header of one, for sure"] {
        fs::write(&path, bad).unwrap();
        trust_state_is_refused(&isolated);
    }
    fs::remove_file(&path).unwrap();
    trust_state_is_refused(&isolated);
    assert!(!path.exists(), "a lost index is not made anew");
    fs::write(&path, &good).unwrap();
    Repository::open(&isolated.path()).unwrap();
}

#[test]
fn both_copies_are_named_when_they_differ() {
    let (_, isolated) = with_one_bundle();
    let path = isolated.path().join("trust/floor.json");
    let file = FloorFile::parse(&fs::read(&path).unwrap()).unwrap();
    let lower = Floors::new(file.floors.root);
    fs::write(&path, FloorFile::new(lower, None).to_bytes().unwrap()).unwrap();
    let shown = Repository::open(&isolated.path()).unwrap_err().to_string();
    assert!(shown.contains("no bundles") && shown.contains("deb12/1"), "{shown}");
}

#[test]
fn a_trusted_document_that_was_changed_is_noticed() {
    let (mut connected, isolated) = with_one_bundle();
    let timestamp = Repository::open(&isolated.path()).unwrap().floors().documents.unwrap().timestamp;
    let path = isolated.path().join(format!("trust/1.{}.timestamp.json", timestamp.sha256));
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let medium = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    let error = isolated.receive(&medium).unwrap_err().to_string();
    assert!(error.contains("trust-state: timestamp metadata version 1"), "{error}");
}

#[test]
fn a_ledger_cut_at_its_end_is_noticed_and_not_continued() {
    let (mut connected, isolated) = with_one_bundle();
    let path = isolated.path().join("ledger.jsonl");
    let lines = isolated.ledger_lines();
    fs::write(&path, format!("{}\n", lines[0])).unwrap();
    let repository = Repository::open(&isolated.path()).unwrap();
    let error = repository.verify_ledger(|_| ()).unwrap_err();
    assert!(matches!(error, StateError::Ledger(LedgerError::Head { expected: 2, found: 1 })), "{error}");
    let medium = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    assert!(isolated.receive(&medium).is_err());
}

#[test]
fn a_changed_ledger_line_is_named() {
    let (mut connected, isolated) = with_one_bundle();
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.7")])));
    let path = isolated.path().join("ledger.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("deb12/1", "deb12/7", 1)).unwrap();
    let error = Repository::open(&isolated.path()).unwrap().verify_ledger(|_| ()).unwrap_err();
    assert!(matches!(error, StateError::Ledger(LedgerError::Previous { line: 3, .. })), "{error}");
}

#[test]
fn a_second_writer_waits_outside() {
    let (_, isolated) = with_one_bundle();
    let _first = isolated.writer();
    assert!(matches!(Writer::open(&isolated.path(), isolated.caller()), Err(StateError::Lock(_))));
}

#[test]
fn init_makes_all_or_nothing_and_compares_the_fingerprint() {
    let connected = Connected::new();
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("deep/state");
    let isolated = Isolated::new(&connected);
    let mut options = InitOptions {
        dir: state.clone(),
        root: connected.root_file(),
        site: "plant-a".parse().unwrap(),
        fingerprint: Some(fingerprint(&connected.roots[0].1).to_uppercase()),
    };
    let report = init(&options, &isolated.caller()).unwrap();
    assert!(report.compared);
    assert!(matches!(init(&options, &isolated.caller()), Err(InitError::Occupied(_))));
    options.dir = dir.path().join("other");
    options.fingerprint = Some("00000000 ".repeat(8));
    let other = init(&options, &isolated.caller()).unwrap_err();
    assert!(matches!(other, InitError::Fingerprint { .. }));
    assert!(!other.to_string().contains('\n'), "an error is one line: {other}");
    options.fingerprint = Some("00000000".into());
    assert!(matches!(init(&options, &isolated.caller()), Err(InitError::FingerprintForm(_))));
    options.fingerprint = None;
    options.root = state.join("import.toml");
    assert!(matches!(init(&options, &isolated.caller()), Err(InitError::Root { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    Repository::open(&state).unwrap();
}
