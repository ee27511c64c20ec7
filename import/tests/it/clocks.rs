//! The time of a machine that has no network: floors of signed time, overrides, waivers.

use sealift_import::floors::Floors;
use sealift_import::publish::{PublishError, PublishOptions, publish};
use sealift_import::receive::ReceiveError;
use sealift_import::{Refusal, Repository, channel, trust};
use sealift_model::{ChannelId, Digest, Silent, Timestamp};
use sealift_trust::statement::{ClockOverride, FreshnessWaiver, Said};

use crate::fixture::{Connected, Isolated, Medium, deb, now, signed_by, spec};

const ALICE: u8 = 41;
const BOB: u8 = 42;
const MALLORY: u8 = 66;

fn sides() -> (Connected, Isolated) {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    (connected, isolated)
}

/// Both may waive, and it takes both.
fn with_two_people() -> (Connected, Isolated) {
    let mut connected = Connected::new();
    connected.roots.clear();
    connected.with_waivers(&[("alice", ALICE), ("bob", BOB)], 2);
    let isolated = Isolated::new(&connected);
    (connected, isolated)
}

fn floors(isolated: &Isolated) -> Floors {
    Repository::open(&isolated.path()).unwrap().floors().clone()
}

fn state(isolated: &Isolated) -> Digest {
    trust::state_digest(&Repository::open(&isolated.path()).unwrap()).unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, ReceiveError>) -> &'static str {
    match result {
        Err(ReceiveError::Refused { refusal, .. }) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

fn waiver(seeds: &[u8], bundle: Digest, until: Timestamp) -> Vec<u8> {
    let said = FreshnessWaiver { issued: now(), reason: "the courier was late".into(), until };
    signed_by(seeds, bundle, Said::WaiveExpiry(said))
}

fn override_clock(seeds: &[u8], state: Digest, time: Timestamp) -> Vec<u8> {
    signed_by(seeds, state, Said::OverrideClock(ClockOverride { reason: "the battery is empty".into(), time }))
}

fn first(connected: &mut Connected) -> Medium {
    connected.bundle(spec(1, vec![deb("jq", "1.6")]))
}

#[test]
fn a_clock_a_year_back_is_refused_and_set_right_it_goes_on() {
    let (mut connected, mut isolated) = sides();
    isolated.accept(&first(&mut connected));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = now().minus_seconds(365 * 86_400);
    assert_eq!(isolated.refused(&second), "clock");
    isolated.clock = now();
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
}

#[test]
fn one_run_with_the_clock_in_2099_does_no_lasting_harm() {
    let (mut connected, mut isolated) = sides();
    isolated.accept(&first(&mut connected));
    let before = floors(&isolated);
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = "2099-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(isolated.refused(&second), "expired");
    assert_eq!(floors(&isolated), before);
    isolated.clock = now();
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
}

#[test]
fn the_floor_of_time_is_what_was_signed_and_never_the_clock() {
    let (mut connected, mut isolated) = sides();
    let mut early = spec(1, vec![deb("jq", "1.6")]);
    early.created = now().minus_seconds(20 * 86_400);
    let created = early.created;
    let medium = connected.bundle(early);
    // The clock is weeks ahead of everything signed, and the metadata is still fresh.
    isolated.clock = now().plus_days(29);
    isolated.accept(&medium);
    assert_eq!(floors(&isolated).signed_time, created);
    isolated.clock = now();
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.7")])));
    let older = floors(&isolated).signed_time;
    let mut backdated = spec(3, vec![deb("jq", "1.8")]);
    backdated.created = created;
    // An upstream that goes back is another refusal; this one dates only the manifest back.
    let medium = connected.bundle(backdated);
    let _ = isolated.receive(&medium);
    assert_eq!(floors(&isolated).signed_time, older, "an older date does not lower it");
}

#[test]
fn a_clock_of_1970_is_refused_with_what_to_do() {
    let (mut connected, mut isolated) = sides();
    isolated.accept(&first(&mut connected));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = Timestamp::from_unix(0);
    let Err(ReceiveError::Refused { refusal, .. }) = isolated.receive(&second) else { panic!() };
    assert!(matches!(*refusal, Refusal::Clock { .. }));
    let hint = refusal.hint().unwrap();
    assert!(hint.contains("date -u") && hint.contains("trust status"), "{hint}");
    channel::promote(&mut isolated.writer(), &production(), "1").unwrap_err();
}

#[test]
fn a_manifest_of_more_than_two_days_ahead_is_refused_and_the_floor_stays() {
    let (mut connected, isolated) = sides();
    isolated.accept(&first(&mut connected));
    let before = floors(&isolated);
    for (sequence, ahead) in [(2, 48 * 3600 + 1), (3, 365 * 86_400)] {
        let mut future = spec(sequence, vec![deb("jq", "1.7")]);
        future.created = Timestamp::from_unix(now().unix() + ahead);
        future.not_after = future.created.plus_days(30);
        assert_eq!(isolated.refused(&connected.bundle(future)), "from-the-future");
        assert_eq!(floors(&isolated), before);
    }
}

#[test]
fn enough_people_can_vouch_for_the_time_once() {
    let (mut connected, mut isolated) = with_two_people();
    isolated.accept(&first(&mut connected));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = Timestamp::from_unix(0);
    let (state_before, time) = (state(&isolated), now().plus_days(1));
    let vouched = override_clock(&[ALICE, BOB], state_before, time);
    let report = isolated.receive_with(&second, std::slice::from_ref(&vouched)).unwrap();
    assert_eq!(report.accepted.len(), 1);
    let line = isolated.ledger_lines().into_iter().find(|line| line.contains("\"clock-overridden\"")).unwrap();
    assert!(line.contains("alice, bob") && line.contains(&time.to_string()), "{line}");
    let third = connected.bundle(spec(3, vec![deb("jq", "1.8")]));
    assert_eq!(code(isolated.receive_with(&third, &[vouched])), "clock");
    assert_ne!(state(&isolated), state_before);
    assert_eq!(floors(&isolated).used.len(), 1);
}

#[test]
fn an_override_is_used_up_by_a_run_that_fails_after_it() {
    let (mut connected, mut isolated) = with_two_people();
    isolated.accept(&first(&mut connected));
    let broken = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    broken.flip(&Medium::blob(&Digest::of(&deb("jq", "1.7").content)));
    isolated.clock = Timestamp::from_unix(0);
    let vouched = override_clock(&[ALICE, BOB], state(&isolated), now());
    assert_eq!(code(isolated.receive_with(&broken, std::slice::from_ref(&vouched))), "blob");
    assert_eq!(code(isolated.receive_with(&broken, &[vouched])), "clock");
}

#[test]
fn an_override_does_not_count_if_too_few_or_strangers_sign_or_it_names_another_state() {
    let (mut connected, mut isolated) = with_two_people();
    isolated.accept(&first(&mut connected));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = Timestamp::from_unix(0);
    let state = state(&isolated);
    for (seeds, subject) in
        [(&[ALICE][..], state), (&[ALICE, MALLORY], state), (&[MALLORY], state), (&[ALICE, BOB], Digest::of(b"other"))]
    {
        let vouched = override_clock(seeds, subject, now());
        let before = isolated.traces();
        let refused = code(isolated.receive_with(&second, &[vouched]));
        assert!(["clock", "people-missing"].contains(&refused), "{refused}");
        assert_eq!(isolated.traces(), before);
    }
    // Two statements of one person are one voice.
    let twice = [override_clock(&[ALICE], state, now()), override_clock(&[ALICE], state, now().plus_days(1))];
    assert_eq!(code(isolated.receive_with(&second, &twice)), "people-missing");
}

#[test]
fn an_override_never_makes_expired_metadata_fresh() {
    let (mut connected, mut isolated) = with_two_people();
    isolated.accept(&first(&mut connected));
    let second = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = Timestamp::from_unix(0);
    let vouched = override_clock(&[ALICE, BOB], state(&isolated), now().plus_days(61));
    assert_eq!(code(isolated.receive_with(&second, &[vouched])), "expired");
}

#[test]
fn a_waiver_lets_in_its_bundle_until_its_end_and_nothing_else() {
    let (mut connected, mut isolated) = with_two_people();
    isolated.accept(&first(&mut connected));
    let medium = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    isolated.clock = now().plus_days(61);
    assert_eq!(isolated.refused(&medium), "expired");
    let until = isolated.clock.plus_days(7);
    for (what, statement) in [
        ("of another bundle", waiver(&[ALICE, BOB], connected.id("deb12", 1), until)),
        ("by one person", waiver(&[ALICE], connected.id("deb12", 2), until)),
        ("by a stranger", waiver(&[ALICE, MALLORY], connected.id("deb12", 2), until)),
        ("that has ended", waiver(&[ALICE, BOB], connected.id("deb12", 2), isolated.clock)),
    ] {
        let accepted = isolated.receive_with(&medium, &[statement]).map(|report| report.accepted.len());
        assert_ne!(accepted.ok(), Some(1), "a waiver {what}");
        assert!(!floors(&isolated).streams.values().any(|held| held.sequence.get() == 2), "a waiver {what}");
    }
    let good = waiver(&[ALICE, BOB], connected.id("deb12", 2), until);
    let report = isolated.receive_with(&medium, &[good]).unwrap();
    assert_eq!(report.accepted[0].waiver.as_ref().unwrap().until, until);
    let line = isolated.ledger_lines().pop().unwrap();
    assert!(line.contains("expiry waived until") && line.contains("alice, bob"), "{line}");
    // A newer bundle on a medium as old is not covered.
    let mut third = spec(3, vec![deb("jq", "1.8")]);
    third.created = now();
    assert_eq!(isolated.refused(&connected.bundle(third)), "expired");
}

#[test]
fn a_waived_bundle_is_promoted_and_published_until_the_waiver_ends() {
    let (mut connected, mut isolated) = with_two_people();
    isolated.accept(&first(&mut connected));
    isolated.clock = now().plus_days(31);
    let promote = |isolated: &Isolated| channel::promote(&mut isolated.writer(), &production(), "1");
    assert!(promote(&isolated).is_err(), "the bundle has expired");
    let late = waiver(&[ALICE, BOB], connected.id("deb12", 1), now().plus_days(40));
    assert_eq!(isolated.hand_over(std::slice::from_ref(&late)).unwrap()[0].name, "deb12/1");
    promote(&isolated).unwrap();
    let options = PublishOptions { channel: production(), verify: true };
    publish(&mut isolated.writer(), &options, &Silent).unwrap();
    isolated.clock = now().plus_days(40);
    assert!(matches!(publish(&mut isolated.writer(), &options, &Silent), Err(PublishError::Refused(_))));
    // The same statement again allows nothing new.
    assert!(isolated.hand_over(&[late]).unwrap().is_empty());
}

#[test]
fn an_expired_root_cannot_be_waived() {
    let (mut connected, mut isolated) = with_two_people();
    connected.expires = now().plus_days(300);
    let medium = first(&mut connected);
    isolated.clock = now().plus_days(366);
    let good = waiver(&[ALICE, BOB], connected.id("deb12", 1), now().plus_days(400));
    assert_eq!(code(isolated.receive_with(&medium, &[good])), "expired");
    assert!(floors(&isolated).streams.is_empty());
}

#[test]
fn without_people_in_the_root_nothing_can_be_waived() {
    let (mut connected, mut isolated) = sides();
    let medium = first(&mut connected);
    isolated.clock = now().plus_days(61);
    let nobody = waiver(&[ALICE, BOB], connected.id("deb12", 1), now().plus_days(400));
    assert_eq!(code(isolated.receive_with(&medium, &[nobody])), "expired");
}

fn production() -> ChannelId {
    "production".parse().unwrap()
}
