//! The first patch that reaches a host: upstream, bundle, medium, repository, two hosts in two groups, receipt.

use std::fs;
use std::process::Command;

use sealift_tests::host;
use serde_json::Value;

use crate::line::Line;

#[test]
fn patch_signed_upstream_arrives_on_hosts_and_the_records_show_it() {
    let line = Line::with_bundle();
    line.verify("media/SEALIFT").done();
    if let Some(program) = host::missing() {
        eprintln!("NOT CHECKED: {program} is missing, so no host can be made");
        return;
    }
    line.hosts();
    assert_eq!(line.installed("web1", "beacon"), "1.0-1 (install ok installed)");
    for group in ["web", "db"] {
        let plan = format!("plan-{group}.json");
        line.apply("plan", &["--group", group, "--out", &plan]).done();
        line.apply("run", &[&plan]).done();
    }
    for host in ["web1", "db1"] {
        assert_eq!(line.installed(host, "beacon"), "1.0-1+sec1 (install ok installed)");
        assert_eq!(line.installed(host, "libbeacon1"), "1.0-1+sec1 (install ok installed)");
        assert_eq!(line.installed(host, "anchor"), "2.4-1+sec1 (install ok installed)");
    }
    line.apply("verify", &[]).done();
    let records = line.apply("records", &["--host", "db1"]).done();
    assert!(records.contains("before") && records.contains("after"), "{records}");
}

#[test]
fn second_sync_with_nothing_new_downloads_nothing_and_says_so() {
    let line = Line::with_bundle();
    line.server.take_asked();
    let said = line.mirror("sync", &[]).done();
    assert!(said.contains("Nothing new."), "{said}");
    let asked = line.server.take_asked();
    assert!(asked.iter().all(|path| path.ends_with("Release")), "asked for {asked:?}");
}

#[test]
fn medium_checks_with_sha256sum_alone() {
    let line = Line::with_bundle();
    let mut command = Command::new("sha256sum");
    let output = command.args(["--check", "SHA256SUMS"]).current_dir(line.path("media/SEALIFT")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap().lines().count();
    assert_eq!(listed, line.files("media/SEALIFT").len() - 1, "every file but the list itself is listed");
}

#[test]
fn receipt_comes_back_and_is_accepted_for_the_site_that_signed_it_only() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("receipt", &["--out", "receipt.txt"]).done();
    line.mirror("receipt import", &["receipt.txt"]).refused(10, &["plant-a"]);
    register_site(&line);
    line.mirror("receipt import", &["receipt.txt"]).done();
    let forged = fs::read_to_string(line.path("receipt.txt")).unwrap().replace("patches 1 ", "patches 9 ");
    fs::write(line.path("forged.txt"), forged).unwrap();
    line.mirror("receipt import", &["forged.txt"]).refused(10, &[]);
}

/// Pins the site's receipt key in mirror.toml, as the operator does by hand.
pub fn register_site(line: &Line) {
    let said = line.import("key show", &["--json"]);
    assert_eq!(said.code, 0, "{said}");
    let keys: Value = serde_json::from_str(&said.stdout).unwrap();
    let key = keys["receipt_key"].as_str().unwrap();
    line.append("connected/mirror.toml", &format!("\n[[site]]\nname = \"plant-a\"\nreceipt_key = \"{key}\"\n"));
}
