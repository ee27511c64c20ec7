//! What `receive` takes in.

use sealift_import::receive::ReceiveError;
use sealift_import::{Refusal, Repository};

use crate::fixture::{Connected, Isolated, Medium, deb, now, spec};

#[test]
fn a_first_bundle_is_accepted_and_receiving_it_again_changes_nothing() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")]));
    let report = isolated.receive(&medium).unwrap();
    assert_eq!((report.accepted[0].name().as_str(), report.accepted[0].blobs), ("deb12/1", 5));
    let (before, lines) = (isolated.traces(), isolated.ledger_lines());
    let again = isolated.receive(&medium).unwrap();
    assert_eq!((again.accepted.len(), again.already), (0, vec!["deb12/1".to_owned()]));
    assert_eq!((isolated.traces(), isolated.ledger_lines()), (before, lines));
    let repository = Repository::open(&isolated.path()).unwrap();
    assert_eq!(repository.index().bundles(None).unwrap()[0].manifest, connected.id("deb12", 1));
    repository.verify_ledger(|_| ()).unwrap();
}

#[test]
fn an_incremental_bundle_needs_only_what_its_base_lacks() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let first = connected.bundle(spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")]));
    let mut second = spec(2, vec![deb("jq", "1.7"), deb("expat", "2.5")]);
    second.base = Some(1);
    let second = connected.bundle(second);
    let other = Isolated::new(&connected);
    other.waits_for_others(&second);
    assert_eq!(isolated.accept(&first), ["deb12/1"]);
    let report = isolated.receive(&second).unwrap();
    // jq, the index and the Release file; expat and the keyring are there.
    assert_eq!((report.accepted[0].blobs, report.accepted[0].present), (3, 2));
    // Where the second came before the first, both are accepted with the first.
    assert_eq!(other.accept(&first), ["deb12/1", "deb12/2"]);
}

#[test]
fn a_medium_with_several_bundles_is_taken_in_the_order_of_each_stream() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = Medium::new();
    connected.bundle_on(&medium, spec(9, vec![deb("jq", "1.6")]));
    let mut next = spec(10, vec![deb("jq", "1.7")]);
    next.base = Some(9);
    connected.bundle_on(&medium, next);
    let mut other = spec(3, vec![deb("nginx", "1.22")]);
    (other.stream, other.upstream) = ("apps", "vendor");
    connected.bundle_on(&medium, other);
    assert_eq!(isolated.accept(&medium), ["apps/3", "deb12/9", "deb12/10"]);
}

#[test]
fn a_single_file_is_received_like_a_medium() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    let file = medium.path().join("one.sealift");
    sealift_bundle::pack::pack(&medium.path().join("SEALIFT"), &file, &sealift_model::Silent).unwrap();
    let report = sealift_import::receive::receive(&mut isolated.writer(), &file, &sealift_model::Silent).unwrap();
    assert_eq!(report.accepted[0].name(), "deb12/1");
}

#[test]
fn an_old_bundle_that_was_accepted_is_harmless_and_one_that_was_not_fills_its_place() {
    let mut connected = Connected::new();
    let (first_site, second_site) = (Isolated::new(&connected), Isolated::new(&connected));
    let first = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    assert_eq!(first_site.accept(&first), ["deb12/1"]);
    for site in [&first_site, &second_site] {
        assert_eq!(site.accept(&second), ["deb12/2"]);
    }
    let report = first_site.receive(&first).unwrap();
    assert_eq!((report.already.len(), report.older_metadata), (1, true));
    assert_eq!(second_site.accept(&first), ["deb12/1"]);
    let repository = Repository::open(&second_site.path()).unwrap();
    assert_eq!(repository.floors().streams.values().next().unwrap().sequence.get(), 2, "what is held stays");
}

#[test]
fn older_metadata_on_a_medium_does_not_stop_a_bundle_that_the_newer_still_lists() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let mut apps = spec(1, vec![deb("nginx", "1.22")]);
    (apps.stream, apps.upstream) = ("apps", "vendor");
    let late = connected.bundle(apps);
    let mut gone = spec(1, vec![deb("redis", "7.0")]);
    (gone.stream, gone.upstream) = ("cache", "vendor");
    let unlisted = connected.bundle(gone);
    connected.unlist("cache", 1);
    let newer = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    isolated.accept(&newer);
    let report = isolated.receive(&late).unwrap();
    assert_eq!((report.accepted[0].name().as_str(), report.older_metadata), ("apps/1", true));
    assert_eq!(isolated.refused(&unlisted), "rollback");
}

