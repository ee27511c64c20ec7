//! Killed at any moment, the same command finishes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sealift_import::Repository;
use sealift_import::floors::FloorFile;

use crate::fixture::{Connected, Deb, Isolated, deb, spec};

pub fn receive_command(isolated: &Isolated, medium: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-import"));
    command.env_clear().args(["receive", "--quiet", "--dir"]).arg(isolated.path()).arg(medium);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub fn large(name: &'static str, seed: u8) -> Deb {
    let mut large = deb(name, "1");
    large.content =
        (0..750_000_u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) ^ u32::from(seed)).to_le_bytes()).collect();
    large
}

#[test]
fn a_run_killed_at_any_moment_is_finished_by_the_same_command() {
    let mut connected = Connected::new();
    // The child judges by the real clock.
    connected.expires = sealift_term::now().plus_days(3650).max(connected.expires);
    let debs: Vec<Deb> = ["a", "b", "c", "d", "e", "f"].into_iter().zip(1..).map(|(n, s)| large(n, s)).collect();
    let mut spec = spec(1, debs);
    spec.not_after = connected.expires;
    let medium = connected.bundle(spec);
    let isolated = Isolated::new(&connected);
    if sealift_term::now() < isolated.clock.minus_seconds(86_400) {
        eprintln!("NOT CHECKED: the clock of this machine is before the fixture's date");
        return;
    }
    for delay in (0..120).step_by(8) {
        let mut child = receive_command(&isolated, medium.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().unwrap();
        Repository::open(&isolated.path()).unwrap();
    }
    let output = receive_command(&isolated, medium.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let repository = Repository::open(&isolated.path()).unwrap();
    assert_eq!(repository.index().bundles(None).unwrap().len(), 1);
    repository.verify_ledger(|_| ()).unwrap();
    assert_eq!(isolated.ledger_lines().iter().filter(|line| line.contains("\"accepted\"")).count(), 1);
}

#[test]
fn a_run_killed_between_the_copies_of_the_floors_is_forgiven_once() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    let index = std::fs::read(isolated.path().join("index.sqlite")).unwrap();
    let ledger = std::fs::read(isolated.path().join("ledger.jsonl")).unwrap();
    let listed = std::fs::read_dir(isolated.path().join("trust")).unwrap().map(|entry| entry.unwrap().path());
    let documents: Vec<_> =
        listed.filter(|path| !path.ends_with("floor.json")).map(|path| (std::fs::read(&path).unwrap(), path)).collect();
    let floor = isolated.path().join("trust/floor.json");
    let before = FloorFile::parse(&std::fs::read(&floor).unwrap()).unwrap().floors;
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.accept(&second);
    // Everything durable but the commit: the file is ahead and says so, the documents are there, the index is behind.
    let after = FloorFile::parse(&std::fs::read(&floor).unwrap()).unwrap().floors;
    std::fs::write(&floor, FloorFile::new(after, Some(before)).to_bytes().unwrap()).unwrap();
    std::fs::write(isolated.path().join("index.sqlite"), index).unwrap();
    for (bytes, path) in documents {
        std::fs::write(path, bytes).unwrap();
    }
    std::fs::write(isolated.path().join("ledger.jsonl"), ledger).unwrap();
    assert_eq!(Repository::open(&isolated.path()).unwrap().index().bundles(None).unwrap().len(), 1);
    let report = isolated.receive(&second).unwrap();
    // Its directory, and the three documents that the floors do not name.
    assert_eq!((report.accepted[0].blobs, report.swept), (0, 4));
    Repository::open(&isolated.path()).unwrap().verify_ledger(|_| ()).unwrap();
}

#[test]
fn an_event_that_did_not_reach_the_ledger_is_written_by_the_next_command() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    let mut writer = isolated.writer();
    let event = writer.event(
        sealift_import::ledger::EventKind::Receipt,
        sealift_import::ledger::EventSubject::default(),
        "killed before the ledger was written",
    );
    drop(writer.record(&event));
    // Killed after the line was appended and before the index knew: the line is not written twice.
    let ledger = isolated.path().join("ledger.jsonl");
    let whole = std::fs::read(&ledger).unwrap();
    drop(writer);
    isolated.writer();
    assert_eq!(std::fs::read(&ledger).unwrap(), whole);
}
