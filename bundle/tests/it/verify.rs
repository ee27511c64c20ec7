//! `verify` accepts what was signed and refuses everything else.

use std::fs;
use std::os::unix::fs::symlink;

use sealift_bundle::VerifyError;
use sealift_model::Digest;
use sealift_trust::ExitClass;

use crate::fixture::{FIRST, Fixture, SECOND, created, expires, flip, put, tree, verify_with};

#[test]
fn a_whole_medium_is_good_down_to_each_package() {
    let f = Fixture::new();
    let medium = f.medium("m");
    for path in [medium.clone(), medium.join("SEALIFT")] {
        let report = f.verify(&path).unwrap();
        assert_eq!((report.bundles.len(), report.blobs), (1, 5));
        let bundle = &report.bundles[0];
        assert_eq!((bundle.upstreams[0].packages, bundle.upstreams[0].indexes), (2, 1));
        assert!(bundle.upstreams[0].signature_verified);
        assert_eq!((bundle.upstreams[0].resting, bundle.caveat()), (0, None));
        assert!(bundle.evidence[0].is_provenance());
    }
}

#[test]
fn refuses_a_flipped_byte_in_every_signed_file() {
    let f = Fixture::new();
    let pristine = f.medium("m").join("SEALIFT");
    for name in tree(&pristine).into_keys() {
        if matches!(name.as_str(), "HOWTO-VERIFY.txt" | "verify.py" | "SHA256SUMS") || name.ends_with("/SHA256SUMS") {
            continue;
        }
        let before = fs::read(pristine.join(&name)).unwrap();
        flip(&pristine.join(&name));
        let error = f.verify(&pristine).map(drop).unwrap_err();
        put(&pristine.join(&name), &before);
        assert!(error.exit_class().is_some(), "{name}: {error}");
    }
}

#[test]
fn the_files_for_people_decide_nothing() {
    let f = Fixture::new();
    let medium = f.medium("m").join("SEALIFT");
    for name in ["HOWTO-VERIFY.txt", "verify.py", "SHA256SUMS", "bundles/deb12/1/SHA256SUMS"] {
        fs::remove_file(medium.join(name)).unwrap();
    }
    f.verify(&medium).unwrap();
}

#[test]
fn refuses_another_root_and_says_which_threshold() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let stranger = Fixture::with_seed(2);
    let error = verify_with(&medium, &stranger.root, created()).unwrap_err();
    assert_eq!((error.code(), error.exit_class()), (Some("threshold"), Some(ExitClass::Signature)));
}

#[test]
fn refuses_after_expiry_of_metadata_and_of_the_bundle() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let late = verify_with(&medium, &f.root, expires()).unwrap_err();
    assert_eq!((late.code(), late.exit_class()), (Some("expired"), Some(ExitClass::Order)));
    let mut manifest = f.manifest(1, &FIRST, None);
    manifest.not_after = created().plus_days(1);
    let dir = f.path("short");
    f.write(&dir, &manifest, &f.metadata(1, &[&manifest]));
    let error = f.verify(&dir).unwrap_err();
    assert!(matches!(&error, VerifyError::Refused(r) if r.code() == "expired"), "{error}");
}

#[test]
fn refuses_a_manifest_nobody_signed() {
    let f = Fixture::new();
    let dir = f.path("m");
    let manifest = f.manifest(1, &FIRST, None);
    f.write(&dir, &manifest, &f.metadata(1, &[]));
    assert_eq!(f.refusal(&dir), "not-signed");
}

#[test]
fn refuses_a_manifest_in_the_place_of_another() {
    let f = Fixture::new();
    let dir = f.path("m");
    let (one, two) = (f.manifest(1, &FIRST, None), f.manifest(2, &FIRST, None));
    f.write(&dir, &one, &f.metadata(1, &[&one, &two]));
    fs::rename(dir.join("SEALIFT/bundles/deb12/1"), dir.join("SEALIFT/bundles/deb12/2")).unwrap();
    assert_eq!(f.refusal(&dir), "manifest-digest");
    // Signed under the name of another stream, as a careless producer could.
    let dir = f.path("careless");
    f.write(&dir, &one, &f.metadata_of(1, &[("bundles/deb13/1/manifest.json", &one)]));
    fs::rename(dir.join("SEALIFT/bundles/deb12"), dir.join("SEALIFT/bundles/deb13")).unwrap();
    assert_eq!(f.refusal(&dir), "manifest-place");
}

