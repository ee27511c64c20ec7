//! Channels, and the tree that hosts read.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_import::channel::{ChannelError, Moved, promote, revert};
use sealift_import::publish::{PublishError, PublishOptions, PublishReport, publish};
use sealift_import::receipt::receipt;
use sealift_model::{ChannelId, Digest, Silent};
use sealift_pkg::Release;
use sealift_pkg::openpgp::{Keyring, verify_detached, verify_inrelease};

use crate::fixture::{Connected, Isolated, deb, files, now, spec};

fn production() -> ChannelId {
    "production".parse().unwrap()
}

impl Isolated {
    fn promote(&self, bundle: &str) -> Result<Moved, ChannelError> {
        promote(&mut self.writer(), &production(), bundle)
    }

    fn publish(&self) -> Result<PublishReport, PublishError> {
        publish(&mut self.writer(), &PublishOptions { channel: production(), verify: true }, &Silent)
    }

    fn tree(&self, path: &str) -> PathBuf {
        self.path().join("published/production").join(path)
    }
}

fn with_two_bundles() -> (Connected, Isolated) {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")])));
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.7"), deb("expat", "2.5")])));
    (connected, isolated)
}

#[test]
fn a_channel_goes_forward_and_back_and_again() {
    let (connected, isolated) = with_two_bundles();
    assert!(matches!(revert(&mut isolated.writer(), &production()), Err(ChannelError::NothingEarlier(_))));
    assert_eq!(isolated.promote("1").unwrap().after, ["deb12/1"]);
    assert_eq!(isolated.promote(&connected.id("deb12", 2).to_hex()[..8]).unwrap().after, ["deb12/2"]);
    assert!(!isolated.promote("deb12/2").unwrap().changed);
    assert_eq!(revert(&mut isolated.writer(), &production()).unwrap().after, ["deb12/1"]);
    assert!(matches!(revert(&mut isolated.writer(), &production()), Err(ChannelError::NothingEarlier(_))));
    assert_eq!(isolated.promote("deb12/2").unwrap().after, ["deb12/2"]);
    assert_eq!(revert(&mut isolated.writer(), &production()).unwrap().after, ["deb12/1"]);
}

