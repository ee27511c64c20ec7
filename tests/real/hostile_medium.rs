//! Media that only root can make hostile: mounts inside them, device nodes, and a medium that cannot be written.

use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::pack::unpack;
use sealift_bundle::{VerifyError, VerifyOptions, open_source, verify};
use sealift_model::Silent;

use crate::disk;
use crate::namespace::isolated;

/// Of the vectors' base.
const BLOB: &str = "blobs/sha256/9ccdb057681eefb485ae95ff7ebd9a44643233da0f26bfd1d78452043346e7c0";

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/medium")
}

/// The base of the vectors, unpacked: a medium that verifies.
fn medium() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    unpack(&vectors().join("base.sealift"), dir.path(), &Silent).unwrap();
    let top = dir.path().join("SEALIFT");
    (dir, top)
}

fn verdict(top: &Path) -> Result<(), VerifyError> {
    let root = fs::read(vectors().join("root.json")).unwrap();
    let options = VerifyOptions { root: &root, now: "2026-11-23T16:00:00Z".parse().unwrap(), threads: 1 };
    verify(open_source(top)?.as_ref(), &options, &Silent).map(drop)
}

#[test]
fn refuses_another_file_system_mounted_inside_a_medium() {
    isolated("hostile_medium::refuses_another_file_system_mounted_inside_a_medium", || {
        let (dir, top) = medium();
        verdict(&top).unwrap();
        // The same content, but on another file system, or of another place.
        for place in ["blobs/sha256", "blobs", "trust/metadata", "bundles/deb12/1", "trust"] {
            let (inside, copy) = (top.join(place), dir.path().join("copy"));
            disk::run("cp", &["--archive", disk::path(&inside), disk::path(&copy)]);
            disk::run("mount", &["--bind", disk::path(&copy), disk::path(&inside)]);
            assert_eq!(verdict(&top).unwrap_err().code(), Some("not-regular"), "{place}");
            disk::run("umount", &[disk::path(&inside)]);
            fs::remove_dir_all(&copy).unwrap();
        }
        let (blob, copy) = (top.join(BLOB), dir.path().join("copy"));
        fs::copy(&blob, &copy).unwrap();
        disk::run("mount", &["--bind", disk::path(&copy), disk::path(&blob)]);
        assert_eq!(verdict(&top).unwrap_err().code(), Some("not-regular"));
        disk::run("umount", &[disk::path(&blob)]);
        verdict(&top).unwrap();
    });
}

#[test]
fn refuses_device_nodes_in_the_place_of_files_without_opening_them() {
    isolated("hostile_medium::refuses_device_nodes_in_the_place_of_files_without_opening_them", || {
        let (_dir, top) = medium();
        let blob = top.join(BLOB);
        let content = fs::read(&blob).unwrap();
        // 1:5 is a file of zeros without end, 10:130 a watchdog that restarts the machine once it was opened and closed.
        for (kind, major, minor) in [("c", "1", "5"), ("c", "10", "130"), ("b", "7", "0"), ("c", "5", "0")] {
            fs::remove_file(&blob).unwrap();
            disk::run("mknod", &[disk::path(&blob), kind, major, minor]);
            assert_eq!(verdict(&top).unwrap_err().code(), Some("not-regular"), "{kind} {major}:{minor}");
        }
        fs::remove_file(&blob).unwrap();
        fs::write(&blob, content).unwrap();
        verdict(&top).unwrap();
    });
}

#[test]
fn a_medium_that_cannot_be_written_is_verified_like_any_other() {
    isolated("hostile_medium::a_medium_that_cannot_be_written_is_verified_like_any_other", || {
        let (_dir, top) = medium();
        let place = disk::path(&top);
        disk::run("mount", &["--bind", place, place]);
        disk::run("mount", &["-o", "remount,bind,ro,nosuid,nodev,noexec,noatime", place]);
        assert!(fs::write(top.join("x"), "x").is_err());
        verdict(&top).unwrap();
    });
}
