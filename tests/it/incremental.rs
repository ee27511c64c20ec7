//! The second bundle builds upon what the site acknowledged, carries only what is new, and is refused elsewhere.

use crate::first_bundle::register_site;
use crate::line::Line;

fn acknowledged() -> Line {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("receipt", &["--out", "receipt.txt"]).done();
    register_site(&line);
    line.mirror("receipt import", &["receipt.txt"]).done();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &[]).done();
    line
}

#[test]
fn incremental_bundle_carries_only_what_the_base_lacks() {
    let line = acknowledged();
    let (first, second) = (line.files("media/SEALIFT/blobs"), line.files("media2/SEALIFT/blobs"));
    assert!(second.iter().all(|blob| !first.contains(blob)), "{second:?} repeats some of {first:?}");
    assert!(!second.is_empty() && second.len() < first.len(), "{second:?} after {first:?}");
    line.verify("media2/SEALIFT").done();
    line.import("receive", &["media2"]).done();
    let bundles = line.import("bundles", &[]).done();
    assert!(bundles.contains('2'), "{bundles}");
}

#[test]
fn site_without_the_base_refuses_and_names_it() {
    let line = acknowledged();
    line.site("elsewhere");
    line.import_at("elsewhere", "receive", &["media2"]).refused(11, &["base", "1"]);
}

#[test]
fn nothing_new_builds_no_bundle() {
    let line = Line::with_bundle();
    let said = line.build("media", &[]).done();
    assert!(said.to_lowercase().contains("nothing new"), "{said}");
    assert!(!line.path("media/SEALIFT/bundles/patches/2").exists());
}
