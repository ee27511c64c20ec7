//! Media made by somebody who holds the medium or one online key, and machines that die at the worst moment.

use std::fs;
use std::path::Path;

use sealift_import::publish::{PublishError, PublishOptions, publish};
use sealift_import::receive::ReceiveError;
use sealift_import::{Repository, channel};
use sealift_model::{ChannelId, Digest, Silent};

use crate::fixture::{Connected, Isolated, Medium, deb, now, spec};

fn production() -> ChannelId {
    "production".parse().unwrap()
}

fn publish_production(isolated: &Isolated) -> Result<sealift_import::publish::PublishReport, PublishError> {
    publish(&mut isolated.writer(), &PublishOptions { channel: production(), verify: true }, &Silent)
}

fn promote(isolated: &Isolated, bundle: &str) {
    channel::promote(&mut isolated.writer(), &production(), bundle).unwrap();
}

/// Writes a signed document in another formatting: the signatures stay good, the bytes differ.
fn reformat(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes.push(b'\n');
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_index_that_changed_in_the_store_is_not_signed_again() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    promote(&isolated, "1");
    let manifest = fs::read(isolated.path().join("bundles/deb12/1/manifest.json")).unwrap();
    let manifest = sealift_bundle::Manifest::parse(&manifest).unwrap();
    let index = manifest.files.iter().find(|f| f.path.file_name() == "Packages").unwrap();
    let path = isolated.writer().store().unwrap().path(&index.sha256);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("libc6", "evil6")).unwrap();
    assert!(matches!(publish_production(&isolated), Err(PublishError::Lost { source: Some(_), .. })));
}

#[test]
fn old_metadata_in_another_formatting_is_no_news() {
    let mut connected = Connected::new();
    let mut isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    isolated.accept(&medium);
    let refreshed = Repository::open(&isolated.path()).unwrap().index().refreshed().unwrap();
    reformat(&medium.file("trust/metadata/timestamp.json"));
    isolated.clock = now().plus_days(20);
    assert_eq!(isolated.receive(&medium).unwrap().trust, None);
    assert_eq!(Repository::open(&isolated.path()).unwrap().index().refreshed().unwrap(), refreshed);
}

#[test]
fn a_run_killed_before_its_commit_leaves_the_trusted_documents_readable() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    let files = ["index.sqlite", "trust/floor.json", "ledger.jsonl"].map(|name| isolated.path().join(name));
    let before: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    let listed = fs::read_dir(isolated.path().join("trust")).unwrap().map(|entry| entry.unwrap().path());
    let documents: Vec<_> = listed.map(|path| (fs::read(&path).unwrap(), path)).collect();
    let medium = Medium::new();
    connected.bundle_on(&medium, spec(2, vec![deb("jq", "1.7")]));
    assert_eq!(isolated.accept(&medium), ["deb12/2"]);
    for (path, bytes) in files.iter().zip(before) {
        fs::write(path, bytes).unwrap();
    }
    // What the floors no longer name goes after the commit only; what was overwritten is gone before.
    for (bytes, path) in documents.iter().filter(|(_, path)| !path.exists()) {
        fs::write(path, bytes).unwrap();
    }
    fs::remove_dir_all(isolated.path().join("bundles/deb12/2")).unwrap();
    assert_eq!(isolated.accept(&medium), ["deb12/2"]);
}

#[test]
fn a_first_root_of_somebody_else_does_not_replace_the_pinned_one() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    connected.add_root(now().plus_days(700));
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    isolated.accept(&medium);
    let pinned = isolated.path().join("trust/1.root.json");
    let before = fs::read(&pinned).unwrap();
    // Signatures are not signed: anybody can add one more to the second root, and present a first root that it fits.
    let stranger = Connected::with_seed(100);
    fs::write(medium.file("trust/metadata/1.root.json"), &stranger.roots[0].1).unwrap();
    let second = medium.file("trust/metadata/2.root.json");
    let bytes = stranger.keys.sign_metadata(&fs::read(&second).unwrap()).unwrap();
    fs::write(&second, bytes).unwrap();
    let next = Medium::new();
    connected.bundle_on(&next, spec(2, vec![deb("jq", "1.7")]));
    for name in ["1.root.json", "2.root.json"] {
        fs::copy(medium.file(&format!("trust/metadata/{name}")), next.file(&format!("trust/metadata/{name}"))).unwrap();
    }
    let _ = isolated.receive(&next);
    assert_eq!(fs::read(&pinned).unwrap(), before);
}

