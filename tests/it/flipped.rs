//! One flipped bit in each kind of file of a medium: verify and receive refuse, and nothing is imported.

use std::collections::BTreeMap;
use std::fs;

use crate::line::{Line, flip};

/// One file of each kind, by what an importer reads them for.
fn kinds(line: &Line) -> BTreeMap<&'static str, String> {
    let mut kinds = BTreeMap::new();
    for file in line.files("media/SEALIFT") {
        let kind = match file.as_str() {
            path if path.starts_with("blobs/") => "blob",
            path if path.ends_with(".dsse.json") => "evidence",
            path if path.ends_with("manifest.json") => "manifest",
            path if path.ends_with("timestamp.json") => "timestamp",
            path if path.ends_with("snapshot.json") => "snapshot",
            path if path.ends_with("targets.json") => "targets",
            _ => continue,
        };
        kinds.entry(kind).or_insert(file);
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    kinds
}

#[test]
fn flipped_bit_is_refused_in_each_kind_of_file() {
    let line = Line::with_bundle();
    for (kind, file) in kinds(&line) {
        let medium = format!("bad-{kind}");
        line.copy("media", &medium);
        flip(&line.path(&medium).join("SEALIFT").join(&file));
        line.verify(&format!("{medium}/SEALIFT")).failed(10, &[]);
        let said = line.import("receive", &[&medium]);
        // Of a damaged blob the others wait.
        if kind == "blob" {
            said.failed(10, &["No bundle was accepted."])
        } else {
            said.refused(10, &[])
        };
    }
    let bundles = line.import("bundles", &[]).done();
    assert!(!bundles.contains("patches"), "{bundles}");
    line.import("ledger verify", &[]).done();
    line.import("receive", &["media"]).done();
}

/// Every blob, because each is another link of the chain: Release file, index, keyring, package.
#[test]
fn flipped_bit_in_any_blob_is_refused() {
    let line = Line::with_bundle();
    for blob in line.files("media/SEALIFT/blobs") {
        line.copy("media", "bad");
        flip(&line.path("bad/SEALIFT/blobs").join(&blob));
        let name = blob.rsplit('/').next().unwrap().get(..12).unwrap().to_owned();
        line.import("receive", &["bad"]).failed(10, &[&name, "No bundle was accepted.", "waits in the quarantine"]);
        // What was whole would do for the next one.
        line.import("discard", &["patches/1", "--reason", "the next medium is damaged elsewhere"]).done();
        fs::remove_dir_all(line.path("bad")).unwrap();
    }
}

#[test]
fn missing_and_foreign_blobs_are_told_apart_from_a_flipped_bit() {
    let line = Line::with_bundle();
    let blobs = line.files("media/SEALIFT/blobs");
    line.copy("media", "short");
    fs::remove_file(line.path("short/SEALIFT/blobs").join(&blobs[0])).unwrap();
    let said = line.import("receive", &["short"]);
    assert_ne!(said.code, 0, "{said}");
    line.copy("media", "long");
    let foreign = line.path("long/SEALIFT/blobs/sha256").join("0".repeat(64));
    fs::write(foreign, "not listed by any manifest").unwrap();
    line.verify("long/SEALIFT").failed(10, &["000000000000"]);
}
