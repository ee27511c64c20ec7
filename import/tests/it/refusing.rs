//! What `receive` refuses; every refusal leaves one line in the ledger and nothing else.

use sealift_import::receive::ReceiveError;
use sealift_model::{Digest, Sequence};
use sealift_trust::Purpose;

use crate::fixture::{Connected, Isolated, Medium, Spec, deb, now, secret, spec};

fn sides() -> (Connected, Isolated) {
    let connected = Connected::new();
    let isolated = Isolated::new(&connected);
    (connected, isolated)
}

fn first() -> Spec {
    spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")])
}

#[test]
fn refuses_a_flipped_byte_in_every_kind_of_file() {
    let (mut connected, isolated) = sides();
    let jq = Medium::blob(&Digest::of(&deb("jq", "1.6").content));
    for (file, codes) in [
        ("trust/metadata/timestamp.json", &["threshold", "metadata-malformed"][..]),
        ("trust/metadata/1.snapshot.json", &["metadata-digest", "metadata-malformed"]),
        ("trust/metadata/1.targets.json", &["metadata-digest", "metadata-malformed"]),
        ("bundles/deb12/1/manifest.json", &["manifest-digest"]),
        ("bundles/deb12/1/evidence/build.dsse.json", &["evidence-signature", "evidence-malformed"]),
        (jq.as_str(), &["blob"]),
    ] {
        connected.version = 0;
        let medium = connected.bundle(first());
        medium.flip(file);
        let code = isolated.refused(&medium);
        assert!(codes.contains(&code), "{file}: {code}");
    }
    // The upstream's index is carried compressed; a flipped byte of it is found as well.
    connected.version = 0;
    let medium = connected.bundle(first());
    for entry in std::fs::read_dir(medium.file("blobs/sha256")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        medium.flip(&format!("blobs/sha256/{name}"));
        assert_eq!(Isolated::new(&connected).refused(&medium), "blob", "{name}");
        medium.flip(&format!("blobs/sha256/{name}"));
    }
    assert_eq!(isolated.accept(&medium), ["deb12/1"]);
}

#[test]
fn refuses_blobs_that_are_missing_short_or_long() {
    let (mut connected, isolated) = sides();
    let jq = Medium::blob(&Digest::of(&deb("jq", "1.6").content));
    let content = deb("jq", "1.6").content;
    let long = [&content[..], b"x"].concat();
    for bad in [None, Some(&content[1..]), Some(&long[..]), Some(&[])] {
        connected.version = 0;
        let medium = connected.bundle(first());
        let path = medium.file(&jq);
        match bad {
            None => std::fs::remove_file(path).unwrap(),
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
        }
        assert_eq!(isolated.refused(&medium), "blob");
    }
}

#[test]
fn refuses_another_root_of_trust() {
    let (_, isolated) = sides();
    let medium = Connected::with_seed(100).bundle(first());
    assert_eq!(isolated.refused(&medium), "threshold");
}

#[test]
fn refuses_expired_metadata_and_expired_bundles() {
    let (mut connected, mut isolated) = sides();
    let mut old = first();
    old.not_after = now().plus_days(3);
    let medium = connected.bundle(old);
    isolated.clock = now().plus_days(3);
    assert_eq!(isolated.refused(&medium), "bundle-expired");
    isolated.clock = now().plus_days(61);
    assert_eq!(isolated.refused(&medium), "expired");
}

#[test]
fn refuses_metadata_that_goes_back_under_a_new_bundle() {
    let (mut connected, isolated) = sides();
    isolated.accept(&connected.bundle(first()));
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.7")])));
    // The producer restored an old backup and signs lower versions again.
    connected.version = 0;
    assert_eq!(isolated.refused(&connected.bundle(spec(3, vec![deb("jq", "1.8")]))), "rollback");
}

#[test]
fn refuses_a_second_bundle_under_one_number() {
    let (mut connected, isolated) = sides();
    isolated.accept(&connected.bundle(first()));
    assert_eq!(isolated.refused(&connected.bundle(spec(1, vec![deb("jq", "6.6")]))), "equivocation");
}

