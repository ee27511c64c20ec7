//! Destination sites: what each said, what is made for it, and what a lost or late receipt costs.

use std::fs;

use serde_json::Value;

use crate::line::Line;

/// Two rounds of fixes: bundle 1 on `media`, received; the site added by its first receipt; the second round synced.
fn registered() -> Line {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("receipt", &["--out", "receipt1.txt"]).done();
    let key = receipt_key(&line, "isolated");
    line.mirror("site add", &["plant-a", "--receipt", "receipt1.txt", "--confirm", &key[..16]]).done();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line
}

fn receipt_key(line: &Line, site: &str) -> String {
    let said = line.import_at(site, "key show", &["--json"]);
    assert_eq!(said.code, 0, "{said}");
    let keys: Value = serde_json::from_str(&said.stdout).unwrap();
    keys["receipt_key"].as_str().unwrap().to_owned()
}

/// Returns what the mirror knows of a site's stream.
fn known(line: &Line, site: &str) -> Value {
    let said = line.mirror("site show", &[site, "--json"]);
    assert_eq!(said.code, 0, "{said}");
    serde_json::from_str::<Value>(&said.stdout).unwrap()["streams"][0].clone()
}

fn base_on(line: &Line, medium: &str, sequence: u32) -> Option<u64> {
    let path = format!("{medium}/SEALIFT/bundles/patches/{sequence}/manifest.json");
    let manifest: Value = serde_json::from_slice(&fs::read(line.path(&path)).unwrap()).unwrap();
    manifest["base"]["sequence"].as_u64()
}

#[test]
fn site_is_added_by_a_first_receipt_whose_key_a_person_confirms() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("receipt", &["--out", "receipt.txt"]).done();
    let before = fs::read(line.path("connected/mirror.toml")).unwrap();
    let add = |more: &[&str]| line.mirror("site add", &[&["plant-a", "--receipt", "receipt.txt"], more].concat());
    add(&[]).refused(2, &["--confirm"]);
    add(&["--confirm", "0123456789abcdef"]).refused(10, &["another key"]);
    let key = receipt_key(&line, "isolated");
    add(&["--confirm", &key[..8]]).refused(10, &[]);
    line.mirror("site add", &["plant-b", "--receipt", "receipt.txt", "--confirm", &key]).failed(10, &["plant-a"]);
    line.mirror("site add", &["plant-c"]).failed(2, &["--receipts never"]);
    assert_eq!(fs::read(line.path("connected/mirror.toml")).unwrap(), before);
    add(&["--confirm", &key]).done();
    assert_eq!(known(&line, "plant-a")["acknowledged"], 1, "the receipt counts at once");
    add(&["--confirm", &key]).done();
    line.mirror("site add", &["plant-a", "--key", &"ab".repeat(32)]).refused(2, &["already a site"]);
    let listed = line.mirror("site list", &[]).done();
    assert!(listed.contains("plant-a"), "{listed}");
}

#[test]
fn a_lost_receipt_or_medium_moves_no_base() {
    let line = registered();
    line.build("media2", &["--for", "plant-a"]).done();
    assert_eq!(base_on(&line, "media2", 2), Some(1));
    let state = known(&line, "plant-a");
    assert_eq!((&state["acknowledged"], &state["made_since"][0]["sequence"]), (&1.into(), &2.into()));
    let again = ["--stream", "patches", "2", "--to", "again", "--for", "plant-a"];
    line.mirror("bundle seal", &again).done();
    line.mirror("bundle seal", &[&again[..6], &["nowhere"]].concat()).failed(2, &["nowhere"]);
    // Nobody knows whether bundle 2 arrived. The next one builds on what was acknowledged, and fits either way.
    line.mirror("withdraw", &["compass=0.9-2+sec1", "--reason", "so that there is something new"]).done();
    line.build("media3", &["--for", "plant-a"]).done();
    assert_eq!(base_on(&line, "media3", 3), Some(1));
    line.copy("isolated", "never-saw-2");
    line.import("receive", &["media2"]).done();
    for site in ["isolated", "never-saw-2"] {
        line.import_at(site, "receive", &["media3"]).done();
    }
    line.import("receipt", &["--out", "receipt3.txt"]).done();
    line.mirror("receipt import", &["receipt3.txt"]).done();
    let state = known(&line, "plant-a");
    assert_eq!((&state["acknowledged"], &state["made_since"]), (&3.into(), &Value::Array(Vec::new())));
}

