//! Bundles that wait: what came in part, out of order or damaged, and how each gets through or is given up.

use std::fs;

use sealift_import::receive::{ReceiveError, Waits};
use sealift_import::waiting::{self, discard};
use sealift_import::{Repository, channel, receipt};
use sealift_model::{ChannelId, Digest, Sequence, StreamId};

use crate::fixture::{Connected, Isolated, Medium, Spec, deb, files, now, spec};

fn sides() -> (Connected, Isolated) {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    (connected, isolated)
}

fn two() -> Spec {
    spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")])
}

fn jq() -> Digest {
    Digest::of(&deb("jq", "1.6").content)
}

fn place(sequence: u64) -> (StreamId, Sequence) {
    ("deb12".parse().unwrap(), Sequence::new(sequence).unwrap())
}

fn waits(isolated: &Isolated) -> Vec<String> {
    let found = waiting::list(&Repository::open(&isolated.path()).unwrap()).unwrap();
    found.iter().map(|(stream, sequence)| format!("{stream}/{sequence}")).collect()
}

fn floor(isolated: &Isolated) -> Option<u64> {
    let repository = Repository::open(&isolated.path()).unwrap();
    repository.floors().streams.values().next().map(|held| held.sequence.get())
}

fn quarantined(isolated: &Isolated) -> usize {
    files(&isolated.path()).keys().filter(|path| path.starts_with(isolated.path().join("quarantine-store"))).count()
}

#[test]
fn of_a_damaged_medium_everything_else_waits_and_another_copy_brings_the_rest() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    let Err(ReceiveError::Refused { refusal, .. }) = isolated.receive(&medium) else { panic!() };
    assert_eq!(refusal.code(), "blob");
    assert!(refusal.to_string().contains("jq_1.6"), "{refusal}");
    assert_eq!((waits(&isolated), floor(&isolated)), (vec!["deb12/1".to_owned()], None));
    medium.flip(&Medium::blob(&jq()));
    let report = isolated.receive(&medium).unwrap();
    assert_eq!(
        (report.accepted[0].name().as_str(), report.accepted[0].blobs),
        ("deb12/1", 1),
        "only the one that was bad"
    );
    assert_eq!((waits(&isolated).len(), quarantined(&isolated)), (0, 0), "nothing is left of the waiting");
}

#[test]
fn nothing_damaged_gets_a_name_in_the_quarantine() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    let top = isolated.path().join("quarantine-store");
    for (path, digest) in files(&top) {
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), digest.to_hex(), "{}", path.display());
    }
    assert!(quarantined(&isolated) > 0);
}

#[test]
fn what_came_is_not_copied_again() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    let before = files(&isolated.path().join("quarantine-store"));
    for entry in fs::read_dir(medium.file("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap() != jq().to_hex() {
            fs::write(path, "gone bad since").unwrap();
        }
    }
    medium.flip(&Medium::blob(&jq()));
    assert_eq!(isolated.accept(&medium), ["deb12/1"], "{} blobs waited", before.len());
}

#[test]
fn content_that_was_changed_in_the_quarantine_is_not_taken_out_of_it() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    let expat = deb("expat", "2.5").content;
    let top = isolated.path().join("quarantine-store");
    let kept = files(&top).into_keys().find(|path| path.ends_with(Digest::of(&expat).to_hex())).unwrap();
    let changed: Vec<u8> = expat.iter().map(|byte| !byte).collect();
    fs::write(&kept, &changed).unwrap();
    medium.flip(&Medium::blob(&jq()));
    let report = isolated.receive(&medium).unwrap();
    assert_eq!((report.accepted.len(), report.waiting.len()), (0, 1), "{report:?}");
    assert_eq!(report.waiting[0].missing.carried.contents, 1, "it has to come again");
    assert!(!kept.exists());
    assert_eq!(isolated.accept(&medium), ["deb12/1"]);
    let store = isolated.path().join("store");
    assert!(!files(&store).into_values().any(|digest| digest == Digest::of(&changed)));
    Repository::open(&isolated.path()).unwrap().verify_ledger(|_| ()).unwrap();
}

