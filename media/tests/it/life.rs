//! A medium's whole life, told by the people who have it: two copies, two sides, mistakes included.

use std::fs;

use serde_json::Value;

use crate::desk::{BUNDLE, Desk, number};

#[test]
fn whole_life_of_a_stick_with_two_people_on_two_sides() {
    let desk = Desk::new();
    desk.record("alice", "sanitised", &["s1", "--method", "overwritten once"]).done();
    // The wrong stick is in the drive.
    let wrong = ["s1", "--bundle", BUNDLE, "--method", "m", "--serial", "FFFF"];
    desk.record("alice", "written", &wrong).refused(12, &["FFFF", "4C530001"]);
    desk.write("alice", "s1").done();
    desk.record("alice", "sealed", &["s1", "--seal", "A-0017"]).done();
    desk.write("alice", "s1").refused(12, &["sealed with A-0017", "record received s1"]);
    // Bob does not have it yet, and cannot say that he does.
    desk.record("bob", "received", &["s1", "--seal", "A-0017"]).refused(12, &["is with alice"]);
    desk.sign("reg", "alice", &["handover", "s1", "--to", "alice"]).refused(12, &["alice cannot be both"]);
    let said = desk.sign("reg", "alice", &["handover", "s1", "--to", "bob", "--out", "carried.json"]).done();
    assert!(said.contains("countersign s1"), "{said}");
    assert_eq!(desk.condition("reg", "s1"), ("hand-over open".to_owned(), "alice".to_owned()));
    // While it is open, nothing else happens, and nobody but bob closes it.
    desk.record("alice", "seen", &["s1"]).refused(12, &["waits for the countersignature of bob"]);
    desk.sign("reg", "carol", &["countersign", "s1"]).refused(12, &["bob has to countersign, not carol"]);
    desk.sign("reg", "alice", &["countersign", "s1"]).refused(12, &["bob has to countersign, not alice"]);

    // Bob countersigns on the other side's copy, which has everything but the open record.
    desk.copy("reg", "inside");
    let open = desk.records("inside/media/s1").pop().unwrap();
    fs::remove_file(&open).unwrap();
    let heads = fs::read_to_string(desk.path("inside/heads.json")).unwrap();
    let before = desk.records("inside/media/s1").pop().unwrap();
    let (old, new) = (digest_of(&desk, "reg", 5), digest_of(&desk, "reg", 4));
    assert_eq!(number(&before), 4);
    let heads = heads
        .replace(&format!("{{\"number\":5,\"sha256\":\"{old}\"}}"), &format!("{{\"number\":4,\"sha256\":\"{new}\"}}"));
    fs::write(desk.path("inside/heads.json"), heads).unwrap();
    desk.sign("inside", "bob", &["countersign", "s1", "--record", "carried.json"]).done();
    assert_eq!(desk.condition("inside", "s1"), ("in transit".to_owned(), "bob".to_owned()));
    // He finds another seal than the one that was put on: true, so recorded, and not passed over.
    let said =
        desk.record_at("inside", "bob", "received", &["s1", "--seal", "A-0018"]).failed(3, &["A-0017", "A-0018"]);
    assert!(said.contains("Recorded received"), "{said}");
    let load = ["s1", "--bundle", BUNDLE, "--result", "good"];
    desk.record_at("inside", "bob", "imported", &load).done();

    // The copy comes back and continues the one that stayed.
    let said = desk.merge("reg", "inside").done();
    assert!(said.contains("s1: 3 records more"), "{said}");
    assert_eq!(desk.condition("reg", "s1"), ("to sanitise".to_owned(), "bob".to_owned()));
    desk.write("bob", "s1").refused(12, &["not sanitised since", "record sanitised s1"]);
    let monthly = desk.run(&["check", "--monthly", "--dir", "reg"]).failed(3, &[]);
    assert!(monthly.contains("seal A-0017 was put on, seal A-0018 was found"), "{monthly}");
    desk.record("bob", "sanitised", &["s1", "--method", "overwritten once"]).done();
    desk.write("bob", "s1").done();

    // Its end takes two people too.
    let end = ["s1", "--method", "shredded", "--witness"];
    desk.record("bob", "destroyed", &[&end[..], &["bob"]].concat()).refused(12, &["two are needed"]);
    desk.record("bob", "destroyed", &[&end[..], &["carol"]].concat()).done();
    let said = desk.sign("reg", "carol", &["countersign", "s1"]).done();
    assert!(!said.contains("Next:"), "nothing is to be done about what is no more: {said}");
    assert_eq!(desk.condition("reg", "s1").0, "destroyed");
    desk.record("bob", "seen", &["s1"]).refused(12, &["destroyed"]);
    desk.check("reg").done();
    // The log keeps what was strange, though the medium was sanitised since.
    let transfers = desk.run(&["export", "--transfers", "--dir", "reg"]).done();
    let received = transfers.lines().find(|line| line.contains("\"received\"")).unwrap();
    assert!(received.contains("seal A-0017 was put on, seal A-0018 was found"), "{received}");
}

