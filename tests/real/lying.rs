//! Media that are not what they say: smaller, failing in the middle of a write, not readable afterwards, cut in mid-write.
//!
//! A disk of our own making lies behind a loop device: an NBD server whose plugin wraps or drops what goes beyond its real
//! end, or fails there, made a file by nbdfuse. It says yes to every write until then, as such sticks do.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::disk::{self, Disk};
use crate::line::{Line, Said};
use crate::namespace::isolated;

const MIB: u64 = 1 << 20;

/// The plugin: a disk that `claims` so many bytes, `keeps` fewer, and fails as told.
const PLUGIN: &str = r#"
import os, nbdkit

API_VERSION = 2
told = {"claims": 0, "keeps": 0, "drops": 0, "write-until": 1 << 60, "read-until": 1 << 60}
place = {}

def config(key, value):
    if key in told:
        told[key] = int(value)
    else:
        place[key] = value

def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS

def open(readonly):
    return os.open(place["file"], os.O_RDWR)

def get_size(disk):
    return told["claims"]

def pieces(length, offset):
    done = 0
    while done < length:
        real = (offset + done) % told["keeps"]
        size = min(length - done, told["keeps"] - real)
        kept = not told["drops"] or offset + done < told["keeps"]
        yield done, size, real, kept
        done += size

def pread(disk, buffer, offset, flags):
    view = memoryview(buffer)
    if offset + len(view) > told["read-until"]:
        raise OSError(5, "worn")
    for done, size, real, kept in pieces(len(view), offset):
        found = os.pread(disk, size, real) if kept else b""
        view[done:done + size] = found.ljust(size, b"\0")

def pwrite(disk, buffer, offset, flags):
    view = memoryview(buffer)
    if offset + len(view) > told["write-until"]:
        raise OSError(5, "worn")
    for done, size, real, kept in pieces(len(view), offset):
        if kept:
            os.pwrite(disk, view[done:done + size], real)

def flush(disk, flags):
    pass
"#;

/// A mounted medium of that kind.
struct Liar {
    dir: PathBuf,
    at: PathBuf,
    device: String,
    server: Child,
}

