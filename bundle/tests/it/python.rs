//! `verify.py`: a medium checks without sealift, and is refused without sealift.
//!
//! Needs a Python with python-tuf: the one named by `SEALIFT_TEST_PYTHON`, else `python3`. Without it this checks nothing
//! and says so; `cargo xtask test` brings one.

use std::fs;
use std::path::Path;
use std::process::Command;

use sealift_model::Digest;

use crate::fixture::{FIRST, Fixture, SECOND, flip, put};

fn python() -> Option<String> {
    let python = std::env::var("SEALIFT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import tuf.ngclient"]).output().is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("NOT CHECKED: {python} has no python-tuf; set SEALIFT_TEST_PYTHON");
    }
    found.then_some(python)
}

fn run(python: &str, top: &Path, root: &Path) -> (Option<i32>, String) {
    let output = Command::new(python).args(["-B", "verify.py", "--root"]).arg(root).current_dir(top).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn python_tuf_accepts_what_we_write_and_refuses_what_we_refuse() {
    let Some(python) = python() else { return };
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let second = f.manifest(2, &SECOND, Some(&first));
    let metadata = f.metadata(2, &[&first, &second]);
    let dir = f.path("m");
    f.write(&dir, &first, &metadata);
    f.write(&dir, &second, &metadata);
    let top = dir.join("SEALIFT");
    let (root, wrong) = (f.path("root.json"), f.path("wrong.json"));
    put(&root, &f.root);
    put(&wrong, &Fixture::with_seed(2).root);
    let (code, text) = run(&python, &top, &root);
    assert_eq!((code, text.lines().last()), (Some(0), Some("OK")), "{text}");
    assert_eq!(text.lines().count(), 3, "a line for each bundle: {text}");
    let (code, text) = run(&python, &top, &wrong);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("NOT VERIFIED"), "{text}");

    let buoy = format!("blobs/sha256/{}", Digest::of(b"buoy two"));
    for name in [
        buoy.as_str(),
        "bundles/deb12/1/manifest.json",
        "trust/metadata/timestamp.json",
        "trust/metadata/2.snapshot.json",
        "trust/metadata/2.targets.json",
    ] {
        let before = fs::read(top.join(name)).unwrap();
        flip(&top.join(name));
        let (code, text) = run(&python, &top, &root);
        assert!(code == Some(1) && text.contains("NOT VERIFIED"), "{name}: {text}");
        put(&top.join(name), &before);
    }
    fs::remove_file(top.join(&buoy)).unwrap();
    assert!(run(&python, &top, &root).1.contains("is missing"));
    put(&top.join(&buoy), b"buoy two");
    put(&top.join("blobs/sha256").join(Digest::of(b"x").to_hex()), b"x");
    assert!(run(&python, &top, &root).1.contains("is not listed by any manifest"));
}

#[test]
fn python_tuf_accepts_a_root_that_names_people() {
    let Some(python) = python() else { return };
    let f = crate::people::fixture();
    let top = crate::people::medium(&f, "m", &[]).join("SEALIFT");
    put(&f.path("root.json"), &f.root);
    let (code, text) = run(&python, &top, &f.path("root.json"));
    assert_eq!((code, text.lines().last()), (Some(0), Some("OK")), "{text}");
}
