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
fn older_bundle_that_is_still_listed_fills_its_place_and_sets_nothing_back() {
    let mut line = Line::with_bundle();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--full"]).done();
    line.import("receive", &["media2"]).done();
    let held = |floors: &str| floors.split("\"streams\"").nth(1).unwrap().to_owned();
    let before = held(&fs::read_to_string(line.path("isolated/trust/floor.json")).unwrap());
    line.import("receive", &["media"]).done();
    let bundles = line.import("bundles", &["--json"]).done();
    assert!(bundles.contains("\"sequence\": 1,"), "{bundles}");
    assert_eq!(held(&fs::read_to_string(line.path("isolated/trust/floor.json")).unwrap()), before);
}
