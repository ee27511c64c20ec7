//! Upstreams that are unreachable, wrong, stale or incomplete: a named error, the documented exit code, nothing half-done.

use std::fs;

use sealift_tests::miniature;
use sealift_tests::miniature::archive::pool_path;
use sealift_tests::miniature::deb::Package;

use crate::line::{Line, flip};

const SECURITY: &str = "upstream/debian-security";

/// Whether a snapshot of the security suite exists: the only thing by which a sync becomes visible.
fn has_snapshot(line: &Line) -> bool {
    let dir = line.path("connected/snapshots/debian-security");
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

#[test]
fn unreachable_upstream_is_named() {
    let line = Line::new();
    let keyring = line.path("upstream/keyring.asc");
    // Port 9 (discard) is not listened on by anything on loopback.
    line.add_upstream("gone", "http://127.0.0.1:9/debian", "lighthouse", keyring.to_str().unwrap()).done();
    line.mirror("sync", &["gone"]).failed(1, &["gone", "127.0.0.1:9"]);
}

#[test]
fn release_file_signed_by_another_key_is_refused() {
    let line = Line::new();
    let other = miniature::new_key(sealift_term::now().minus_seconds(9000)).unwrap();
    fs::write(line.path("upstream/keyring.asc"), other.public_armored().unwrap()).unwrap();
    line.mirror("sync", &["debian-security"]).failed(10, &["debian-security"]);
    assert!(!has_snapshot(&line));
}

#[test]
fn expired_release_file_is_refused() {
    let mut line = Line::new();
    let now = sealift_term::now();
    line.upstream.republish(now.minus_seconds(3000), Some(now.minus_seconds(60))).unwrap();
    line.mirror("sync", &["debian-security"]).failed(11, &["debian-security"]);
    assert!(!has_snapshot(&line));
}

#[test]
fn older_release_file_than_the_last_is_refused_as_rollback() {
    let mut line = Line::new();
    line.mirror("sync", &[]).done();
    line.upstream.republish(sealift_term::now().minus_seconds(7000), None).unwrap();
    line.mirror("sync", &["debian-security"]).failed(11, &["debian-security"]);
}

#[test]
fn flipped_bit_in_an_index_is_refused() {
    let line = Line::new();
    let dir = format!("{SECURITY}/dists");
    for index in line.files(&dir).iter().filter(|path| path.contains("binary-amd64")) {
        flip(&line.path(&dir).join(index));
    }
    let said = line.mirror("sync", &["debian-security"]);
    assert!(said.code == 10 || said.code == 1, "{said}");
    assert!(said.stderr.contains("Packages") || said.stderr.contains("by-hash"), "{said}");
    assert!(!has_snapshot(&line));
}

#[test]
fn package_that_is_not_there_is_named_and_the_next_sync_finishes() {
    let line = Line::new();
    let name = "anchor_2.4-1+sec1_all.deb";
    let path = line.path(SECURITY).join("pool/main/a/anchor").join(name);
    fs::rename(&path, line.path("aside")).unwrap();
    line.mirror("sync", &[]).failed(1, &["anchor", "debian-security"]);
    assert!(!has_snapshot(&line));
    fs::rename(line.path("aside"), path).unwrap();
    line.mirror("sync", &[]).done();
    assert!(has_snapshot(&line));
}

#[test]
fn flipped_bit_in_a_package_is_refused() {
    let line = Line::new();
    flip(&line.path(SECURITY).join("pool/main/c/compass/compass_0.9-2+sec1_all.deb"));
    let said = line.mirror("sync", &[]);
    assert!(said.code == 10 || said.code == 1, "{said}");
    assert!(said.stderr.contains("compass"), "{said}");
    assert!(!has_snapshot(&line));
}

#[test]
fn malformed_configuration_is_named_with_line_and_column() {
    let line = Line::new();
    line.append("connected/mirror.toml", "\nnewst = 3\n");
    let count = fs::read_to_string(line.path("connected/mirror.toml")).unwrap().lines().count();
    let said = line.mirror("sync", &[]);
    assert_ne!(said.code, 0, "{said}");
    assert!(said.stderr.contains("newst") && said.stderr.contains(&count.to_string()), "{said}");
}

/// The journeys above name files of the pool; this keeps them honest.
#[test]
fn pool_paths_are_debians() {
    let package = Package {
        name: "libbeacon1",
        version: "1".to_owned(),
        architecture: "all",
        section: "libs",
        depends: String::new(),
        description: "",
        files: Vec::new(),
        conffiles: Vec::new(),
        postinst: None,
    };
    assert_eq!(pool_path(&package), "pool/main/libb/libbeacon1/libbeacon1_1_all.deb");
}