#[test]
fn old_bundles_on_a_collecting_medium_are_passed_over() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let collecting = Medium::new();
    connected.bundle_on(&collecting, spec(1, vec![deb("jq", "1.6")]));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.accept(&second);
    connected.bundle_on(&collecting, spec(3, vec![deb("jq", "1.8")]));
    let report = isolated.receive(&collecting).unwrap();
    assert_eq!(report.passed_over, ["deb12/1"]);
    assert_eq!(report.accepted[0].name(), "deb12/3");
}

#[test]
fn newer_metadata_alone_is_taken_once() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    isolated.accept(&medium);
    connected.add_root(now().plus_days(700));
    for (name, bytes) in connected.metadata().files() {
        std::fs::write(medium.file(&format!("trust/metadata/{name}")), bytes).unwrap();
    }
    let report = isolated.receive(&medium).unwrap();
    assert!(report.trust.unwrap().contains("root 2, timestamp 2"));
    assert_eq!(isolated.receive(&medium).unwrap().trust, None);
    // What the new root says is what counts from now on.
    assert_eq!(Repository::open(&isolated.path()).unwrap().floors().root.version, 2);
}

#[test]
fn a_blob_that_came_over_before_is_not_copied_again() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let jq = deb("jq", "1.6");
    let medium = connected.bundle(spec(1, vec![jq.clone(), deb("expat", "2.5")]));
    // As an interrupted run leaves it.
    isolated.writer().store().unwrap().insert(&jq.content).unwrap();
    std::fs::write(isolated.path().join("quarantine/half"), "x").unwrap();
    std::fs::create_dir_all(isolated.path().join("bundles/deb12/1")).unwrap();
    let report = isolated.receive(&medium).unwrap();
    assert_eq!((report.accepted[0].blobs, report.accepted[0].present, report.swept), (4, 1, 2));
}

#[test]
fn a_medium_that_is_none_is_a_fault_and_no_refusal() {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let empty = Medium::new();
    let lines = isolated.ledger_lines();
    assert!(matches!(isolated.receive(&empty), Err(ReceiveError::Open(_))));
    assert_eq!(isolated.ledger_lines(), lines);
}

#[test]
fn a_clock_behind_what_was_signed_is_refused() {
    let mut connected = Connected::new();
    let mut isolated = Isolated::new(&connected);
    let first = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.accept(&first);
    isolated.clock = now().minus_seconds(3 * 86_400);
    assert_eq!(isolated.refused(&second), "clock");
    // A clock that is only a little behind counts as the latest signed time.
    isolated.clock = now().minus_seconds(86_400 + 3600);
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
}

#[test]
fn a_bundle_from_the_future_cannot_lift_the_floor_of_time() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let mut future = spec(1, vec![deb("jq", "1.6")]);
    (future.created, future.not_after) = (now().plus_days(20), now().plus_days(40));
    let medium = connected.bundle(future);
    let Err(ReceiveError::Refused { refusal, .. }) = isolated.receive(&medium) else { panic!() };
    assert!(matches!(*refusal, Refusal::FromTheFuture { .. }));
}

#[test]
fn content_that_the_store_lost_is_named_and_what_was_accepted_before_as_well() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = Medium::new();
    connected.bundle_on(&medium, spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")]));
    isolated.accept(&medium);
    connected.bundle_on(&medium, spec(2, vec![deb("jq", "1.7"), deb("expat", "2.5")]));
    let mut third = spec(3, vec![deb("jq", "1.8"), deb("expat", "2.5")]);
    third.base = Some(1);
    connected.bundle_on(&medium, third);
    let expat = sealift_model::Digest::of(&deb("expat", "2.5").content);
    let path = isolated.writer().store().unwrap().path(&expat);
    std::fs::remove_file(&path).unwrap();
    let accepted = isolated.accept(&medium);
    assert_eq!(accepted, ["deb12/2", "deb12/3"], "a complete bundle heals the store");
    std::fs::remove_file(&path).unwrap();
    let mut fifth = spec(5, vec![deb("jq", "2.0"), deb("expat", "2.5")]);
    fifth.base = Some(1);
    connected.bundle_on(&medium, spec(4, vec![deb("jq", "1.9")]));
    connected.bundle_on(&medium, fifth);
    let Err(ReceiveError::Refused { refusal, accepted }) = isolated.receive(&medium) else { panic!() };
    assert!(matches!(*refusal, Refusal::Gap { lost: true, .. }), "{refusal}");
    assert_eq!(accepted, ["deb12/4"]);
}
