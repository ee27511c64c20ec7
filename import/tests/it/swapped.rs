//! Media that change while they are received: what comes in is what was verified, or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sealift_import::receive::{ReceiveError, ReceiveReport, receive};
use sealift_model::{Digest, Progress};

use crate::fixture::{Connected, Isolated, Medium, Spec, deb, files, spec};

/// Does something to the medium at the n-th thing that is said, then counts on.
struct At<'a> {
    event: usize,
    seen: AtomicUsize,
    act: Box<dyn Fn() + Sync + 'a>,
}

impl<'a> At<'a> {
    fn new(event: usize, act: impl Fn() + Sync + 'a) -> Self {
        Self { event, seen: AtomicUsize::new(0), act: Box::new(act) }
    }

    fn count(&self) {
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.event {
            (self.act)();
        }
    }
}

impl Progress for At<'_> {
    fn phase(&self, _: &str, _: Option<u64>) {
        self.count();
    }

    fn advance(&self, _: u64) {
        self.count();
    }

    fn done(&self, _: &str) {
        self.count();
    }
}

fn first() -> Spec {
    spec(1, vec![deb("anchor", "1.0-1"), deb("buoy", "2.1-1")])
}

fn received(site: &Isolated, medium: &Medium, progress: &dyn Progress) -> Result<ReceiveReport, ReceiveError> {
    receive(&mut site.writer(), medium.path(), progress)
}

/// Every file of a medium with its bytes.
fn content(medium: &Medium) -> BTreeMap<PathBuf, Vec<u8>> {
    files(&medium.file("")).into_keys().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Replaces each file by another of the same size, under the same name.
fn turn_evil(original: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in original {
        let evil: Vec<u8> = bytes.iter().map(|byte| byte ^ 0x01).collect();
        fs::remove_file(path).unwrap();
        fs::write(path, evil).unwrap();
    }
}

fn restore(original: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in original {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(path);
        fs::write(path, bytes).unwrap();
    }
}

/// Digests of what lies in the store; each file must be what its name says.
fn stored(site: &Isolated) -> Vec<Digest> {
    let mut found: Vec<_> = Vec::new();
    for (path, digest) in files(&site.path().join("store")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name == digest.to_hex(), "{} holds {digest}", path.display());
        found.push(digest);
    }
    found.sort();
    found
}

/// How many things are said while the bundle is received undisturbed, and how many blobs then lie in the store.
fn undisturbed() -> (usize, usize) {
    let mut connected = Connected::new();
    let medium = connected.bundle(first());
    let site = Isolated::new(&connected);
    let counting = At::new(usize::MAX, || ());
    received(&site, &medium, &counting).unwrap();
    (counting.seen.into_inner(), stored(&site).len())
}

#[test]
fn a_medium_that_is_good_until_it_was_read_once_brings_in_only_what_was_verified() {
    let (events, honest) = undisturbed();
    assert!(events >= 4, "{events}");
    let (mut accepted, mut refused) = (0, 0);
    for event in 0..events {
        let mut connected = Connected::new();
        let medium = connected.bundle(first());
        let site = Isolated::new(&connected);
        let original = content(&medium);
        let (before, empty) = (site.traces(), stored(&site));
        match received(&site, &medium, &At::new(event, || turn_evil(&original))) {
            Ok(report) => {
                assert_eq!(report.accepted.len(), 1, "event {event}");
                assert_eq!(stored(&site).len(), honest, "event {event}: something unverified came in");
                accepted += 1;
            }
            Err(ReceiveError::Refused { refusal, .. }) => {
                assert_eq!(stored(&site), empty, "event {event}: {refusal}");
                let mut traces = site.traces();
                site.leave_out_what_waits(&before, &mut traces);
                assert_eq!(traces, before, "event {event}: {refusal}");
                refused += 1;
            }
            Err(other) => panic!("event {event}: {other:?}"),
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
}

#[test]
fn refuses_a_blob_replaced_between_the_manifest_and_the_copy() {
    let mut connected = Connected::new();
    let medium = connected.bundle(first());
    let site = Isolated::new(&connected);
    let anchor = Digest::of(&deb("anchor", "1.0-1").content);
    let path = medium.file(&Medium::blob(&anchor));
    let good = fs::read(&path).unwrap();
    let evil: Vec<u8> = good.iter().rev().copied().collect();
    // The second thing that is said is that copying begins: every document has been judged by then.
    let error = received(&site, &medium, &At::new(1, || fs::write(&path, &evil).unwrap())).unwrap_err();
    let ReceiveError::Refused { refusal, .. } = error else { panic!("{error:?}") };
    assert_eq!(refusal.code(), "blob");
    assert!(refusal.to_string().contains("anchor"), "{refusal}");
    assert!(!stored(&site).contains(&Digest::of(&evil)));
    fs::write(&path, good).unwrap();
    assert_eq!(site.accept(&medium), ["deb12/1"]);
}

#[test]
fn a_medium_pulled_in_the_middle_changes_nothing_and_the_same_command_goes_on_later() {
    let (events, honest) = undisturbed();
    for event in 0..events {
        let mut connected = Connected::new();
        let medium = connected.bundle(first());
        let site = Isolated::new(&connected);
        let original = content(&medium);
        let top = medium.file("");
        let outcome = received(&site, &medium, &At::new(event, || fs::remove_dir_all(&top).unwrap()));
        if outcome.is_err() {
            assert_eq!(site.writer().index().bundles(None).unwrap().len(), 0, "event {event}");
            restore(&original);
            assert_eq!(site.accept(&medium), ["deb12/1"], "event {event}");
        }
        assert_eq!(stored(&site).len(), honest, "event {event}");
    }
}

#[test]
fn another_bundle_put_in_the_place_of_the_first_does_not_come_in_under_its_name() {
    let (events, _) = undisturbed();
    for event in 0..events {
        let mut connected = Connected::new();
        let medium = connected.bundle(first());
        let site = Isolated::new(&connected);
        let other = connected.bundle(spec(2, vec![deb("anchor", "1.0-2"), deb("buoy", "2.1-1")]));
        let (top, old) = (medium.file(""), medium.path().join("old"));
        let swap = || {
            fs::rename(&top, &old).unwrap();
            copy_tree(&other.file(""), &top);
        };
        match received(&site, &medium, &At::new(event, swap)) {
            Ok(report) => {
                let names: Vec<_> = report.accepted.iter().map(sealift_import::receive::Accepted::name).collect();
                assert_eq!(names, ["deb12/1"], "event {event}");
            }
            Err(ReceiveError::Refused { .. } | ReceiveError::Medium { .. }) => {
                assert_eq!(site.writer().index().bundles(None).unwrap().len(), 0, "event {event}");
            }
            Err(error) => panic!("event {event}: {error:?}"),
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    for path in files(from).into_keys() {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}
