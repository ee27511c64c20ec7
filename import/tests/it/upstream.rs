//! The upstream's own chain, asked again at import: a mirror and its signers that lie, or were lied to (hostile 101-104).

use sealift_bundle::manifest::{FileRole, ReleaseForm};
use sealift_model::{Digest, Timestamp};
use sealift_site::RepositoryKey;
use sealift_trust::statement::{FreshnessWaiver, Said};

use crate::fixture::{Connected, Isolated, Medium, Spec, deb, now, rel, signed_by, spec};

/// What becomes of a bundle that everybody on the connected side signed.
fn refused(edit: impl FnOnce(&mut Spec)) -> &'static str {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let mut bad = spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")]);
    edit(&mut bad);
    let code = isolated.refused(&connected.bundle(bad));
    // What was copied on the way is not kept, and the same site takes the honest one.
    assert_eq!(isolated.writer().store().unwrap().digests().unwrap(), []);
    connected.version = 0;
    assert_eq!(isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")]))), ["deb12/1"]);
    code
}

#[test]
fn refuses_a_package_that_is_right_by_the_manifest_and_not_in_the_signed_index() {
    assert_eq!(refused(|bad| bad.index = |index| index.replace("Package: jq\n", "Package: jqx\n")), "upstream-package");
    assert_eq!(
        refused(|bad| bad.index = |index| index.replace("Version: 1.6\n", "Version: 1.7\n")),
        "upstream-package"
    );
    // Not listed at all.
    let without_jq = |index: String| index.split("\n\n").filter(|p| !p.contains("jq")).collect::<Vec<_>>().join("\n\n");
    assert_eq!(refused(|bad| bad.index = without_jq), "upstream-package");
    // Listed with another content of the same size.
    let another = |index: String| {
        let (before, after) = index.split_once("SHA256: ").unwrap();
        format!("{before}SHA256: {}{}", Digest::of(b"another"), &after[64..])
    };
    assert_eq!(refused(|bad| bad.index = another), "upstream-package");
}

#[test]
fn refuses_an_index_that_is_not_the_one_the_release_file_lists() {
    let another = |release: String| {
        let (before, after) = release.split_once("SHA256:\n ").unwrap();
        format!("{before}SHA256:\n {}{}", Digest::of(b"another"), &after[64..])
    };
    assert_eq!(refused(|bad| bad.release = another), "upstream-index");
    let elsewhere = |release: String| release.replace("main/binary-amd64/Packages", "main/binary-arm64/Packages");
    assert_eq!(refused(|bad| bad.release = elsewhere), "upstream-index");
}

#[test]
fn refuses_a_release_file_older_than_the_last_of_its_stream() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let at = |hours: u64| Timestamp::from_unix(now().minus_seconds(3 * 86_400).unix() + hours * 3600);
    let mut dated = |sequence, hours| {
        let mut dated = spec(sequence, vec![deb("jq", "1.6")]);
        dated.date = at(hours);
        connected.bundle(dated)
    };
    assert_eq!(isolated.accept(&dated(1, 10)), ["deb12/1"]);
    // A new bundle by all its signers, over an older state of the upstream.
    assert_eq!(isolated.refused(&dated(2, 9)), "upstream-rollback");
    assert_eq!(isolated.accept(&dated(3, 10)), ["deb12/3"], "nothing new upstream");
    assert_eq!(isolated.accept(&dated(4, 11)), ["deb12/4"]);
    assert_eq!(isolated.refused(&dated(5, 10)), "upstream-rollback");
}

#[test]
fn enough_people_can_let_an_older_release_file_in() {
    let mut connected = Connected::new();
    connected.roots.clear();
    connected.with_waivers(&[("alice", 41), ("bob", 42)], 2);
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    let mut older = spec(2, vec![deb("jq", "1.6")]);
    older.date = now().minus_seconds(3 * 86_400);
    let older = connected.bundle(older);
    assert_eq!(isolated.refused(&older), "upstream-rollback");
    let said = FreshnessWaiver { issued: now(), reason: "the vendor went back".into(), until: now().plus_days(3) };
    let said = |seeds: &[u8]| signed_by(seeds, connected.id("deb12", 2), Said::WaiveExpiry(said.clone()));
    assert!(isolated.receive_with(&older, &[said(&[41])]).is_err(), "one person is not enough");
    let report = isolated.receive_with(&older, &[said(&[41, 42])]).unwrap();
    assert!(report.accepted[0].waiver.is_some());
    // The floor stays where it was: the next one has to be as new as the first.
    let mut next = spec(3, vec![deb("jq", "1.6")]);
    next.date = now().minus_seconds(2 * 86_400);
    assert_eq!(isolated.refused(&connected.bundle(next)), "upstream-rollback");
}

