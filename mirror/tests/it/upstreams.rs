//! `init` and `upstream add|list|show`.

use super::*;

fn empty() -> (Mirror, String) {
    let archive = Archive::new();
    let mirror = Mirror::with_config(&archive, "# mine\n");
    let key = mirror.root.path().join("key.asc").display().to_string();
    (mirror, key)
}

const ADD: [&str; 11] = [
    "upstream",
    "add",
    "--name",
    "up",
    "--uri",
    "https://example.org/debian",
    "--suite",
    "bookworm",
    "--component",
    "main",
    "--arch",
];

#[test]
fn an_added_upstream_is_shown_with_the_fingerprints_of_its_keys() {
    let (mirror, key) = empty();
    let add = [&ADD[..], &["amd64", "--signed-by", &key]].concat();
    let added = mirror.run(&add);
    added.expect(0, &["Added up: https://example.org/debian bookworm main [amd64]"]);
    let fingerprint = added.stdout.lines().last().unwrap().trim().to_owned();
    assert_eq!(fingerprint.len(), 40);
    mirror.run(&["upstream", "list"]).expect(0, &["up", "not synced"]);
    mirror.run(&["upstream", "show", "up"]).expect(0, &["codename: -", &fingerprint]);
    assert!(std::fs::read_to_string(mirror.dir().join("mirror.toml")).unwrap().starts_with("# mine\n"));
    mirror.run(&add).expect(2, &["already an upstream `up`", "Nothing was changed."]);
    mirror.run(&["upstream", "show", "other"]).expect(2, &["no upstream `other`"]);
}

#[test]
fn nothing_is_added_without_a_keyring_that_parses() {
    let (mirror, _) = empty();
    let before = std::fs::read(mirror.dir().join("mirror.toml")).unwrap();
    let no_key = mirror.dir().join("mirror.toml").display().to_string();
    mirror.run(&[&ADD[..], &["amd64", "--signed-by", &no_key]].concat()).expect(2, &["is not a keyring"]);
    mirror.run(&[&ADD[..], &["amd64", "--signed-by", "/nonexistent.gpg"]].concat()).expect(2, &["/nonexistent.gpg"]);
    mirror.run(&[&ADD[..], &["amd64"]].concat()).expect(2, &["--signed-by"]);
    assert_eq!(std::fs::read(mirror.dir().join("mirror.toml")).unwrap(), before);
}

#[test]
fn passwords_are_not_taken_from_the_command_line() {
    let (mirror, key) = empty();
    let mut add = [&ADD[..], &["amd64", "--signed-by", &key]].concat();
    add[5] = "https://user:insecure-test-secret@example.org/debian";
    let run = mirror.run(&add);
    run.expect(2, &["user name or password"]);
    assert!(!run.stderr.contains("secret"));
}

#[test]
fn what_apt_follows_is_added_and_the_rest_told() {
    let (mirror, key) = empty();
    let root = mirror.root.path().join("machine");
    for dir in ["etc/apt", "var/lib/dpkg"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    std::fs::write(
        root.join("var/lib/dpkg/status"),
        "Package: dpkg\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n",
    )
    .unwrap();
    std::fs::copy(&key, root.join("etc/key.asc")).unwrap();
    let list =
        "deb [signed-by=/etc/key.asc] https://example.org/debian bookworm main\ndeb https://example.org/x y main\n";
    std::fs::write(root.join("etc/apt/sources.list"), list).unwrap();
    let root = root.display().to_string();
    let from_apt = ["upstream", "add", "--from-apt", "--root", &root];
    let words = ["debian-bookworm", "Skipped /etc/apt/sources.list:2: it names no keys"];
    mirror.run(&[&from_apt[..], &["--dry-run"]].concat()).expect(0, &["Would add", words[0], words[1]]);
    mirror.run(&["upstream", "list"]).expect(0, &["No upstreams."]);
    mirror.run(&from_apt).expect(0, &["Added", words[0], words[1]]);
    mirror.run(&from_apt).expect(0, &["already followed as `debian-bookworm`"]);
    mirror.run(&["upstream", "list", "--json"]).expect(0, &["\"name\": \"debian-bookworm\""]);
}

#[test]
fn init_leaves_other_directories_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    run(dir.path(), &["init"]).expect(1, &["is not empty", "Nothing was changed."]);
    let new = dir.path().join("new");
    run(&new, &["init"]).expect(0, &["Made a mirror in"]);
    run(&new, &["init"]).expect(1, &["already has a mirror.toml"]);
    run(&new, &["sync"]).expect(2, &["no upstream is configured", "upstream add --from-apt"]);
}