#[test]
fn a_later_bundle_waits_for_its_content_and_is_accepted_by_itself() {
    let (mut connected, isolated) = sides();
    let first = connected.bundle(two());
    let next = |sequence, version| {
        let mut next = spec(sequence, vec![deb("jq", version), deb("expat", "2.5")]);
        next.base = Some(sequence - 1);
        next
    };
    let second = connected.bundle(next(2, "1.7"));
    let third = connected.bundle(next(3, "1.8"));
    isolated.waits_for_others(&third);
    isolated.waits_for_others(&second);
    assert_eq!(waits(&isolated), ["deb12/2", "deb12/3"]);
    assert_eq!(isolated.accept(&first), ["deb12/1", "deb12/2", "deb12/3"]);
    assert_eq!((floor(&isolated), waits(&isolated).len(), quarantined(&isolated)), (Some(3), 0, 0));
    Repository::open(&isolated.path()).unwrap().verify_ledger(|_| ()).unwrap();
}

#[test]
fn content_counts_whoever_brought_it() {
    let (mut connected, isolated) = sides();
    connected.bundle(two());
    let mut second = two();
    (second.sequence, second.base) = (2, Some(1));
    let second = connected.bundle(second);
    isolated.waits_for_others(&second);
    // A bundle of another stream has the same packages and the same keyring.
    let mut other = two();
    other.stream = "other";
    let other = connected.bundle(other);
    assert_eq!(isolated.accept(&other), ["other/1", "deb12/2"]);
}

#[test]
fn what_waits_is_told_with_every_receive_and_is_no_failure_of_others() {
    let (mut connected, isolated) = sides();
    connected.bundle(two());
    let mut second = spec(2, vec![deb("jq", "1.7"), deb("expat", "2.5")]);
    second.base = Some(1);
    isolated.waits_for_others(&connected.bundle(second));
    let mut other = spec(1, vec![deb("nginx", "1.22")]);
    (other.stream, other.upstream) = ("apps", "vendor");
    let report = isolated.receive(&connected.bundle(other)).unwrap();
    assert_eq!(report.accepted[0].name(), "apps/1");
    let [Waits { name, missing, from_medium: false, .. }] = report.waiting.as_slice() else { panic!("{report:?}") };
    assert_eq!((name.as_str(), missing.base.packages), ("deb12/2", 1));
    assert!(
        missing.lines()[0].contains("1 package") && missing.lines()[0].contains("bundle 1"),
        "{:?}",
        missing.lines()
    );
}

#[test]
fn a_waiting_bundle_is_in_no_receipt_and_cannot_be_promoted() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    let text = receipt::receipt(&mut isolated.writer()).unwrap();
    assert!(!text.contains("deb12"), "{text}");
    let testing: ChannelId = "testing".parse().unwrap();
    assert!(channel::promote(&mut isolated.writer(), &testing, "1").is_err());
}

#[test]
fn a_bundle_that_waited_too_long_is_refused_when_the_rest_comes() {
    let (mut connected, mut isolated) = sides();
    let first = connected.bundle(two());
    let mut second = spec(2, vec![deb("jq", "1.7"), deb("expat", "2.5")]);
    (second.base, second.not_after) = (Some(1), now().plus_days(3));
    isolated.waits_for_others(&connected.bundle(second));
    isolated.clock = now().plus_days(4);
    let report = isolated.receive(&first).unwrap();
    assert_eq!(report.accepted.len(), 1);
    assert!(
        matches!(report.held_up.as_slice(), [(name, why)] if name == "deb12/2" && why.contains("expired")),
        "{report:?}"
    );
    assert_eq!(floor(&isolated), Some(1));
}

