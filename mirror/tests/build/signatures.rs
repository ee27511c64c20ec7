//! Thresholds, drafts, and what is refused.

use std::path::{Path, PathBuf};

use sealift_keys::KeyFile;
use sealift_mirror::build::{Action, BaseChoice, BuildError, BuildRefusal, Created, Narrow, Request, Sealed};
use sealift_mirror::stream::StreamDir;
use sealift_mirror::trust::TrustError;
use sealift_model::StreamId;
use sealift_trust::{Purpose, Refusal};

use crate::kit::{PASSPHRASE, World, passphrase, seq, stream, time};

const FIRST: &[(&str, &str, &str)] = &[("jq", "1.6", "")];
const SECOND: &[(&str, &str, &str)] = &[("jq", "1.7", "")];

/// Takes key files away from the mirror's machine; their holders have them.
pub fn take_keys(world: &World, prefix: &str) -> Vec<PathBuf> {
    let desk = world.path("desk");
    std::fs::create_dir_all(&desk).unwrap();
    let mut taken = Vec::new();
    for entry in std::fs::read_dir(world.keys().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(prefix) {
            let target = desk.join(name);
            std::fs::rename(path, &target).unwrap();
            taken.push(target);
        }
    }
    assert!(!taken.is_empty(), "there is no key {prefix}");
    taken.sort();
    taken
}

fn sign_at_desk(world: &World, number: u64, key: &Path) {
    let file = StreamDir::of(&world.mirror(), &stream()).draft_file(seq(number));
    let key = KeyFile::read(key).unwrap().open(&passphrase(PASSPHRASE)).unwrap();
    let signed = sealift_keys::sign_metadata(&std::fs::read(&file).unwrap(), &key).unwrap();
    std::fs::write(&file, signed).unwrap();
}

fn waiting(sealed: Sealed) -> (usize, usize) {
    match sealed {
        Sealed::Waiting(waiting) => (waiting.have, waiting.need),
        Sealed::Complete => panic!("sealed although signatures are missing"),
    }
}

#[test]
fn two_of_three_holders_seal_a_bundle() {
    let world = World::new("2-of-3", "[\"jq\"]");
    world.sync(0, FIRST);
    let desk = take_keys(&world, "targets");
    let (plan, sealed) = world.build(1, BaseChoice::Receipts).unwrap();
    assert_eq!(waiting(sealed), (0, 2));
    assert!(matches!(world.write(1, "medium"), Err(BuildError::NotSealed { .. })));
    // The same build again finds its draft and takes no second number.
    assert_eq!(world.plan(1, BaseChoice::Receipts).unwrap().action, Action::Resume);
    assert_eq!(waiting(world.build(1, BaseChoice::Receipts).unwrap().1), (0, 2));
    sign_at_desk(&world, 1, &desk[0]);
    sign_at_desk(&world, 1, &desk[0]);
    assert_eq!(waiting(world.seal(1, 2).unwrap()), (1, 2), "one key twice is one signature");
    sign_at_desk(&world, 1, &desk[2]);
    assert_eq!(world.seal(1, 2).unwrap(), Sealed::Complete);
    assert_eq!(world.seal(1, 2).unwrap(), Sealed::Complete, "sealing twice changes nothing");
    let medium = world.write(1, "medium").unwrap();
    assert_eq!(world.verify(&medium, 2).bundles.len(), 1);
    assert_eq!(plan.manifest.sequence, seq(1));
}

#[test]
fn refuses_a_draft_that_lists_something_else() {
    let world = World::new("1-of-2", "[\"jq\"]");
    world.sync(0, FIRST);
    let desk = take_keys(&world, "targets");
    world.build(1, BaseChoice::Receipts).unwrap();
    let file = StreamDir::of(&world.mirror(), &stream()).draft_file(seq(1));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("bundles/s/1/", "bundles/s/9/")).unwrap();
    // Even a key holder's signature does not make it what this mirror drafted.
    sign_at_desk(&world, 1, &desk[0]);
    let before = world.documents();
    match world.seal(1, 1) {
        Err(BuildError::Refused(BuildRefusal::Draft { file: named, .. })) => assert_eq!(named, file),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.documents(), before);
}

