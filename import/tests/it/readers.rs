//! Hosts read while somebody publishes, and two commands run at once.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sealift_import::publish::{PublishOptions, publish};
use sealift_import::{StateError, Writer, channel};
use sealift_model::{ChannelId, Digest, Silent};
use sealift_pkg::Release;

use crate::fixture::{Connected, Isolated, deb, spec};

fn production() -> ChannelId {
    "production".parse().unwrap()
}

fn publish_now(isolated: &Isolated) {
    publish(&mut isolated.writer(), &PublishOptions { channel: production(), verify: true }, &Silent).unwrap();
}

/// Reads as apt does: the signed Release file, then each index it lists, by digest. Returns the versions of jq.
fn read_as_a_host(published: &Path) -> Vec<String> {
    let suite = published.join("dists/bookworm-security");
    let release = Release::parse(&fs::read_to_string(suite.join("Release")).unwrap()).unwrap();
    let mut versions = Vec::new();
    for file in release.files() {
        let bytes = fs::read(suite.join(file.by_hash().unwrap().as_str())).unwrap();
        assert_eq!((Digest::of(&bytes), bytes.len() as u64), (file.sha256, file.size), "an index of another tree");
        if file.name.file_name() == "Packages" {
            let text = String::from_utf8(bytes).unwrap();
            versions.extend(text.lines().filter_map(|line| Some(line.strip_prefix("Version: ")?.to_owned())));
        }
    }
    versions
}

#[test]
fn readers_see_one_tree_or_the_other_and_never_a_mix() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    for (sequence, version) in [(1, "1.6"), (2, "1.7")] {
        isolated.accept(&connected.bundle(spec(sequence, vec![deb("jq", version), deb("expat", version)])));
    }
    channel::promote(&mut isolated.writer(), &production(), "1").unwrap();
    publish_now(&isolated);
    let published = isolated.path().join("published/production");
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let versions = read_as_a_host(&published);
                assert!(versions == ["1.6", "1.6"] || versions == ["1.7", "1.7"], "{versions:?}");
                reads += 1;
            }
            reads
        });
        for turn in 0..12 {
            channel::promote(&mut isolated.writer(), &production(), if turn % 2 == 0 { "2" } else { "1" }).unwrap();
            publish_now(&isolated);
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 0);
}

#[test]
fn of_two_receives_at_once_one_is_told_to_wait_and_nothing_is_half_done() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let first = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    let held = isolated.writer();
    assert!(matches!(Writer::open(&isolated.path(), isolated.caller()), Err(StateError::Lock(_))));
    drop(held);
    let accepted: usize = std::thread::scope(|scope| {
        let one = || isolated.receive(&first).unwrap().accepted.len();
        let runs = [scope.spawn(one), scope.spawn(one)];
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1, "the second finds it accepted");
    sealift_import::Repository::open(&isolated.path()).unwrap().verify_ledger(|_| ()).unwrap();
}
