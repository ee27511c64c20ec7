//! What can go wrong without anybody's ill will: each is named, and nothing is left half done.

use std::net::TcpListener;

use super::archive::INDEX;
use super::*;

#[test]
fn a_missing_package_is_named_with_upstream_and_address() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let path = archive.packages[1].path();
    let bytes = server.remove(&path);
    let mirror = Mirror::of(&archive, server.uri());
    let uri = format!("{}/{path} does not exist (404)", server.uri());
    mirror.sync().expect(1, &["1 of 3 packages", "beacon 1.0-1+b2 (amd64) of up", &uri, "2 packages are kept"]);
    mirror.assert_no_snapshot();
    server.put(&path, bytes);
    server.take_asked();
    mirror.sync().expect(0, &["3 packages"]);
    assert_eq!(server.take_asked().iter().filter(|a| a.path.starts_with("pool/")).count(), 1);
}

#[test]
fn a_missing_index_is_named() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    server.remove(INDEX);
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(1, &["`up`", INDEX, "404", "Nothing was changed."]);
    mirror.assert_no_snapshot();
}

#[test]
fn an_unreachable_upstream_is_named_with_its_address() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mirror = Mirror::of(&Archive::new(), &format!("http://{closed}"));
    mirror.sync().expect(1, &["`up`", &format!("cannot reach http://{closed}/dists/"), "http_proxy", "Nothing was"]);
    mirror.assert_no_snapshot();
}

#[test]
fn a_malformed_configuration_is_located() {
    let archive = Archive::new();
    let text = config("https://example.org", "all = true");
    let mirror = Mirror::with_config(&archive, &text.replace("suite =", "siute ="));
    mirror.sync().expect(2, &["mirror.toml:5:1: unknown field `siute`", "line 5 is: siute = \"lighthouse\""]);
    mirror.configure(&text.replace("\"main\"]", "\"main\""));
    mirror.sync().expect(2, &["mirror.toml:", "line "]);
}

#[test]
fn a_component_the_upstream_does_not_have_is_named_with_those_it_has() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let text = config(server.uri(), "all = true");
    let mirror = Mirror::with_config(&archive, &text.replace("\"main\"", "\"contrib\""));
    mirror.sync().expect(2, &["no component `contrib`; it has main"]);
    mirror.configure(&text.replace("\"amd64\"", "\"riscv64\""));
    mirror.sync().expect(2, &["component `main`, architecture `riscv64`"]);
}

#[test]
fn a_keyring_that_is_none_is_named() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    std::fs::write(mirror.root.path().join("key.asc"), "not a key").unwrap();
    mirror.sync().expect(2, &["../key.asc is not a keyring"]);
    std::fs::remove_file(mirror.root.path().join("key.asc")).unwrap();
    mirror.sync().expect(2, &["cannot read its keyring", "key.asc"]);
}

#[test]
fn names_that_do_not_exist_and_places_that_are_no_mirror_are_usage_errors() {
    let mirror = Mirror::of(&Archive::new(), "https://example.org");
    mirror.run(&["sync", "other"]).expect(2, &["no upstream `other`", "upstream list"]);
    mirror.run(&["sync", "--limit-rate", "fast"]).expect(2, &["500k"]);
    run(mirror.root.path(), &["sync"]).expect(2, &["not the directory of a mirror", "sealift-mirror init"]);
}

#[test]
fn two_syncs_at_once_do_not_mix() {
    let mirror = Mirror::of(&Archive::new(), "https://example.org");
    let _held = sealift_fs::Lock::take(&mirror.dir()).unwrap();
    mirror.sync().expect(20, &["locked by another process"]);
}

#[test]
fn a_busy_server_is_asked_again_only_as_often_as_said() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    server.fail(INDEX, 503, 1);
    mirror.sync().expect(1, &["status 503", INDEX]);
}