#[test]
fn refuses_to_promote_what_is_unknown_expired_or_withdrawn() {
    let (mut connected, mut isolated) = with_two_bundles();
    for unknown in ["deb12/3", "3", "apps/1", "00000000", "x"] {
        assert!(matches!(isolated.promote(unknown), Err(ChannelError::Find(_))), "{unknown}");
    }
    let staging = promote(&mut isolated.writer(), &"staging".parse().unwrap(), "1");
    assert!(matches!(staging, Err(ChannelError::Unknown { .. })));
    let mut third = spec(3, vec![deb("jq", "1.8")]);
    third.withdrawn = vec![Digest::of(&deb("jq", "1.6").content)];
    isolated.accept(&connected.bundle(third));
    let code = |result: Result<Moved, ChannelError>| match result {
        Err(ChannelError::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(isolated.promote("1")), "withdrawn");
    isolated.promote("2").unwrap();
    isolated.publish().unwrap();
    isolated.clock = now().plus_days(31);
    assert_eq!(code(isolated.promote("3")), "bundle-expired");
    assert!(matches!(isolated.publish(), Err(PublishError::Refused(_))));
    assert!(isolated.tree("dists/bookworm-security/InRelease").is_file(), "what was published stays");
}

#[test]
fn the_published_tree_is_what_the_manifest_lists_in_the_upstreams_words() {
    let (_, isolated) = with_two_bundles();
    assert!(matches!(isolated.publish(), Err(PublishError::Empty(_))));
    isolated.promote("2").unwrap();
    let report = isolated.publish().unwrap();
    assert_eq!((report.files, report.suites[0].packages), (2, 2));
    let index = fs::read_to_string(isolated.tree("dists/bookworm-security/main/binary-amd64/Packages")).unwrap();
    assert!(index.contains("Filename: debsec/pool/main/jq_1.7_amd64.deb\n"));
    assert!(index.contains("Description: a package\n with two lines\n"));
    assert!(!index.contains("unselected") && !index.contains("1.6"));
    let package = fs::read(isolated.tree("debsec/pool/main/jq_1.7_amd64.deb")).unwrap();
    assert_eq!(package, deb("jq", "1.7").content);
    assert!(files(&isolated.tree(".")).len() > 6);
}

#[test]
fn the_release_file_is_signed_by_the_site_in_both_forms_and_names_every_index() {
    let (_, isolated) = with_two_bundles();
    isolated.promote("2").unwrap();
    let report = isolated.publish().unwrap();
    let suite = isolated.tree("dists/bookworm-security");
    let read = |name: &str| fs::read(suite.join(name)).unwrap();
    let keyring = Keyring::parse(&fs::read(&report.keyring).unwrap()).unwrap();
    let verified = verify_inrelease(&read("InRelease"), &keyring, now()).unwrap();
    verify_detached(&read("Release"), &read("Release.gpg"), &keyring, now()).unwrap();
    let release = Release::parse(&verified.text).unwrap();
    assert_eq!(release, Release::parse(&String::from_utf8(read("Release")).unwrap()).unwrap());
    assert_eq!(
        (release.suite.as_deref(), release.codename.as_deref()),
        (Some("stable-security"), Some("bookworm-security"))
    );
    assert_eq!((release.valid_until, release.acquire_by_hash), (Some(now().plus_days(30)), true));
    assert_eq!(release.files().count(), 2);
    for file in release.files() {
        for name in [file.name.clone(), file.by_hash().unwrap()] {
            let bytes = read(name.as_str());
            assert_eq!((Digest::of(&bytes), bytes.len() as u64), (file.sha256, file.size), "{name}");
        }
    }
}

#[test]
fn the_machines_own_gpgv_accepts_the_published_release_file() {
    let (_, isolated) = with_two_bundles();
    isolated.promote("2").unwrap();
    let report = isolated.publish().unwrap();
    let Ok(found) = Command::new("gpgv").arg("--version").output() else {
        eprintln!("NOT CHECKED: gpgv is not installed on this machine");
        return;
    };
    assert!(found.status.success());
    let suite = isolated.tree("dists/bookworm-security");
    // gpgv reads binary keyrings only.
    let armored = fs::read_to_string(&report.keyring).unwrap();
    let body = armored.lines().skip_while(|line| !line.is_empty()).take_while(|line| !line.starts_with(['=', '-']));
    let body: String = body.collect();
    let keyring = isolated.path().join("keyring.gpg");
    fs::write(&keyring, STANDARD.decode(body).unwrap()).unwrap();
    for arguments in [vec!["InRelease"], vec!["Release.gpg", "Release"]] {
        let paths = arguments.iter().map(|name| suite.join(name));
        let checked = Command::new("gpgv").arg("--keyring").arg(&keyring).args(paths).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn the_previous_indexes_stay_reachable_by_digest_for_one_generation() {
    let (_, isolated) = with_two_bundles();
    let by_hash =
        |release: &Release| -> Vec<String> { release.files().map(|f| f.by_hash().unwrap().to_string()).collect() };
    let published = || {
        let suite = isolated.tree("dists/bookworm-security");
        Release::parse(&fs::read_to_string(suite.join("Release")).unwrap()).unwrap()
    };
    isolated.promote("1").unwrap();
    isolated.publish().unwrap();
    let first = by_hash(&published());
    isolated.promote("2").unwrap();
    isolated.publish().unwrap();
    let there = |names: &[String]| names.iter().all(|n| isolated.tree("dists/bookworm-security").join(n).is_file());
    assert!(there(&first) && there(&by_hash(&published())));
    isolated.publish().unwrap();
    assert!(!there(&first) && there(&by_hash(&published())));
}

#[test]
fn old_trees_go_and_the_current_one_never() {
    let (_, isolated) = with_two_bundles();
    isolated.promote("2").unwrap();
    // As a killed publication leaves it.
    fs::create_dir_all(isolated.path().join("published/.trees/production-4/dists")).unwrap();
    for _ in 0..5 {
        isolated.publish().unwrap();
    }
    let mut trees: Vec<_> = fs::read_dir(isolated.path().join("published/.trees"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    trees.sort();
    assert_eq!(trees, ["production-7", "production-8", "production-9"]);
    let link = fs::read_link(isolated.path().join("published/production")).unwrap();
    assert_eq!(link, PathBuf::from(".trees/production-9"));
}

#[test]
fn a_publication_says_by_the_sites_signature_how_old_the_trust_behind_it_is() {
    let (_, mut isolated) = with_two_bundles();
    isolated.promote("2").unwrap();
    isolated.clock = now().plus_days(5);
    isolated.publish().unwrap();
    let bytes = fs::read(isolated.path().join("published/sealift-trust.dsse.json")).unwrap();
    let key = sealift_site::SiteKeys::open(&isolated.path().join("site")).unwrap().statement;
    let note = sealift_site::TrustNote::read(&bytes, key.public(), &"plant-a".parse().unwrap()).unwrap();
    assert_eq!((note.refreshed, note.issued, note.expires), (Some(now()), now().plus_days(5), now().plus_days(60)));
}

#[test]
fn streams_with_the_same_suite_are_published_as_one_and_conflicts_are_refused_by_name() {
    let (mut connected, isolated) = with_two_bundles();
    let mut apps = spec(1, vec![deb("nginx", "1.22"), deb("expat", "2.5")]);
    (apps.stream, apps.upstream) = ("apps", "vendor");
    isolated.accept(&connected.bundle(apps));
    isolated.promote("deb12/2").unwrap();
    assert_eq!(isolated.promote("apps/1").unwrap().after, ["apps/1", "deb12/2"]);
    let report = isolated.publish().unwrap();
    // expat is in both, with the same content: once in the index.
    assert_eq!((report.suites.len(), report.suites[0].packages, report.files), (1, 3, 4));
    let mut evil = deb("jq", "1.7");
    evil.content = b"another content under the same name".to_vec();
    let mut apps = spec(2, vec![evil]);
    (apps.stream, apps.upstream) = ("apps", "vendor");
    isolated.accept(&connected.bundle(apps));
    isolated.promote("apps/2").unwrap();
    let Err(PublishError::Refused(refusal)) = isolated.publish() else { panic!() };
    assert_eq!(refusal.code(), "conflict");
    assert!(refusal.to_string().contains("jq 1.7 amd64"), "{refusal}");
    assert_eq!(
        fs::read_link(isolated.path().join("published/production")).unwrap(),
        PathBuf::from(".trees/production-1")
    );
}

#[test]
fn a_package_that_changed_in_the_store_is_not_published() {
    let (_, isolated) = with_two_bundles();
    isolated.promote("2").unwrap();
    let store = isolated.writer().store().unwrap();
    let path = store.path(&Digest::of(&deb("jq", "1.7").content));
    let mut bytes = fs::read(&path).unwrap();
    bytes[7] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(isolated.publish(), Err(PublishError::Lost { source: Some(_), .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(isolated.publish(), Err(PublishError::Lost { source: None, .. })));
}

#[test]
fn the_receipt_says_what_is_held_and_is_signed_by_the_site() {
    let (connected, isolated) = with_two_bundles();
    let text = receipt(&mut isolated.writer()).unwrap();
    let key = sealift_site::SiteKeys::open(&isolated.path().join("site")).unwrap().statement;
    let verified =
        sealift_trust::Receipt::parse_verified(text.as_bytes(), key.public().ed25519_bytes()).unwrap().receipt;
    assert_eq!(verified.holds.len(), 1);
    assert_eq!((verified.holds[0].sequence.get(), verified.holds[0].manifest), (2, connected.id("deb12", 2)));
    let lines = isolated.ledger_lines();
    assert!(lines.last().unwrap().contains("\"event\":\"receipt\""));
    assert_eq!(verified.ledger_head, Digest::of(lines[lines.len() - 2].as_bytes()));
}
