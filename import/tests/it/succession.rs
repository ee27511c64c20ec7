//! Roots, versions and sequences over time: what may replace what, and what never comes back.

use sealift_import::{Repository, channel};
use sealift_model::ChannelId;
use sealift_trust::Purpose;

use crate::fixture::{Connected, Isolated, Medium, deb, now, spec};

fn sides() -> (Connected, Isolated) {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    (connected, isolated)
}

fn bundle(connected: &mut Connected, sequence: u64) -> Medium {
    connected.bundle(spec(sequence, vec![deb("jq", "1.6")]))
}

fn floor(isolated: &Isolated) -> Option<u64> {
    let repository = Repository::open(&isolated.path()).unwrap();
    repository.floors().streams.values().next().map(|held| held.sequence.get())
}

/// The highest version that the encoding can carry.
const FAR: u64 = (1 << 53) - 2;

#[test]
fn refuses_a_whole_older_bundle_that_never_came() {
    let (mut connected, isolated) = sides();
    let first = bundle(&mut connected, 1);
    connected.unlist("deb12", 1);
    let second = bundle(&mut connected, 2);
    isolated.accept(&second);
    assert_eq!(isolated.refused(&first), "rollback");
    assert_eq!(floor(&isolated), Some(2));
}

#[test]
fn the_same_bundle_again_is_no_failure_and_no_news() {
    let (mut connected, isolated) = sides();
    let medium = bundle(&mut connected, 1);
    isolated.accept(&medium);
    let (before, lines) = (isolated.traces(), isolated.ledger_lines());
    let report = isolated.receive(&medium).unwrap();
    assert_eq!((report.accepted.len(), report.already), (0, vec!["deb12/1".to_owned()]));
    assert_eq!((isolated.traces(), isolated.ledger_lines()), (before, lines));
}

#[test]
fn media_out_of_order_are_judged_by_what_is_trusted_now() {
    let (mut connected, isolated) = sides();
    let other = {
        let mut other = spec(1, vec![deb("expat", "2.5")]);
        (other.stream, other.upstream) = ("other", "vendor");
        connected.bundle(other)
    };
    let newer = bundle(&mut connected, 1);
    isolated.accept(&newer);
    let trusted = Repository::open(&isolated.path()).unwrap().floors().documents;
    let report = isolated.receive(&other).unwrap();
    assert!(report.older_metadata);
    assert_eq!(report.accepted[0].name(), "other/1");
    assert_eq!(Repository::open(&isolated.path()).unwrap().floors().documents, trusted, "trust does not go back");
}

#[test]
fn media_out_of_order_that_are_no_longer_listed_are_refused() {
    let (mut connected, isolated) = sides();
    let other = {
        let mut other = spec(1, vec![deb("expat", "2.5")]);
        (other.stream, other.upstream) = ("other", "vendor");
        connected.bundle(other)
    };
    connected.unlist("other", 1);
    isolated.accept(&bundle(&mut connected, 1));
    assert_eq!(isolated.refused(&other), "rollback");
}

#[test]
fn a_thief_of_the_online_keys_can_run_versions_up_until_the_root_replaces_the_keys() {
    let (mut connected, isolated) = sides();
    isolated.accept(&bundle(&mut connected, 1));
    let honest = connected.version;
    // The thief signs timestamp and snapshot as high as they go; targets stay as they were.
    connected.version = FAR;
    let mut stolen = Connected::new();
    std::mem::swap(&mut stolen, &mut connected);
    let medium = bundle(&mut stolen, 2);
    assert_eq!(isolated.accept(&medium), ["deb12/2"]);
    let mut connected = stolen;
    connected.version = honest + 1;
    assert_eq!(isolated.refused(&bundle(&mut connected, 3)), "rollback");
    // Root 2 names other keys for both roles.
    connected.replace_key(Purpose::Timestamp, 71);
    connected.replace_key(Purpose::Snapshot, 72);
    connected.add_root(now().plus_days(365));
    assert_eq!(isolated.accept(&bundle(&mut connected, 4)), ["deb12/4"]);
    let versions = Repository::open(&isolated.path()).unwrap().floors().documents.unwrap();
    assert!(versions.timestamp.version < FAR);
}

