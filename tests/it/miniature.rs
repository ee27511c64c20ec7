//! The miniature upstream against other people's programs: dpkg-deb and gpgv, wherever they are installed.

use std::path::Path;
use std::process::Command;

use sealift_tests::miniature::{Miniature, Variant, names};

fn make(dir: &Path) -> Miniature {
    Miniature::create(dir, sealift_term::now().minus_seconds(60), Variant::Sound).unwrap()
}

fn installed(program: &str) -> bool {
    let there = Path::new("/usr/bin").join(program).exists();
    if !there {
        eprintln!("NOT CHECKED: {program} is not installed");
    }
    there
}

#[test]
fn dpkg_deb_reads_every_package() {
    if !installed("dpkg-deb") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let upstream = make(&temp.path().join("up"));
    for name in names() {
        let deb = upstream.released_deb(name).unwrap();
        let fields = Command::new("dpkg-deb").arg("--field").arg(&deb).output().unwrap();
        assert!(String::from_utf8_lossy(&fields.stdout).contains(&format!("Package: {name}")), "{fields:?}");
        let contents = Command::new("dpkg-deb").arg("--contents").arg(&deb).output().unwrap();
        assert!(contents.status.success(), "{contents:?}");
    }
}

#[test]
fn gpgv_accepts_both_forms_of_the_signature() {
    if !installed("gpgv") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let upstream = make(&temp.path().join("up"));
    let (keyring, dists) = (temp.path().join("key.gpg"), upstream.dir().join("debian/dists/lighthouse"));
    std::fs::write(&keyring, dearmor(&std::fs::read_to_string(upstream.keyring()).unwrap())).unwrap();
    for files in [&["InRelease"][..], &["Release.gpg", "Release"]] {
        let mut command = Command::new("gpgv");
        command.arg("--keyring").arg(&keyring).args(files).current_dir(&dists);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn same_date_gives_the_same_packages_and_indexes() {
    let temp = tempfile::tempdir().unwrap();
    let (one, two) = (make(&temp.path().join("one")), make(&temp.path().join("two")));
    for path in ["debian/dists/lighthouse/main/binary-amd64/Packages", "debian/pool/main/b/beacon/beacon_1.0-1_all.deb"]
    {
        assert_eq!(std::fs::read(one.dir().join(path)).unwrap(), std::fs::read(two.dir().join(path)).unwrap());
    }
}

/// Takes the armor off by hand: gpgv wants the binary form, and the miniature must not need gpg.
fn dearmor(text: &str) -> Vec<u8> {
    let body = text.lines().skip_while(|line| !line.is_empty()).take_while(|line| !line.starts_with(['=', '-']));
    let digits: Vec<u32> = body.flat_map(str::chars).filter_map(sextet).collect();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        let all = [bits >> 16, bits >> 8, bits].map(|byte| u8::try_from(byte & 0xff).unwrap());
        bytes.extend_from_slice(&all[..group.len() - 1]);
    }
    bytes
}

fn sextet(c: char) -> Option<u32> {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        .chars()
        .position(|known| known == c)
        .map(|at| u32::try_from(at).unwrap())
}
