//! What `verify` says is wrong, and how much it read: operators go by it, to the right blob on the right medium.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sealift_bundle::blob::encode;
use sealift_bundle::manifest::{Encoding, FileRole, Stored};
use sealift_bundle::{Manifest, MetadataFiles, VerifyError, VerifyOptions, VerifyRefusal, open_source};
use sealift_model::{Digest, Progress};
use sealift_trust::{ExitClass, Previous, Purpose};

use crate::fixture::{FIRST, Fixture, created, flip};

fn blob_file(medium: &Path, blob: Digest) -> PathBuf {
    medium.join("SEALIFT/blobs/sha256").join(blob.to_hex())
}

/// Writes a bundle whose first package is carried as `stored`, whatever that holds. No chain reads packages, so it is
/// always the blob that is judged.
fn with_package(f: &Fixture, name: &str, stored: Stored) -> PathBuf {
    let mut manifest = f.manifest(1, &FIRST, None);
    manifest.files.iter_mut().find(|entry| entry.role == FileRole::Package).unwrap().stored = Some(stored);
    manifest.totals = Manifest::compute_totals(&manifest.files);
    let dir = f.path(name);
    f.write(&dir, &manifest, &f.metadata(1, &[&manifest]));
    dir
}

fn refusal(f: &Fixture, medium: &Path) -> VerifyRefusal {
    match f.verify(medium) {
        Err(VerifyError::Refused(refusal)) => refusal,
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn a_changed_blob_is_named_by_its_blob_whatever_its_encoding() {
    let f = Fixture::new();
    let content = FIRST[0].2;
    let mut compressed = Vec::new();
    let zstd = encode(&mut &content[..], content.len() as u64, &mut compressed).unwrap();
    f.store.insert(&compressed).unwrap();
    let identity = Stored { encoding: Encoding::Identity, sha256: Digest::of(content), size: content.len() as u64 };
    for (name, stored) in [("plain", identity), ("compressed", zstd)] {
        let medium = with_package(&f, name, stored);
        flip(&blob_file(&medium, stored.sha256));
        let refusal = refusal(&f, &medium);
        let VerifyRefusal::BlobDigest { blob, .. } = &refusal else { panic!("{name}: {refusal:?}") };
        assert_eq!(*blob, stored.sha256, "{name}");
    }
}

#[test]
fn a_blob_as_signed_that_does_not_decode_is_no_damage_of_the_medium() {
    let f = Fixture::new();
    let bytes = b"signed, and no zstd frame";
    let sha256 = f.store.insert(bytes).unwrap();
    let stored = Stored { encoding: Encoding::Zstd, sha256, size: bytes.len() as u64 };
    let refusal = refusal(&f, &with_package(&f, "m", stored));
    let VerifyRefusal::BlobForm { blob, .. } = &refusal else { panic!("{refusal:?}") };
    assert_eq!(*blob, sha256);
}

#[test]
fn a_blob_as_signed_with_other_content_names_the_file_and_not_the_blob() {
    let f = Fixture::new();
    let honest = f.manifest(1, &FIRST, None);
    let entry = honest.files.iter().find(|entry| entry.role == FileRole::Package).unwrap();
    let other = vec![b'x'; usize::try_from(entry.size).unwrap()];
    let mut blob = Vec::new();
    let stored = encode(&mut &other[..], entry.size, &mut blob).unwrap();
    f.store.insert(&blob).unwrap();
    let refusal = refusal(&f, &with_package(&f, "m", stored));
    let VerifyRefusal::ContentDigest { of, expected, found, .. } = &refusal else { panic!("{refusal:?}") };
    assert_eq!((of, *expected, *found), (&entry.path, entry.sha256, Digest::of(&other)));
}

#[test]
fn how_many_more_blobs_are_bad_is_said() {
    let f = Fixture::new();
    let medium = f.medium("m");
    // Packages only: what the upstream's chain is read from may be refused by that first.
    let packages = [&b"anchor one"[..], b"buoy two"];
    for bad in 1..=packages.len() {
        flip(&blob_file(&medium, Digest::of(packages[bad - 1])));
        // One thread: with several, all would be read before one of them could stop the others.
        let source = open_source(&medium).unwrap();
        let options = VerifyOptions { root: &f.root, now: created(), threads: 1 };
        let refusal = match sealift_bundle::verify(&*source, &options, &sealift_model::Silent) {
            Err(VerifyError::Refused(refusal)) => refusal,
            other => panic!("{bad} bad: {other:?}"),
        };
        let VerifyRefusal::BlobDigest { more, .. } = refusal else { panic!("{bad} bad: {refusal:?}") };
        assert_eq!(more, bad - 1);
        let text = refusal.to_string();
        assert_eq!(text.contains(" more)"), more > 0, "{text}");
        assert!(more == 0 || text.ends_with(&format!("(and {more} more)")), "{text}");
    }
}

/// Adds up what is told.
#[derive(Default)]
struct Told(Mutex<(u64, u64)>);

impl Progress for Told {
    fn phase(&self, _: &str, total: Option<u64>) {
        self.0.lock().unwrap().0 += total.unwrap();
    }

    fn advance(&self, bytes: u64) {
        self.0.lock().unwrap().1 += bytes;
    }

    fn done(&self, _: &str) {}
}

#[test]
fn progress_ends_at_exactly_the_bytes_it_announced() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let told = Told::default();
    let source = open_source(&medium).unwrap();
    let options = VerifyOptions { root: &f.root, now: created(), threads: 2 };
    let report = sealift_bundle::verify(&*source, &options, &told).unwrap();
    let on_disk: u64 = fs::read_dir(medium.join("SEALIFT/blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let (announced, done) = *told.0.lock().unwrap();
    assert_eq!((announced, done, report.bytes), (on_disk, on_disk, on_disk));
}

#[test]
fn what_revoked_keys_signed_is_called_revoked_and_what_strangers_signed_is_not() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let good = f.metadata(1, &[&manifest]);
    let next = f.next_root(Purpose::Targets, 77);
    let judged = |files: &MetadataFiles, pinned: &[u8]| {
        let set = sealift_bundle::trust::verify_files(files, pinned, Previous::default(), created());
        set.map(drop).map_err(|refusal| (refusal.code(), refusal.exit_class()))
    };
    // By the root that leads to the newest, pinned or on the medium; and by the newest alone, if the medium has the older.
    let chain = [(1, f.root.clone()), (2, next.clone())];
    for (roots, pinned) in [(&chain[..], &f.root), (&chain[1..], &f.root), (&chain[..], &next), (&chain[..1], &next)] {
        let files = MetadataFiles { roots: roots.to_vec(), ..good.clone() };
        assert_eq!(judged(&files, pinned), Err(("revoked", ExitClass::Signature)), "{} roots", roots.len());
    }
    // A stranger's root says that the stranger's keys counted once.
    let stranger = Fixture::with_seed(2);
    let forged = MetadataFiles { roots: vec![(1, stranger.root.clone())], ..stranger.metadata(1, &[&manifest]) };
    assert_eq!(judged(&forged, &next), Err(("threshold", ExitClass::Signature)));
    let without = MetadataFiles { roots: Vec::new(), ..good };
    assert_eq!(judged(&without, &next), Err(("threshold", ExitClass::Signature)));
}

#[test]
fn a_bundle_is_good_until_the_second_before_it_expires() {
    let f = Fixture::new();
    let mut manifest = f.manifest(1, &FIRST, None);
    manifest.not_after = created().plus_days(1);
    let medium = f.path("m");
    f.write(&medium, &manifest, &f.metadata(1, &[&manifest]));
    let at = |now| crate::fixture::verify_with(&medium, &f.root, now);
    assert!(at(manifest.not_after.minus_seconds(1)).is_ok());
    let error = at(manifest.not_after).unwrap_err();
    assert!(matches!(error, VerifyError::Refused(VerifyRefusal::Expired { .. })), "{error:?}");
}
