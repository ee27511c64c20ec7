//! Bit rot in the store, directories that somebody else made, and disks that are too small (hostile 98-100, 106).

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use sealift_import::channel::promote;
use sealift_import::publish::{PublishError, PublishOptions, publish};
use sealift_import::receive::{ReceiveError, ReceiveOptions, receive_with};
use sealift_import::scrub::{ScrubReport, scrub};
use sealift_import::{Refusal, StateError, Writer};
use sealift_model::{Digest, Silent};

use crate::fixture::{Connected, Isolated, Medium, deb, files, now, spec};

fn with_one_bundle() -> (Connected, Isolated, Medium) {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")]));
    isolated.accept(&medium);
    (connected, isolated, medium)
}

fn jq() -> Digest {
    Digest::of(&deb("jq", "1.6").content)
}

impl Isolated {
    fn scrub(&self) -> ScrubReport {
        scrub(&mut self.writer(), &Silent).unwrap()
    }

    /// One byte of a blob turns, as disks do it: size, name and times stay.
    fn rot(&self, digest: &Digest) {
        let path = self.writer().store().unwrap().path(digest);
        let mut bytes = fs::read(&path).unwrap();
        bytes[7] ^= 1;
        fs::write(&path, bytes).unwrap();
    }

    fn configure(&self, text: &str) {
        let path = self.path().join("import.toml");
        let old = fs::read_to_string(&path).unwrap();
        fs::write(path, old + text).unwrap();
    }

    fn publish_unverified(&self) -> Result<(), PublishError> {
        let channel: sealift_model::ChannelId = "production".parse().unwrap();
        promote(&mut self.writer(), &channel, "1").unwrap();
        publish(&mut self.writer(), &PublishOptions { channel, verify: false }, &Silent).map(|_| ())
    }
}

#[test]
fn a_whole_repository_is_found_whole() {
    let (_, isolated, _) = with_one_bundle();
    let report = isolated.scrub();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.blobs, report.bundles), (5, 1));
    assert!(isolated.ledger_lines().pop().unwrap().contains("\"event\":\"scrubbed\""));
    assert!(isolated.scrub().is_clean());
}

#[test]
fn bit_rot_is_found_blocks_publishing_and_only_that_blob_is_brought_again() {
    let (_, isolated, medium) = with_one_bundle();
    isolated.rot(&jq());
    let report = isolated.scrub();
    assert_eq!((report.blobs, report.damaged.len(), report.missing.len()), (4, 1, 0));
    let damage = &report.damaged[0];
    assert_eq!((damage.sha256, damage.bundles.as_slice()), (jq(), &["deb12/1".to_owned()][..]));
    assert_eq!(damage.path.as_ref().unwrap().as_str(), "debsec/pool/main/jq_1.6_amd64.deb");
    assert!(
        matches!(isolated.publish_unverified(), Err(PublishError::Lost { source: None, path }) if Some(&path) == damage.path.as_ref())
    );
    // It stays wanted until it is there, however often one looks.
    assert_eq!(isolated.scrub().missing.len(), 1);
    let before = files(&isolated.path().join("store/sha256"));
    let report = isolated.receive(&medium).unwrap();
    assert_eq!((report.healed, report.accepted.len(), report.already.len()), (1, 0, 1));
    let mut after = files(&isolated.path().join("store/sha256"));
    after.retain(|path, _| !before.contains_key(path));
    assert_eq!(after.into_values().collect::<Vec<_>>(), [jq()]);
    assert!(
        isolated
            .ledger_lines()
            .iter()
            .any(|line| line.contains("\"event\":\"healed\"") && line.contains(&jq().to_hex()))
    );
    assert!(isolated.scrub().is_clean());
    isolated.publish_unverified().unwrap();
    assert_eq!(isolated.receive(&medium).unwrap().healed, 0);
}

#[test]
fn every_stored_file_that_rots_is_named() {
    let (_, isolated, _) = with_one_bundle();
    let kept = files(&isolated.path());
    let rots = |path: &std::path::Path| {
        let name = path.strip_prefix(isolated.path()).unwrap().to_str().unwrap();
        name.starts_with("store/sha256/") || name.ends_with("/1/manifest.json")
    };
    let victims: Vec<_> = kept.keys().filter(|path| rots(path)).cloned().collect();
    assert_eq!(victims.len(), 6);
    for victim in &victims {
        let good = fs::read(victim).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(victim, bad).unwrap();
        assert!(!isolated.scrub().is_clean(), "{}", victim.display());
        fs::write(victim, good).unwrap();
        let _ = fs::remove_dir_all(isolated.path().join("store/wanted"));
        assert!(isolated.scrub().is_clean(), "{}", victim.display());
    }
}

#[test]
fn a_cut_or_vanished_blob_is_found_as_well() {
    let (_, isolated, medium) = with_one_bundle();
    let store = isolated.writer().store().unwrap();
    let expat = Digest::of(&deb("expat", "2.5").content);
    fs::write(store.path(&jq()), "cut short").unwrap();
    fs::remove_file(store.path(&expat)).unwrap();
    let report = isolated.scrub();
    assert_eq!((report.damaged[0].sha256, report.missing[0].sha256), (jq(), expat));
    assert_eq!(isolated.receive(&medium).unwrap().healed, 2);
    assert!(isolated.scrub().is_clean());
}

