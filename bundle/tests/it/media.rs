//! Writing media: reproducible, additive, never over what is not ours.

use std::fs;
use std::process::Command;

use sealift_bundle::write::{BundleParts, write_proven};
use sealift_bundle::{WriteError, WriteOptions};
use sealift_model::{Digest, Silent};

use crate::fixture::{FIRST, Fixture, SECOND, put, tree};

#[test]
fn the_same_parts_give_the_same_bytes() {
    let f = Fixture::new();
    assert!(tree(&f.medium("one")) == tree(&f.medium("two")));
}

#[test]
fn sha256sum_agrees_with_every_file() {
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let second = f.manifest(2, &SECOND, Some(&first));
    let dir = f.path("m");
    let metadata = f.metadata(2, &[&first, &second]);
    f.write(&dir, &first, &metadata);
    f.write(&dir, &second, &metadata);
    let top = dir.join("SEALIFT");
    for dir in [top.clone(), top.join("bundles/deb12/1"), top.join("bundles/deb12/2")] {
        let mut check = Command::new("sha256sum");
        let Ok(status) = check.args(["-c", "--strict", "--quiet", "SHA256SUMS"]).current_dir(dir).status() else {
            return;
        };
        assert!(status.success());
    }
    let sums = fs::read_to_string(top.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), tree(&top).len() - 1, "every file but the list itself");
}

#[test]
fn a_second_bundle_is_added_and_an_order_does_not_matter() {
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let second = f.manifest(2, &SECOND, Some(&first));
    let metadata = f.metadata(2, &[&first, &second]);
    let (forth, back) = (f.path("forth"), f.path("back"));
    f.write(&forth, &first, &f.metadata(1, &[&first]));
    f.write(&forth, &second, &metadata);
    f.write(&back, &second, &metadata);
    f.write(&back, &first, &metadata);
    assert_eq!(f.verify(&forth).unwrap().bundles.len(), 2);
    assert!(tree(&forth) == tree(&back));
    assert!(!forth.join("SEALIFT/trust/metadata/1.targets.json").exists());
}

#[test]
fn writing_again_changes_nothing() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let metadata = f.metadata(1, &[&manifest]);
    let dir = f.path("m");
    f.write(&dir, &manifest, &metadata);
    let before = tree(&dir);
    let evidence = [("build.dsse.json".to_owned(), f.provenance(&manifest.to_bytes().unwrap()))];
    let report = f.write_parts(&dir, &manifest, &evidence, &metadata).unwrap();
    assert_eq!((report.existed, report.blobs_written, report.blobs_present), (true, 0, 5));
    assert!(tree(&dir) == before);
}

#[test]
fn refuses_to_add_to_what_is_not_ours() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let metadata = f.metadata(1, &[&manifest]);
    let strange = f.path("strange");
    put(&strange.join("SEALIFT/holiday.jpg"), b"x");
    assert!(matches!(f.write_parts(&strange, &manifest, &[], &metadata), Err(WriteError::Existing { .. })));
    let mixed = f.medium("mixed");
    put(&mixed.join("SEALIFT/holiday.jpg"), b"x");
    let before = tree(&mixed);
    let error = f.write_parts(&mixed, &manifest, &[], &metadata).unwrap_err();
    let WriteError::Existing { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("holiday.jpg"));
    assert!(tree(&mixed) == before);
}

#[test]
fn refuses_a_used_number_and_a_bundle_no_longer_listed() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let before = tree(&medium);
    let other = f.manifest(1, &SECOND, None);
    let error = f.write_parts(&medium, &other, &[], &f.metadata(2, &[&other])).unwrap_err();
    assert!(matches!(error, WriteError::Taken(_)), "{error:?}");
    let next = f.manifest(2, &SECOND, None);
    let error = f.write_parts(&medium, &next, &[], &f.metadata(2, &[&next])).unwrap_err();
    assert!(matches!(error, WriteError::Unlisted(_)), "{error:?}");
    assert!(tree(&medium) == before);
}

