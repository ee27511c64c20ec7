//! Volume sets: the vectors of format/volumes, and what only a whole medium shows.

use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::pack::{pack, unpack};
use sealift_bundle::parity::judge;
use sealift_bundle::volumes::{NewSet, SetPurpose, VolumeSet, carried};
use sealift_bundle::write::{VolumePart, WriteError};
use sealift_bundle::{BundleParts, Manifest, MetadataFiles, WriteOptions, write_proven};
use sealift_model::{Digest, Silent};
use sealift_trust::Purpose;

use crate::fixture::{FIRST, Fixture, STREAM, flip, put, tree};
use crate::vectors::directory;

#[test]
fn volume_sets_are_accepted_and_refused_as_the_vectors_say() {
    let bytes = fs::read(directory("volumes").join("manifest.json")).unwrap();
    let manifest = Manifest::parse(&bytes).unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(directory("volumes")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let Some((expect, payload)) = text.split_once("\npayload: ") else { continue };
        seen += 1;
        let expect = expect.trim_start_matches("expect: ").trim_start_matches("refuse ");
        let payload = payload.strip_suffix('\n').unwrap();
        let found = match VolumeSet::parse(payload.as_bytes(), Digest::of(&bytes), &manifest) {
            Ok(set) => {
                assert_eq!(set.id(), Digest::of(payload.as_bytes()));
                let (again, bytes) = VolumeSet::new(set.to_new(), Digest::of(&bytes), &manifest).unwrap();
                assert_eq!((again, bytes.as_slice()), (set.clone(), payload.as_bytes()), "{}", path.display());
                let judged = judge(&set, &|_| false);
                assert!(judged.possible.is_empty(), "of nothing, nothing is rebuilt");
                "accept".to_owned()
            }
            Err(error) => format!("{} ({error})", error.code()),
        };
        if found.split(' ').next() != Some(expect) {
            wrong.push(format!("{}: {expect} != {found}", path.display()));
        }
    }
    assert!(seen > 50, "{seen} vectors");
    assert!(wrong.is_empty(), "expected != found\n{}", wrong.join("\n"));
}

/// A bundle of [`FIRST`] cut over two volumes, its blobs by turns.
struct Cut {
    f: Fixture,
    manifest: Manifest,
    metadata: MetadataFiles,
    set: VolumeSet,
    envelope: Vec<u8>,
}

impl Cut {
    fn new() -> Self {
        let f = Fixture::new();
        let manifest = f.manifest(1, &FIRST, None);
        let metadata = f.metadata(1, &[&manifest]);
        let (set, payload) = VolumeSet::new(by_turns(&manifest, 2), id(&manifest), &manifest).unwrap();
        let envelope = f.sign_payload(Purpose::Evidence, &payload);
        Self { f, manifest, metadata, set, envelope }
    }

    /// Writes a volume below `name`, with this envelope.
    fn write(&self, name: &str, number: u16, set: &VolumeSet, envelope: &[u8]) -> PathBuf {
        let dir = self.f.path(name);
        let blobs: Vec<(Digest, u64)> = set.blobs_of(number).into_iter().collect();
        let volume = VolumePart { number: number.into(), envelope, blobs: &blobs };
        self.write_part(&dir, Some(volume)).unwrap();
        dir
    }

    /// Writes a volume, or the whole bundle, into `dir`.
    fn write_part(&self, dir: &Path, volume: Option<VolumePart<'_>>) -> Result<(), WriteError> {
        let options = WriteOptions { volume, ..WriteOptions::default() };
        let bytes = self.manifest.to_bytes().unwrap();
        let evidence = [("build.dsse.json".to_owned(), self.f.provenance(&bytes))];
        let parts = BundleParts {
            manifest: &self.manifest,
            manifest_bytes: &bytes,
            evidence: &evidence,
            metadata: &self.metadata,
            blobs: &self.f.store,
        };
        write_proven(dir, &parts, &options, &Silent).map(drop)
    }

