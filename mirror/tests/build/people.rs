//! Statements by people travel with a bundle.

use std::collections::BTreeMap;

use sealift_bundle::open_source;
use sealift_bundle::verify::{VerifyOptions, verify};
use sealift_keys::ceremony::{self, Given};
use sealift_keys::metadata::PersonDraft;
use sealift_keys::{Ceremony, KdfParams, SecretKey, statement};
use sealift_mirror::build::{self, Attached, BaseChoice, BuildError, BuildRefusal};
use sealift_mirror::trust::TrustDir;
use sealift_model::{Digest, Silent};
use sealift_trust::statement::{PersonStatement, Remark, Said};
use sealift_trust::{EvidenceRefusal, Policy, Power, Purpose, Subject};

use crate::kit::{PASSPHRASE, World, passphrase, seq, stream, time};

const FIRST: &[(&str, &str, &str)] = &[("jq", "1.6", "")];

fn person(n: u8) -> SecretKey {
    SecretKey::from_seed(Purpose::Person, &[200 + n; 32])
}

/// Alice and bob must both approve.
fn world() -> World {
    let world = World::new("1-of-1", "[\"jq\"]");
    std::fs::remove_dir_all(world.keys()).unwrap();
    let named = |(name, n): (&str, u8)| {
        let draft = PersonDraft { keys: vec![person(n).public().clone()], may: [Power::Approve].into() };
        (name.parse().unwrap(), draft)
    };
    let people = [("alice", 1), ("bob", 2)].into_iter().map(named).collect();
    let given = Given { people, policy: Policy { approve: 2, ..Policy::default() }, ..Given::default() };
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    let ceremony = Ceremony { quorums: BTreeMap::new(), expires: time(0).plus_days(365), now: time(0), cost };
    ceremony::create_with(&world.keys(), &ceremony, &given, &passphrase(PASSPHRASE)).unwrap();
    world
}

fn approval(subject: Digest, keys: &[u8]) -> Vec<u8> {
    noted(subject, keys, None)
}

fn noted(subject: Digest, keys: &[u8], note: Option<&str>) -> Vec<u8> {
    let subject = Subject { name: "manifest.json".into(), sha256: subject };
    let said = Said::Approve(Remark { issued: time(1), note: note.map(str::to_owned) });
    let empty = statement::unsigned(&PersonStatement { subject, said }).unwrap();
    keys.iter().fold(empty, |bytes, n| statement::sign(&bytes, &person(*n)).unwrap())
}

fn attach(world: &World, files: &[(&str, Vec<u8>)]) -> Result<Attached, BuildError> {
    let state = world.state();
    let lock = state.lock().unwrap();
    let files: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
    let roots = TrustDir::of(&world.mirror()).roots(&world.keys()).unwrap();
    build::attach(&state, &lock, (&stream(), seq(1)), &files, (&roots, time(2)))
}

#[test]
fn a_sealed_bundle_is_approved_afterwards_and_written_again() {
    let world = world();
    world.sync(0, FIRST);
    let (plan, _) = world.build(1, BaseChoice::Receipts).unwrap();
    let id = Digest::of(&plan.manifest.to_bytes().unwrap());
    let medium = world.write(1, "medium").unwrap();
    let root = std::fs::read(world.keys().join("root.json")).unwrap();
    let verified = || {
        let options = VerifyOptions { root: &root, now: time(2), threads: 1 };
        verify(open_source(&medium).unwrap().as_ref(), &options, &Silent)
    };
    assert_eq!(verified().unwrap_err().code(), Some("people-missing"));
    let attached = attach(&world, &[("approve-alice-1.dsse.json", approval(id, &[1]))]).unwrap();
    assert!(matches!(attached.agreement, Err(EvidenceRefusal::People { required: 2, .. })));
    let attached = attach(&world, &[("approve-bob-1.dsse.json", approval(id, &[2]))]).unwrap();
    assert_eq!(attached.agreement.unwrap().approved.len(), 2);
    assert_eq!(attached.reports.len(), 3);
    world.write(1, "medium").unwrap();
    assert_eq!(verified().unwrap().bundles[0].agreement.approved.len(), 2);
}

#[test]
fn what_somebody_signed_who_has_left_the_root_stays_behind() {
    let world = world();
    world.sync(0, FIRST);
    let (plan, _) = world.build(1, BaseChoice::Receipts).unwrap();
    let id = Digest::of(&plan.manifest.to_bytes().unwrap());
    let alices = noted(id, &[1], Some("seen"));
    let payload = sealift_trust::Envelope::parse(&alices).unwrap().payload_digest();
    let subject = Subject { name: "approve-alice-1.dsse.json".into(), sha256: payload };
    let said = Said::Countersign(Remark { issued: time(1), note: None });
    let empty = statement::unsigned(&PersonStatement { subject, said }).unwrap();
    let lifted = statement::sign(&empty, &person(2)).unwrap();
    let files = [
        ("approve-alice-1.dsse.json", alices),
        ("approve-bob-1.dsse.json", approval(id, &[2])),
        ("countersign-bob-1.dsse.json", lifted),
    ];
    attach(&world, &files).unwrap();
    let evidence = |medium: &std::path::Path| {
        let dir = medium.join("bundles/s/1/evidence");
        let names = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(evidence(&world.write(1, "before").unwrap()).len(), 4);
    // Alice leaves: root 2 names bob alone, and asks for one.
    let keys = world.signing_root();
    let root = std::fs::read(world.keys().join("root.json")).unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&root).unwrap();
    document["signatures"] = serde_json::json!([]);
    document["signed"]["version"] = 2.into();
    document["signed"]["custom"]["sealift"]["people"].as_object_mut().unwrap().remove("alice");
    document["signed"]["custom"]["sealift"]["policy"]["approve"] = 1.into();
    let next = sealift_model::json::canonical(&document).unwrap();
    let next = keys.iter().fold(next, |bytes, key| sealift_keys::sign_metadata(&bytes, key).unwrap());
    std::fs::write(world.keys().join("1.root.json"), &root).unwrap();
    std::fs::write(world.keys().join("root.json"), next).unwrap();
    // The next build takes the new root over.
    world.sync(2, &[("jq", "1.7", "")]);
    world.build(3, BaseChoice::Full).unwrap();
    assert_eq!(evidence(&world.write(1, "after").unwrap()), ["approve-bob-1.dsse.json", "build.dsse.json"]);
}

#[test]
fn refuses_statements_that_the_importer_would_refuse() {
    let world = world();
    world.sync(0, FIRST);
    let (plan, _) = world.build(1, BaseChoice::Receipts).unwrap();
    let id = Digest::of(&plan.manifest.to_bytes().unwrap());
    let before = world.documents();
    let good = ("approve-alice-1.dsse.json", approval(id, &[1]));
    for (name, bytes) in [
        ("approve-mallory.dsse.json", approval(id, &[9])),
        ("approve-bob.dsse.json", approval(Digest::of(b"other"), &[2])),
        ("approve-bob.json", approval(id, &[2])),
        ("build.dsse.json", approval(id, &[2])),
        ("../approve-bob.dsse.json", approval(id, &[2])),
        ("approve-bob.dsse.json", b"{}".to_vec()),
    ] {
        let refused = attach(&world, &[good.clone(), (name, bytes)]);
        let evidence = |e: &BuildError| matches!(e, BuildError::Refused(BuildRefusal::Evidence { .. }));
        assert!(refused.as_ref().is_err_and(evidence), "{name}: {refused:?}");
        assert_eq!(world.documents(), before, "{name}: all or none");
    }
}
