//! Bundles against what a site may hold: valid from several states, sent again in part, withdrawn in part.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::first_bundle::register_site;
use crate::line::Line;

/// Returns the manifest of a bundle on a medium.
fn manifest(line: &Line, medium: &str, sequence: u32) -> Value {
    let path = format!("{medium}/SEALIFT/bundles/patches/{sequence}/manifest.json");
    serde_json::from_slice(&fs::read(line.path(&path)).unwrap()).unwrap()
}

/// Returns the packages that a bundle carries, as `name version`.
fn carried(line: &Line, medium: &str, sequence: u32) -> Vec<String> {
    let manifest = manifest(line, medium, sequence);
    let files = manifest["files"].as_array().unwrap().iter().filter(|file| file.get("stored").is_some());
    let name = |deb: &Value| format!("{} {}", deb["package"].as_str().unwrap(), deb["version"].as_str().unwrap());
    files.filter_map(|file| file.get("deb").map(name)).collect()
}

/// Returns the bytes of the blobs on a medium.
fn blob_bytes(line: &Line, medium: &str) -> u64 {
    let dir = line.path(medium).join("SEALIFT/blobs/sha256");
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn select(line: &Line, packages: &str) {
    let file = line.path("connected/mirror.toml");
    let text = fs::read_to_string(&file).unwrap();
    let rule = text.lines().find(|line| line.starts_with("packages = ")).unwrap().to_owned();
    fs::write(&file, text.replace(&rule, &format!("packages = {packages}"))).unwrap();
    line.mirror("sync", &[]).done();
}

/// Three bundles, each complete and each with other content: bundle 1 has the older anchor, bundle 3 no compass.
fn three_states() -> Line {
    let mut line = Line::with_bundle();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--full"]).done();
    select(&line, "[\"beacon\", \"anchor\"]");
    line.build("media3", &["--full"]).done();
    select(&line, "[\"beacon\", \"compass\", \"anchor\"]");
    line
}

#[test]
fn delta_valid_from_several_states_is_imported_from_each_of_them() {
    let line = three_states();
    let said = line.build("media4", &["--possible", "1..3"]).done();
    assert!(said.contains("Valid from any of these bundles: 1, 2, 3."), "{said}");
    assert_eq!(carried(&line, "media4", 4), ["anchor 2.4-1+sec2", "compass 0.9-2+sec1"]);
    line.verify("media4/SEALIFT").done();
    let mut published = BTreeSet::new();
    for (dir, medium) in [("site1", "media"), ("site2", "media2"), ("site3", "media3")] {
        line.site(dir);
        line.import_at(dir, "receive", &[medium]).done();
        line.import_at(dir, "receive", &["media4"]).done();
        line.import_at(dir, "promote", &["--channel", "testing", "4"]).done();
        line.import_at(dir, "publish", &[]).done();
        let pool = line.files(&format!("{dir}/published/testing"));
        published.insert(pool.into_iter().filter(|path| path.strip_suffix(".deb").is_some()).collect::<Vec<_>>());
    }
    assert_eq!(published.len(), 1, "whatever it was at, each site publishes the same: {published:?}");
    line.site("empty");
    line.import_at("empty", "receive", &["media4"]).failed(11, &[]);
}

#[test]
fn delta_for_fewer_states_is_smaller_and_refused_where_it_lacks_something() {
    let line = three_states();
    line.build("media4", &["--possible", "2"]).done();
    assert_eq!(carried(&line, "media4", 4), Vec::<String>::new(), "bundle 2 has it all");
    line.site("site3");
    line.import_at("site3", "receive", &["media3"]).done();
    line.import_at("site3", "receive", &["media4"]).failed(11, &[]);
}

#[test]
fn a_lost_medium_costs_what_was_on_it_and_one_request() {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    register_site(&line);
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--base", "1"]).done();
    select(&line, "[\"beacon\", \"anchor\"]");
    line.build("media3", &["--base", "2"]).done();
    // The second disc never arrives; the third cannot do without it.
    assert_eq!(carried(&line, "media3", 3), Vec::<String>::new());
    line.import("receive", &["media3"]).failed(11, &[]);
    fs::create_dir(line.path("out")).unwrap();
    line.import("request", &["--to", "out"]).done();
    let request = "out/request-patches-3.txt";
    let keys = ["--keys", "keys", "--passphrase-file", "passphrase"];
    let ask = |more: &[&str]| line.mirror("bundle repair", &[&["--request", request], &keys[..], more].concat());
    ask(&["--plan"]).done();
    ask(&["--to", "repair"]).done();
    let text = fs::read_to_string(line.path(request)).unwrap();
    let wanted = text.lines().filter(|line| line.starts_with("blob: ") || line.starts_with("content: "));
    let lost: u64 = wanted.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert!(lost > 0);
    assert_eq!(blob_bytes(&line, "repair"), lost, "exactly those blobs");
    line.verify("repair/SEALIFT").done();
    line.import("receive", &["repair"]).done();
    let bundles = line.import("bundles", &[]).done();
    assert!(bundles.contains("patches/3"), "{bundles}");
    line.import("promote", &["--channel", "testing", "3"]).done();
    line.import("publish", &[]).done();
    let pool = line.files("isolated/published/testing");
    assert!(pool.iter().any(|path| path.ends_with("anchor_2.4-1+sec2_all.deb")), "{pool:?}");
}

#[test]
fn a_forged_request_makes_no_medium() {
    let line = Line::with_bundle();
    register_site(&line);
    let forged = "sealift request 1\nsite: plant-a\nissued: 2026-11-22T16:00:00Z\n";
    fs::write(line.path("request.txt"), forged).unwrap();
    let keys = ["--keys", "keys", "--passphrase-file", "passphrase"];
    let arguments = [&["--request", "request.txt", "--to", "repair"], &keys[..]].concat();
    line.mirror("bundle repair", &arguments).failed(10, &["Nothing was written."]);
    assert!(!line.path("repair/SEALIFT").exists());
}

#[test]
fn withdrawn_content_is_carried_no_more_and_honoured_on_the_other_side() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("promote", &["--channel", "production", "1"]).done();
    line.import("publish", &[]).done();
    let offered = |line: &Line| {
        let files = line.files("isolated/published/production");
        files.into_iter().filter(|path| path.ends_with("compass_0.9-2+sec1_all.deb")).count()
    };
    assert_eq!(offered(&line), 1);
    line.mirror("withdraw", &["compass=9", "--reason", "x"]).refused(2, &["compass=9"]);
    line.mirror("withdraw", &["compass=0.9-2+sec1", "--reason", "points south"]).done();
    let said = line.build("media2", &["--base", "1"]).done();
    assert!(said.contains("Withdrawn, and left out: compass 0.9-2+sec1"), "{said}");
    assert_eq!(manifest(&line, "media2", 2)["withdrawn"].as_array().unwrap().len(), 1);
    let shown = line.mirror("bundle show", &["--stream", "patches", "2"]).done();
    assert!(shown.contains("withdrawn: sha256:"), "{shown}");
    let seen = line.run(env!("CARGO_BIN_EXE_t-sealift-bundle"), &["inspect", "media2"]).done();
    assert!(seen.contains("withdrawn: sha256:"), "{seen}");
    let again = line.build("media3", &[]).done();
    assert!(again.contains("Nothing new"), "{again}");
    line.import("receive", &["media2"]).done();
    line.import("promote", &["--channel", "testing", "1"]).failed(11, &["compass"]);
    line.import("publish", &[]).failed(11, &["compass"]);
    line.import("promote", &["--channel", "production", "2"]).done();
    line.import("publish", &[]).done();
    assert_eq!(offered(&line), 0, "what was withdrawn is offered to nobody");
    // A later bundle that brings it back is none that this mirror makes; one that did is refused (import/tests/it).
    let listed = line.mirror("withdraw", &[]).done();
    assert!(listed.contains("points south"), "{listed}");
}
