//! Repair media: what requests are believed, and that the medium holds what was asked for and nothing else.

use std::collections::BTreeSet;

use sealift_bundle::manifest::Manifest;
use sealift_bundle::write::{WriteError, WriteOptions};
use sealift_mirror::build::{BaseChoice, BuildError, Repair, RepairRefusal, repair};
use sealift_mirror::stream::StreamDir;
use sealift_model::{Digest, Silent, SiteId};
use sealift_site::StatementKey;
use sealift_trust::request::WantedBlob;
use sealift_trust::{Held, Request, RequestRefusal, WantedVolume};

use crate::kit::{World, seq, stream, time, tree};

/// Bundle 1 is complete; bundle 2 takes `b 1` and `c 1` from it and carries `a 2`.
fn world() -> World {
    let world = World::new("1-of-1", "[\"a\", \"b\", \"c\"]");
    world.sync(0, &[("a", "1", ""), ("b", "1", ""), ("c", "1", "")]);
    world.build(1, BaseChoice::Full).unwrap();
    world.sync(2, &[("a", "2", ""), ("b", "1", ""), ("c", "1", "")]);
    world.build(3, BaseChoice::Over(seq(1))).unwrap();
    world
}

fn manifest(world: &World, number: u64) -> Manifest {
    let dir = StreamDir::of(world.state().dir(), &stream());
    dir.manifest(&dir.record(seq(number)).unwrap()).unwrap().0
}

fn package(manifest: &Manifest, name: &str) -> WantedBlob {
    let of = |file: &&sealift_bundle::manifest::FileEntry| file.deb.as_ref().is_some_and(|deb| deb.package == name);
    let file = manifest.files.iter().find(of).unwrap();
    WantedBlob { digest: file.sha256, size: file.size }
}

fn request(world: &World, number: u64, blobs: &[WantedBlob], contents: &[WantedBlob]) -> Request {
    let sorted = |list: &[WantedBlob]| list.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let id = Digest::of(&manifest(world, number).to_bytes().unwrap());
    Request {
        site: world.site.site().clone(),
        issued: time(4),
        bundle: Held { stream: stream(), sequence: seq(number), manifest: id },
        volumes: Vec::new(),
        blobs: sorted(blobs),
        contents: sorted(contents),
    }
}

fn read(world: &World, key: &StatementKey, request: &Request) -> Result<Request, RepairRefusal> {
    repair::read_request(world.state().config(), key.sign_request(request).as_bytes())
}

fn plan(world: &World, request: Request) -> Result<Vec<Repair>, BuildError> {
    repair::plan(&world.state(), &[request], &world.signing().roots)
}

fn write(world: &World, repairs: &[Repair], to: &str) -> Result<(), BuildError> {
    let (state, signing) = (world.state(), world.signing());
    let options = WriteOptions::default();
    for one in repairs {
        repair::write(&state, one, &signing, (&world.path(to), &options), &Silent)?;
    }
    Ok(())
}