#[test]
fn another_stream_of_the_same_upstream_may_arrive_late() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let mut late = spec(1, vec![deb("expat", "2.5")]);
    (late.stream, late.date) = ("apps", now().minus_seconds(5 * 86_400));
    let late = connected.bundle(late);
    assert_eq!(isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")]))), ["deb12/1"]);
    assert_eq!(isolated.accept(&late), ["apps/1"]);
}

#[test]
fn refuses_a_release_file_signed_by_another_key() {
    let stranger = RepositoryKey::generate("insecure-test-stranger", now().minus_seconds(100 * 86_400)).unwrap();
    assert_eq!(refused(|bad| bad.signer = Some(stranger)), "upstream-signature");
    // The keyring is the upstream's, the manifest says somebody else signed.
    let twist = |m: &mut sealift_bundle::Manifest| m.upstreams[0].signers = vec!["0".repeat(40)];
    assert_eq!(refused(|bad| bad.twist = twist), "upstream-signature");
}

#[test]
fn refuses_a_release_file_with_anything_around_the_signed_text() {
    for signed in [
        (|bytes| [&b"Suite: evil\n\n"[..], &bytes].concat()) as fn(Vec<u8>) -> Vec<u8>,
        |bytes| [&bytes[..], b"Suite: evil\n"].concat(),
        |bytes| [&bytes[..], &bytes].concat(),
        |bytes| String::from_utf8(bytes).unwrap().replace("Hash: ", "Comment: ").into_bytes(),
    ] {
        assert_eq!(refused(|bad| bad.signed = signed), "upstream-signature");
    }
}

#[test]
fn refuses_a_detached_signature_over_something_else_than_the_release_file() {
    // A plain Release file where a signed one is stated.
    let unsigned = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        let (_, body) = text.split_once("\n\n").unwrap();
        body.split_once("-----BEGIN PGP SIG").unwrap().0.as_bytes().to_vec()
    };
    assert_eq!(refused(|bad| bad.signed = unsigned), "upstream-signature");
    // An inline-signed file where the manifest states a plain one and names the same file as its signature.
    let detached = |m: &mut sealift_bundle::Manifest| {
        let mut signature = m.files.iter().find(|f| f.role == FileRole::Release).unwrap().clone();
        (signature.path, signature.role) =
            (rel("debsec/dists/bookworm-security/Release.gpg"), FileRole::ReleaseSignature);
        m.upstreams[0].release.form = ReleaseForm::Detached;
        m.upstreams[0].release.signature_path = Some(signature.path.clone());
        m.files.push(signature);
        m.files.sort_by(|a, b| a.path.cmp(&b.path));
        m.totals = sealift_bundle::Manifest::compute_totals(&m.files);
    };
    assert_eq!(refused(|bad| bad.twist = detached), "upstream-signature");
}

#[test]
fn refuses_lists_that_name_md5_only() {
    let weak = |text: String| {
        let (before, after) = text.split_once("SHA256:\n ").unwrap();
        format!("{before}MD5Sum:\n {}{}", "0".repeat(32), &after[64..])
    };
    let code = refused(|bad| bad.release = weak);
    assert!(matches!(code, "upstream-release" | "upstream-index"), "{code}");
    let weak = |index: String| {
        index
            .lines()
            .map(|l| {
                if l.starts_with("SHA256: ") {
                    "MD5sum: 0123456789abcdef0123456789abcdef\n".into()
                } else {
                    format!("{l}\n")
                }
            })
            .collect()
    };
    let code = refused(|bad| bad.index = weak);
    assert!(matches!(code, "upstream-package" | "upstream-index"), "{code}");
}

#[test]
fn two_media_with_one_name_are_told_apart_by_bundle_id() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let (first, second) =
        (connected.bundle(spec(1, vec![deb("jq", "1.6")])), connected.bundle(spec(2, vec![deb("jq", "1.7")])));
    // One mount point, one label; only what lies there differs.
    let here = Medium::new();
    for (n, medium) in [(1, &first), (2, &second)] {
        let _ = std::fs::remove_dir_all(here.path().join("SEALIFT"));
        std::fs::rename(medium.path().join("SEALIFT"), here.path().join("SEALIFT")).unwrap();
        assert_eq!(isolated.accept(&here), [format!("deb12/{n}")]);
        let line = isolated.ledger_lines().pop().unwrap();
        assert!(line.contains(&connected.id("deb12", n).to_hex()), "{line}");
        assert!(line.contains("medium ") && line.contains("on this machine's own "), "{line}");
    }
}
