//! What leaves the register: lists of what is to be done, tables, sheets of paper.

use std::fs;

use serde_json::Value;

use crate::desk::{BUNDLE, Desk};

#[test]
fn monthly_check_lists_what_nobody_looks_after() {
    let desk = Desk::new();
    desk.add("s2", &["--kind", "stick", "--time", "2026-01-05T08:00:00Z"]).done();
    desk.sign("reg", "alice", &["handover", "s1", "--to", "bob"]).done();
    let said = desk.run(&["check", "--monthly", "--json", "--dir", "reg"]);
    assert_eq!(said.code, 3, "{said}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let todo = answer["todo"].as_array().unwrap();
    let has = |medium: Value, code: &str| todo.iter().any(|row| row["medium"] == medium && row["code"] == code);
    for (medium, code) in [("s2", "idle"), ("s2", "no-owner"), ("s1", "open")] {
        assert!(has(medium.into(), code), "{medium} {code}: {todo:?}");
    }
    assert!(has(Value::Null, "unchecked"), "{todo:?}");
    assert!(!has("s1".into(), "idle") && !has("s1".into(), "no-owner"), "{todo:?}");
    // A hand-over that bob declines.
    desk.record("bob", "withdrawn", &["s1"]).done();
    desk.record("alice", "assigned", &["s2", "--owner", "carol"]).done();
    desk.record("alice", "seen", &["s2"]).done();
    let check = ["check", "--monthly", "--dir", "reg", "--key", "alice.key", "--passphrase-file", "passphrase"];
    desk.run(&check).done();
}

#[test]
fn tables_and_paper_carry_hostile_text_as_text() {
    let desk = Desk::new();
    let hostile = "=cmd|'/c calc'!A1 <script>alert(1)</script>";
    let what = ["add", "s2", "--label", hostile, "--classification", hostile, "--kind", "stick"];
    desk.sign("reg", "alice", &what).done();
    desk.record("alice", "sanitised", &["s2", "--method", "overwritten"]).done();
    let authority = ["s2", "--bundle", BUNDLE, "--method", "m", "--authority", "@CHG-1", "--requester", "+bob"];
    desk.record("alice", "written", &authority).done();
    desk.sign("reg", "alice", &["handover", "s2", "--to", "bob"]).done();
    let register = desk.run(&["export", "--register", "--dir", "reg"]).done();
    assert_eq!(register.lines().count(), 3);
    assert!(register.contains("\"'=cmd|"), "{register}");
    let transfers = desk.run(&["export", "--transfers", "--format", "csv", "--dir", "reg"]).done();
    assert!(transfers.contains("\"'@CHG-1\",\"'+bob\",\"patches/12 volume 3 of 5\",\"sha256:aaaa"), "{transfers}");
    assert!(transfers.contains("\"handed-over\",\"movement\",\"alice\",\"\""), "{transfers}");
    desk.run(&["label", "s2", "--html", "label.html", "--dir", "reg"]).done();
    desk.run(&["handover-sheet", "s2", "--html", "sheet.html", "--dir", "reg"]).done();
    desk.run(&["handover-sheet", "s1", "--html", "none.html", "--dir", "reg"]).failed(2, &["never handed over"]);
    for file in ["label.html", "sheet.html"] {
        let html = fs::read_to_string(desk.path(file)).unwrap();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
        assert!(html.contains("<svg") && !html.contains("http://") && !html.contains("https://"), "{html}");
    }
    let control =
        desk.sign("reg", "alice", &["add", "s3", "--label", "a\u{1b}[2J", "--classification", "c", "--kind", "disc"]);
    control.failed(2, &["invisible characters"]);
}