impl Liar {
    /// Mounts one at `at` that says it has `claims` MiB; `told` says what it really does, in bytes.
    fn mount(line: &Line, at: &str, claims: u64, told: &[(&str, u64)]) -> Self {
        let dir = line.path(&format!("{at}.liar"));
        fs::create_dir_all(dir.join("nbd")).unwrap();
        fs::create_dir_all(line.path(at)).unwrap();
        fs::write(dir.join("plugin.py"), PLUGIN).unwrap();
        File::create(dir.join("real")).unwrap().set_len(claims * MIB).unwrap();
        let mut settings = vec![("claims", claims * MIB), ("keeps", claims * MIB)];
        settings.retain(|(key, _)| told.iter().all(|(other, _)| other != key));
        settings.extend(told);
        let settings = settings.iter().map(|(key, value)| format!("{key}={value}"));
        let server = Command::new("nbdfuse")
            .current_dir(&dir)
            .args(["nbd/disk", "[", "nbdkit", "python", "plugin.py", "file=real"])
            .args(settings)
            .arg("]")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let file = dir.join("nbd/disk");
        let until = Instant::now() + Duration::from_secs(30);
        while !file.exists() {
            assert!(Instant::now() < until, "nbdfuse does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        // All of the file system's own records at the beginning, which even such sticks keep.
        let layout = ["-O", "^has_journal,^resize_inode,sparse_super2", "-b", "4096", "-N", "1024"];
        let extended = ["-E", "num_backup_sb=0,packed_meta_blocks=1,nodiscard"];
        disk::run("mkfs.ext4", &[&["-q", "-F", "-m", "0"], &layout[..], &extended, &[disk::path(&file)]].concat());
        // Direct, or the loop device would answer from the cache of the file below it.
        let device = disk::output("losetup", &["--find", "--show", "--direct-io=on", disk::path(&file)]);
        let device = device.trim().to_owned();
        disk::run("mount", &["-o", "nosuid,nodev", &device, disk::path(&line.path(at))]);
        Self { at: line.path(at), dir, device, server }
    }

    /// Takes the first `mib` MiB of room, so that what is written next lies behind them.
    fn fill(&self, mib: u64) {
        disk::run("fallocate", &["-l", &(mib * MIB).to_string(), disk::path(&self.at.join("holiday.mov"))]);
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        // A file system on such a disk may not be able to write back what it still has; that must not keep us.
        for (program, arguments) in [
            ("umount", vec![self.at.as_path().to_str().unwrap()]),
            ("losetup", vec!["--detach", &self.device]),
            ("umount", vec![self.dir.join("nbd").to_str().unwrap()]),
        ] {
            let _ = Command::new(program).args(&arguments).stderr(Stdio::null()).status();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn mirror(line: &Line, arguments: &[&str]) -> Said {
    line.run(env!("CARGO_BIN_EXE_t-sealift-mirror"), arguments)
}

/// A line whose first bundle is sealed and was written elsewhere.
fn sealed() -> Line {
    let line = Line::new();
    line.mirror("sync", &[]).done();
    line.build("media", &[]).done();
    line
}

fn seal(line: &Line, to: &str, more: &[&str]) -> Said {
    line.mirror("bundle seal", &[&["--stream", "patches", "--to", to], more].concat())
}

#[test]
fn medium_check_unmasks_a_stick_that_is_smaller_than_it_says() {
    isolated("lying::medium_check_unmasks_a_stick_that_is_smaller_than_it_says", || {
        let line = Line::new();
        let wraps = Liar::mount(&line, "wraps", 128, &[("keeps", 37 * MIB)]);
        for depth in [&["medium", "check", "wraps"][..], &["medium", "check", "--full", "wraps"]] {
            let said = mirror(&line, depth).failed(1, &["lies about its size", "Hint: do not use this medium"]);
            assert!(depth.len() == 3 || said.contains("it keeps at most about 38797312;"), "{said}");
        }
        drop(wraps);
        let drops = Liar::mount(&line, "drops", 128, &[("keeps", 37 * MIB), ("drops", 1)]);
        for depth in [&["medium", "check", "drops"][..], &["medium", "check", "--full", "drops"]] {
            mirror(&line, depth).failed(1, &["does not keep what is written to it: zeros", "Hint: do not use"]);
        }
        drop(drops);
        let sound = Liar::mount(&line, "sound", 128, &[]);
        for depth in [&["medium", "check", "sound"][..], &["medium", "check", "--full", "sound"]] {
            mirror(&line, depth).done();
        }
        let left: Vec<_> = fs::read_dir(&sound.at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lost+found"], "the check leaves nothing");
    });
}

#[test]
fn bundle_beyond_the_real_end_of_a_medium_is_not_called_written() {
    isolated("lying::bundle_beyond_the_real_end_of_a_medium_is_not_called_written", || {
        let line = sealed();
        let liar = Liar::mount(&line, "stick", 64, &[("keeps", 16 * MIB), ("drops", 1)]);
        liar.fill(24);
        seal(&line, "stick", &[]).failed(1, &["holiday.mov", "--beside-other-files"]);
        let said = seal(&line, "stick", &["--beside-other-files"]);
        let said =
            said.failed(1, &["stick", "is not on the medium as it was written: nothing but zeros", "do not use"]);
        assert!(said.contains("sealed and kept"), "{said}");
        assert!(!liar.at.join("SEALIFT").exists(), "it has a name: {said}");
        seal(&line, "stick", &["--beside-other-files", "--probe"]).failed(1, &["does not keep", "do not use"]);
        seal(&line, "media2", &[]).done();
        line.verify("media2").done();
    });
}

#[test]
fn medium_that_fails_in_the_middle_of_a_write_or_when_it_is_read_back_is_named() {
    isolated("lying::medium_that_fails_in_the_middle_of_a_write_or_when_it_is_read_back_is_named", || {
        let line = sealed();
        let worn = Liar::mount(&line, "worn", 64, &[("write-until", 24 * MIB)]);
        worn.fill(24);
        let said = seal(&line, "worn", &["--beside-other-files"]);
        said.failed(1, &["worn", "nput/output error", "Hint: ", "sealed and kept"]);
        drop(worn);
        let blind = Liar::mount(&line, "blind", 64, &[("read-until", 24 * MIB)]);
        blind.fill(24);
        let said = seal(&line, "blind", &["--beside-other-files"]);
        said.failed(
            1,
            &["blind", "was written and cannot be read back", "nput/output error", "do not use this medium"],
        );
        assert!(!blind.at.join("SEALIFT").exists());
    });
}

#[test]
fn sound_medium_is_reported_with_device_mount_and_method() {
    isolated("lying::sound_medium_is_reported_with_device_mount_and_method", || {
        let line = sealed();
        let sound = Liar::mount(&line, "stick", 64, &[]);
        let said = seal(&line, "stick", &["--report", "report.json", "--probe"]).done();
        assert!(said.contains("past the page cache (O_DIRECT): all as written"), "{said}");
        assert!(said.contains("Good: "), "the probe is told: {said}");
        line.verify("stick").done();
        let report: Value = serde_json::from_slice(&fs::read(line.path("report.json")).unwrap()).unwrap();
        assert_eq!(report["read_back"]["method"], "direct", "{report}");
        assert_eq!(report["device"]["bytes"], 64 * MIB, "{report}");
        assert_eq!(report["mount"]["filesystem"], "ext4", "{report}");
        assert!(report["mount"]["options"].as_array().unwrap().contains(&"nosuid".into()), "{report}");
        let sums = fs::read(sound.at.join("SEALIFT/SHA256SUMS")).unwrap();
        assert_eq!(report["sums"], sealift_model::Digest::of(&sums).to_hex(), "{report}");
        assert_eq!(line.files("connected/reports/patches/1").len(), 2, "one of each medium");
    });
}

#[test]
fn write_that_was_cut_is_taken_up_and_bad_blobs_of_it_are_written_again() {
    isolated("lying::write_that_was_cut_is_taken_up_and_bad_blobs_of_it_are_written_again", || {
        let line = sealed();
        let _medium = Disk::over(&line.path("stick"));
        let (from, to) = (line.path("media/SEALIFT/blobs/sha256"), line.path("stick/.SEALIFT.partial/blobs/sha256"));
        fs::create_dir_all(&to).unwrap();
        let mut names: Vec<_> = fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in &names[..3] {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
        let half = fs::read(to.join(&names[0])).unwrap();
        fs::write(to.join(&names[0]), vec![0; half.len()]).unwrap();
        fs::write(to.join("stray"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", line.path("stick/.SEALIFT.partial/trust")).unwrap();
        let said = seal(&line, "stick", &[]).done();
        assert!(said.contains("Took up 2 blobs that a run before had copied"), "{said}");
        line.verify("stick").done();
        disk::assert_tidy(&line.path("stick"), &said);
        let again = seal(&line, "stick", &[]).done();
        assert!(again.contains("Read back"), "what is there is read again: {again}");
    });
}

#[test]
fn medium_that_lost_a_blob_since_is_found_when_it_is_written_again() {
    isolated("lying::medium_that_lost_a_blob_since_is_found_when_it_is_written_again", || {
        let line = sealed();
        let _medium = Disk::over(&line.path("stick"));
        seal(&line, "stick", &[]).done();
        let blob = fs::read_dir(line.path("stick/SEALIFT/blobs/sha256")).unwrap().next().unwrap().unwrap().path();
        crate::line::flip(&blob);
        seal(&line, "stick", &[]).failed(1, &["is not on the medium as it was written", "do not use this medium"]);
    });
}

#[test]
fn fat_is_known_to_take_no_file_of_four_gigabytes() {
    isolated("lying::fat_is_known_to_take_no_file_of_four_gigabytes", || {
        let line = Line::new();
        let image = line.path("fat.image");
        File::create(&image).unwrap().set_len(64 * MIB).unwrap();
        disk::run("mkfs.vfat", &[disk::path(&image)]);
        fs::create_dir(line.path("fat")).unwrap();
        disk::run("fusefat", &["-o", "rw+", disk::path(&image), disk::path(&line.path("fat"))]);
        let shown = mirror(&line, &["medium", "show", "--json", "fat"]).done();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["largest_file"], u64::from(u32::MAX), "{shown}");
        // Room cannot be reserved on it; that the rest was not tried is said.
        let said = mirror(&line, &["medium", "check", "fat"]).done();
        assert!(said.contains("Only the first"), "{said}");
        disk::run("umount", &[disk::path(&line.path("fat"))]);
    });
}
