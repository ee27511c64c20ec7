//! The tool as its user meets it: exit codes, both output forms, what a failure says.

use std::process::{Command, Output};

use sealift_model::Digest;

use crate::fixture::{FIRST, Fixture, SECOND, flip, put};

fn tool(args: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-bundle"));
    command.args(args.iter().map(AsRef::as_ref)).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn verify_answers_on_stdout_and_exits_0() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let root = f.path("root.json");
    put(&root, &f.root);
    let output = tool(&[&"verify", &medium, &"--root", &root]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Good: the bundle, its 5 blobs and its upstream chain are as signed."));
    assert!(text(&output.stderr).starts_with("Verified 5 blobs, "), "{}", text(&output.stderr));
    let output = tool(&[&"verify", &medium, &"--root", &root, &"--json", &"-q"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verified"], true);
    assert_eq!(answer["bundles"][0]["upstreams"][0]["packages"], 2);
    assert!(answer["bundles"][0]["manifest"].as_str().unwrap().starts_with("sha256:"));
    assert!(output.stderr.is_empty());
}

#[test]
fn verify_exits_10_for_forgery_and_1_for_faults_and_names_the_thing() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let (root, wrong) = (f.path("root.json"), f.path("wrong.json"));
    put(&root, &f.root);
    put(&wrong, &Fixture::with_seed(2).root);
    let output = tool(&[&"verify", &medium, &"--root", &wrong]);
    let story = text(&output.stderr);
    assert_eq!(code(&output), 10, "{story}");
    assert!(story.contains("Error: refused") && story.contains("required signatures"), "{story}");
    assert!(story.contains("Hint: ") && story.ends_with("Nothing was changed.\n"), "{story}");
    let blob = Digest::of(b"buoy two").to_hex();
    flip(&medium.join("SEALIFT/blobs/sha256").join(&blob));
    let output = tool(&[&"verify", &medium, &"--root", &root]);
    assert_eq!(code(&output), 10);
    assert!(text(&output.stderr).contains(&blob) && output.stdout.is_empty());
    let output = tool(&[&"verify", &f.path("nowhere"), &"--root", &root]);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let output = tool(&[&"verify", &f.path("store"), &"--root", &root]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("no bundle at"), "{}", text(&output.stderr));
    assert_eq!(code(&tool(&[&"verify", &medium])), 2);
}

#[test]
fn verify_exits_11_for_an_expired_bundle() {
    let f = Fixture::new();
    let mut manifest = f.manifest(1, &FIRST, None);
    manifest.created = "2020-01-01T00:00:00Z".parse().unwrap();
    manifest.not_after = "2020-02-01T00:00:00Z".parse().unwrap();
    let dir = f.path("m");
    f.write(&dir, &manifest, &f.metadata(1, &[&manifest]));
    let root = f.path("root.json");
    put(&root, &f.root);
    let output = tool(&[&"verify", &dir, &"--root", &root]);
    assert_eq!(code(&output), 11);
    assert!(text(&output.stderr).contains("bundle deb12 1 expired at 2020-02-01T00:00:00Z"));
}

#[test]
fn inspect_needs_no_root_and_says_that_nothing_is_verified() {
    let f = Fixture::new();
    let output = tool(&[&"inspect", &f.medium("m")]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let answer = text(&output.stdout);
    assert!(answer.contains("Not verified.") && answer.contains("deb12 1 (complete)"), "{answer}");
    let output = tool(&[&"inspect", &f.path("m"), &"--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verified"], false);
    assert_eq!(answer["bundles"][0]["packages"], 2);
}

#[test]
fn foreign_text_never_reaches_the_terminal_raw() {
    let f = Fixture::new();
    let mut manifest = f.manifest(1, &FIRST, None);
    manifest.upstreams[0].uri = "https://example.org/\u{9b}2J\u{202e}".into();
    let dir = f.path("m");
    f.write(&dir, &manifest, &f.metadata(1, &[&manifest]));
    let answer = text(&tool(&[&"inspect", &dir]).stdout);
    assert!(!answer.contains(['\u{9b}', '\u{202e}']) && answer.contains("\\u{9b}2J"), "{answer}");
}

#[test]
fn diff_compares_two_bundles_of_one_medium_or_of_two() {
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let second = f.manifest(2, &SECOND, Some(&first));
    let metadata = f.metadata(2, &[&first, &second]);
    let both = f.path("both");
    f.write(&both, &first, &metadata);
    f.write(&both, &second, &metadata);
    let one = f.medium("one");
    for args in [vec![&one as &dyn AsRef<std::ffi::OsStr>, &both], vec![&both, &both, &"--from", &"1"]] {
        let output = tool(&[&[&"diff" as &dyn AsRef<std::ffi::OsStr>], &args[..]].concat());
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let answer = text(&output.stdout);
        assert!(answer.contains("anchor") && answer.contains("1.0-2"), "{answer}");
        assert!(answer.contains("0 added, 0 removed, 1 updated, 1 unchanged"), "{answer}");
    }
    let output = tool(&[&"diff", &one, &both, &"--to", &"9"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("no such bundle in"));
}

#[test]
fn pack_and_unpack_name_the_next_command() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let (file, dir) = (f.path("m.sealift"), f.path("d"));
    let output = tool(&[&"pack", &medium, &file]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Next: sealift-bundle verify"));
    assert_eq!(code(&tool(&[&"unpack", &file, &dir])), 0);
    let output = tool(&[&"unpack", &file, &dir]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("exists") && text(&output.stderr).ends_with("Nothing was changed.\n"));
    flip(&file);
    assert_eq!(code(&tool(&[&"unpack", &file, &f.path("e")])), 10);
}

#[test]
fn names_typed_or_found_are_spelled_out_in_every_message_and_answer() {
    let f = Fixture::new();
    let odd = "m\u{1b}[2J\u{9b}\u{202e}\n";
    let medium = f.medium(odd);
    put(&f.path("root.json"), &f.root);
    let nowhere = f.path(&format!("{odd}x"));
    put(&f.path("other").join(odd).join("x"), b"x");
    let commands: [&[&dyn AsRef<std::ffi::OsStr>]; 8] = [
        &[&"inspect", &medium],
        &[&"inspect", &medium, &"--json"],
        &[&"verify", &medium, &"--root", &f.path("root.json")],
        &[&"verify", &nowhere, &"--root", &f.path("root.json")],
        &[&"verify", &nowhere, &"--json", &"--root", &nowhere],
        &[&"pack", &medium, &nowhere],
        &[&"unpack", &nowhere, &f.path(&format!("{odd}y")), &"--json"],
        &[&"inspect", &f.path("other").join(odd)],
    ];
    for arguments in commands {
        let output = tool(arguments);
        for said in [text(&output.stdout), text(&output.stderr)] {
            let hidden = said.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
            assert_eq!(hidden, None, "{said:?}");
        }
    }
}

#[test]
fn verify_past_the_page_cache_finds_the_same_and_says_how_it_read() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let root = f.path("root.json");
    put(&root, &f.root);
    let output = tool(&[&"verify", &medium, &"--root", &root, &"--direct"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let said = text(&output.stderr);
    let ways = ["past the page cache", "page cache was dropped", "page cache could not be dropped"];
    assert!(ways.iter().any(|way| said.contains(*way)), "{said}");
    let mut blobs = std::fs::read_dir(medium.join("SEALIFT/blobs/sha256")).unwrap();
    let blob = blobs.next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    put(&blob, &bytes);
    let output = tool(&[&"verify", &medium, &"--root", &root, &"--direct"]);
    assert_eq!(code(&output), 10, "{}", text(&output.stderr));
}
