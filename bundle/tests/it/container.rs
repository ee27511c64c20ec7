//! The single file: the same content in another form, and as strict.

use std::fs;
use std::time::{Duration, Instant};

use sealift_bundle::pack::{PackError, pack, unpack};
use sealift_model::{Digest, Silent};

use crate::fixture::{Fixture, flip, put, tree};

#[test]
fn packing_and_unpacking_keep_every_byte() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let (one, two, back) = (f.path("one.sealift"), f.path("two.sealift"), f.path("back"));
    pack(&medium, &one, &Silent).unwrap();
    f.verify(&one).unwrap();
    unpack(&one, &back, &Silent).unwrap();
    assert_eq!(tree(&back), tree(&medium));
    pack(&back.join("SEALIFT"), &two, &Silent).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap(), "packed twice, the bytes differ");
}

#[test]
fn an_ordinary_tar_reads_the_single_file() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let file = f.path("m.sealift");
    pack(&medium, &file, &Silent).unwrap();
    let listed = std::process::Command::new("tar").arg("-tf").arg(&file).output();
    let Ok(listed) = listed else { return };
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(names.lines().next(), Some("trust/metadata/1.root.json"));
    assert_eq!(names.lines().count(), 4 + 2 + 5);
}

#[test]
fn refuses_a_flipped_byte_anywhere_in_the_single_file() {
    let f = Fixture::new();
    let file = f.path("m.sealift");
    pack(&f.medium("m"), &file, &Silent).unwrap();
    let whole = fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        put(&file, &bytes);
        let error = f.verify(&file).map(drop).expect_err(&format!("byte {at}"));
        assert!(error.exit_class().is_some(), "byte {at}: {error}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_done_stays() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let (file, dir) = (f.path("m.sealift"), f.path("d"));
    put(&file, b"mine");
    assert!(matches!(pack(&medium, &file, &Silent), Err(PackError::Exists(_))));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    fs::remove_file(&file).unwrap();
    pack(&medium, &file, &Silent).unwrap();
    put(&dir.join("SEALIFT/x"), b"mine");
    assert!(matches!(unpack(&file, &dir, &Silent), Err(PackError::Exists(_))));
    assert_eq!(tree(&dir).len(), 1);

    let mut bytes = fs::read(&file).unwrap();
    // The last blob's content ends before its padding and the two closing blocks.
    let at = bytes.len() - 1024 - 512;
    bytes[at] ^= 1;
    put(&file, &bytes);
    let fresh = f.path("fresh");
    let error = unpack(&file, &fresh, &Silent).unwrap_err();
    assert!(matches!(error, PackError::BlobDigest { .. }), "{error:?}");
    assert!(error.is_refusal());
    assert!(!fresh.exists());
}

#[test]
fn refuses_to_pack_what_is_not_ours_or_damaged() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let file = f.path("m.sealift");
    put(&medium.join("SEALIFT/notes.txt"), b"x");
    let error = pack(&medium, &file, &Silent).unwrap_err();
    assert!(error.is_refusal() && error.to_string().contains("notes.txt"), "{error}");
    fs::remove_file(medium.join("SEALIFT/notes.txt")).unwrap();
    flip(&medium.join("SEALIFT/blobs/sha256").join(Digest::of(b"buoy two").to_hex()));
    let error = pack(&medium, &file, &Silent).unwrap_err();
    assert!(matches!(error, PackError::BlobDigest { .. }), "{error:?}");
    assert!(!file.exists());
    let names: Vec<_> = fs::read_dir(f.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "store and medium, nothing else: {names:?}");
}

#[test]
fn the_names_of_many_bundles_are_listed_without_walking_over_all_of_them_for_each() {
    let f = Fixture::new();
    let file = f.path("many.sealift");
    let mut bytes = Vec::new();
    for number in 0..10_000 {
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("bundles/s{number:05}/1/manifest.json")).unwrap();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
    }
    bytes.extend_from_slice(&[0; 1024]);
    put(&file, &bytes);
    let source = sealift_bundle::open_source(&file).unwrap();
    let begun = Instant::now();
    assert_eq!(sealift_bundle::list_bundles(&*source).unwrap().len(), 10_000);
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}
