//! Older media come back: harmless where they are known, refused where they would undo something.

use std::fs;

use crate::line::Line;

#[test]
fn receiving_the_same_medium_again_changes_nothing() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    let before = fs::read(line.path("isolated/trust/floor.json")).unwrap();
    let said = line.import("receive", &["media"]).done();
    assert!(said.contains("already imported"), "{said}");
    assert_eq!(fs::read(line.path("isolated/trust/floor.json")).unwrap(), before);
}

#[test]
fn older_bundle_than_the_newest_imported_is_refused_as_rollback() {
    let mut line = Line::with_bundle();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--full"]).done();
    line.import("receive", &["media2"]).done();
    line.import("receive", &["media"]).refused(11, &["patches"]);
    let bundles = line.import("bundles", &["--json"]).done();
    assert!(!bundles.contains("\"sequence\":1,"), "{bundles}");
}
