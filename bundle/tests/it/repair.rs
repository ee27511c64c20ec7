//! Lost and damaged volumes, rebuilt from the others as an operator would.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::manifest::FileRole;
use sealift_bundle::parity::{EncodeRequest, encode};
use sealift_bundle::repair::{RepairError, RepairRequest, look};
use sealift_bundle::volumes::{NewSet, SetFiles, SetPurpose, SplitPlan, VolumeSet, carried, joined, name_parts};
use sealift_bundle::write::{BlobAt, BlobProvider, VolumePart};
use sealift_bundle::{BundleParts, Manifest, MetadataFiles, WriteOptions, write_proven};
use sealift_fs::{Store, StoreError};
use sealift_model::{Digest, Silent};
use sealift_trust::Purpose;

use crate::fixture::{FIRST, Fixture, created, flip, tree};

/// Three volumes of data and one of parity, written.
struct Media {
    f: Fixture,
    manifest: Manifest,
    metadata: MetadataFiles,
    set: VolumeSet,
    envelope: Vec<u8>,
    parity: Store,
}

fn id(manifest: &Manifest) -> Digest {
    Digest::of(&manifest.to_bytes().unwrap())
}

impl Media {
    fn new() -> Self {
        let f = Fixture::new();
        let mut manifest = f.manifest(1, &FIRST, None);
        for n in 0..12_u8 {
            let content: Vec<u8> = (0..2000 + 7 * u32::from(n)).map(|at| (at * u32::from(n + 3) % 251) as u8).collect();
            // As keyrings nobody refers to: they need no index.
            manifest.files.push(f.identity(&format!("x/{n:02}"), FileRole::Keyring, &content));
        }
        manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        manifest.totals = Manifest::compute_totals(&manifest.files);
        let metadata = f.metadata(1, &[&manifest]);
        let blobs = carried(&manifest);
        let largest = blobs.iter().max_by_key(|blob| blob.size).unwrap();
        let mut assigned: BTreeMap<_, _> = blobs.iter().map(|blob| blob.sha256).zip((1..=3).cycle()).collect();
        assigned.remove(&largest.sha256);
        let plan = SplitPlan { blob: largest.sha256, parts: vec![(700, 3), (largest.size - 700, 1)] };
        let split = vec![name_parts(&plan, &f.store.path(&largest.sha256), &mut |_| ()).unwrap()];
        let new = NewSet { purpose: SetPurpose::Volumes, volumes: 3, assigned, split, parity: None };
        let (data, _) = VolumeSet::new(new.clone(), id(&manifest), &manifest).unwrap();
        let parity = Store::open(&f.path("parity")).unwrap();
        let files = SetFiles { set: &data, blobs: &f.store, parity: None };
        let access = |digest: &Digest| Some(files.blob_at(digest));
        let made = encode(&EncodeRequest { data: &data, volumes: 1, access: &access }, &parity, &Silent).unwrap();
        let new = NewSet { volumes: 4, parity: Some(made), ..new };
        let (set, payload) = VolumeSet::new(new, id(&manifest), &manifest).unwrap();
        let envelope = f.sign_payload(Purpose::Evidence, &payload);
        let media = Self { f, manifest, metadata, set, envelope, parity };
        for number in 1..=4 {
            media.write(number);
        }
        media
    }

    fn write(&self, number: u16) {
        let blobs: Vec<(Digest, u64)> = self.set.blobs_of(number).into_iter().collect();
        let volume = VolumePart { number: number.into(), envelope: &self.envelope, blobs: &blobs };
        let bytes = self.manifest.to_bytes().unwrap();
        let evidence = [("build.dsse.json".to_owned(), self.f.provenance(&bytes))];
        let files = SetFiles { set: &self.set, blobs: &self.f.store, parity: Some(&self.parity) };
        let parts = BundleParts {
            manifest: &self.manifest,
            manifest_bytes: &bytes,
            evidence: &evidence,
            metadata: &self.metadata,
            blobs: &files,
        };
        let options = WriteOptions { volume: Some(volume), ..WriteOptions::default() };
        write_proven(&self.volume(number), &parts, &options, &Silent).unwrap();
    }

    fn volume(&self, number: u16) -> PathBuf {
        self.f.path(&format!("v{number}"))
    }

