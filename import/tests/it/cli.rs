//! The tool itself: exit codes, and what a failure says.

use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::{Connected, Isolated, deb, spec};

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
    fails(&state, &["receive", path], 11, &["refused (base-missing)", "bundle 1 of this stream", "--full", "ledger"]);
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
