//! `receive` is held by the kernel to the state directory, without programs and sockets.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::fixture::{Connected, Isolated, Medium, deb, files, spec};

fn tool(site: &Isolated, arguments: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-import"));
    command.args(["receive", "--json", "--dir"]).arg(site.path()).args(arguments).output().unwrap()
}

fn received(site: &Isolated, medium: &Medium) -> serde_json::Value {
    let output = tool(site, &[medium.path()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn receive_says_what_it_was_held_to_and_still_receives() {
    let mut connected = Connected::new();
    let medium = connected.bundle(spec(1, vec![deb("anchor", "1.0-1")]));
    let site = Isolated::new(&connected);
    let answer = received(&site, &medium);
    assert_eq!(answer["accepted"].as_array().unwrap().len(), 1);
    for rule in ["writes", "programs", "sockets"] {
        let grade = answer["confinement"][rule].as_str().unwrap();
        assert!(["enforced", "partial", "not-offered"].contains(&grade), "{rule}: {grade}");
    }
}

#[test]
fn a_store_behind_a_link_of_the_operator_stays_writable() {
    let mut connected = Connected::new();
    let medium = connected.bundle(spec(1, vec![deb("anchor", "1.0-1")]));
    let site = Isolated::new(&connected);
    let disk = tempfile::tempdir().unwrap();
    let store = disk.path().join("store");
    let inside = site.path().join("store");
    if inside.exists() {
        assert!(Command::new("cp").arg("-a").arg(&inside).arg(&store).status().unwrap().success());
        fs::remove_dir_all(&inside).unwrap();
    } else {
        fs::create_dir(&store).unwrap();
    }
    symlink(&store, &inside).unwrap();
    assert_eq!(received(&site, &medium)["accepted"].as_array().unwrap().len(), 1);
    assert!(!files(&store).is_empty());
}

#[test]
fn programs_on_a_medium_are_never_started_and_the_medium_is_left_as_it_is() {
    let mut connected = Connected::new();
    let medium = connected.bundle(spec(1, vec![deb("anchor", "1.0-1")]));
    let marker = tempfile::tempdir().unwrap();
    let started = marker.path().join("started");
    let script = format!("#!/bin/sh\ntouch '{}'\n", started.display());
    for name in ["autorun.inf", "autorun.sh", "open-me.desktop", "SEALIFT/verify.py", "SEALIFT/bundles/.directory"] {
        let path = medium.path().join(name);
        if path.parent().unwrap().is_dir() && name != "SEALIFT/bundles/.directory" {
            let _ = fs::remove_file(&path);
            fs::write(&path, &script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let before = files(medium.path());
    let site = Isolated::new(&connected);
    received(&site, &medium);
    assert!(!started.exists(), "something on the medium was started");
    assert_eq!(files(medium.path()), before);
}