    fn volume(&self, number: u16) -> PathBuf {
        self.write(&format!("v{number}"), number, &self.set, &self.envelope)
    }

    fn set_file(dir: &Path, number: u16) -> PathBuf {
        dir.join(format!("SEALIFT/bundles/{STREAM}/1/volume-{number}.dsse.json"))
    }
}

fn id(manifest: &Manifest) -> Digest {
    Digest::of(&manifest.to_bytes().unwrap())
}

fn by_turns(manifest: &Manifest, volumes: u16) -> NewSet {
    let volume = (1..=volumes).cycle();
    let assigned = carried(manifest).into_iter().map(|blob| blob.sha256).zip(volume).collect();
    NewSet { purpose: SetPurpose::Volumes, volumes, assigned, split: Vec::new(), parity: None }
}

fn copy_into(from: &Path, to: &Path) {
    for (name, bytes) in tree(from) {
        put(&to.join(name), &bytes);
    }
}

#[test]
fn each_volume_is_verified_alone_and_says_which_it_is() {
    let cut = Cut::new();
    for number in 1..=2 {
        let report = cut.f.verify(&cut.volume(number)).unwrap();
        let volumes = report.bundles[0].volumes.as_ref().unwrap();
        assert_eq!((volumes.here.as_slice(), volumes.of, volumes.set), ([number].as_slice(), 2, cut.set.id()));
        assert_eq!(report.blobs, volumes.blobs);
        assert!(report.blobs < cut.manifest.totals.blobs);
    }
}

#[test]
fn several_volumes_of_one_set_may_lie_in_one_place() {
    let cut = Cut::new();
    let (one, two) = (cut.volume(1), cut.volume(2));
    copy_into(&two.join("SEALIFT/blobs"), &one.join("SEALIFT/blobs"));
    copy_into(&two.join("SEALIFT/bundles"), &one.join("SEALIFT/bundles"));
    let report = cut.f.verify(&one).unwrap();
    assert_eq!(report.bundles[0].volumes.as_ref().unwrap().here, [1, 2]);
    assert_eq!(report.bundles[0].caveat(), None);
    assert_eq!(report.blobs, cut.manifest.totals.blobs);
}

#[test]
fn refuses_to_write_a_part_of_a_bundle_over_another_part() {
    let cut = Cut::new();
    let blobs: Vec<(Digest, u64)> = cut.set.blobs_of(2).into_iter().collect();
    let second = VolumePart { number: 2, envelope: &cut.envelope, blobs: &blobs };
    let (one, whole) = (cut.volume(1), cut.f.path("whole"));
    cut.write_part(&whole, None).unwrap();
    let before = (tree(&one), tree(&whole));
    for (dir, volume) in [(&one, Some(second)), (&one, None), (&whole, Some(second))] {
        let error = cut.write_part(dir, volume).unwrap_err();
        assert!(matches!(error, WriteError::OtherPart { .. }), "{error:?}");
    }
    assert!((tree(&one), tree(&whole)) == before, "a refused write left something");
    cut.volume(1);
    cut.f.verify(&one).unwrap();
}

#[test]
fn a_volume_is_the_same_after_packing_and_unpacking() {
    let cut = Cut::new();
    let medium = cut.volume(2);
    let (file, back) = (cut.f.path("v.sealift"), cut.f.path("back"));
    pack(&medium, &file, &Silent).unwrap();
    cut.f.verify(&file).unwrap();
    unpack(&file, &back, &Silent).unwrap();
    assert_eq!(tree(&back), tree(&medium));
}

