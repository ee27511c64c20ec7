//! Parity on real files: what it makes good, what it does not, and what it never lets through.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sealift_bundle::Manifest;
use sealift_bundle::manifest::FileRole;
use sealift_bundle::parity::{EncodeRequest, ParityError, encode, judge, rebuild};
use sealift_bundle::volumes::{
    CutRequest, NewSet, SetFiles, SetPurpose, Split, VolumeSet, carried, name_parts, plan_volumes,
};
use sealift_bundle::write::{BlobAt, BlobProvider};
use sealift_fs::Store;
use sealift_model::{Digest, Silent};

use crate::fixture::Fixture;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.roll(256)).unwrap()).collect()
    }
}

/// A bundle of files of random sizes, cut over volumes with parity.
struct Cut {
    f: Fixture,
    set: VolumeSet,
    parity: Store,
    out: Store,
}

fn id(manifest: &Manifest) -> Digest {
    Digest::of(&manifest.to_bytes().unwrap())
}

impl Cut {
    /// Blobs of these sizes by turns over `data` volumes, the largest in parts, and `parity` volumes beside.
    fn new(dice: &mut Dice, sizes: &[u64], data: u16, parity: u16) -> Self {
        let f = Fixture::new();
        let mut manifest = f.manifest(1, &[], None);
        for (n, size) in sizes.iter().enumerate() {
            manifest.files.push(f.identity(&format!("x/{n}"), FileRole::Index, &dice.bytes(*size)));
        }
        manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        manifest.totals = Manifest::compute_totals(&manifest.files);
        let blobs = carried(&manifest);
        let largest = blobs.iter().max_by_key(|blob| blob.size).unwrap();
        let volume = |n: usize| u16::try_from(n % usize::from(data)).unwrap() + 1;
        let mut assigned: BTreeMap<_, _> = blobs.iter().enumerate().map(|(n, blob)| (blob.sha256, volume(n))).collect();
        let mut split = Vec::new();
        if data > 1 && largest.size > 2 {
            assigned.remove(&largest.sha256);
            let half = largest.size / 2;
            let plan = sealift_bundle::volumes::SplitPlan {
                blob: largest.sha256,
                parts: vec![(half, 2), (largest.size - half, 1)],
            };
            split.push(name_parts(&plan, &f.store.path(&largest.sha256), &mut |_| ()).unwrap());
        }
        let new = NewSet { purpose: SetPurpose::Volumes, volumes: data, assigned, split, parity: None };
        let (plain, _) = VolumeSet::new(new.clone(), id(&manifest), &manifest).unwrap();
        let store = Store::open(&f.path("parity")).unwrap();
        let files = SetFiles { set: &plain, blobs: &f.store, parity: None };
        let access = |digest: &Digest| Some(files.blob_at(digest));
        let made = encode(&EncodeRequest { data: &plain, volumes: parity, access: &access }, &store, &Silent).unwrap();
        let new = NewSet { volumes: data + parity, parity: Some(made), ..new };
        let (set, _) = VolumeSet::new(new, id(&manifest), &manifest).unwrap();
        let out = Store::open(&f.path("rebuilt")).unwrap();
        Self { f, set, parity: store, out }
    }

    fn files(&self) -> SetFiles<'_> {
        SetFiles { set: &self.set, blobs: &self.f.store, parity: Some(&self.parity) }
    }

    /// Rebuilds what is lost, and returns how many pieces that were.
    fn rebuild(&self, lost: &BTreeSet<Digest>) -> Result<u64, ParityError> {
        let files = self.files();
        let access = |digest: &Digest| (!lost.contains(digest)).then(|| files.blob_at(digest));
        rebuild(&self.set, &access, lost, &self.out, &Silent)
    }

    fn all(&self) -> BTreeSet<Digest> {
        self.set.pieces().map(|piece| piece.sha256).collect()
    }

    fn of(&self, volume: u16) -> BTreeSet<Digest> {
        self.set.blobs_of(volume).into_keys().collect()
    }
}

#[test]
fn any_lost_volumes_up_to_the_number_of_parity_are_rebuilt() {
    let mut dice = Dice(1);
    for (data, parity) in [(1, 1), (2, 1), (5, 1), (3, 2), (4, 3)] {
        let sizes: Vec<u64> = (0..17).map(|_| 1 + dice.roll(9000)).collect();
        let cut = Cut::new(&mut dice, &sizes, data, parity);
        for first in 1..=data + parity {
            let lost: BTreeSet<Digest> =
                (0..parity).flat_map(|n| cut.of((first + n - 1) % (data + parity) + 1)).collect();
            assert_eq!(cut.rebuild(&lost).unwrap(), lost.len() as u64, "{data}+{parity}, from {first}");
            for digest in &lost {
                cut.out.verify(digest).unwrap();
                cut.out.remove(digest).unwrap();
            }
        }
    }
}

