//! Two at a time, readers beside writers, a disk with too little room, and damage found afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::cases::find;
use crate::invariants::{broken, files, tree};
use crate::state::difference;
use crate::sweep::finish;
use crate::world::{Line, clock, copy, run, scratch, worlds};

fn start(dir: &Path, line: &Line) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faulty"));
    command.args(&line.arguments).current_dir(dir).env_clear();
    command.env("SEALIFT_FAULTY", format!("tool={} clock={}", line.tool, clock()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Two receives at once, one of them killed at any moment: one waits its turn or is told so, nothing is torn (P14).
#[test]
fn two_receives_at_once_of_which_one_is_killed_leave_all_or_nothing() {
    let case = find("receive-again");
    let scratch = scratch();
    let dir = scratch.path().join("w");
    let mut rounds = 0;
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        case.prepare(&dir);
        let (mut first, mut second) = (start(&dir, &case.line), start(&dir, &case.line));
        std::thread::sleep(Duration::from_millis(rounds * 7 % 60));
        first.kill().unwrap();
        first.wait().unwrap();
        let code = second.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 20)), "the second ended with {code:?}");
        assert_eq!(broken(case, case.reference(), &dir), None);
        finish(case, &dir).unwrap();
        rounds += 1;
    }
    println!("figure: together: {rounds} rounds of two receives, one killed, all recovered");
}

/// Hosts that read while trees are published, and publishers that are killed, see the old repository or the new (P14).
#[test]
fn readers_see_the_old_or_the_new_repository_while_publishers_are_killed() {
    let case = find("publish-again");
    let scratch = scratch();
    let dir = scratch.path().join("w");
    case.prepare(&dir);
    let (before, after) = (&case.reference().before.live["production"], &case.reference().after.live["production"]);
    let over = AtomicBool::new(false);
    let (mut killed, mut reads) = (0, 0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !over.load(Ordering::Relaxed) {
                let target = fs::canonicalize(dir.join("isolated/published/production")).unwrap();
                let Ok(seen) = std::panic::catch_unwind(|| tree(&target, "")) else { continue };
                // Three publications later a tree is removed, under the hands of whoever is still in it.
                if target.exists() {
                    assert!(seen == *before || seen == *after, "a mixture was visible");
                }
                reads += 1;
            }
            reads
        });
        let until = Instant::now() + Duration::from_secs(6);
        while Instant::now() < until {
            let mut publisher = start(&dir, &case.line);
            std::thread::sleep(Duration::from_millis(killed * 11 % 70));
            publisher.kill().unwrap();
            publisher.wait().unwrap();
            killed += 1;
        }
        over.store(true, Ordering::Relaxed);
        reads = reader.join().unwrap();
    });
    finish(case, &dir).unwrap();
    println!("figure: together: {killed} publishers killed beside a reader, {reads} reads, none torn");
}

/// A disk that is too small is found before anything is written, and one that is just large enough is taken (test 99).
#[test]
fn receive_refuses_a_disk_without_a_tenth_more_room_than_the_bundle_needs() {
    let case = find("receive");
    let scratch = scratch();
    let dir = scratch.path().join("w");
    case.prepare(&dir);
    run(&dir, &case.line, "");
    let stored: u64 = files(&dir.join("isolated/store")).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    // Besides, 32 MiB stay free for the documents and the index.
    let needed = (32 << 20) + stored + stored / 10;
    for (free, enough) in
        [(0, false), (stored, false), (needed - stored / 10, false), (needed - 2, false), (needed + 2, true)]
    {
        case.prepare(&dir);
        fs::write(dir.join("isolated/lock"), "").unwrap();
        fs::set_permissions(dir.join("isolated/lock"), fs::Permissions::from_mode(0o600)).unwrap();
        let before = case.state(&dir);
        let said = run(&dir, &case.line, &format!("free={free}"));
        assert_eq!(said.done(), enough, "{free} bytes free for {stored}: {}", said.text);
        if !enough {
            assert!(said.text.contains("more bytes") && said.text.contains("Hint: "), "{}", said.text);
            assert_eq!(difference(&before, &case.state(&dir)), None, "something was written all the same");
        }
    }
}

/// A medium whose writing was cut has blobs that nothing lists yet: what was on it before is still received.
#[test]
fn a_medium_cut_while_blobs_are_added_is_still_received() {
    let case = find("receive");
    let scratch = scratch();
    let dir = scratch.path().join("w");
    case.prepare(&dir);
    let blob = "0".repeat(64);
    fs::write(dir.join("media/SEALIFT/blobs/sha256").join(blob), "half a blob").unwrap();
    fs::create_dir(dir.join("media/.SEALIFT.partial")).unwrap();
    let said = run(&dir, &case.line, "");
    assert!(said.done(), "{}", said.text);
}

/// Reads that fail, are short or are interrupted on the way into the store: a clean stop, and nothing half is kept (test 90).
#[test]
fn failing_short_and_interrupted_reads_stop_cleanly_or_are_gone_on_with() {
    use std::io::{self, Read};

    struct Worn<'a> {
        left: &'a [u8],
        reads: usize,
        fails_at: Option<usize>,
    }

    impl Read for Worn<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            match self.fails_at {
                Some(at) if at == self.reads => return Err(io::Error::from_raw_os_error(5)),
                _ if self.reads.is_multiple_of(3) => return Err(io::ErrorKind::Interrupted.into()),
                _ => {}
            }
            let take = buffer.len().min(self.left.len()).min(7);
            buffer[..take].copy_from_slice(&self.left[..take]);
            self.left = &self.left[take..];
            Ok(take)
        }
    }

    let scratch = scratch();
    let store = sealift_fs::Store::open(&scratch.path().join("store")).unwrap();
    let content = vec![7; 1000];
    let digest = sealift_model::Digest::of(&content);
    for fails_at in (1..=150).step_by(7).map(Some).chain([None]) {
        let batch = store.batch();
        let mut worn = Worn { left: &content, reads: 0, fails_at };
        let result = batch.insert_stream(&mut worn, &digest, 1000, &sealift_model::Silent);
        batch.commit().unwrap();
        assert_eq!(result.is_err(), fails_at.is_some(), "{fails_at:?}: {result:?}");
        assert_eq!(store.has(&digest, 1000), result.is_ok());
    }
    assert_eq!(files(&scratch.path().join("store")).len(), 1, "leftovers of failed reads");
}

/// A blob that rots in the store is found by `scrub`, and the same bundle brought again heals exactly that blob (test 100).
#[test]
fn scrub_finds_a_rotten_blob_and_the_same_bundle_heals_it() {
    let scratch = scratch();
    let dir = scratch.path().join("w");
    copy(&worlds().before("published"), &dir);
    let blob =
        files(&dir.join("isolated/store")).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    // A new file under the name: published trees hold the old one by hard links.
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, &bytes).unwrap();
    let said = run(&dir, &Line::new("import", "scrub --dir isolated"), "");
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.text.contains(blob.file_name().unwrap().to_str().unwrap()), "{}", said.text);
    let said = run(&dir, &Line::new("import", "publish --dir isolated --verify"), "");
    assert_ne!(said.code, Some(0), "a rotten blob was published: {}", said.text);
    let said = run(&dir, &Line::new("import", "receive --dir isolated media"), "");
    assert!(said.done(), "{}", said.text);
    let said = run(&dir, &Line::new("import", "scrub --dir isolated"), "");
    assert!(said.done(), "not healed: {}", said.text);
}