#[test]
fn a_missing_or_damaged_blob_of_the_store_leaves_nothing_behind() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let metadata = f.metadata(1, &[&manifest]);
    let blob = f.store.path(&Digest::of(b"buoy two"));
    put(&blob, b"buoy");
    let dir = f.path("m");
    assert!(matches!(f.write_parts(&dir, &manifest, &[], &metadata), Err(WriteError::Damaged { .. })));
    fs::remove_file(&blob).unwrap();
    assert!(matches!(f.write_parts(&dir, &manifest, &[], &metadata), Err(WriteError::Blob { .. })));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn a_killed_run_is_cleared_by_the_next() {
    let f = Fixture::new();
    let dir = f.path("m");
    put(&dir.join(".SEALIFT.partial/blobs/sha256/x"), b"half");
    let manifest = f.manifest(1, &FIRST, None);
    f.write(&dir, &manifest, &f.metadata(1, &[&manifest]));
    f.verify(&dir).unwrap();
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
}

#[test]
fn another_file_system_gets_copies_that_verify() {
    let Ok(medium) = tempfile::tempdir_in("/dev/shm") else { return };
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let metadata = f.metadata(1, &[&manifest]);
    let evidence = [("build.dsse.json".to_owned(), f.provenance(&manifest.to_bytes().unwrap()))];
    let report = f.write_parts(medium.path(), &manifest, &evidence, &metadata).unwrap();
    if !report.linked {
        assert_eq!(report.bytes_copied, manifest.totals.stored_bytes);
    }
    assert!(tree(medium.path()) == tree(&f.medium("m")));
    f.verify(medium.path()).unwrap();
    // A store that rots keeps its sizes; the copy notices.
    let rotten = tempfile::tempdir_in("/dev/shm").unwrap();
    put(&f.store.path(&Digest::of(b"buoy two")), b"buoy tow");
    match f.write_parts(rotten.path(), &manifest, &evidence, &metadata) {
        Err(WriteError::Damaged { blob, .. }) => assert_eq!(blob, Digest::of(b"buoy two")),
        other => assert!(report.linked, "{other:?}"),
    }
}

#[test]
fn refuses_to_write_beside_files_of_others_unless_told() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let (bytes, metadata, dir) = (manifest.to_bytes().unwrap(), f.metadata(1, &[&manifest]), f.path("m"));
    let parts = BundleParts {
        manifest: &manifest,
        manifest_bytes: &bytes,
        evidence: &[],
        metadata: &metadata,
        blobs: &f.store,
    };
    for system in ["lost+found", "System Volume Information/IndexerVolumeGuid"] {
        fs::create_dir_all(dir.join(system)).unwrap();
    }
    put(&dir.join("thesis.odt"), b"mine");
    let error = write_proven(&dir, &parts, &WriteOptions::default(), &Silent).unwrap_err();
    assert!(matches!(&error, WriteError::OtherFiles { names, .. } if names == &["thesis.odt"]), "{error}");
    assert!(!dir.join("SEALIFT").exists());
    let beside = WriteOptions { beside_other_files: true, ..WriteOptions::default() };
    let report = write_proven(&dir, &parts, &beside, &Silent).unwrap();
    assert_eq!(fs::read(dir.join("thesis.odt")).unwrap(), b"mine");
    assert_eq!(report.proof.files + report.proof.linked, tree(&dir.join("SEALIFT")).len() as u64);
    fs::remove_file(dir.join("thesis.odt")).unwrap();
    write_proven(&dir, &parts, &WriteOptions::default(), &Silent).unwrap();
}

#[test]
fn refuses_a_blob_larger_than_any_file_there_before_anything_is_written() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let (bytes, metadata, dir) = (manifest.to_bytes().unwrap(), f.metadata(1, &[&manifest]), f.path("m"));
    let parts = BundleParts {
        manifest: &manifest,
        manifest_bytes: &bytes,
        evidence: &[],
        metadata: &metadata,
        blobs: &f.store,
    };
    let small = WriteOptions { largest_file: Some(3), ..WriteOptions::default() };
    let error = write_proven(&dir, &parts, &small, &Silent).unwrap_err();
    assert!(matches!(error, WriteError::LargestFile { limit: 3, .. }), "{error}");
    assert!(!dir.exists(), "not even the directory");
}
