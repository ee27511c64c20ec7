//! Records that are damaged, missing, inserted, cut off, or made on two copies at once.

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, WHY, flip};

#[test]
fn names_the_first_record_that_is_damaged_missing_or_inserted() {
    let desk = Desk::new();
    desk.write("alice", "s1").failed(3, &["without having been sanitised"]);
    for seal in ["A-1", "A-2", "A-3"] {
        desk.record("alice", "sealed", &["s1", "--seal", seal]).done();
        desk.record("alice", "received", &["s1", "--seal", seal]).done();
    }
    desk.check("reg").done();
    let files = desk.records("reg/media/s1");
    assert_eq!(files.len(), 8);
    for (at, path) in files.iter().enumerate() {
        let (name, whole) = (path.file_name().unwrap().to_str().unwrap(), fs::read(path).unwrap());
        flip(path);
        let said = desk.check("reg").refused(10, &[name, "damaged"]);
        assert!(said.starts_with("Error: ") || said.contains("Error: media/s1/"), "{said}");
        fs::remove_file(path).unwrap();
        desk.check("reg").refused(10, &[&format!("Error: record {} of media/s1 is missing", at + 1)]);
        desk.record("alice", "seen", &["s1"]).refused(10, &["is missing"]);
        desk.run(&["export", "--transfers", "--dir", "reg"]).refused(10, &["is missing"]);
        let list = desk.run(&["list", "--dir", "reg"]).failed(10, &["is missing"]);
        assert!(at == 0 || list.contains("damaged"), "what it was before is not what it is: {list}");
        fs::write(path, whole).unwrap();
    }
    // A record of another medium, under a name that fits; and a file that is none.
    desk.add("s2", &["--kind", "stick"]).done();
    let foreign = desk.records("reg/media/s2").pop().unwrap();
    let name = foreign.file_name().unwrap().to_str().unwrap().replacen('1', "9", 1);
    fs::copy(&foreign, desk.path("reg/media/s1").join(&name)).unwrap();
    desk.check("reg").refused(10, &[&name]);
    fs::remove_file(desk.path("reg/media/s1").join(&name)).unwrap();
    fs::write(desk.path("reg/media/s1/notes.txt"), "x").unwrap();
    desk.check("reg").refused(10, &["notes.txt does not belong"]);
    fs::remove_file(desk.path("reg/media/s1/notes.txt")).unwrap();
    fs::remove_file(desk.path("reg/heads.json")).unwrap();
    desk.check("reg").refused(10, &["heads.json"]);
}

#[test]
fn a_signed_check_shows_that_the_end_of_a_chain_was_cut_off() {
    let desk = Desk::new();
    desk.copy("reg", "early");
    desk.record("alice", "lost", &["s1"]).done();
    let check = ["check", "--monthly", "--dir", "reg", "--key", "alice.key", "--passphrase-file", "passphrase"];
    let said = desk.run(&check).done();
    assert!(said.contains("Signed the check: checks/"), "{said}");
    // Somebody puts the register of yesterday back, with the list of last records that belongs to it.
    fs::remove_file(desk.records("reg/media/s1").pop().unwrap()).unwrap();
    fs::copy(desk.path("early/heads.json"), desk.path("reg/heads.json")).unwrap();
    desk.check("early").done();
    desk.check("reg").refused(10, &["names record 2 of media/s1, which is no longer there"]);
    let other = "sha256:".to_owned() + &"ab".repeat(32);
    desk.run(&["check", "--dir", "early", "--register", &other]).refused(10, &["not abababababab"]);
}

#[test]
fn both_copies_wrote_and_a_keeper_settles_it() {
    let desk = Desk::new();
    desk.copy("reg", "inside");
    desk.record("alice", "sealed", &["s1", "--seal", "A-1"]).done();
    desk.record_at("inside", "carol", "seen", &["s1"]).done();
    let said = desk.merge("reg", "inside").failed(3, &[]);
    assert!(said.contains("both copies wrote"), "{said}");
    let again = desk.merge("reg", "inside").failed(3, &[]);
    assert_eq!(said, again);
    let said = desk.check("reg").failed(3, &[]);
    assert!(said.contains("other records of it"), "{said}");
    let shown: Value = serde_json::from_str(&desk.run(&["show", "s1", "--json", "--dir", "reg"]).stdout).unwrap();
    let branch = shown["branches"][0].as_str().unwrap().split(' ').next().unwrap().to_owned();
    let join = ["s1", "--branch", &branch, "--holder", "carol"];
    desk.record("bob", "joined", &join).refused(12, &["bob may not keep"]);
    desk.record("alice", "joined", &["s1", "--branch", "00000000", "--holder", "carol"]).refused(2, &["no branch"]);
    desk.record("alice", "joined", &join).done();
    desk.check("reg").done();
    // The other side takes the settled chain, and nothing of either is lost.
    let said = desk.merge("inside", "reg").done();
    assert!(said.contains("accounts for what was written here"), "{said}");
    desk.check("inside").done();
    assert_eq!(desk.condition("inside", "s1").1, "carol");
    assert_eq!(
        desk.records("inside/media/s1"),
        desk.records("reg/media/s1")
            .iter()
            .map(|p| { desk.path("inside/media/s1").join(p.file_name().unwrap()) })
            .collect::<Vec<_>>()
    );
    desk.merge("reg", "inside").done();
}

