//! The memory of a process that used a passphrase and a key, looked through as a core dump would be.
//!
//! A test binary of its own: nothing else may run in the process, and nothing here may write the searched bytes down.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot look into its own memory should stop")]

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;

use sealift_keys::{KdfParams, KeyFile, Passphrase, SecretKey, key_file};
use sealift_trust::Purpose;

/// The passphrase, each byte inverted, so that the search does not find what it searches by.
const INVERTED: [u8; 24] =
    *b"\x96\x91\x8c\x9a\x9c\x8a\x8d\x9a\xd2\x8b\x9a\x8c\x8b\xd2\x92\x9e\x8d\x94\x9a\x8d\xd2\xcf\xce\xcd";

/// Writes the passphrase by a shell, which gets it in octal: this process never has it until it reads the file.
fn passphrase_file(path: &Path) {
    let octal = INVERTED.iter().fold(String::new(), |octal, byte| octal + &format!("\\{:03o}", !byte));
    let script = format!("umask 077; printf '{octal}\\n' > '{}'", path.display());
    assert!(Command::new("sh").arg("-c").arg(script).status().unwrap().success());
}

#[inline(never)]
fn use_it(dir: &Path) {
    let passphrase = Passphrase::from_file(&dir.join("passphrase")).unwrap();
    let path = dir.join("a.key");
    let secret = SecretKey::generate(Purpose::Targets).unwrap();
    key_file::write(&path, &secret, &passphrase, KdfParams { m_kib: 64, t: 1, p: 1 }).unwrap();
    let opened = KeyFile::read(&path).unwrap().open(&passphrase).unwrap();
    assert_eq!(opened.sign(b"x"), secret.sign(b"x"));
    assert!(found(&passphrase), "the search finds a passphrase that is in use");
}

/// Tells whether the passphrase is in any writable memory. The argument is only there to keep it alive.
#[inline(never)]
fn found(_alive: &Passphrase) -> bool {
    search() > 0
}

/// Counts the places in writable memory where the passphrase is.
fn search() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|flags| flags.starts_with("rw"))) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // A mapping of the kernel's cannot be read, and holds nothing of ours.
        if memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut bytes).is_ok() {
            count += bytes.windows(INVERTED.len()).filter(|w| w.iter().zip(INVERTED).all(|(a, b)| *a == !b)).count();
        }
        // The copy may hold what was found; it is wiped so that a later search does not find the copy.
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
    count
}

#[test]
fn no_passphrase_is_left_in_memory_after_a_key_was_used() {
    let temp = tempfile::tempdir().unwrap();
    passphrase_file(&temp.path().join("passphrase"));
    assert_eq!(search(), 0, "the passphrase is in memory before it was read");
    use_it(temp.path());
    assert_eq!(search(), 0, "the passphrase is still in memory");
}