#[test]
fn a_forged_signature_does_not_count() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let desk = take_keys(&world, "targets");
    world.build(1, BaseChoice::Receipts).unwrap();
    sign_at_desk(&world, 1, &desk[0]);
    let file = StreamDir::of(&world.mirror(), &stream()).draft_file(seq(1));
    let text = std::fs::read_to_string(&file).unwrap();
    let at = text.find("\"sig\":\"").unwrap() + 7;
    let flipped = if &text[at..=at] == "0" { "1" } else { "0" };
    std::fs::write(&file, format!("{}{flipped}{}", &text[..at], &text[at + 1..])).unwrap();
    assert_eq!(waiting(world.seal(1, 1).unwrap()), (0, 1));
}

#[test]
fn refuses_a_manifest_or_evidence_changed_while_it_waited() {
    for (name, expect_refusal) in [("manifest.json", false), ("evidence/build.dsse.json", true)] {
        let world = World::new("1-of-1", "[\"jq\"]");
        world.sync(0, FIRST);
        let desk = take_keys(&world, "targets");
        world.build(1, BaseChoice::Receipts).unwrap();
        let file = world.mirror().join("streams/s/1").join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        let at = text.len() / 2;
        let flipped = if &text[at..=at] == "A" { "B" } else { "A" };
        std::fs::write(&file, format!("{}{flipped}{}", &text[..at], &text[at + 1..])).unwrap();
        sign_at_desk(&world, 1, &desk[0]);
        let error = world.seal(1, 1).unwrap_err();
        assert_eq!(matches!(error, BuildError::Refused(_)), expect_refusal, "{name}: {error:?}");
        assert!(!world.mirror().join("trust/metadata/timestamp.json").exists());
    }
}

#[test]
fn new_content_gives_a_draft_up_but_keeps_its_number() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let desk = take_keys(&world, "targets");
    world.build(1, BaseChoice::Receipts).unwrap();
    world.sync(2, SECOND);
    let plan = world.plan(3, BaseChoice::Receipts).unwrap();
    assert_eq!((plan.manifest.sequence, plan.discards.as_slice()), (seq(2), [seq(1)].as_slice()));
    world.build(3, BaseChoice::Receipts).unwrap();
    assert!(matches!(world.seal(1, 3), Err(BuildError::Discarded { .. })));
    sign_at_desk(&world, 2, &desk[0]);
    assert_eq!(world.seal(2, 3).unwrap(), Sealed::Complete);
    assert_eq!(world.plan(4, BaseChoice::Full).unwrap().manifest.sequence, seq(3));
}

#[test]
fn a_run_cut_after_publishing_counts_as_sealed() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let draft = world.mirror().join("streams/s/1/draft");
    let desk = take_keys(&world, "targets");
    world.build(1, BaseChoice::Receipts).unwrap();
    let saved: Vec<_> = ["draft.json", "targets.json"].map(|n| (n, std::fs::read(draft.join(n)).unwrap())).into();
    sign_at_desk(&world, 1, &desk[0]);
    world.seal(1, 1).unwrap();
    std::fs::create_dir(&draft).unwrap();
    for (name, bytes) in saved {
        std::fs::write(draft.join(name), bytes).unwrap();
    }
    assert_eq!(world.plan(2, BaseChoice::Receipts).unwrap().action, Action::Nothing);
    assert_eq!(world.seal(1, 2).unwrap(), Sealed::Complete);
    assert!(!draft.exists());
}

