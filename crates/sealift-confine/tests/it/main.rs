//! What the kernel holds a confined process to, tried from inside.
#![allow(clippy::unwrap_used, reason = "the whole binary is tests; clippy exempts only #[test] functions")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealift_confine::{Allowance, ConfineError, confine};

const EPERM: &str = "1";
const EACCES: &str = "13";
const EXDEV: &str = "18";

/// A directory with something of each kind to change.
fn prepared(dir: &Path) {
    fs::create_dir_all(dir.join("empty")).unwrap();
    for name in ["kept", "spare", "third"] {
        fs::write(dir.join(name), name).unwrap();
    }
    fs::write(dir.join("script"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(dir.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn probe(arguments: &[&Path]) -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_sealift-confine-probe")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// Everything below a directory: path, mode and content.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            found.insert(path.clone(), (metadata.permissions().mode(), content));
            if metadata.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

/// What a kernel without Landlock or seccomp cannot hold back is not checked, and said.
fn offered(found: &BTreeMap<String, String>, rule: &str) -> bool {
    found[rule] == "Enforced"
}

#[test]
fn a_confined_process_reads_and_changes_nothing_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    prepared(dir.path());
    let before = snapshot(dir.path());
    let found = probe(&[dir.path()]);
    assert_eq!(found["outside/read"], "ok");
    if offered(&found, "writes") {
        assert_eq!(snapshot(dir.path()), before);
        for what in ["make", "append", "truncate", "mkdir", "rmdir", "link", "symlink", "rename", "remove"] {
            let answer = found[&format!("outside/{what}")].as_str();
            assert!([EACCES, EPERM, EXDEV].contains(&answer), "{what}: {answer}");
        }
        assert_ne!(found["outside/after-again"], "ok", "a confined process must not free itself");
    }
    if offered(&found, "sockets") {
        assert_eq!(found["outside/chmod"], EPERM);
    }
}

#[test]
fn a_confined_process_makes_no_socket_and_starts_no_program() {
    let dir = tempfile::tempdir().unwrap();
    let inside = tempfile::tempdir().unwrap();
    prepared(dir.path());
    prepared(inside.path());
    let found = probe(&[dir.path(), inside.path()]);
    if offered(&found, "sockets") {
        for what in ["unix-listen", "unix-connect", "tcp-listen", "tcp-connect", "pair"] {
            assert_eq!(found[&format!("outside/{what}")], EPERM, "{what}");
            assert_eq!(found[&format!("inside/{what}")], EPERM, "{what}");
        }
    }
    if offered(&found, "programs") {
        for place in ["outside", "inside"] {
            for what in ["run", "run-script"] {
                assert_ne!(found[&format!("{place}/{what}")], "ok", "{place}: {what}");
            }
        }
    }
}

#[test]
fn writing_goes_on_below_the_one_directory_that_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let (outside, inside) = (dir.path().join("outside"), dir.path().join("inside"));
    prepared(&outside);
    prepared(&inside);
    let before = snapshot(&outside);
    let found = probe(&[&outside, &inside]);
    for what in ["make", "append", "truncate", "mkdir", "rmdir", "link", "symlink", "rename", "remove", "chmod"] {
        assert_eq!(found[&format!("inside/{what}")], "ok", "{what}");
    }
    if offered(&found, "writes") {
        assert_ne!(found["inside/to-outside"], "ok");
        let mut after = snapshot(&outside);
        // Modes are no content: Landlock does not know them, and only a process that writes nowhere loses them.
        let mode = after.get_mut(&outside.join("kept")).unwrap();
        mode.0 = before[&outside.join("kept")].0;
        assert_eq!(after, before);
    }
}

#[test]
fn refuses_to_confine_only_a_part_of_the_threads() {
    // The test harness itself runs threads.
    let result = std::thread::spawn(|| confine(&Allowance::nothing())).join().unwrap();
    assert!(matches!(result, Err(ConfineError::Threads(_))), "{result:?}");
}

#[test]
fn refuses_an_allowance_that_is_not_there() {
    let missing = Path::new("/nonexistent/sealift");
    let result =
        std::thread::spawn(move || sealift_confine::confine_thread(&Allowance::nothing().writing_below(missing)));
    match result.join().unwrap() {
        Err(ConfineError::Path(error)) => assert!(error.to_string().contains("/nonexistent/sealift"), "{error}"),
        Ok(confined) => assert!(!confined.is_whole(), "a kernel that offers Landlock opens the directory"),
        Err(other) => panic!("{other:?}"),
    }
}