#[test]
fn a_bundle_that_is_listed_no_more_is_not_accepted_from_the_quarantine() {
    let (mut connected, isolated) = sides();
    connected.bundle(two());
    let mut second = spec(2, vec![deb("jq", "1.7"), deb("expat", "2.5")]);
    second.base = Some(1);
    isolated.waits_for_others(&connected.bundle(second));
    connected.unlist("deb12", 2);
    let report = isolated.receive(&connected.bundle(two())).unwrap();
    assert_eq!(report.accepted.len(), 1);
    assert!(matches!(report.held_up.as_slice(), [(name, _)] if name == "deb12/2"), "{report:?}");
    assert_eq!((floor(&isolated), waits(&isolated)), (Some(1), vec!["deb12/2".to_owned()]));
}

#[test]
fn a_late_bundle_must_lie_between_its_neighbours_in_time() {
    let (mut connected, isolated) = sides();
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    let dated = |sequence, minutes: u64| {
        let mut late = spec(sequence, vec![deb("jq", "1.7")]);
        late.date = now().minus_seconds(86_400 - minutes * 60);
        late
    };
    let (before, after, between) =
        (connected.bundle(dated(2, 0)), connected.bundle(dated(3, 6)), connected.bundle(dated(4, 2)));
    isolated.accept(&connected.bundle(spec(5, vec![deb("jq", "1.8")])));
    assert_eq!(isolated.refused(&before), "upstream-rollback");
    assert_eq!(isolated.refused(&after), "upstream-rollback");
    let upstreams = Repository::open(&isolated.path()).unwrap().floors().upstreams.clone();
    assert_eq!(isolated.accept(&between), ["deb12/4"]);
    let repository = Repository::open(&isolated.path()).unwrap();
    assert_eq!((floor(&isolated), &repository.floors().upstreams), (Some(5), &upstreams));
}

#[test]
fn what_was_discarded_is_gone_and_can_come_again() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    let (stream, sequence) = place(1);
    let blobs = discard(&mut isolated.writer(), (&stream, sequence), "the disc is worn").unwrap();
    assert!(blobs > 0);
    assert_eq!((waits(&isolated).len(), quarantined(&isolated)), (0, 0));
    assert!(isolated.ledger_lines().pop().unwrap().contains("the disc is worn"));
    assert!(discard(&mut isolated.writer(), (&stream, sequence), "again").is_err());
    medium.flip(&Medium::blob(&jq()));
    assert_eq!(isolated.accept(&medium), ["deb12/1"]);
}

#[test]
fn discarding_one_bundle_keeps_what_another_waits_with() {
    let (mut connected, isolated) = sides();
    let first = connected.bundle(two());
    let mut second = two();
    second.sequence = 2;
    let second = connected.bundle(second);
    for medium in [&first, &second] {
        medium.flip(&Medium::blob(&jq()));
        isolated.refused(medium);
    }
    let (stream, sequence) = place(1);
    discard(&mut isolated.writer(), (&stream, sequence), "not wanted").unwrap();
    fs::remove_file(second.file(&Medium::blob(&Digest::of(&deb("expat", "2.5").content)))).unwrap();
    second.flip(&Medium::blob(&jq()));
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
}

#[test]
fn another_manifest_for_the_place_of_a_waiting_bundle_is_refused() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    assert_eq!(isolated.refused(&connected.bundle(spec(1, vec![deb("jq", "6.6")]))), "equivocation");
}

#[test]
fn damaged_documents_of_a_waiting_bundle_stop_nothing_and_remove_nothing() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(two());
    medium.flip(&Medium::blob(&jq()));
    isolated.refused(&medium);
    let here = quarantined(&isolated);
    let manifest = isolated.path().join("waiting/deb12/1/bundles/deb12/1/manifest.json");
    fs::write(manifest, "{").unwrap();
    let report = isolated.receive(&connected.bundle(spec(2, vec![deb("jq", "1.7")]))).unwrap();
    assert_eq!((report.accepted.len(), report.held_up.len()), (1, 1));
    assert_eq!(quarantined(&isolated), here);
    let (stream, sequence) = place(1);
    discard(&mut isolated.writer(), (&stream, sequence), "damaged").unwrap();
    assert_eq!(quarantined(&isolated), 0);
}