#[test]
fn refuses_two_volume_sets_in_one_bundle() {
    let cut = Cut::new();
    let medium = cut.volume(1);
    let mut other = by_turns(&cut.manifest, 2);
    other.volumes = 3;
    let (set, payload) = VolumeSet::new(other, id(&cut.manifest), &cut.manifest).unwrap();
    let envelope = cut.f.sign_payload(Purpose::Evidence, &payload);
    let beside = cut.write("beside", 2, &set, &envelope);
    copy_into(&beside.join("SEALIFT/blobs"), &medium.join("SEALIFT/blobs"));
    put(&Cut::set_file(&medium, 2), &envelope);
    assert_eq!(cut.f.refusal(&medium), "volume-mixed");
}

#[test]
fn refuses_a_number_that_the_set_does_not_have() {
    let cut = Cut::new();
    let medium = cut.volume(1);
    fs::rename(Cut::set_file(&medium, 1), Cut::set_file(&medium, 3)).unwrap();
    assert_eq!(cut.f.refusal(&medium), "volume-number");
    fs::rename(Cut::set_file(&medium, 3), Cut::set_file(&medium, 1)).unwrap();
    cut.f.verify(&medium).unwrap();
    for name in ["volume-01.dsse.json", "volume-0.dsse.json", "volume-1000.dsse.json", "volume-1.json"] {
        let path = Cut::set_file(&medium, 1).with_file_name(name);
        put(&path, &cut.envelope);
        assert_eq!(cut.f.refusal(&medium), "foreign-file", "{name}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn refuses_a_volume_that_holds_other_blobs_than_its_own() {
    let cut = Cut::new();
    let (one, two) = (cut.volume(1), cut.volume(2));
    let blobs = "SEALIFT/blobs/sha256";
    let own = cut.set.blobs_of(1).into_keys().next().unwrap().to_string();
    let foreign = cut.set.blobs_of(2).into_keys().next().unwrap().to_string();
    put(&one.join(blobs).join(&foreign), &fs::read(two.join(blobs).join(&foreign)).unwrap());
    assert_eq!(cut.f.refusal(&one), "blob-unlisted");
    fs::remove_file(one.join(blobs).join(&foreign)).unwrap();
    flip(&one.join(blobs).join(&own));
    assert_eq!(cut.f.refusal(&one), "blob-digest");
    fs::remove_file(one.join(blobs).join(&own)).unwrap();
    assert_eq!(cut.f.refusal(&one), "blob-missing");
    // Another name is another volume, with other blobs.
    fs::rename(Cut::set_file(&two, 2), Cut::set_file(&two, 1)).unwrap();
    assert_eq!(cut.f.refusal(&two), "blob-missing");
    // Without its set a volume is a bundle that lacks blobs.
    fs::remove_file(Cut::set_file(&two, 1)).unwrap();
    assert_eq!(cut.f.refusal(&two), "blob-missing");
}

#[test]
fn refuses_a_volume_set_that_no_evidence_key_signed() {
    let cut = Cut::new();
    let medium = cut.volume(1);
    let (_, payload) = VolumeSet::new(by_turns(&cut.manifest, 2), id(&cut.manifest), &cut.manifest).unwrap();
    for purpose in [Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Root] {
        put(&Cut::set_file(&medium, 1), &cut.f.sign_payload(purpose, &payload));
        assert_eq!(cut.f.refusal(&medium), "evidence-signature", "{purpose:?}");
    }
    put(&Cut::set_file(&medium, 1), &cut.f.provenance(&cut.manifest.to_bytes().unwrap()));
    assert_eq!(cut.f.refusal(&medium), "volume-set");
}

#[test]
fn refuses_the_volume_set_of_another_bundle() {
    let cut = Cut::new();
    let medium = cut.volume(1);
    let other = cut.f.manifest(2, &FIRST, None);
    let (_, payload) = VolumeSet::new(by_turns(&other, 2), id(&other), &other).unwrap();
    put(&Cut::set_file(&medium, 1), &cut.f.sign_payload(Purpose::Evidence, &payload));
    assert_eq!(cut.f.refusal(&medium), "volume-subject");
}
