//! Promote moves a channel forward, revert moves it back, publish shows what the channel holds.

use std::fs;

use crate::line::Line;

fn index_of(line: &Line, channel: &str) -> String {
    let index = format!("isolated/published/{channel}/dists/lighthouse-security/main/binary-amd64/Packages");
    fs::read_to_string(line.path(&index)).unwrap()
}

#[test]
fn reverted_channel_publishes_the_bundle_before() {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--full"]).done();
    line.import("receive", &["media2"]).done();
    for bundle in ["1", "2"] {
        line.import("promote", &["--channel", "testing", bundle]).done();
    }
    line.import("publish", &["--channel", "testing"]).done();
    assert!(index_of(&line, "testing").contains("Version: 2.4-1+sec2"));
    line.import("revert", &["--channel", "testing"]).done();
    line.import("publish", &["--channel", "testing"]).done();
    let index = index_of(&line, "testing");
    assert!(index.contains("Version: 2.4-1+sec1") && !index.contains("+sec2"), "{index}");
}

#[test]
fn channels_are_apart() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("promote", &["--channel", "testing", "1"]).done();
    line.import("publish", &[]).done();
    assert!(line.path("isolated/published/testing/dists").exists());
    assert!(!line.path("isolated/published/production/dists").exists());
}

#[test]
fn promoting_what_was_never_received_is_refused() {
    let line = Line::with_bundle();
    let said = line.import("promote", &["--channel", "testing", "7"]);
    assert_ne!(said.code, 0, "{said}");
    assert!(said.stderr.contains('7') && said.stderr.contains("Nothing was changed."), "{said}");
}