#[test]
fn refuses_missing_unlisted_and_misnamed_blobs() {
    let f = Fixture::new();
    let medium = f.medium("m").join("SEALIFT");
    let blobs = medium.join("blobs/sha256");
    let extra = blobs.join(Digest::of(b"extra").to_hex());
    put(&extra, b"extra");
    assert_eq!(f.refusal(&medium), "blob-unlisted");
    fs::remove_file(&extra).unwrap();
    let upper = blobs.join(Digest::of(b"extra").to_hex().to_uppercase());
    put(&upper, b"extra");
    assert_eq!(f.refusal(&medium), "foreign-file");
    fs::remove_file(&upper).unwrap();
    let buoy = blobs.join(Digest::of(b"buoy two").to_hex());
    put(&buoy, b"buoy two and more");
    assert_eq!(f.refusal(&medium), "blob-size");
    fs::remove_file(&buoy).unwrap();
    assert_eq!(f.refusal(&medium), "blob-missing");
    put(&buoy, b"buoy tow");
    assert_eq!(f.refusal(&medium), "blob-digest");
}

#[test]
fn refuses_links_pipes_and_names_that_are_not_ours() {
    let f = Fixture::new();
    let medium = f.medium("m").join("SEALIFT");
    let buoy = medium.join("blobs/sha256").join(Digest::of(b"buoy two").to_hex());
    let outside = f.path("outside");
    put(&outside, b"buoy two");
    fs::remove_file(&buoy).unwrap();
    symlink(&outside, &buoy).unwrap();
    assert_eq!(f.refusal(&medium), "not-regular");
    put(&buoy, b"buoy two");
    f.verify(&medium).unwrap();
    for name in [
        "autorun.inf",
        "trust/x",
        "trust/metadata/01.root.json",
        "trust/metadata/root.json",
        "bundles/x",
        "bundles/deb12/01/manifest.json",
        "bundles/deb12/1/manifest.json.bak",
        "bundles/deb12/1/evidence/.dsse.json",
        "bundles/deb12/1/evidence/x.json",
        "bundles/con/1/manifest.json",
        "blobs/md5/x",
        "blobs/sha256/x/y",
        "x\u{1b}[2J",
    ] {
        put(&medium.join(name), b"x");
        assert_eq!(f.refusal(&medium), "foreign-file", "{name}");
        fs::remove_file(medium.join(name)).unwrap();
        for parent in ["bundles/deb12/01", "bundles/con/1", "bundles/con", "blobs/md5", "blobs/sha256/x"] {
            let _ = fs::remove_dir(medium.join(parent));
        }
    }
    f.verify(&medium).unwrap();
}

#[test]
fn names_in_refusals_cannot_speak_to_the_terminal() {
    let f = Fixture::new();
    let medium = f.medium("m").join("SEALIFT");
    put(&medium.join("x\u{1b}[2J"), b"x");
    let error = f.verify(&medium).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
}

#[test]
fn refuses_evidence_that_is_missing_foreign_or_about_something_else() {
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let bytes = manifest.to_bytes().unwrap();
    let metadata = f.metadata(1, &[&manifest]);
    let stranger = Fixture::with_seed(2);
    let named = |bytes: Vec<u8>| vec![("build.dsse.json".to_owned(), bytes)];
    let cases = [
        ("none", Vec::new(), "evidence-missing"),
        ("foreign", named(stranger.provenance(&bytes)), "evidence-signature"),
        ("other", named(f.provenance(b"another manifest")), "evidence-subject"),
        ("form", named(b"{}".to_vec()), "evidence-malformed"),
    ];
    for (name, evidence, code) in cases {
        let dir = f.path(name);
        f.write_parts(&dir, &manifest, &evidence, &metadata).unwrap();
        assert_eq!(f.refusal(&dir), code);
    }
}