#[test]
fn refuses_metadata_in_the_state_that_nobody_signed() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    world.build(1, BaseChoice::Receipts).unwrap();
    let file = world.mirror().join("trust/metadata/timestamp.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"version\":1}", "\"version\":9}")).unwrap();
    let error = world.plan(2, BaseChoice::Full).unwrap_err();
    let tampered =
        |error: &BuildError| matches!(error, BuildError::Trust(e) if matches!(**e, TrustError::Tampered { .. }));
    assert!(tampered(&error), "{error:?}");
}

#[test]
fn refuses_another_root_of_trust_than_before() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    world.build(1, BaseChoice::Receipts).unwrap();
    let other = World::new("1-of-1", "[\"jq\"]");
    std::fs::copy(other.keys().join("root.json"), world.keys().join("root.json")).unwrap();
    let trust = sealift_mirror::trust::TrustDir::of(&world.mirror());
    assert!(matches!(trust.roots(&world.keys()), Err(TrustError::OtherRoot { version: 1, .. })));
}

#[test]
fn keys_that_must_be_here_are_named() {
    for (prefix, role) in
        [("snapshot", Purpose::Snapshot), ("timestamp", Purpose::Timestamp), ("evidence", Purpose::Evidence)]
    {
        let world = World::new("1-of-1", "[\"jq\"]");
        world.sync(0, FIRST);
        take_keys(&world, prefix);
        let before = world.documents();
        match world.build(1, BaseChoice::Receipts) {
            Err(BuildError::Keys { role: named, have: 0, need: 1, .. }) => assert_eq!(named, role),
            other => panic!("{other:?}"),
        }
        assert_eq!(world.documents(), before, "no number is taken");
    }
}

#[test]
fn an_expired_root_takes_no_number() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let before = world.documents();
    let error = world.build(365, BaseChoice::Receipts).unwrap_err();
    let expired = |error: &BuildError| matches!(error, BuildError::Trust(e) if matches!(**e, TrustError::Refused(Refusal::Expired { .. })));
    assert!(expired(&error), "{error:?}");
    assert_eq!(world.documents(), before);
}

#[test]
fn a_draft_is_made_anew_when_another_bundle_was_sealed_meanwhile() {
    let world = World::new("1-of-1", "[\"jq\"]");
    let config = world.mirror().join("mirror.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[[stream]]\nname = \"t\"\nupstreams = [\"u\"]\nall = true\n")).unwrap();
    world.sync(0, FIRST);
    let desk = take_keys(&world, "targets");
    world.build(1, BaseChoice::Receipts).unwrap();
    let old = std::fs::read(StreamDir::of(&world.mirror(), &stream()).draft_file(seq(1))).unwrap();
    std::fs::rename(&desk[0], world.keys().join("keys/targets-1.key")).unwrap();
    let (state, signing) = (world.state(), world.signing());
    let lock = state.lock().unwrap();
    let other = StreamId::new("t").unwrap();
    let request = Request {
        stream: other.clone(),
        base: BaseChoice::Receipts,
        created: Created::Given(time(2)),
        narrow: Narrow::default(),
    };
    let plan = sealift_mirror::build::plan(&state, &request).unwrap();
    sealift_mirror::build::draft(&state, &lock, &plan, &signing).unwrap();
    let sealed = sealift_mirror::build::seal(&state, &lock, (&other, seq(1)), &signing, time(2)).unwrap();
    assert_eq!(sealed, Sealed::Complete);
    drop(lock);
    take_keys(&world, "targets");
    match world.seal(1, 3).unwrap() {
        Sealed::Waiting(waiting) => assert!(waiting.redrafted),
        Sealed::Complete => panic!("sealed without a signature"),
    }
    let new = std::fs::read(StreamDir::of(&world.mirror(), &stream()).draft_file(seq(1))).unwrap();
    assert_ne!(old, new);
    sign_at_desk(&world, 1, &world.path("desk/targets-1.key"));
    assert_eq!(world.seal(1, 3).unwrap(), Sealed::Complete);
    let medium = world.write(1, "medium").unwrap();
    assert_eq!(world.verify(&medium, 3).trust.targets_version, 2);
}
