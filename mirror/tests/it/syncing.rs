//! What works: first sync, nothing new, updates, resumption, the other forms of upstreams.

use super::archive::{INDEX, INRELEASE, Package};
use sealift_model::Timestamp;

use super::*;

#[test]
fn a_second_sync_with_nothing_new_downloads_nothing() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    let first = mirror.sync();
    first.expect(0, &["up: snapshot", "3 packages", "signed by"]);
    assert!(archive.packages.iter().all(|p| mirror.store_has(&p.content)));
    assert_eq!(mirror.snapshots(), 1);
    server.take_asked();

    mirror.sync().expect(0, &["Nothing new."]);
    let asked = server.take_asked();
    assert_eq!(asked.iter().map(|a| (a.path.as_str(), a.status, a.sent)).collect::<Vec<_>>(), [(INRELEASE, 304, 0)]);
    assert_eq!(mirror.snapshots(), 1);
    assert_eq!(std::fs::read_dir(mirror.dir().join("partial")).unwrap().count(), 0);
}

#[test]
fn an_update_fetches_only_what_is_new_and_keeps_the_old_snapshot() {
    let mut archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &[]);
    archive.date = Timestamp::from_unix(archive.date.unix() + 60);
    archive.packages[0] = Package::new("anchor", "1.1", 5_000);
    server.replace(archive.files());
    server.take_asked();
    mirror.sync().expect(0, &["3 packages"]);
    let asked: Vec<_> = server.take_asked().into_iter().map(|a| a.path).collect();
    assert_eq!(asked, [INRELEASE, INDEX, "pool/main/anchor_1.1_amd64.deb"]);
    assert_eq!(mirror.snapshots(), 2);
}

#[test]
fn a_changed_rule_is_noticed_although_the_upstream_has_nothing_new() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::with_config(&archive, &config(server.uri(), "packages = [\"anchor\"]"));
    mirror.sync().expect(0, &["1 package"]);
    mirror.configure(&config(server.uri(), "packages = [\"anchor\", \"com*\"]"));
    mirror.sync().expect(0, &["2 packages"]);
    mirror.sync().expect(0, &["Nothing new."]);
}

#[test]
fn dependencies_come_along() {
    let mut archive = Archive::new();
    archive.packages[0].depends = "beacon (>= 1.0)".into();
    let server = Server::start(archive.files());
    let mirror = Mirror::with_config(&archive, &config(server.uri(), "packages = [\"anchor\"]"));
    mirror.sync().expect(0, &["2 packages"]);
    assert!(mirror.store_has(&archive.packages[1].content));
}

#[test]
fn a_cut_download_is_continued_where_it_stopped() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    let beacon = &archive.packages[1];
    server.cut(&beacon.path(), 500_000);
    mirror.sync().expect(1, &["beacon 1.0-1+b2 (amd64) of up", "was cut", "2 packages are kept", "same command again"]);
    mirror.assert_no_snapshot();
    assert!(!mirror.store_has(&beacon.content), "a part is not visible");
    let partial = mirror.dir().join("partial").join(sealift_model::Digest::of(&beacon.content).to_hex());
    assert_eq!(std::fs::metadata(&partial).unwrap().len(), 500_000);
    server.take_asked();

    mirror.sync().expect(0, &["3 packages"]);
    let asked = server.take_asked();
    let packages: Vec<_> = asked.iter().filter(|a| a.path.starts_with("pool/")).collect();
    assert_eq!(packages.len(), 1, "what was whole is not fetched again");
    assert_eq!((packages[0].status, packages[0].sent), (206, 200_000));
    assert!(mirror.store_has(&beacon.content));
    assert!(!partial.exists());
}

#[test]
fn a_cut_is_survived_within_one_sync() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    server.cut(&archive.packages[1].path(), 400_000);
    server.fail(INRELEASE, 503, 1);
    mirror.run(&["sync", "--retries", "1"]).expect(0, &["3 packages"]);
}