    fn blob(&self, number: u16, at: usize) -> PathBuf {
        let blob = *self.set.blobs_of(number).keys().nth(at).unwrap();
        self.volume(number).join(format!("SEALIFT/blobs/sha256/{blob}"))
    }

    fn repair(&self, at_hand: &[u16]) -> Result<Vec<PathBuf>, RepairError> {
        let from: Vec<PathBuf> = at_hand.iter().map(|number| self.volume(*number)).collect();
        let request = RepairRequest { from: &from, root: &self.f.root, now: created().plus_days(1) };
        let found = look(&request, &Silent)?;
        let write = |volume| {
            let to = self.f.path("anew").join(format!("volume-{volume}"));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            found.write(volume, &to, &Silent).map(|_| to)
        };
        found.incomplete().into_iter().map(write).collect()
    }

    fn same(&self, number: u16, anew: &Path) {
        assert_eq!(tree(anew), tree(&self.volume(number)), "volume {number}");
    }
}

#[test]
fn any_one_lost_volume_is_written_anew_byte_for_byte() {
    let media = Media::new();
    for lost in 1..=4_u16 {
        let at_hand: Vec<u16> = (1..=4).filter(|number| *number != lost).collect();
        let written = media.repair(&at_hand).unwrap();
        assert_eq!(written.len(), 1);
        media.same(lost, &written[0]);
        media.f.verify(&written[0]).unwrap();
        assert!(!media.f.path("anew/.sealift-rebuilt").exists());
        fs::remove_dir_all(media.f.path("anew")).unwrap();
    }
}

#[test]
fn damage_on_two_volumes_is_made_good_where_it_does_not_meet() {
    let media = Media::new();
    let (first, last) = (media.blob(1, 0), media.blob(2, media.set.blobs_of(2).len() - 1));
    let intact = [tree(&media.volume(1)), tree(&media.volume(2))];
    flip(&first);
    fs::remove_file(&last).unwrap();
    let written = media.repair(&[1, 2, 3, 4]).unwrap();
    assert_eq!(written.len(), 2);
    for (dir, expected) in written.iter().zip(intact) {
        assert_eq!(tree(dir), expected);
        media.f.verify(dir).unwrap();
    }
}

#[test]
fn a_volume_that_cannot_be_rebuilt_is_not_written() {
    let media = Media::new();
    let error = media.repair(&[1, 4]).unwrap_err();
    assert!(matches!(error, RepairError::TooMuchLost { .. }), "{error}");
    let left: Vec<_> = fs::read_dir(media.f.path("anew")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn refuses_volumes_of_another_root_and_whole_media() {
    let media = Media::new();
    let other = Fixture::with_seed(2);
    let from = [media.volume(1)];
    let request = RepairRequest { from: &from, root: &other.root, now: created().plus_days(1) };
    assert!(matches!(look(&request, &Silent), Err(RepairError::Volume { .. })));
    let whole = [media.f.medium("whole")];
    let request = RepairRequest { from: &whole, root: &media.f.root, now: created().plus_days(1) };
    assert!(matches!(look(&request, &Silent), Err(RepairError::NotVolumes(_))));
}

#[test]
fn refuses_parts_that_do_not_make_the_blob() {
    let media = Media::new();
    let mut split = media.set.split()[0].clone();
    let size = media.manifest.files.iter().find(|e| e.sha256 == split.blob).unwrap().size;
    let at = |digest: &Digest| match media.set.part(digest) {
        Some((of, offset, size)) => Some(BlobAt::Part { file: media.f.store.path(&of), offset, size }),
        None => None,
    };
    let store = Store::open(&media.f.path("joined")).unwrap();
    let batch = store.batch();
    batch.insert_stream(&mut joined(&split, &at), &split.blob, size, &Silent).unwrap();
    batch.commit().unwrap();
    store.verify(&split.blob).unwrap();
    // Each part is as signed; in this order they are another blob.
    split.parts.reverse();
    let other = Store::open(&media.f.path("other")).unwrap();
    let error = other.batch().insert_stream(&mut joined(&split, &at), &split.blob, size, &Silent).unwrap_err();
    assert!(matches!(error, StoreError::WrongDigest { .. }), "{error}");
    assert!(other.digests().unwrap().is_empty());
}
