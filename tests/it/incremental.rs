//! The second bundle builds upon what the site acknowledged, carries only what is new, and is refused elsewhere.

use std::fs;

use serde_json::Value;

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

/// Returns the packages whose blobs a bundle carries, as `name version`.
fn carried(line: &Line, medium: &str, sequence: u32) -> Vec<String> {
    let path = format!("{medium}/SEALIFT/bundles/patches/{sequence}/manifest.json");
    let manifest: Value = serde_json::from_slice(&fs::read(line.path(&path)).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap().iter().filter(|file| file.get("stored").is_some());
    let name = |deb: &Value| format!("{} {}", deb["package"].as_str().unwrap(), deb["version"].as_str().unwrap());
    files.filter_map(|file| file.get("deb").map(name)).collect()
}

#[test]
fn incremental_bundle_carries_only_the_packages_that_the_base_lacks() {
    let line = acknowledged();
    assert_eq!(carried(&line, "media", 1).len(), 4);
    assert_eq!(carried(&line, "media2", 2), ["anchor 2.4-1+sec2"]);
    line.verify("media2/SEALIFT").done();
    line.import("receive", &["media2"]).done();
    line.import("promote", &["--channel", "testing", "2"]).done();
    line.import("publish", &[]).done();
    let pool = line.files("isolated/published/testing");
    assert!(pool.iter().any(|path| path.ends_with("beacon_1.0-1+sec1_all.deb")), "what the base brought: {pool:?}");
}

#[test]
fn at_a_site_without_the_base_it_waits_and_names_it() {
    let line = acknowledged();
    line.site("elsewhere");
    line.import_at("elsewhere", "receive", &["media2"])
        .failed(11, &["refused (gap)", "bundle 1", "What came whole waits"]);
}

#[test]
fn nothing_new_builds_no_bundle() {
    let line = Line::with_bundle();
    let said = line.build("media", &[]).done();
    assert!(said.to_lowercase().contains("nothing new"), "{said}");
    assert!(!line.path("media/SEALIFT/bundles/patches/2").exists());
}
