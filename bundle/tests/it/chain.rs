//! The upstream's own chain: what the distribution signed, not only what the mirror did.

use sealift_bundle::manifest::{FileRole, Manifest};
use sealift_bundle::{ChainRefusal, VerifyError};
use sealift_model::Digest;

use crate::fixture::{FIRST, Fixture, SECOND, created, rel};

/// Signs a changed manifest as the mirror would, and returns why its upstream chain is refused.
fn refused(edit: impl FnOnce(&Fixture, &mut Manifest)) -> ChainRefusal {
    let f = Fixture::new();
    let mut manifest = f.manifest(1, &FIRST, None);
    edit(&f, &mut manifest);
    manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    manifest.totals = Manifest::compute_totals(&manifest.files);
    let dir = f.path("m");
    f.write(&dir, &manifest, &f.metadata(1, &[&manifest]));
    match f.verify(&dir).unwrap_err() {
        VerifyError::Chain(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn at(manifest: &Manifest, ending: &str) -> usize {
    manifest.files.iter().position(|e| e.path.as_str().ends_with(ending)).unwrap()
}

#[test]
fn refuses_a_package_the_upstream_never_listed() {
    let refusal = refused(|f, m| {
        let mut trojan = f.identity("pool/main/a/anchor/anchor_1.0-9_amd64.deb", FileRole::Package, b"trojan");
        trojan.deb.clone_from(&m.files[at(m, "anchor_1.0-1_amd64.deb")].deb);
        m.files.push(trojan);
    });
    assert!(matches!(&refusal, ChainRefusal::NotInIndex { path, .. } if path.as_str().ends_with("1.0-9_amd64.deb")));
    assert!(refusal.to_string().contains("upstream debian") && refusal.to_string().contains("package anchor"));
}

#[test]
fn refuses_a_package_with_other_bytes_or_names_than_the_index_says() {
    let refusal = refused(|f, m| {
        let i = at(m, "anchor_1.0-1_amd64.deb");
        let deb = m.files[i].deb.clone();
        m.files[i] = f.identity("pool/main/anchor/anchor_1.0-1_amd64.deb", FileRole::Package, b"trojan one");
        m.files[i].deb = deb;
    });
    assert!(matches!(refusal, ChainRefusal::PackageDiffers { field: "digest", .. }), "{refusal:?}");
    for (field, edit) in [
        ("name", (|d| d.package = "anchorx".into()) as fn(&mut sealift_bundle::manifest::DebEntry)),
        ("version", |d| d.version = "1.0-01".into()),
        ("architecture", |d| d.architecture = "all".into()),
    ] {
        let refusal = refused(|_, m| {
            let i = at(m, "anchor_1.0-1_amd64.deb");
            edit(m.files[i].deb.as_mut().unwrap());
        });
        assert!(matches!(refusal, ChainRefusal::PackageDiffers { field: found, .. } if found == field), "{refusal:?}");
    }
}

#[test]
fn refuses_an_index_the_release_file_does_not_list() {
    let refusal = refused(|f, m| {
        let fixed = f.manifest(2, &SECOND, None);
        let i = at(m, "Packages");
        m.files[i] = fixed.files[at(&fixed, "Packages")].clone();
    });
    assert!(matches!(refusal, ChainRefusal::IndexNotListed { .. }), "{refusal:?}");
    let refusal = refused(|_, m| {
        let i = at(m, "Packages");
        m.files[i].path = rel("debian/dists/bookworm/main/binary-arm64/Packages");
    });
    assert!(matches!(refusal, ChainRefusal::IndexNotListed { .. }), "{refusal:?}");
}

#[test]
fn refuses_a_release_file_nobody_in_the_keyring_signed() {
    let refusal = refused(|f, m| {
        let stranger = Fixture::with_seed(2);
        let i = at(m, "keyring.pgp");
        m.files[i] = f.identity("keyring.pgp", FileRole::Keyring, &stranger.keyring());
    });
    assert!(matches!(refusal, ChainRefusal::Signature { .. }), "{refusal:?}");
}

#[test]
fn refuses_a_changed_release_file_and_a_garbage_keyring() {
    let refusal = refused(|f, m| {
        let i = at(m, "InRelease");
        let mut bytes = f.store.read(&m.files[i].sha256, 1 << 20).unwrap();
        let text = bytes.windows(4).position(|w| w == b"main").unwrap();
        bytes[text] = b'M';
        m.files[i] = f.identity("dists/bookworm/InRelease", FileRole::Release, &bytes);
    });
    assert!(matches!(refusal, ChainRefusal::Signature { .. }), "{refusal:?}");
    let refusal = refused(|f, m| {
        let i = at(m, "keyring.pgp");
        m.files[i] = f.identity("keyring.pgp", FileRole::Keyring, b"no keyring");
    });
    assert!(matches!(refusal, ChainRefusal::Keyring { .. }), "{refusal:?}");
}

#[test]
fn refuses_a_manifest_that_misstates_its_upstream() {
    let refusal = refused(|_, m| m.upstreams[0].signers = vec!["A".repeat(40)]);
    assert!(matches!(refusal, ChainRefusal::Signers { .. }), "{refusal:?}");
    for (field, edit) in [
        ("date", (|u| u.date = created()) as fn(&mut sealift_bundle::manifest::UpstreamEntry)),
        ("valid_until", |u| u.valid_until = Some(created())),
        ("codename", |u| u.codename = None),
    ] {
        let refusal = refused(|_, m| edit(&mut m.upstreams[0]));
        assert!(matches!(refusal, ChainRefusal::Stated { field: found, .. } if found == field), "{refusal:?}");
    }
}

#[test]
fn content_is_hashed_whoever_hands_it_out() {
    struct Liar;
    impl sealift_bundle::Content for Liar {
        fn open(
            &self,
            entry: &sealift_bundle::manifest::FileEntry,
        ) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            let size = usize::try_from(entry.size).unwrap();
            Ok(Box::new(std::io::Cursor::new(vec![b'x'; size])))
        }
    }
    let f = Fixture::new();
    let manifest = f.manifest(1, &FIRST, None);
    let error = sealift_bundle::verify_upstreams(&manifest, &Liar).unwrap_err();
    let sealift_bundle::ChainError::Refused(ChainRefusal::Digest { found, .. }) = &error else { panic!("{error:?}") };
    assert_ne!(*found, Digest::of(b""));
}
