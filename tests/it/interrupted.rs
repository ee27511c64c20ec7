//! Receive stopped in the middle, by a pulled medium or a kill: the same command finishes it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::line::Line;

#[test]
fn medium_pulled_in_the_middle_is_finished_by_the_same_command() {
    let line = Line::with_bundle();
    let blobs = line.files("media/SEALIFT/blobs");
    let pulled = line.path("media/SEALIFT/blobs").join(&blobs[blobs.len() / 2]);
    fs::rename(&pulled, line.path("aside")).unwrap();
    let said = line.import("receive", &["media"]);
    assert_ne!(said.code, 0, "{said}");
    assert!(!line.import("bundles", &[]).done().contains("patches"), "half a bundle is visible");
    fs::rename(line.path("aside"), pulled).unwrap();
    line.import("receive", &["media"]).done();
    assert!(line.import("bundles", &[]).done().contains("patches"));
    line.import("ledger verify", &[]).done();
}

/// The kill hits another step each time; whichever it is, the repository is whole before and after.
#[test]
fn killed_receive_leaves_all_or_nothing_and_is_finished_by_the_same_command() {
    let line = Line::with_bundle();
    for milliseconds in [5, 15, 30, 60, 120] {
        let mut child = line.start_receive("media");
        sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        line.import("status", &[]).done();
        line.import("ledger verify", &[]).done();
    }
    line.import("receive", &["media"]).done();
    line.import("promote", &["--channel", "testing", "1"]).done();
    line.import("publish", &[]).done();
}
