//! A disc is lost or damaged: the site asks, the connected side sends what is missing, and nothing else.

use std::fs;

use serde_json::Value;

use crate::first_bundle::register_site;
use crate::line::{Line, Said, flip};

const SIGNING: [&str; 4] = ["--keys", "keys", "--passphrase-file", "passphrase"];

fn discs(line: &Line) -> usize {
    let place = ["--stream", "patches", "--volume-size", "90KB", "--to", "discs", "--json"];
    let said = line.mirror("bundle write", &[&place[..], &SIGNING].concat());
    assert_eq!(said.code, 0, "{said}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    usize::try_from(answer["volumes"].as_u64().unwrap()).unwrap()
}

fn blob_bytes(line: &Line, medium: &str) -> u64 {
    let blobs = line.path(medium).join("SEALIFT/blobs/sha256");
    fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Asks for what is missing of the first bundle, and makes the medium `repair` from that.
fn ask(line: &Line) {
    fs::create_dir_all(line.path("out")).unwrap();
    line.import("request", &["--to", "out"]).done();
    let request = ["--request", "out/request-patches-1.txt", "--to", "repair"];
    line.mirror("bundle repair", &[&request[..], &SIGNING].concat()).done();
    line.verify("repair/SEALIFT").done();
}

/// Asserts that it was done in part, and that it names each of `words`.
#[track_caller]
fn in_part(said: &Said, words: &[&str]) -> String {
    assert_eq!(said.code, 3, "{said}");
    let text = said.to_string();
    for word in words {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
    text
}

#[test]
fn a_lost_disc_costs_what_was_on_it() {
    let line = Line::with_bundle();
    register_site(&line);
    let discs = discs(&line);
    let lost = blob_bytes(&line, "discs/volume-2");
    for number in (1..=discs).filter(|number| *number != 2) {
        in_part(&line.import("receive", &[&format!("discs/volume-{number}")]), &[&format!("volume 2 of {discs}")]);
    }
    ask(&line);
    let sent = blob_bytes(&line, "repair");
    assert!(sent * 100 <= lost * 101, "{sent} bytes for {lost}");
    assert!(line.import("receive", &["repair"]).done().contains("Accepted bundle patches/1"));
    line.import("promote", &["--channel", "testing", "1"]).done();
    line.import("publish", &["--verify"]).done();
    // The disc turns up again: it does no harm.
    assert!(line.import("receive", &["discs/volume-2"]).done().contains("already imported"));
}

#[test]
fn a_damaged_medium_costs_what_is_damaged() {
    let line = Line::with_bundle();
    register_site(&line);
    let blob = &line.files("media/SEALIFT/blobs/sha256")[0];
    let path = line.path("media/SEALIFT/blobs/sha256").join(blob);
    let size = fs::metadata(&path).unwrap().len();
    flip(&path);
    let said = line.import("receive", &["media"]).failed(10, &["refused (blob)", blob, "sealift-import request"]);
    assert!(said.contains("What came whole waits"), "{said}");
    ask(&line);
    assert_eq!(blob_bytes(&line, "repair"), size);
    assert!(line.import("receive", &["repair"]).done().contains("Accepted bundle patches/1"));
}

#[test]
fn a_repair_medium_of_another_site_or_for_nothing_that_waits_is_no_harm() {
    let line = Line::with_bundle();
    register_site(&line);
    flip(&line.path("media/SEALIFT/blobs/sha256").join(&line.files("media/SEALIFT/blobs/sha256")[0]));
    line.import("receive", &["media"]).failed(10, &[]);
    ask(&line);
    line.site("elsewhere");
    in_part(&line.import_at("elsewhere", "receive", &["repair"]), &["repair medium", "It waits for"]);
    line.import("receive", &["repair"]).done();
    assert!(line.import("receive", &["repair"]).done().contains("already imported"));
    assert!(line.import("request", &["--to", "out"]).done().contains("Nothing to ask for"));
}
