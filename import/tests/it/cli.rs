//! The tool itself: exit codes, and what a failure says.

use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::{Connected, Isolated, deb, now, spec};

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-import"));
    command.env_clear().args(arguments).arg("--dir").arg(dir).output().unwrap()
}

fn fails(dir: &Path, arguments: &[&str], code: i32, says: &[&str]) {
    let output = run(dir, arguments);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {shown}");
    for words in says {
        assert!(shown.contains(words), "{arguments:?}: {shown}");
    }
    assert!(output.stdout.is_empty(), "an answer on stdout though it failed");
}

#[test]
fn failures_have_their_documented_codes_and_say_what_to_type_next() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let (state, nothing) = (isolated.path(), "Nothing was changed.");
    let foreign = Connected::with_seed(100).bundle(spec(1, vec![deb("jq", "1.6")]));
    let path = foreign.path().to_str().unwrap();
    fails(&state, &["receive", path], 10, &["refused (threshold)", "role `timestamp`", "ledger"]);
    fails(&state, &["receive", "/nowhere"], 1, &["/nowhere", "Hint:", nothing]);
    fails(
        &state,
        &["promote", "--channel", "testing", "1"],
        1,
        &["no accepted bundle is called `1`", "Hint:", nothing],
    );
    fails(&state, &["promote", "--channel", "live", "1"], 2, &["`live`", "testing, production", nothing]);
    fails(&state, &["publish"], 1, &["no channel holds a bundle", "promote --channel", nothing]);
    fails(&state, &["revert", "--channel", "testing"], 1, &["testing", nothing]);
    fails(foreign.path(), &["status"], 2, &["no import.toml", "Hint:", nothing]);
    assert!(!foreign.path().join("lock").exists(), "a directory that is none of ours is left alone");
    fails(foreign.path(), &["publish"], 2, &["no import.toml"]);
    assert!(!foreign.path().join("lock").exists());
    let mut next = spec(2, vec![deb("jq", "1.7")]);
    connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    next.base = Some(1);
    let next = connected.bundle(next);
    let path = next.path().to_str().unwrap();
    fails(
        &state,
        &["receive", path],
        11,
        &["refused (gap)", "bundle 1 of this stream", "--full", "request --to", "waits"],
    );
    let held = isolated.writer();
    fails(&state, &["receive", path], 20, &["locked by another process", nothing]);
    drop(held);
    std::fs::remove_file(state.join("trust/floor.json")).unwrap();
    fails(&state, &["status"], 11, &["trust-state", "root 1", "backup", "trust recover", nothing]);
}

#[test]
fn a_changed_ledger_is_refused_with_its_line() {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let path = isolated.path().join("ledger.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("alice", "mallory")).unwrap();
    fails(&isolated.path(), &["ledger", "verify"], 10, &["ledger", "Hint:"]);
    std::fs::write(&path, text.replace("\"number\":1", "\"number\":2")).unwrap();
    fails(&isolated.path(), &["ledger", "verify"], 10, &["line 1 of the ledger has the number 2"]);
}

#[test]
fn queries_answer_in_json_and_the_receipt_goes_to_stdout() {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    for (arguments, word) in [
        (vec!["status", "--json"], "\"signed_time\""),
        (vec!["bundles", "--json"], "[]"),
        (vec!["ledger", "show", "--json"], "\"initialised\""),
        (vec!["ledger", "verify", "--json"], "\"number\""),
        (vec!["key", "show", "--json"], "\"receipt_key\""),
        (vec!["receipt"], "sealift receipt 1\nsite: plant-a\n"),
        (vec!["ledger", "show"], "receipt"),
        (vec!["status"], "No bundle was accepted yet."),
    ] {
        let output = run(&isolated.path(), &arguments);
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && answer.contains(word), "{arguments:?}: {answer}");
        assert!(!arguments.contains(&"--json") || serde_json::from_str::<serde_json::Value>(&answer).is_ok());
    }
}

#[test]
fn every_command_says_how_old_the_trust_is_and_warns_when_it_has_expired() {
    let mut connected = Connected::new();
    let long = sealift_term::now().plus_days(3650);
    connected.expires = long.max(connected.expires);
    let isolated = Isolated::new(&connected);
    let said = |arguments: &[&str]| String::from_utf8(run(&isolated.path(), arguments).stderr).unwrap();
    assert!(said(&["status"]).contains("Trust was never refreshed"));
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    for verb in [&["status"][..], &["trust", "status"], &["bundles"], &["ledger", "show"], &["key", "show"]] {
        assert!(said(verb).contains("Trust last refreshed"), "{verb:?}: {}", said(verb));
        assert!(!said(&[verb, &["--quiet"]].concat()).contains("Trust last"), "{verb:?}");
    }
    // Metadata of last month, accepted by a clock of that time.
    let mut connected = Connected::with_seed(40);
    let past = now().minus_seconds(20 * 86_400);
    if sealift_term::now() < past {
        eprintln!("NOT CHECKED: the clock of this machine is before the fixture's date");
        return;
    }
    connected.expires = past;
    let mut old = Isolated::new(&connected);
    old.clock = now().minus_seconds(40 * 86_400);
    let mut first = spec(1, vec![deb("jq", "1.6")]);
    (first.created, first.not_after) = (old.clock, past);
    old.accept(&connected.bundle(first));
    let output = run(&old.path(), &["bundles", "--quiet", "--json"]);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && shown.contains("Warning: Trust last refreshed"), "{shown}");
    assert!(shown.contains(&format!("it expired at {past}")), "{shown}");
}

#[test]
fn trust_status_shows_floors_and_the_state_for_an_override() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let other = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    isolated.accept(&medium);
    other.accept(&medium);
    let ask = |isolated: &Isolated| -> serde_json::Value {
        serde_json::from_slice(&run(&isolated.path(), &["trust", "status", "--json"]).stdout).unwrap()
    };
    let answer = ask(&isolated);
    assert_eq!(answer["floors"]["streams"]["deb12"]["sequence"], 1);
    assert_eq!(answer["documents"].as_array().unwrap().len(), 4);
    assert_eq!((&answer["copies_agree"], &answer["clock_behind"]), (&true.into(), &false.into()));
    assert_eq!(answer["state"], ask(&isolated)["state"], "asking changes nothing");
    assert_ne!(answer["state"], ask(&other)["state"], "one site's state is not another's");
    let text = String::from_utf8(run(&isolated.path(), &["trust", "status"]).stdout).unwrap();
    for words in ["deb12", "signed time", "state: sha256:", "timestamp"] {
        assert!(text.contains(words), "{text}");
    }
}
