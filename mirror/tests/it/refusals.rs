//! What an upstream may not do.

use sealift_mirror::fetch::{FetchOptions, Fetcher};
use sealift_mirror::state::State;
use sealift_mirror::sync::{SyncError, SyncRequest, sync};
use sealift_mirror::upstream::{UpstreamError, UpstreamRefusal};
use sealift_model::{Silent, Timestamp};

use super::archive::{INDEX, INRELEASE, now};
use super::*;

fn refused(archive: &Archive, prepare: impl FnOnce(&Server), code: i32, words: &[&str]) -> Mirror {
    let server = Server::start(archive.files());
    prepare(&server);
    let mirror = Mirror::of(archive, server.uri());
    mirror.sync().expect(code, words);
    mirror.assert_no_snapshot();
    mirror
}

#[test]
fn refuses_a_flipped_byte_in_the_release_file() {
    let change = |server: &Server| {
        server.change(INRELEASE, |bytes| {
            let at = bytes.windows(6).position(|w| w == b"Origin").unwrap();
            bytes[at + 9] ^= 1;
        });
    };
    refused(&Archive::new(), change, 10, &["`up`", "not signed by a key of ../key.asc", "Nothing was changed."]);
}

#[test]
fn refuses_a_flipped_byte_in_an_index() {
    let change = |server: &Server| server.change(INDEX, |bytes| bytes[20] ^= 1);
    refused(&Archive::new(), change, 10, &["`up`", "not what the signed", INDEX]);
}

#[test]
fn refuses_a_truncated_index() {
    let change = |server: &Server| server.change(INDEX, |bytes| bytes.truncate(bytes.len() - 10));
    refused(&Archive::new(), change, 10, &[INDEX, "expected"]);
}

#[test]
fn refuses_a_flipped_byte_in_a_package_and_keeps_the_others() {
    let archive = Archive::new();
    let path = archive.packages[1].path();
    let change = |server: &Server| server.change(&path, |bytes| bytes[100] ^= 1);
    let words = ["beacon 1.0-1+b2 (amd64) of up", "is not what the signed index lists", &path, "2 packages are kept"];
    let mirror = refused(&archive, change, 10, &words);
    assert!(mirror.store_has(&archive.packages[0].content));
    assert!(!mirror.store_has(&archive.packages[1].content));
}

#[test]
fn refuses_a_package_that_is_longer_than_listed() {
    let archive = Archive::new();
    let path = archive.packages[0].path();
    refused(&archive, |server| server.change(&path, |bytes| bytes.push(0)), 10, &["anchor 1.0 (amd64) of up"]);
}

#[test]
fn refuses_the_signature_of_a_key_outside_the_keyring() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&Archive::new(), server.uri());
    mirror.sync().expect(10, &["`up`", "not signed by a key of ../key.asc", "signed_by"]);
    mirror.assert_no_snapshot();
}

#[test]
fn refuses_an_expired_release_file() {
    let archive = Archive { valid_until: Some(now().minus_seconds(60)), ..Archive::new() };
    refused(&archive, |_| (), 11, &["`up`", "expired at"]);
}

#[test]
fn refuses_another_suite_of_the_same_signer() {
    let archive = Archive { suite: "shipyard".into(), ..Archive::new() };
    refused(&archive, |_| (), 10, &["asked for suite `lighthouse`", "`shipyard`"]);
}

#[test]
fn refuses_a_release_file_older_than_the_last_one() {
    let mut archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &[]);
    let head = std::fs::read(mirror.dir().join("upstreams/up.json")).unwrap();
    archive.date = archive.date.minus_seconds(30);
    server.replace(archive.files());
    mirror.sync().expect(11, &["`up`", "before the one of", "Nothing was changed."]);
    assert_eq!(std::fs::read(mirror.dir().join("upstreams/up.json")).unwrap(), head);
}

#[test]
fn a_new_keyring_is_applied_to_a_release_file_that_has_not_changed() {
    let archive = Archive::new();
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &[]);
    std::fs::write(mirror.root.path().join("key.asc"), Archive::new().public_key()).unwrap();
    mirror.sync().expect(10, &["not signed by a key of"]);
}

#[test]
fn refuses_an_unchanged_release_file_once_it_has_expired() {
    let archive = Archive { valid_until: Some(now().plus_days(2)), ..Archive::new() };
    let server = Server::start(archive.files());
    let mirror = Mirror::of(&archive, server.uri());
    mirror.sync().expect(0, &[]);
    let state = State::open(&mirror.dir()).unwrap();
    let at = |time: Timestamp| {
        let fetcher = Fetcher::new(FetchOptions { retries: 0, ..FetchOptions::default() });
        sync(&state, &state.lock().unwrap(), &SyncRequest::default(), &fetcher, (time, &Silent))
    };
    assert!(at(now().plus_days(1)).unwrap().nothing_new);
    let Err(SyncError::Upstreams(failures)) = at(now().plus_days(3)) else { panic!("accepted a frozen upstream") };
    assert!(matches!(failures[0].error, UpstreamError::Refused(UpstreamRefusal::Time(_))));
}