fn blobs_on(world: &World, medium: &str) -> BTreeSet<String> {
    let names = std::fs::read_dir(world.path(medium).join("SEALIFT/blobs/sha256")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_repair_medium_holds_exactly_what_was_asked_for_and_verifies() {
    let world = world();
    let lost = package(&manifest(&world, 1), "b");
    let asked = read(&world, &world.site, &request(&world, 1, &[lost], &[])).unwrap();
    let repairs = plan(&world, asked).unwrap();
    assert_eq!(repairs.iter().map(Repair::size).sum::<u64>(), lost.size);
    write(&world, &repairs, "medium").unwrap();
    assert_eq!(blobs_on(&world, "medium"), BTreeSet::from([lost.digest.to_hex()]));
    assert_eq!(world.verify(&world.path("medium"), 4).bundles.len(), 1);
    let before = tree(&world.path("medium"));
    write(&world, &repairs, "medium").unwrap();
    assert_eq!(tree(&world.path("medium")), before, "the same command again changes nothing");
}

#[test]
fn content_of_the_base_comes_under_the_manifest_that_carries_it() {
    let world = world();
    let second = manifest(&world, 2);
    let (own, taken) = (package(&second, "a"), package(&second, "b"));
    let repairs = plan(&world, request(&world, 2, &[own], &[taken])).unwrap();
    let numbers: Vec<_> = repairs.iter().map(|repair| repair.record.sequence).collect();
    assert_eq!(numbers, [seq(1), seq(2)]);
    write(&world, &repairs, "medium").unwrap();
    assert_eq!(blobs_on(&world, "medium"), BTreeSet::from([own.digest.to_hex(), taken.digest.to_hex()]));
    assert_eq!(world.verify(&world.path("medium"), 4).bundles.len(), 2);
}

#[test]
fn refuses_requests_of_unknown_sites_and_keys() {
    let world = world();
    let asked = request(&world, 1, &[package(&manifest(&world, 1), "b")], &[]);
    let stranger = StatementKey::from_seed(&SiteId::new("plant-b").unwrap(), &[8; 32]);
    let of_stranger = Request { site: stranger.site().clone(), ..asked.clone() };
    assert!(matches!(read(&world, &stranger, &of_stranger), Err(RepairRefusal::UnknownSite(_))));
    let forged = read(&world, &stranger, &asked).unwrap_err();
    assert!(matches!(forged, RepairRefusal::Request(RequestRefusal::OtherKey { .. })), "{forged:?}");
    let text = world.site.sign_request(&asked).replace("plant-a", "plant-c");
    assert!(repair::read_request(world.state().config(), text.as_bytes()).is_err());
}

#[test]
fn refuses_a_request_for_a_bundle_this_mirror_did_not_seal() {
    let world = world();
    let asked = request(&world, 1, &[package(&manifest(&world, 1), "b")], &[]);
    let other = Held { manifest: Digest::of(b"another"), ..asked.bundle.clone() };
    let later = Held { sequence: seq(9), ..asked.bundle.clone() };
    for bundle in [other, later] {
        let error = plan(&world, Request { bundle, ..asked.clone() }).unwrap_err();
        assert!(matches!(error, BuildError::Repair(RepairRefusal::UnknownBundle { .. })), "{error:?}");
    }
}

#[test]
fn refuses_a_request_for_what_the_bundle_does_not_list() {
    let world = world();
    let second = manifest(&world, 2);
    let (own, taken) = (package(&second, "a"), package(&second, "b"));
    let foreign = WantedBlob { digest: Digest::of(b"secret"), size: 6 };
    let larger = WantedBlob { size: own.size + 1, ..own };
    for (blobs, contents) in [(foreign, taken), (larger, taken), (taken, taken), (own, foreign), (own, own)] {
        let error = plan(&world, request(&world, 2, &[blobs], &[contents])).unwrap_err();
        assert!(matches!(error, BuildError::Repair(RepairRefusal::NotListed { .. })), "{error:?}");
    }
    let volumes = vec![WantedVolume { set: Digest::of(b"a set"), number: 1 }];
    let error = plan(&world, Request { volumes, ..request(&world, 2, &[own], &[]) }).unwrap_err();
    assert!(matches!(error, BuildError::Repair(RepairRefusal::UnknownVolume { .. })), "{error:?}");
}

#[test]
fn a_request_moves_no_base() {
    let world = world();
    let asked = request(&world, 2, &[package(&manifest(&world, 2), "a")], &[]);
    let before = world.documents();
    write(&world, &plan(&world, asked).unwrap(), "medium").unwrap();
    assert_eq!(world.documents(), before, "nothing of a request is kept");
    let plan = world.plan(5, BaseChoice::For(world.site.site().clone())).unwrap();
    assert!(plan.valid_from.is_empty());
}

#[test]
fn a_blob_that_the_store_lost_is_found_out_before_the_medium_is_touched() {
    let world = world();
    let lost = package(&manifest(&world, 1), "b");
    let asked = request(&world, 1, &[lost], &[]);
    let repairs = plan(&world, asked.clone()).unwrap();
    std::fs::remove_file(world.state().store().path(&lost.digest)).unwrap();
    assert!(matches!(plan(&world, asked), Err(BuildError::NoBlob(_))));
    let error = write(&world, &repairs, "medium").unwrap_err();
    assert!(
        matches!(&error, BuildError::Write { source, .. } if matches!(**source, WriteError::Blob { .. })),
        "{error:?}"
    );
}