#[test]
fn registers_of_other_sites_and_damaged_copies_are_not_merged() {
    let desk = Desk::new();
    let begin = ["init", "other", "--name", "media of plant B", "--keeper", "alice", "--key", "alice.key"];
    desk.run(&[&begin[..], &WHY, &["--passphrase-file", "passphrase"]].concat()).done();
    desk.merge("reg", "other").refused(10, &["this is register"]);
    desk.copy("reg", "inside");
    desk.record_at("inside", "alice", "seen", &["s1"]).done();
    flip(&desk.records("inside/media/s1").pop().unwrap());
    let before = desk.records("reg/media/s1");
    desk.merge("reg", "inside").refused(10, &["damaged"]);
    assert_eq!(desk.records("reg/media/s1"), before);
    // People are changed on one copy only.
    desk.copy("reg", "third");
    desk.sign("reg", "alice", &["policy", "--reuse", "warn"]).done();
    desk.sign("third", "alice", &["policy", "--reuse", "off"]).done();
    desk.merge("reg", "third").refused(10, &["both copies of the register changed its people after record 3"]);
}

#[test]
fn what_was_cut_off_is_finished_and_the_same_words_are_one_record() {
    let desk = Desk::new();
    let heads = fs::read(desk.path("reg/heads.json")).unwrap();
    desk.record("alice", "sealed", &["s1", "--seal", "A-1"]).done();
    // The record was written; the list of last records was not.
    fs::write(desk.path("reg/heads.json"), &heads).unwrap();
    fs::write(desk.path("reg/media/s1/.tmp-left-over"), "").unwrap();
    desk.check("reg").done();
    let said = desk.record("alice", "sealed", &["s1", "--seal", "A-1"]).done();
    assert!(said.contains("says so already"), "{said}");
    assert_eq!(desk.condition("reg", "s1").0, "empty");
    desk.record("alice", "received", &["s1", "--seal", "A-1"]).done();
    assert!(!desk.path("reg/media/s1/.tmp-left-over").exists());
    assert_ne!(fs::read(desk.path("reg/heads.json")).unwrap(), heads);
    // A register whose beginning was cut off begins again by the same command, and by no other.
    fs::create_dir(desk.path("new")).unwrap();
    desk.copy("reg/people", "new/people");
    for path in desk.records("new/people").iter().skip(1) {
        fs::remove_file(path).unwrap();
    }
    let begin = ["init", "new", "--name", "media of plant A", "--keeper", "alice", "--key", "alice.key"];
    desk.run(&[&begin[..], &WHY, &["--passphrase-file", "passphrase"]].concat()).done();
    desk.run(&[&begin[..], &WHY, &["--passphrase-file", "passphrase"]].concat()).refused(1, &["not empty"]);
    desk.check("new").done();
}

#[test]
fn a_merge_that_was_cut_off_is_finished_by_the_same_merge() {
    let desk = Desk::new();
    desk.copy("reg", "inside");
    for seal in ["A-1", "A-2"] {
        desk.record_at("inside", "alice", "sealed", &["s1", "--seal", seal]).done();
        desk.record_at("inside", "alice", "received", &["s1", "--seal", seal]).done();
    }
    let whole = desk.records("inside/media/s1");
    let heads = fs::read(desk.path("reg/heads.json")).unwrap();
    // Every number of records can have been written before the list of last records was.
    for count in 1..whole.len() {
        desk.copy("reg", &format!("cut-{count}"));
        for path in whole.iter().skip(1).take(count) {
            let to = desk.path(&format!("cut-{count}/media/s1")).join(path.file_name().unwrap());
            fs::copy(path, to).unwrap();
        }
        let said = desk.check(&format!("cut-{count}"));
        assert!(matches!(said.code, 0 | 3), "{said}");
        assert_eq!(fs::read(desk.path(&format!("cut-{count}/heads.json"))).unwrap(), heads);
        desk.merge(&format!("cut-{count}"), "inside").done();
        desk.check(&format!("cut-{count}")).done();
        let merged = fs::read(desk.path(&format!("cut-{count}/heads.json"))).unwrap();
        assert_eq!(merged, fs::read(desk.path("inside/heads.json")).unwrap());
    }
}
