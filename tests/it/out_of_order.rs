//! Bundles that arrive in another order than they were built.

use std::fs;

use crate::line::Line;

/// Three bundles on media of their own: the second builds upon the first, the third upon the second.
fn three() -> Line {
    let mut line = Line::with_bundle();
    for (medium, base) in [("media2", "1"), ("media3", "2")] {
        line.upstream.advance(600).unwrap();
        line.mirror("sync", &[]).done();
        line.build(medium, &["--base", base]).done();
    }
    line
}

fn held(line: &Line) -> String {
    let floors = fs::read_to_string(line.path("isolated/trust/floor.json")).unwrap();
    floors.split("\"streams\"").nth(1).unwrap().to_owned()
}

#[test]
fn later_bundles_wait_and_are_accepted_by_themselves() {
    let line = three();
    line.import("receive", &["media3"])
        .failed(11, &["refused (gap)", "What came whole waits", "sealift-import request"]);
    line.import("receive", &["media2"]).failed(11, &["refused (gap)", "bundle 1 of this stream"]);
    let waiting = line.import("waiting", &[]).done();
    assert!(waiting.contains("patches/2") && waiting.contains("patches/3"), "{waiting}");
    let said = line.import("receive", &["media"]).done();
    for number in 1..=3 {
        assert!(said.contains(&format!("Accepted bundle patches/{number} ")), "{said}");
    }
    line.import("promote", &["--channel", "testing", "3"]).done();
    line.import("publish", &["--verify"]).done();
    line.import("ledger verify", &[]).done();
}

#[test]
fn an_earlier_bundle_fills_its_place_and_hosts_do_not_go_back() {
    let line = three();
    line.build("full", &["--full"]).done();
    line.import("receive", &["full"]).done();
    line.import("promote", &["--channel", "testing", "4"]).done();
    line.import("publish", &[]).done();
    let (before, published) = (held(&line), line.files("isolated/published/testing"));
    let said = line.import("receive", &["media2"]);
    assert!(said.stdout.contains("Accepted bundle patches/2 ") || said.code == 11, "{said}");
    assert!(line.import("receive", &["media"]).done().contains("Accepted bundle patches/1 "));
    assert_eq!(held(&line), before, "what is held stays");
    assert_eq!(line.files("isolated/published/testing"), published);
    let lines = line.import("ledger show", &[]).done();
    assert!(lines.contains("late, 4 is held"), "{lines}");
}