#[test]
fn an_older_receipt_does_not_take_a_site_back() {
    let line = registered();
    line.build("media2", &["--for", "plant-a"]).done();
    line.import("receive", &["media2"]).done();
    // Receipts say the second they were written in.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    line.import("receipt", &["--out", "receipt2.txt"]).done();
    line.mirror("receipt import", &["receipt2.txt"]).done();
    line.mirror("receipt import", &["receipt1.txt"]).failed(11, &["plant-a"]);
    assert_eq!(known(&line, "plant-a")["acknowledged"], 2);
}

#[test]
fn two_sites_at_different_states_are_served_apart_or_together() {
    let line = registered();
    let arguments = ["init", "second", "--root", "keys/root.json", "--site", "plant-b"];
    line.run(env!("CARGO_BIN_EXE_t-sealift-import"), &arguments).done();
    let key = receipt_key(&line, "second");
    line.mirror("site add", &["plant-b", "--key", &key]).done();
    line.build("media2", &["--for", "plant-b"]).done();
    assert_eq!(base_on(&line, "media2", 2), None, "it acknowledged nothing, so it gets all");
    line.import_at("second", "receive", &["media2"]).done();
    line.import_at("second", "receipt", &["--out", "receipt-b.txt"]).done();
    line.mirror("receipt import", &["receipt-b.txt"]).done();
    line.mirror("withdraw", &["compass=0.9-2+sec1", "--reason", "so that there is something new"]).done();
    let said = line.build("media3", &[]).done();
    assert!(said.contains("Valid from any of these bundles: 1, 2."), "{said}");
    for site in ["isolated", "second"] {
        line.import_at(site, "receive", &["media3"]).done();
    }
}

#[test]
fn a_one_way_site_is_served_by_a_code_on_paper() {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.mirror("site add", &["plant-a", "--receipts", "never", "--believe-codes"]).done();
    assert_eq!(known(&line, "plant-a")["may_hold_nothing"], true);
    let said = line.import("receipt", &["--code", "--json"]);
    let codes: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said}"));
    let code = codes[0]["code"].as_str().unwrap().to_owned();
    let mut wrong = code.clone().into_bytes();
    wrong[7] = if wrong[7] == b'7' { b'8' } else { b'7' };
    let wrong = String::from_utf8(wrong).unwrap();
    line.mirror("receipt import", &["--code", &wrong]).refused(2, &["misread"]);
    let typed = code.to_lowercase().replace('-', " ").replace('0', "o");
    let said = line.mirror("receipt import", &["--code", &typed]).done();
    assert!(said.contains("patches bundle 1") && said.contains("Nobody signed it"), "{said}");
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--for", "plant-a"]).done();
    assert_eq!(base_on(&line, "media2", 2), Some(1));
    // Nothing comes back: it may be at 1 or at 2 now, and the next one is valid from both.
    line.mirror("withdraw", &["compass=0.9-2+sec1", "--reason", "so that there is something new"]).done();
    let said = line.build("media3", &["--for", "plant-a"]).done();
    assert!(said.contains("Valid from any of these bundles: 1, 2."), "{said}");
    line.copy("isolated", "never-saw-2");
    line.import("receive", &["media2"]).done();
    for site in ["isolated", "never-saw-2"] {
        line.import_at(site, "receive", &["media3"]).done();
    }
}
