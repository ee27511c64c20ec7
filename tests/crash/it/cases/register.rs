//! The register of media.

use std::path::Path;

use super::Case;
use super::desk::once;
use crate::world::{Line, Worlds};

const NEEDS: &[&str] = &["register", "people", "passphrase"];
const WHY: &str = "--place hall --purpose updates --passphrase-file passphrase";

fn by(person: &str, line: &str) -> String {
    format!("{line} --dir register --key people/{person}.key {WHY}")
}

fn begin() -> String {
    format!("init register --name media --keeper alice --key people/alice.key {WHY}")
}

fn add() -> String {
    by("alice", "add stick-07 --label updates --kind stick --classification internal --owner alice")
}

fn written() -> String {
    let bundle = format!("patches/1=sha256:{}", "ab".repeat(32));
    by("alice", &format!("record written stick-07 --bundle {bundle} --method copied"))
}

fn handover() -> String {
    by("alice", "handover stick-07 --to bob")
}

pub fn cases() -> Vec<Case> {
    let case = |name, from, line: &str| super::case(name, from, NEEDS, "media", line);
    vec![
        once("custodians", &["people", "passphrase"], "media-init", "media", &begin()),
        case("media-person", "register-begun", &by("alice", "person add bob --public people/bob.pub --may carry")),
        case("media-add", "register-of-two", &add()),
        case("media-record", "medium-added", &written()),
        case("media-handover", "medium-written", &handover()),
    ]
}

pub fn make_steps(worlds: &Worlds) {
    let nothing = |_: &Path| ();
    let media = |line: &str| Line::new("media", line);
    let people = ["alice", "bob"].map(|name| Line::new("person", &format!("people {name} passphrase")));
    worlds.derive("custodians", Some("nothing"), &nothing, &people);
    worlds.derive("register-begun", Some("custodians"), &nothing, &[media(&begin())]);
    let bob = by("alice", "person add bob --public people/bob.pub --may carry");
    worlds.derive("register-of-two", Some("register-begun"), &nothing, &[media(&bob)]);
    let wiped = by("alice", "record sanitised stick-07 --method overwritten");
    worlds.derive("medium-added", Some("register-of-two"), &nothing, &[media(&add()), media(&wiped)]);
    worlds.derive("medium-written", Some("medium-added"), &nothing, &[media(&written())]);
}
