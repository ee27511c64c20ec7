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
fn an_upstream_cannot_put_its_packages_among_the_published_indexes() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let mut among = spec(1, vec![deb("jq", "1.6")]);
    among.upstream = "dists";
    isolated.accept(&connected.bundle(among));
    promote(&isolated, "1");
    assert!(matches!(publish_production(&isolated), Err(PublishError::Layout { .. })));
}
