//! Media as the kernel mounts them: options, devices, labels.

use std::fs::{self, File};

use crate::disk;
use crate::line::Line;
use crate::namespace::isolated;

/// Makes a stick with the label that every stick of ours has, with the medium `medium` on it, not mounted.
fn stick(line: &Line, medium: &str) -> String {
    let image = line.path(&format!("{medium}.image"));
    File::create(&image).unwrap().set_len(8 << 20).unwrap();
    disk::run("mkfs.ext4", &["-q", "-F", "-E", "nodiscard", "-L", "SEALIFT", disk::path(&image)]);
    let at = line.path("stick");
    fs::create_dir_all(&at).unwrap();
    disk::run("mount", &["-o", "loop", disk::path(&image), disk::path(&at)]);
    disk::run("cp", &["--archive", disk::path(&line.path(medium).join("SEALIFT")), disk::path(&at)]);
    disk::run("umount", &[disk::path(&at)]);
    disk::path(&image).to_owned()
}

fn mount(line: &Line, image: &str, options: &str) {
    disk::run("mount", &["-o", &format!("loop,{options}"), image, disk::path(&line.path("stick"))]);
}

fn unmount(line: &Line) {
    disk::run("umount", &[disk::path(&line.path("stick"))]);
}

#[test]
fn medium_mounted_without_nosuid_or_nodev_is_refused_unless_allowed() {
    isolated("mounts::medium_mounted_without_nosuid_or_nodev_is_refused_unless_allowed", || {
        let line = Line::with_bundle();
        let image = stick(&line, "media");
        for (options, missing) in [("rw", "nosuid and nodev"), ("ro,nosuid", "nodev"), ("ro,nodev,noexec", "nosuid")] {
            mount(&line, &image, options);
            line.import("receive", &["stick"]).refused(12, &[missing, "remount,", "--allow-mount"]);
            unmount(&line);
        }
        mount(&line, &image, "ro,nodev,noexec");
        let said = line.import("receive", &["--allow-mount", "stick"]).done();
        assert!(said.contains("not mounted as a medium should be"), "{said}");
        let ledger = line.import("ledger show", &["--last", "1"]).done();
        assert!(ledger.contains("read all the same by --allow-mount"), "{ledger}");
        unmount(&line);
    });
}

#[test]
fn mount_options_and_device_stand_in_the_ledger_and_one_label_is_no_confusion() {
    isolated("mounts::mount_options_and_device_stand_in_the_ledger_and_one_label_is_no_confusion", || {
        let mut line = Line::with_bundle();
        line.upstream.advance(600).unwrap();
        line.mirror("sync", &[]).done();
        line.build("media2", &["--full"]).done();
        for (number, medium) in [(1, "media"), (2, "media2")] {
            let image = stick(&line, medium);
            mount(&line, &image, "ro,nosuid,nodev,noexec");
            line.import("receive", &["stick"]).done();
            let ledger = line.import("ledger show", &["--last", "1"]).done();
            assert!(ledger.contains(&format!("patches/{number}")), "{ledger}");
            for word in ["ext4", "nosuid", "nodev", "noexec", "size 8388608", &format!("image {image}")] {
                assert!(ledger.contains(word), "no `{word}` in {ledger}");
            }
            unmount(&line);
        }
        // The second came under the label and the mount point of the first.
        let bundles = line.import("bundles", &[]).done();
        assert!(bundles.contains("patches") && bundles.matches("complete").count() == 2, "{bundles}");
    });
}

#[test]
fn a_mount_inside_a_medium_is_not_entered() {
    isolated("mounts::a_mount_inside_a_medium_is_not_entered", || {
        let line = Line::with_bundle();
        let blobs = line.path("media/SEALIFT/blobs/sha256");
        line.copy("media/SEALIFT/blobs/sha256", "aside");
        disk::run("mount", &["-t", "tmpfs", "-o", "nosuid,nodev", "tmpfs", disk::path(&blobs)]);
        disk::run("cp", &["--archive", &format!("{}/.", disk::path(&line.path("aside"))), disk::path(&blobs)]);
        let said = line.import("receive", &["media"]);
        assert!(matches!(said.code, 1 | 10), "{said}");
        let bundles = line.import("bundles", &[]).done();
        assert!(!bundles.contains("patches"), "{bundles}");
        disk::run("umount", &[disk::path(&blobs)]);
        line.import("receive", &["media"]).done();
    });
}