#[test]
fn an_incremental_bundle_says_what_rests_on_its_base() {
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let second = f.manifest(2, &SECOND, Some(&first));
    assert_eq!((second.totals.blobs, second.totals.files), (4, 5));
    let metadata = f.metadata(2, &[&first, &second]);
    let alone = f.path("alone");
    f.write(&alone, &second, &metadata);
    let report = f.verify(&alone).unwrap();
    assert_eq!(report.bundles[0].upstreams[0].packages, 2);
    assert_eq!(report.bundles[0].caveat(), None, "index and keyring are carried, so the chain is whole");

    let mut thin = second.clone();
    for file in &mut thin.files {
        if file.path.as_str() == "debian/keyring.pgp" {
            file.stored = None;
        }
    }
    thin.totals = sealift_bundle::Manifest::compute_totals(&thin.files);
    let metadata = f.metadata(2, &[&first, &thin]);
    let lonely = f.path("lonely");
    f.write(&lonely, &thin, &metadata);
    let report = f.verify(&lonely).unwrap();
    let caveat = report.bundles[0].caveat().unwrap();
    assert_eq!(caveat, "upstream chain of 5 files rests on base bundle 1, which is not on this medium");

    f.write(&lonely, &first, &metadata);
    let report = f.verify(&lonely).unwrap();
    assert_eq!(report.bundles.len(), 2);
    assert!(report.bundles[1].base.unwrap().on_medium);
    assert!(report.bundles[1].upstreams[0].signature_verified);
}

#[test]
fn refuses_a_base_that_is_another_or_lacks_a_file() {
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let mut second = f.manifest(2, &SECOND, Some(&first));
    let mut base = second.base.unwrap();
    base.manifest = Digest::of(b"another");
    second.base = Some(base);
    let dir = f.path("another");
    let metadata = f.metadata(2, &[&first, &second]);
    f.write(&dir, &first, &metadata);
    f.write(&dir, &second, &metadata);
    assert_eq!(f.refusal(&dir), "base");

    let mut second = f.manifest(2, &SECOND, Some(&first));
    let fixed = second.files.iter_mut().find(|e| e.sha256 == Digest::of(SECOND[0].2)).unwrap();
    fixed.stored = None;
    second.totals = sealift_bundle::Manifest::compute_totals(&second.files);
    let dir = f.path("lacking");
    let metadata = f.metadata(2, &[&first, &second]);
    f.write(&dir, &first, &metadata);
    f.write(&dir, &second, &metadata);
    assert_eq!(f.refusal(&dir), "base");
}

#[test]
fn refuses_unsigned_leftovers_of_metadata() {
    let f = Fixture::new();
    let medium = f.medium("m").join("SEALIFT/trust/metadata");
    let other = f.metadata(7, &[]);
    put(&medium.join("7.snapshot.json"), &other.snapshot.1);
    f.verify(&f.path("m")).unwrap();
    put(&medium.join("7.targets.json"), &Fixture::with_seed(2).metadata(7, &[]).targets.1);
    assert_eq!(f.refusal(&f.path("m")), "threshold");
    put(&medium.join("7.targets.json"), b"{}");
    assert_eq!(f.refusal(&f.path("m")), "metadata-malformed");
}

#[test]
fn refuses_leftovers_of_metadata_under_another_version() {
    let f = Fixture::new();
    let medium = f.medium("m").join("SEALIFT/trust/metadata");
    let other = f.metadata(7, &[]);
    for (name, bytes) in [("8.snapshot.json", &other.snapshot.1), ("6.targets.json", &other.targets.1)] {
        put(&medium.join(name), bytes);
        assert_eq!(f.refusal(&f.path("m")), "metadata-version", "{name}");
        fs::remove_file(medium.join(name)).unwrap();
    }
    f.verify(&f.path("m")).unwrap();
}