#[test]
fn a_medium_that_is_as_damaged_heals_nothing_and_an_expired_one_still_does() {
    let (_, mut isolated, medium) = with_one_bundle();
    isolated.rot(&jq());
    isolated.scrub();
    medium.flip(&Medium::blob(&jq()));
    assert_eq!(isolated.receive(&medium).unwrap().healed, 0);
    medium.flip(&Medium::blob(&jq()));
    // Its metadata counts for nothing any more; the content is what an accepted manifest names.
    isolated.clock = now().plus_days(100);
    let Err(ReceiveError::Refused { refusal, accepted }) = isolated.receive(&medium) else { panic!() };
    assert_eq!((refusal.code(), accepted.as_slice()), ("expired", &["1 blob that the store had lost".to_owned()][..]));
    isolated.writer().store().unwrap().verify(&jq()).unwrap();
}

#[test]
fn a_blob_replaced_on_disk_is_not_published_when_asked_to_verify() {
    let (_, isolated, _) = with_one_bundle();
    isolated.rot(&jq());
    let channel: sealift_model::ChannelId = "production".parse().unwrap();
    promote(&mut isolated.writer(), &channel, "1").unwrap();
    let published = publish(&mut isolated.writer(), &PublishOptions { channel, verify: true }, &Silent);
    assert!(matches!(published, Err(PublishError::Lost { source: Some(_), .. })), "{published:?}");
    assert!(!isolated.path().join("published/production").exists());
}

#[test]
fn directories_that_are_links_or_open_to_others_are_not_used() {
    let (mut connected, isolated, _) = with_one_bundle();
    let medium = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "x").unwrap();
    for name in ["quarantine", "trust", "bundles", "site"] {
        let (path, aside) = (isolated.path().join(name), isolated.path().join(format!("{name}.aside")));
        fs::rename(&path, &aside).unwrap();
        symlink(elsewhere.path(), &path).unwrap();
        let error = Writer::open(&isolated.path(), isolated.caller()).unwrap_err();
        assert!(matches!(error, StateError::Exposed(_)), "{name}: {error}");
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Writer::open(&isolated.path(), isolated.caller()), Err(StateError::Exposed(_))), "{name}");
        fs::set_permissions(&path, before).unwrap();
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "nothing was written or removed there");
    assert_eq!(isolated.accept(&medium), ["deb12/2"]);
}

#[test]
fn links_planted_in_the_quarantine_are_removed_and_not_followed() {
    let (mut connected, isolated, _) = with_one_bundle();
    let medium = connected.bundle(spec(2, vec![deb("jq", "1.7")]));
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("precious"), "x").unwrap();
    // Under the very name that the bundle's documents are going to be written to.
    let name = isolated.path().join("quarantine").join(connected.id("deb12", 2).to_hex());
    symlink(elsewhere.path(), &name).unwrap();
    symlink(elsewhere.path(), isolated.path().join("bundles/deb12/2")).unwrap();
    let report = isolated.receive(&medium).unwrap();
    assert_eq!((report.accepted.len(), report.swept), (1, 2));
    let left: Vec<_> = fs::read_dir(elsewhere.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["precious"]);
    assert!(isolated.path().join("bundles/deb12/2").symlink_metadata().unwrap().is_dir());
}

#[test]
fn a_bundle_larger_than_the_disk_is_refused_before_anything_is_copied() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    connected.resign(&medium, "deb12", 1, |manifest| {
        let entry = manifest.files.iter_mut().find(|f| f.deb.is_some()).unwrap();
        entry.size = 1 << 50;
        entry.stored.as_mut().unwrap().size = 1 << 50;
    });
    let before = isolated.traces();
    let error = isolated.receive(&medium).unwrap_err();
    assert!(matches!(error, ReceiveError::Full { needed, .. } if needed > (1 << 50) + (1 << 50) / 10), "{error}");
    assert_eq!(isolated.traces(), before);
}

#[test]
fn a_medium_mounted_without_nosuid_is_refused_unless_it_is_allowed_by_name() {
    let mut connected = Connected::new();
    let isolated = Isolated::new(&connected);
    let medium = connected.bundle(spec(1, vec![deb("jq", "1.6")]));
    let Some(foreign) = on_shared_memory(&medium) else {
        return eprintln!("NOT CHECKED: this machine has no second file system to write to");
    };
    let mut options = ReceiveOptions { path: foreign.path().to_owned(), ..ReceiveOptions::default() };
    isolated.configure("[medium]\nrequire = [\"noexec\"]\n");
    let before = isolated.ledger_lines().len();
    let refused = receive_with(&mut isolated.writer(), &options, &Silent);
    if ["nosuid", "nodev", "noexec"].iter().all(|option| shared_memory_options().contains(option)) {
        return assert_eq!(refused.unwrap().accepted.len(), 1);
    }
    let Err(ReceiveError::Refused { refusal, .. }) = refused else { panic!("{refused:?}") };
    assert!(matches!(&*refusal, Refusal::Mount { missing, .. } if !missing.is_empty()), "{refusal}");
    let lines = isolated.ledger_lines();
    assert_eq!(lines.len(), before + 1);
    assert!(lines.last().unwrap().contains("tmpfs"), "{lines:?}");
    options.allow_mount = true;
    let report = receive_with(&mut isolated.writer(), &options, &Silent).unwrap();
    assert!(report.allowed_mount && report.accepted.len() == 1);
    assert!(isolated.ledger_lines().pop().unwrap().contains("read all the same by --allow-mount"));
}

fn shared_memory_options() -> String {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let at = |line: &&str| line.split(' ').nth(4) == Some("/dev/shm");
    table.lines().rfind(at).map(|line| line.split(' ').nth(5).unwrap().to_owned()).unwrap_or_default()
}

/// The same medium on another file system than the repository's.
fn on_shared_memory(medium: &Medium) -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir_in("/dev/shm").ok()?;
    let mut copy = std::process::Command::new("cp");
    let status = copy.arg("-r").arg(medium.path().join("SEALIFT")).arg(dir.path()).status();
    status.is_ok_and(|status| status.success()).then_some(dir)
}