#[test]
fn damage_on_every_volume_is_rebuilt_as_long_as_it_meets_nowhere() {
    let mut dice = Dice(2);
    for round in 0..8 {
        let sizes: Vec<u64> = (0..40).map(|_| dice.roll(5000)).collect();
        let (data, parity) = (2 + u16::try_from(dice.roll(4)).unwrap(), 1 + u16::try_from(dice.roll(2)).unwrap());
        let cut = Cut::new(&mut dice, &sizes, data, parity);
        let share = 2 + dice.roll(20);
        let lost: BTreeSet<Digest> = cut.all().into_iter().filter(|_| dice.roll(share) == 0).collect();
        let judged = judge(&cut.set, &|digest| !lost.contains(digest));
        let possible: BTreeSet<Digest> = judged.possible.iter().map(|piece| piece.sha256).collect();
        let hopeless: BTreeSet<Digest> = judged.hopeless.iter().map(|piece| piece.sha256).collect();
        let empty = Digest::of(b"");
        assert!(lost.iter().all(|d| possible.contains(d) || hopeless.contains(d) || *d == empty), "round {round}");
        let files = cut.files();
        let access = |digest: &Digest| (!lost.contains(digest)).then(|| files.blob_at(digest));
        rebuild(&cut.set, &access, &possible, &cut.out, &Silent).unwrap();
        for digest in &possible {
            cut.out.verify(digest).unwrap();
        }
        if let Some(digest) = hopeless.difference(&possible).next() {
            let error = rebuild(&cut.set, &access, &hopeless, &cut.out, &Silent).unwrap_err();
            assert!(matches!(error, ParityError::TooMuchLost { .. }), "round {round}: {error} ({digest})");
        }
    }
}

#[test]
fn refuses_to_rebuild_more_than_parity_makes_good() {
    let mut dice = Dice(3);
    let cut = Cut::new(&mut dice, &[4000; 12], 4, 1);
    let lost: BTreeSet<Digest> = cut.of(1).union(&cut.of(3)).copied().collect();
    assert!(matches!(cut.rebuild(&lost), Err(ParityError::TooMuchLost { .. })));
    assert!(cut.out.digests().unwrap().is_empty(), "nothing is left behind");
}

#[test]
fn refuses_a_piece_that_was_rebuilt_from_other_bytes_than_were_signed() {
    let mut dice = Dice(4);
    let cut = Cut::new(&mut dice, &[3000; 9], 3, 1);
    let lost = cut.of(2);
    // Somebody takes a damaged piece for good.
    let liar = cut.f.path("liar");
    std::fs::write(&liar, vec![0; 100_000]).unwrap();
    let victim = *cut.of(1).iter().next().unwrap();
    let files = cut.files();
    let access = |digest: &Digest| match digest {
        _ if lost.contains(digest) => None,
        _ if *digest == victim => Some(BlobAt::Whole(PathBuf::from(&liar))),
        _ => Some(files.blob_at(digest)),
    };
    let error = rebuild(&cut.set, &access, &lost, &cut.out, &Silent).unwrap_err();
    assert!(matches!(error, ParityError::Rebuilt { .. }), "{error}");
    for digest in cut.out.digests().unwrap() {
        cut.out.verify(&digest).unwrap();
    }
}

#[test]
fn refuses_to_make_parity_of_damaged_data() {
    let mut dice = Dice(5);
    let cut = Cut::new(&mut dice, &[3000; 9], 3, 1);
    let victim = *cut.of(1).iter().next().unwrap();
    let path = cut.f.store.path(&victim);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let files = cut.files();
    let access = |digest: &Digest| Some(files.blob_at(digest));
    let request = EncodeRequest { data: &cut.set, volumes: 1, access: &access };
    let error = encode(&request, &cut.out, &Silent).unwrap_err();
    assert!(matches!(error, ParityError::Damaged { piece, .. } if piece == victim), "{error}");
}

#[test]
fn a_cut_keeps_to_the_size_and_is_the_same_every_time() {
    let mut dice = Dice(7);
    for round in 0..6 {
        let f = Fixture::new();
        let mut manifest = f.manifest(1, &[], None);
        let count = 5 + dice.roll(60);
        for n in 0..count {
            let most = if dice.roll(10) == 0 { 300_000 } else { 20_000 };
            let size = 1 + dice.roll(most);
            manifest.files.push(f.identity(&format!("x/{n:02}"), FileRole::Index, &dice.bytes(size)));
        }
        manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        manifest.totals = Manifest::compute_totals(&manifest.files);
        let size = 100_000 + dice.roll(200_000);
        let request = CutRequest {
            manifest: &manifest,
            size,
            documents: 10_000,
            largest_file: u64::MAX,
            parity_percent: Some(20),
        };
        let plan = plan_volumes(&request).unwrap();
        assert_eq!(plan, plan_volumes(&request).unwrap());
        assert_eq!(usize::from(plan.parity), plan.volumes.len().div_ceil(5), "round {round}");
        assert!(plan.volumes.iter().all(|volume| volume.bytes < size), "round {round}");
        let data = u16::try_from(plan.volumes.len()).unwrap();
        let split: Vec<Split> = plan
            .split
            .iter()
            .map(|split| name_parts(split, &f.store.path(&split.blob), &mut |_| ()).unwrap())
            .collect();
        let new = NewSet { purpose: SetPurpose::Volumes, volumes: data, assigned: plan.assigned, split, parity: None };
        let (set, _) = VolumeSet::new(new, id(&manifest), &manifest).unwrap();
        for (number, volume) in (1..).zip(&plan.volumes) {
            assert_eq!(set.blobs_of(number).values().sum::<u64>(), volume.bytes, "round {round}, volume {number}");
        }
    }
}