#[test]
fn a_damaged_part_and_a_server_without_ranges_do_no_harm() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    let beacon = &archive.packages[1];
    std::fs::create_dir(mirror.dir().join("partial")).unwrap();
    let partial = mirror.dir().join("partial").join(sealift_model::Digest::of(&beacon.content).to_hex());
    std::fs::write(&partial, vec![0; 1000]).unwrap();
    mirror.sync().expect(0, &["3 packages"]);
    assert!(mirror.store_has(&beacon.content));

    let mirror = Mirror::of(&archive, server.uri());
    std::fs::create_dir(mirror.dir().join("partial")).unwrap();
    let partial = mirror.dir().join("partial").join(sealift_model::Digest::of(&beacon.content).to_hex());
    std::fs::write(&partial, &beacon.content[..1000]).unwrap();
    server.ignore_ranges();
    mirror.sync().expect(0, &["3 packages"]);
    assert!(mirror.store_has(&beacon.content));
}

#[test]
fn a_detached_signature_serves_as_well() {
    let archive = Archive { detached: true, ..Archive::new() };
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &["3 packages"]);
    mirror.sync().expect(0, &["Nothing new."]);
}

#[test]
fn indexes_are_asked_for_by_digest_and_otherwise_by_name() {
    let archive = Archive { by_hash: true, phantom_xz: true, ..Archive::new() };
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &["3 packages"]);
    let asked: Vec<_> = server.take_asked().into_iter().map(|a| (a.path, a.status)).collect();
    assert!(asked.iter().any(|(path, status)| path.contains("/by-hash/SHA256/") && *status == 404), "{asked:?}");
    assert!(asked.iter().any(|(path, status)| path == INDEX && *status == 200), "{asked:?}");
}

#[test]
fn a_directory_serves_as_well() {
    let archive = Archive::new();
    let tree = tempfile::tempdir().unwrap();
    for (path, bytes) in archive.files() {
        let path = tree.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let mirror = Mirror::of(&archive, &format!("file://{}", tree.path().display()));
    mirror.sync().expect(0, &["3 packages"]);
    mirror.sync().expect(0, &["Nothing new."]);
}

#[test]
fn metadata_can_come_first_and_unselected_upstreams_are_named() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.run(&["sync", "--metadata-only"]).expect(0, &["Release file of", "select plan"]);
    assert!(server.take_asked().iter().all(|a| !a.path.starts_with("pool/")));
    assert_eq!(mirror.snapshots(), 0);
    mirror.sync().expect(0, &["3 packages"]);

    let text = config(server.uri(), "");
    mirror.configure(text.split("[[stream]]").next().unwrap());
    mirror.sync().expect(0, &["No stream selects from upstream up: only its indexes are kept."]);
}

#[test]
fn damaged_blobs_are_found_and_fetched_again_on_request() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &[]);
    let beacon = &archive.packages[1].content;
    let store = sealift_fs::Store::open(&mirror.dir().join("store")).unwrap();
    let path = store.path(&sealift_model::Digest::of(beacon));
    let mut damaged = beacon.clone();
    damaged[7] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    mirror.run(&["sync", "--check"]).expect(0, &["1 damaged", "up: snapshot"]);
    assert_eq!(std::fs::read(&path).unwrap(), *beacon);
}

#[test]
fn credentials_go_to_the_server_and_nowhere_else() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let uri = server.uri().replace("http://", "http://user:insecure-test-secret@");
    let mirror = Mirror::of(&archive, &uri);
    let run = mirror.sync();
    run.expect(0, &["3 packages"]);
    assert!(server.take_asked().iter().all(|a| a.authorization.is_some()));
    let list = mirror.run(&["upstream", "list"]);
    server.remove(INRELEASE);
    let failed = mirror.sync();
    failed.expect(1, &["does not exist (404)"]);
    let head = std::fs::read_to_string(mirror.dir().join("upstreams/up.json")).unwrap();
    for text in [run.stdout, run.stderr, list.stdout, failed.stdout, failed.stderr, head] {
        assert!(!text.contains("insecure-test-secret") && !text.contains("user:"), "{text}");
    }
}

#[test]
fn the_answer_in_json_names_the_snapshot() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    let run = mirror.run(&["sync", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["nothing_new"], false);
    assert_eq!(answer["upstreams"][0]["packages"], 3);
    assert_eq!(answer["upstreams"][0]["snapshot"].as_str().unwrap().len(), 64);
}