#[test]
fn what_is_given_by_mistake_is_named_and_not_recorded() {
    let desk = Desk::new();
    // The machine's own disk is no stick.
    desk.add("s2", &["--kind", "stick", "--at", "/"]).refused(1, &["--serial TEXT"]);
    desk.record("alice", "written", &["s1"]).refused(2, &["--report FILE"]);
    desk.record("alice", "imported", &["s1"]).refused(2, &["--ledger-line FILE"]);
    desk.private("note", "{}");
    desk.sign("reg", "bob", &["countersign", "s1", "--record", "note"]).refused(10, &["note is no record", "--out"]);
    desk.merge("reg", "note").refused(10, &["note is no record"]);
    // The id of one bundle under the name of another.
    desk.record("alice", "sanitised", &["s1", "--method", "overwritten once"]).done();
    desk.write("alice", "s1").done();
    let (id, _volume) = BUNDLE.trim_start_matches("patches/12").split_once(':').unwrap();
    let other = ["s1", "--bundle", &format!("patches/13{id}"), "--result", "good"];
    desk.record("alice", "imported", &other).failed(3, &["patches/13 was read from it, and nothing here says"]);
    let same = ["s1", "--bundle", &format!("patches/12{id}"), "--result", "good"];
    desk.record("alice", "imported", &same).done();
    // It goes away open: the log says so in the line of the hand-over, which was completed by another record.
    desk.sign("reg", "alice", &["handover", "s1", "--to", "bob"]).done();
    desk.sign("reg", "bob", &["countersign", "s1"]).failed(3, &["without a seal"]);
    let transfers = desk.run(&["export", "--transfers", "--dir", "reg"]).done();
    assert!(transfers.contains("\"both signed; went away with content and without a seal\""), "{transfers}");
}

fn digest_of(desk: &Desk, dir: &str, number: u64) -> String {
    let shown: Value = serde_json::from_str(&desk.run(&["show", "s1", "--json", "--dir", dir]).stdout).unwrap();
    let row = shown["records"].as_array().unwrap().iter().find(|row| row["number"] == number).unwrap();
    row["digest"].as_str().unwrap().to_owned()
}

#[test]
fn discs_are_written_once_and_lost_media_take_no_more_events() {
    let desk = Desk::new();
    desk.add("d1", &["--kind", "disc", "--write-once"]).done();
    desk.write("alice", "d1").done();
    let second = ["d1", "--bundle", &BUNDLE.replace("3/5", "4/5"), "--method", "m"];
    desk.record("alice", "written", &second).refused(12, &["written once", "another medium"]);
    desk.record("alice", "sanitised", &["d1", "--method", "m"]).refused(12, &["written once"]);
    desk.record("carol", "lost", &["d1"]).refused(12, &["may not keep the register"]);
    desk.record("alice", "lost", &["d1"]).done();
    desk.sign("reg", "alice", &["handover", "d1", "--to", "bob"]).refused(12, &["lost"]);
    // Its serial number is free for the next one; that of a medium in use is not.
    desk.add("s2", &["--kind", "stick", "--serial", "4C530001"]).refused(12, &["medium s1 has the serial number"]);
    desk.add("s1", &["--kind", "stick"]).refused(12, &["there is a medium s1 already"]);
}

#[test]
fn only_people_of_the_register_sign_and_only_while_they_are_appointed() {
    let desk = Desk::new();
    desk.record("mallory", "seen", &["s1"]).refused(12, &["not among the keys"]);
    desk.sign("reg", "bob", &["person", "add", "mallory", "--public", "mallory.pub"])
        .refused(12, &["bob may not keep"]);
    let again = ["person", "add", "mallory", "--public", "bob.pub"];
    desk.sign("reg", "alice", &again).refused(12, &["is or was that of bob"]);
    desk.sign("reg", "alice", &["person", "retire", "alice"]).refused(12, &["last one who may keep"]);
    let over = ["person", "add", "mallory", "--public", "mallory.pub", "--until", "2020-01-01T00:00:00Z"];
    desk.sign("reg", "alice", &over).refused(2, &["would have ended already"]);
    desk.sign("reg", "alice", &[&over[..], &["--time", "2019-12-01T00:00:00Z"]].concat()).done();
    desk.record("mallory", "seen", &["s1"]).refused(12, &["ended at 2020-01-01"]);
    desk.record("bob", "seen", &["s1"]).done();
    desk.sign("reg", "alice", &["person", "retire", "bob"]).done();
    desk.record("bob", "seen", &["s1"]).refused(12, &["not among the keys"]);
    // What he signed before still holds.
    desk.check("reg").done();
}