#[test]
fn the_floor_of_a_stream_survives_the_recovery_from_high_versions() {
    let (mut connected, isolated) = sides();
    let old = bundle(&mut connected, 1);
    isolated.accept(&bundle(&mut connected, 2));
    connected.version = FAR - 1;
    connected.unlist("deb12", 1);
    isolated.accept(&bundle(&mut connected, 3));
    connected.version = 5;
    connected.replace_key(Purpose::Timestamp, 71);
    connected.replace_key(Purpose::Snapshot, 72);
    connected.add_root(now().plus_days(365));
    isolated.accept(&bundle(&mut connected, 4));
    assert_eq!(floor(&isolated), Some(4));
    // Old content under new and good metadata is still old content.
    let replayed = Medium::new();
    copy(old.path(), replayed.path());
    for (name, bytes) in connected.metadata().files() {
        std::fs::write(replayed.file(&format!("trust/metadata/{name}")), bytes).unwrap();
    }
    assert_eq!(isolated.refused(&replayed), "rollback");
    assert_eq!(floor(&isolated), Some(4));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from.join("SEALIFT")).arg(to).status().unwrap();
    assert!(done.success());
}

#[test]
fn only_a_root_that_resets_a_stream_lowers_its_floor() {
    let (mut connected, isolated) = sides();
    isolated.accept(&bundle(&mut connected, 1));
    isolated.accept(&bundle(&mut connected, 900));
    channel::promote(&mut isolated.writer(), &"testing".parse::<ChannelId>().unwrap(), "900").unwrap();
    let second = bundle(&mut connected, 2);
    // It is listed and fills its place, which lowers nothing; neither does a new root.
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
    assert_eq!(floor(&isolated), Some(900));
    connected.add_root(now().plus_days(365));
    isolated.receive(&bundle(&mut connected, 2)).unwrap();
    assert_eq!(floor(&isolated), Some(900));
    connected.unlist("deb12", 900);
    connected.resets.insert("deb12", 1);
    connected.add_root(now().plus_days(365));
    let second = bundle(&mut connected, 2);
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
    assert_eq!(floor(&isolated), Some(2));
    let lines = isolated.ledger_lines();
    assert!(lines.iter().any(|line| line.contains("the root resets stream deb12 to 1")), "{lines:?}");
    // What was forgotten is in no channel, and its number can be used again.
    let repository = Repository::open(&isolated.path()).unwrap();
    assert!(repository.index().current(&"testing".parse().unwrap()).unwrap().unwrap().content.is_empty());
    drop(repository);
    assert_eq!(isolated.accept(&connected.bundle(spec(900, vec![deb("jq", "1.9")]))), ["deb12/900"]);
    // The same root resets nothing a second time.
    let third = bundle(&mut connected, 3);
    isolated.accept(&third);
    assert_eq!(floor(&isolated), Some(900));
    let fourth = bundle(&mut connected, 4);
    connected.unlist("deb12", 4);
    isolated.accept(&bundle(&mut connected, 901));
    assert_eq!(isolated.refused(&fourth), "rollback");
}

#[test]
fn a_key_that_a_newer_root_dropped_signs_nothing_any_more_and_what_it_signed_before_stays() {
    let (mut connected, isolated) = sides();
    isolated.accept(&bundle(&mut connected, 1));
    let before_revocation = bundle(&mut connected, 2);
    isolated.accept(&before_revocation);
    // The thief keeps the old targets key and the roots of that time; the honest side replaces it.
    let stolen_roots = connected.roots.clone();
    connected.replace_key(Purpose::Targets, 73);
    connected.add_root(now().plus_days(365));
    isolated.accept(&bundle(&mut connected, 3));
    let honest_roots = connected.roots.clone();
    connected.replace_key(Purpose::Targets, 2);
    // With the old roots only, and with the new root in the chain: refused either way.
    connected.roots = stolen_roots;
    assert_eq!(isolated.refused(&bundle(&mut connected, 4)), "revoked");
    connected.roots = honest_roots;
    assert_eq!(isolated.refused(&bundle(&mut connected, 5)), "revoked");
    assert_eq!(floor(&isolated), Some(3));
    assert_eq!(isolated.receive(&before_revocation).unwrap().already, ["deb12/2"]);
}
