//! A small disk of its own under a directory: a tmpfs whose room is set exactly.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealift_model::Digest;

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scarce {
    /// Bytes, in pages of the kernel. What a look at the free space before a write can foresee.
    Pages,
    /// Names. Free space looks plenty, so only the write itself fails: each file made is one place where it can.
    Names,
}

/// A file system mounted over a directory.
pub struct Disk {
    at: PathBuf,
    pristine: PathBuf,
}

impl Disk {
    /// Puts a disk over the directory `at`, with the content that the directory has now.
    pub fn over(at: &Path) -> Self {
        // Beside all disks: a disk may lie on another one, which is put back on its own.
        let pristine = tempfile::tempdir().unwrap().keep().join("pristine");
        fs::create_dir_all(at).unwrap();
        run("cp", &["--archive", path(at), path(&pristine)]);
        let disk = Self { at: at.to_owned(), pristine };
        disk.mount();
        disk
    }

    /// Puts everything back to what it was when the disk was mounted, with room to spare.
    pub fn reset(&self) {
        // Not mounted any more if it lay on another disk that was put back.
        if Command::new("mountpoint").arg("-q").arg(&self.at).status().unwrap().success() {
            run("umount", &["--recursive", path(&self.at)]);
        }
        self.mount();
    }

    /// Makes the content that there is now the one that [`Disk::reset`] returns to.
    pub fn keep(&self) {
        fs::remove_dir_all(&self.pristine).unwrap();
        run("cp", &["--archive", path(&self.at), path(&self.pristine)]);
    }

    fn mount(&self) {
        run(
            "mount",
            &["-t", "tmpfs", "-o", "nosuid,nodev,mode=755,size=256m,nr_inodes=100000", "tmpfs", path(&self.at)],
        );
        run("cp", &["--archive", &format!("{}/.", path(&self.pristine)), path(&self.at)]);
    }

    /// Leaves room for `count` more pages or names.
    pub fn leave(&self, what: Scarce, count: u64) {
        let numbers = output("stat", &["--file-system", "--format=%b %f %c %d %S", path(&self.at)]);
        let numbers: Vec<u64> = numbers.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let [blocks, free, names, names_free, size] = numbers[..] else { panic!("stat says {numbers:?}") };
        let option = match what {
            // Size 0 would mean no limit.
            Scarce::Pages => format!("remount,nosuid,nodev,size={}", ((blocks - free + count) * size).max(size)),
            Scarce::Names => format!("remount,nosuid,nodev,nr_inodes={}", names - names_free + count),
        };
        run("mount", &["-o", &option, path(&self.at)]);
    }

    /// Makes room, leaving the content as it is.
    pub fn make_room(&self) {
        run("mount", &["-o", "remount,nosuid,nodev,size=256m,nr_inodes=100000", path(&self.at)]);
    }

    /// Makes the disk read-only.
    pub fn protect(&self) {
        run("mount", &["-o", "remount,nosuid,nodev,ro", path(&self.at)]);
    }

    /// Makes the disk writable again.
    pub fn unprotect(&self) {
        run("mount", &["-o", "remount,nosuid,nodev,rw", path(&self.at)]);
    }
}

/// Returns every file below `dir` with the digest of its content; links as what they point at.
pub fn contents(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                found.insert(name, fs::read_link(&path).unwrap().to_str().unwrap().to_owned());
            } else if path.is_dir() {
                left.push(path);
            } else {
                found.insert(name, Digest::of(&fs::read(&path).unwrap()).to_hex());
            }
        }
    }
    found
}

/// Asserts that nothing below `dir` has a name that only unfinished work has.
#[track_caller]
pub fn assert_tidy(dir: &Path, after: &dyn std::fmt::Display) {
    let found = contents(dir);
    let half = |name: &&String| {
        name.split('/').any(|part| part.starts_with(".tmp") || part.contains(".new-") || part.ends_with(".partial"))
            || name.ends_with("-journal")
    };
    let left: Vec<_> = found.keys().filter(half).collect();
    assert!(left.is_empty(), "left behind: {left:?}\n{after}");
}

/// Returns a path as an argument.
pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a program of the system and returns its answer.
pub fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program of the system.
pub fn run(program: &str, arguments: &[&str]) {
    output(program, arguments);
}

/// Tells whether a program of the system succeeds.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stderr(std::process::Stdio::null()).status().unwrap().success()
}