#[test]
fn a_damaged_blob_in_the_store_is_healed_by_a_bundle_that_carries_it() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    let jq = Digest::of(&deb("jq", "1.6").content);
    let store = isolated.writer().store().unwrap();
    fs::write(store.path(&jq), "cut short").unwrap();
    isolated.accept(&connected.bundle(spec(2, vec![deb("jq", "1.6"), deb("expat", "2.5")])));
    store.verify(&jq).unwrap();
}

#[test]
fn bundles_dated_ahead_one_after_the_other_do_not_lock_the_repository() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    for (sequence, days) in [(1, 1), (2, 2)] {
        let mut ahead = spec(sequence, vec![deb("jq", "1.6")]);
        (ahead.created, ahead.not_after) = (now().plus_days(days), now().plus_days(40));
        let result = isolated.receive(&connected.bundle(ahead));
        if sequence == 2 {
            assert!(
                matches!(result, Err(ReceiveError::Refused { refusal, .. }) if refusal.code() == "from-the-future")
            );
        }
    }
    promote(&isolated, "1");
}

#[test]
fn an_index_cannot_give_a_package_of_another_bundle_another_name() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    isolated.accept(&connected.bundle(spec(1, vec![deb("jq", "1.6")])));
    // Another stream's index of the same upstream lists the same file as something else.
    let mut other = spec(1, vec![deb("expat", "2.5")]);
    let mut renamed = deb("jq", "1.6");
    (renamed.version, renamed.listed_as) = ("99", Some("pool/main/jq_1.6_amd64.deb"));
    (other.stream, other.unselected) = ("other", vec![renamed]);
    isolated.accept(&connected.bundle(other));
    promote(&isolated, "deb12/1");
    promote(&isolated, "other/1");
    publish_production(&isolated).unwrap();
    let index = isolated.path().join("published/production/dists/bookworm-security/main/binary-amd64/Packages");
    assert!(!fs::read_to_string(index).unwrap().contains("Version: 99"));
}

#[test]
fn an_incremental_bundle_that_leaves_out_what_its_base_does_not_list_waits_for_it() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let first = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    isolated.accept(&first);
    let mut other = spec(1, vec![deb("expat", "2.5")]);
    (other.stream, other.upstream) = ("other", "vendor");
    isolated.accept(&connected.bundle(other));
    let mut second = spec(2, vec![deb("jq", "1.6"), deb("expat", "2.5")]);
    second.base = Some(1);
    second.twist = |manifest| {
        let expat = Digest::of(&deb("expat", "2.5").content);
        manifest.files.iter_mut().filter(|f| f.sha256 == expat).for_each(|f| f.stored = None);
        manifest.totals = sealift_bundle::Manifest::compute_totals(&manifest.files);
    };
    let second = connected.bundle(second);
    // Another stream brought it: content counts by its digest.
    assert_eq!(isolated.accept(&second), ["deb12/2"]);
    let without = Isolated::new(&connected);
    without.accept(&first);
    without.waits_for_others(&second);
}

#[test]
fn an_upstream_cannot_put_its_packages_among_the_published_indexes() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let mut among = spec(1, vec![deb("jq", "1.6")]);
    among.upstream = "dists";
    isolated.accept(&connected.bundle(among));
    promote(&isolated, "1");
    assert!(matches!(publish_production(&isolated), Err(PublishError::Layout { .. })));
}