#[test]
fn refuses_a_bundle_that_targets_metadata_does_not_list() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(first());
    let (from, to) = (medium.file("bundles/deb12/1"), medium.file("bundles/deb12/7"));
    std::fs::rename(from, to).unwrap();
    assert_eq!(isolated.refused(&medium), "not-listed");
}

#[test]
fn a_base_with_another_id_is_a_hint_and_no_more() {
    let (mut connected, isolated) = sides();
    isolated.accept(&connected.bundle(first()));
    let mut next = spec(2, vec![deb("jq", "1.7")]);
    next.base = Some(1);
    next.twist = |manifest| manifest.base.as_mut().unwrap().manifest = Digest::of(b"another");
    // What counts is the content, and all of it is here.
    assert_eq!(isolated.accept(&connected.bundle(next)), ["deb12/2"]);
}

#[test]
fn refuses_evidence_that_is_missing_foreign_or_about_something_else() {
    let (mut connected, isolated) = sides();
    let mut bare = first();
    bare.evidence = false;
    assert_eq!(isolated.refused(&connected.bundle(bare)), "no-provenance");
    connected.version = 0;
    let medium = connected.bundle(first());
    let file = medium.file("bundles/deb12/1/evidence/build.dsse.json");
    std::fs::write(&file, connected.provenance(Digest::of(b"something else"))).unwrap();
    assert_eq!(isolated.refused(&medium), "evidence-subject");
    std::fs::write(&file, Connected::with_seed(100).provenance(connected.id("deb12", 1))).unwrap();
    assert_eq!(isolated.refused(&medium), "evidence-signature");
    assert_eq!(secret(Purpose::Evidence, 5).purpose(), Purpose::Evidence);
}

#[test]
fn refuses_content_that_was_withdrawn() {
    let (mut connected, isolated) = sides();
    let mut next = spec(2, vec![deb("jq", "1.7")]);
    next.withdrawn = vec![Digest::of(&deb("jq", "1.6").content)];
    isolated.accept(&connected.bundle(next));
    assert_eq!(isolated.refused(&connected.bundle(spec(3, vec![deb("jq", "1.6")]))), "withdrawn");
}

#[test]
fn refuses_a_package_that_the_upstreams_index_does_not_name() {
    let (mut connected, isolated) = sides();
    let mut forged = first();
    forged.twist = |manifest| {
        let entry = manifest.files.iter_mut().find(|f| f.deb.is_some()).unwrap();
        entry.deb.as_mut().unwrap().version = "99".into();
    };
    assert_eq!(isolated.refused(&connected.bundle(forged)), "upstream-package");
}

#[test]
fn refuses_manifests_that_break_a_rule() {
    let (mut connected, isolated) = sides();
    let mut bad = first();
    bad.twist = |manifest| manifest.sequence = Sequence::new(5).unwrap();
    let medium = connected.bundle(bad);
    // Signed for number 5, presented as number 5: fine. Under another number it is not listed.
    std::fs::rename(medium.file("bundles/deb12/5"), medium.file("bundles/deb12/6")).unwrap();
    assert_eq!(isolated.refused(&medium), "not-listed");
}

#[test]
fn a_refusal_after_an_accepted_bundle_says_so() {
    let (mut connected, isolated) = sides();
    let medium = Medium::new();
    connected.bundle_on(&medium, first());
    connected.bundle_on(&medium, spec(2, vec![deb("jq", "1.7")]));
    medium.flip(&Medium::blob(&Digest::of(&deb("jq", "1.7").content)));
    let Err(ReceiveError::Refused { accepted, .. }) = isolated.receive(&medium) else { panic!() };
    assert_eq!(accepted, ["deb12/1"]);
}

#[test]
fn links_and_pipes_on_a_medium_are_not_followed() {
    let (mut connected, isolated) = sides();
    let medium = connected.bundle(first());
    let blob = medium.file(&Medium::blob(&Digest::of(&deb("jq", "1.6").content)));
    let elsewhere = medium.path().join("outside");
    std::fs::rename(&blob, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &blob).unwrap();
    assert_eq!(isolated.refused(&medium), "blob");
}
