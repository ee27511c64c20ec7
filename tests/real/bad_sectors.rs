//! Media and disks that fail below the file system: sectors that cannot be read, and writes that are lost.
//!
//! Loop devices make both. Behind a medium whose image was cut short, reads beyond the cut end in EIO; behind a disk whose
//! image lies on a full one, writes seem good and only the sync tells. The devices go away with the namespace.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;

use crate::disk::{self, Disk, Scarce};
use crate::line::Line;
use crate::namespace::isolated;

const IMAGE_BYTES: u64 = 8 << 20;

/// A copy of the medium `media` at `worn`, of which only the first bytes can be read.
struct Worn {
    image: PathBuf,
    whole: PathBuf,
    at: PathBuf,
}

impl Worn {
    fn new(line: &Line) -> Self {
        let worn = Self { image: line.path("worn.image"), whole: line.path("whole.image"), at: line.path("worn") };
        format(&worn.whole, IMAGE_BYTES);
        fs::create_dir(&worn.at).unwrap();
        disk::run("mount", &["-o", "loop", disk::path(&worn.whole), disk::path(&worn.at)]);
        disk::run("cp", &["--archive", disk::path(&line.path("media/SEALIFT")), disk::path(&worn.at)]);
        disk::run("umount", &[disk::path(&worn.at)]);
        worn
    }

    /// Mounts the medium with `good` readable bytes; false if not even the file system can be read.
    fn mount(&self, good: u64) -> bool {
        fs::copy(&self.whole, &self.image).unwrap();
        // Direct reads: the page cache of the image would fill the gap with zeros.
        let device =
            disk::output("losetup", &["--find", "--show", "--read-only", "--direct-io=on", disk::path(&self.image)]);
        let device = device.trim();
        OpenOptions::new().write(true).open(&self.image).unwrap().set_len(good).unwrap();
        let mounted = disk::succeeds("mount", &["-o", "ro,noload,nosuid,nodev", device, disk::path(&self.at)]);
        // Goes away when unmounted, at once if it is not mounted.
        disk::run("losetup", &["--detach", device]);
        mounted
    }

    fn unmount(&self) {
        disk::run("umount", &[disk::path(&self.at)]);
    }
}

fn format(image: &std::path::Path, bytes: u64) {
    File::create(image).unwrap().set_len(bytes).unwrap();
    disk::run("mkfs.ext4", &["-q", "-F", "-E", "nodiscard", disk::path(image)]);
}

#[test]
fn worn_medium_is_a_fault_and_no_refusal_wherever_it_is_worn() {
    isolated("bad_sectors::worn_medium_is_a_fault_and_no_refusal_wherever_it_is_worn", || {
        let line = Line::with_bundle();
        let worn = Worn::new(&line);
        let repository = Disk::over(&line.path("isolated"));
        let mut faults = 0;
        for good in (0..IMAGE_BYTES).rev().step_by(64 << 10) {
            if !worn.mount(good) {
                break;
            }
            let said = line.verify("worn");
            if said.code != 0 {
                faults += 1;
                said.refused(1, &["worn", "nput/output error"]);
                repository.reset();
                let said = line.import("receive", &["worn"]);
                assert!(!line.import("bundles", &[]).done().contains("patches"), "accepted: {said}");
                said.failed(1, &["worn", "nput/output error"]);
                line.import("ledger verify", &[]).done();
                line.import("receive", &["media"]).done();
            }
            worn.unmount();
        }
        assert!(faults > 2, "the medium was worn in {faults} places only");
    });
}

/// Whatever room there is behind the medium: a bundle that was said to be written is there when the medium is inserted
/// again, and else it was said that it is not.
#[test]
fn medium_that_loses_writes_has_the_bundle_or_the_operator_is_told() {
    isolated("bad_sectors::medium_that_loses_writes_has_the_bundle_or_the_operator_is_told", || {
        let line = Line::new();
        line.mirror("sync", &[]).done();
        let (thin, mirror) = (Disk::over(&line.path("thin")), Disk::over(&line.path("connected")));
        let (image, medium) = (line.path("thin/image"), line.path("media"));
        fs::create_dir(&medium).unwrap();
        let (mut lost, mut written) = (0, 0);
        for pages in (0..120).step_by(6) {
            thin.reset();
            mirror.reset();
            format(&image, 64 << 20);
            disk::run("mount", &["-o", "loop", disk::path(&image), disk::path(&medium)]);
            thin.leave(Scarce::Pages, pages);
            let said = line.build("media", &[]);
            if said.code == 0 {
                disk::run("umount", &[disk::path(&medium)]);
                disk::run("mount", &["-o", "loop,ro,nosuid,nodev", disk::path(&image), disk::path(&medium)]);
                line.verify("media").done();
                written += 1;
            } else {
                said.failed(1, &["media", "Hint: "]);
                lost += 1;
            }
            disk::run("umount", &[disk::path(&medium)]);
        }
        assert!(lost > 2 && written > 2, "lost {lost} times, written {written} times");
    });
}

#[test]
fn store_that_loses_writes_takes_no_bundle() {
    isolated("bad_sectors::store_that_loses_writes_takes_no_bundle", || {
        let line = Line::with_bundle();
        let thin = Disk::over(&line.path("thin"));
        let (image, store) = (line.path("thin/image"), line.path("isolated/store"));
        format(&image, 64 << 20);
        disk::run("mount", &["-o", "loop", disk::path(&image), disk::path(&store)]);
        fs::create_dir(store.join("sha256")).unwrap();
        thin.leave(Scarce::Pages, 0);
        line.import("receive", &["media"]).failed(1, &["isolated/store"]);
        assert!(!line.import("bundles", &[]).done().contains("patches"));
        line.import("ledger verify", &[]).done();
        disk::run("umount", &[disk::path(&store)]);
        line.import("receive", &["media"]).done();
        line.import("promote", &["--channel", "testing", "1"]).done();
        line.import("publish", &["--channel", "testing"]).done();
    });
}
