//! Trust state that was cut, garbled, set back or lost: every command stops, and `trust recover` is what goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealift_import::init::fingerprint;
use sealift_import::recover::{RecoverError, RecoverOptions, RecoverReport, recover};
use sealift_import::{Repository, StateError, Writer, channel};
use sealift_model::{ChannelId, Digest};

use crate::fixture::{Connected, Isolated, Medium, deb, files, spec};

/// Two bundles, the first promoted, published and withdrawn in part by the second.
struct Case {
    connected: Connected,
    isolated: Isolated,
    /// The same repository before the second bundle.
    earlier: PathBuf,
    _keep: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let mut connected = Connected::new();
        connected.expires = sealift_term::now().plus_days(3650).max(connected.expires);
        let isolated = Isolated::new(&connected);
        let mut first = spec(1, vec![deb("jq", "1.6"), deb("expat", "2.5")]);
        first.not_after = connected.expires;
        isolated.accept(&connected.bundle(first));
        channel::promote(&mut isolated.writer(), &testing(), "1").unwrap();
        let keep = tempfile::tempdir().unwrap();
        let earlier = keep.path().join("earlier");
        copy(&isolated.path(), &earlier);
        let mut second = spec(2, vec![deb("expat", "2.5")]);
        second.withdrawn = vec![Digest::of(&deb("jq", "1.6").content)];
        second.not_after = connected.expires;
        isolated.accept(&connected.bundle(second));
        channel::promote(&mut isolated.writer(), &testing(), "2").unwrap();
        Self { connected, isolated, earlier, _keep: keep }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.isolated.path().join(name)
    }

    fn next(&mut self) -> Medium {
        let mut next = spec(3, vec![deb("expat", "2.6")]);
        next.not_after = self.connected.expires;
        self.connected.bundle(next)
    }

    fn recover(&self) -> Result<RecoverReport, RecoverError> {
        let typed = fingerprint(&self.connected.roots[0].1);
        let options = RecoverOptions { dir: self.isolated.path(), root: None, fingerprint: typed };
        free(|| match recover(&options, &self.isolated.caller()) {
            Err(RecoverError::State(StateError::Lock(_))) => None,
            other => Some(other),
        })
    }

    fn writer(&self) -> Result<Writer, StateError> {
        free(|| match Writer::open(&self.isolated.path(), self.isolated.caller()) {
            Err(StateError::Lock(_)) => None,
            other => Some(other),
        })
    }
}

/// Tries again while another test's child process holds a copy of our lock, between its fork and its exec.
fn free<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..100 {
        match attempt() {
            Some(done) => return done,
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
    panic!("the lock is never free")
}

fn testing() -> ChannelId {
    "testing".parse().unwrap()
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    free(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-import"));
        let output = command.env_clear().args(arguments).arg("--dir").arg(dir).output().unwrap();
        (output.status.code() != Some(20)).then_some(output)
    })
}

/// Asserts that reading, writing and the tool itself refuse, and that nothing changes by it.
fn stops_everything(case: &Case, what: &str) {
    let before = files(&case.isolated.path());
    let error = Repository::open(&case.isolated.path()).unwrap_err();
    assert!(error.is_trust_state(), "{what}: {error}");
    assert!(case.writer().unwrap_err().is_trust_state(), "{what}");
    for verb in [&["status"][..], &["trust", "status"], &["publish"], &["receipt"], &["ledger", "verify"]] {
        let output = run(&case.isolated.path(), verb);
        let shown = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(11), "{what}, {verb:?}: {shown}");
        for words in ["trust-state", "trust recover", "Nothing was changed."] {
            assert!(shown.contains(words), "{what}, {verb:?}: {shown}");
        }
    }
    assert_eq!(files(&case.isolated.path()), before, "{what}");
}

/// Every way in which a file of the trust state can be bad, with its content.
fn bad(good: &[u8], older: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    vec![
        ("cut to nothing", Some(Vec::new())),
        ("cut to half", Some(good[..good.len() / 2].to_vec())),
        ("garbage", Some(good.iter().map(|byte| byte.wrapping_mul(7).wrapping_add(31)).collect())),
        ("an older valid copy", Some(older.to_vec())),
        ("missing", None),
    ]
}

fn put(path: &Path, content: Option<&[u8]>) {
    match content {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn either_copy_of_the_floors_cut_garbled_set_back_or_lost_stops_every_command() {
    let case = Case::new();
    for name in ["trust/floor.json", "index.sqlite"] {
        let path = case.file(name);
        let good = fs::read(&path).unwrap();
        for (what, content) in bad(&good, &fs::read(case.earlier.join(name)).unwrap()) {
            put(&path, content.as_deref());
            stops_everything(&case, &format!("{name}: {what}"));
            fs::write(&path, &good).unwrap();
        }
    }
    Repository::open(&case.isolated.path()).unwrap();
}

#[test]
fn a_trusted_document_that_is_cut_or_lost_stops_every_command() {
    let case = Case::new();
    for entry in fs::read_dir(case.file("trust")).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("floor.json") {
            continue;
        }
        let good = fs::read(&path).unwrap();
        for content in [Some(&good[..good.len() / 2]), Some(&b""[..]), None] {
            put(&path, content);
            let output = run(&case.isolated.path(), &["status"]);
            let shown = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(11), "{}: {shown}", path.display());
            assert!(shown.contains("trust recover"), "{shown}");
        }
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn a_flipped_byte_anywhere_in_the_index_never_changes_what_is_trusted_held_or_withdrawn() {
    let case = Case::new();
    let path = case.file("index.sqlite");
    let good = fs::read(&path).unwrap();
    let answer = || {
        let repository = Repository::open(&case.isolated.path())?;
        let index = repository.index();
        let seen =
            (index.floors()?, index.bundles(None)?, index.withdrawn()?, index.current(&testing())?, index.head()?);
        Ok::<_, StateError>(format!("{seen:?}"))
    };
    let expected = answer().unwrap();
    let mut refused = 0;
    for at in (0..good.len()).step_by(97) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x41;
        fs::write(&path, &bytes).unwrap();
        match answer() {
            Ok(seen) => assert_eq!(seen, expected, "byte {at}"),
            Err(_) => refused += 1,
        }
        let _ = fs::remove_file(case.file("index.sqlite-journal"));
    }
    assert!(refused > 20, "most bytes matter: {refused}");
    fs::write(&path, good).unwrap();
    assert_eq!(answer().unwrap(), expected);
}

#[test]
fn a_letter_changed_within_a_row_is_noticed() {
    let case = Case::new();
    let path = case.file("index.sqlite");
    let good = fs::read(&path).unwrap();
    let withdrawn = Digest::of(&deb("jq", "1.6").content).to_hex();
    let at = good.windows(64).position(|window| window == withdrawn.as_bytes()).unwrap();
    let mut bytes = good.clone();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    fs::write(&path, bytes).unwrap();
    let error = Repository::open(&case.isolated.path()).unwrap_err();
    assert!(error.is_trust_state(), "{error}");
}

#[test]
fn a_journal_left_beside_the_index_never_lowers_a_floor() {
    let case = Case::new();
    let path = case.file("index.sqlite");
    let good = fs::read(&path).unwrap();
    let floors = Repository::open(&case.isolated.path()).unwrap().floors().clone();
    // A journal of a transaction that was killed in the middle: the pages as they were before it.
    let mut header = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let page = 4096_usize;
    header.extend(1_u32.to_be_bytes());
    header.extend(7_u32.to_be_bytes());
    header.extend(u32::try_from(good.len() / page).unwrap().to_be_bytes());
    header.extend(512_u32.to_be_bytes());
    header.extend(u32::try_from(page).unwrap().to_be_bytes());
    header.resize(512, 0);
    let older = fs::read(case.earlier.join("index.sqlite")).unwrap();
    for content in
        [b"not a journal".to_vec(), header.clone(), [&header[..], &1_u32.to_be_bytes(), &older[..page]].concat()]
    {
        fs::write(case.file("index.sqlite-journal"), &content).unwrap();
        match Repository::open(&case.isolated.path()) {
            Ok(repository) => assert_eq!(*repository.floors(), floors),
            Err(error) => assert!(error.is_trust_state(), "{error}"),
        }
        let _ = fs::remove_file(case.file("index.sqlite-journal"));
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn recovery_brings_back_what_the_readable_copy_proves_whichever_is_damaged() {
    for name in ["trust/floor.json", "index.sqlite"] {
        for kind in 0..5 {
            let mut case = Case::new();
            let before = Repository::open(&case.isolated.path()).unwrap().floors().clone();
            let path = case.file(name);
            let (what, content) =
                bad(&fs::read(&path).unwrap(), &fs::read(case.earlier.join(name)).unwrap()).swap_remove(kind);
            put(&path, content.as_deref());
            let report = case.recover().unwrap_or_else(|error| panic!("{name}, {what}: {error:?}"));
            assert_eq!(report.floors, before, "{name}, {what}");
            assert!(!report.damage.is_empty());
            is_whole_again(&mut case, &format!("{name}, {what}"));
        }
    }
}

fn is_whole_again(case: &mut Case, what: &str) {
    let repository = Repository::open(&case.isolated.path()).unwrap();
    repository.verify_ledger(|_| ()).unwrap();
    assert_eq!(repository.index().bundles(None).unwrap().len(), 2, "{what}");
    let withdrawn = repository.index().withdrawn().unwrap();
    assert!(withdrawn.contains(&Digest::of(&deb("jq", "1.6").content)), "{what}");
    let held = repository.index().current(&testing()).unwrap().unwrap().content;
    assert_eq!(held.values().copied().collect::<Vec<_>>(), [case.connected.id("deb12", 2)], "{what}");
    drop(repository);
    let lines = case.isolated.ledger_lines();
    let line = lines.last().unwrap();
    assert!(line.contains("\"event\":\"recovered\"") && line.contains("damaged"), "{what}: {line}");
    assert!(matches!(case.recover(), Err(RecoverError::Whole)), "{what}");
    let next = case.next();
    assert_eq!(case.isolated.accept(&next), ["deb12/3"], "{what}");
}

#[test]
fn recovery_takes_the_higher_of_two_copies_that_disagree() {
    let mut case = Case::new();
    let before = Repository::open(&case.isolated.path()).unwrap().floors().clone();
    fs::copy(case.earlier.join("index.sqlite"), case.file("index.sqlite")).unwrap();
    let report = case.recover().unwrap();
    assert_eq!(report.floors, before);
    is_whole_again(&mut case, "index set back");
}

#[test]
fn with_both_copies_lost_floors_come_from_what_is_kept_and_the_loss_is_said() {
    let mut case = Case::new();
    let before = Repository::open(&case.isolated.path()).unwrap().floors().clone();
    fs::remove_file(case.file("trust/floor.json")).unwrap();
    fs::write(case.file("index.sqlite"), b"").unwrap();
    let report = case.recover().unwrap();
    assert_eq!(report.floors, before);
    assert!(report.lost.iter().any(|lost| lost.contains("no newer bundle")), "{:?}", report.lost);
    is_whole_again(&mut case, "both copies");
}

#[test]
fn recovery_needs_the_fingerprint_of_the_trusted_root_and_changes_nothing_without_it() {
    let case = Case::new();
    let stranger = Connected::with_seed(100);
    assert!(matches!(case.recover(), Err(RecoverError::Whole)), "a whole state is never touched");
    fs::remove_file(case.file("trust/floor.json")).unwrap();
    let before = files(&case.isolated.path());
    for (root, typed) in [
        (None, fingerprint(&stranger.roots[0].1)),
        (Some(stranger.root_file()), fingerprint(&stranger.roots[0].1)),
        (Some(stranger.root_file()), fingerprint(&case.connected.roots[0].1)),
        (None, String::new()),
    ] {
        let options = RecoverOptions { dir: case.isolated.path(), root, fingerprint: typed };
        let error = recover(&options, &case.isolated.caller()).unwrap_err();
        assert!(matches!(error, RecoverError::Fingerprint { .. } | RecoverError::OtherRoot { .. }), "{error:?}");
    }
    let output = run(&case.isolated.path(), &["trust", "recover"]);
    assert_eq!(output.status.code(), Some(2), "nobody is at a terminal here");
    let strange = fingerprint(&stranger.roots[0].1);
    let output = run(&case.isolated.path(), &["trust", "recover", "--fingerprint", &strange]);
    assert_eq!(output.status.code(), Some(10));
    assert_eq!(files(&case.isolated.path()), before);
    let good = fingerprint(&case.connected.roots[0].1);
    let output = run(&case.isolated.path(), &["trust", "recover", "--fingerprint", &good]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Repository::open(&case.isolated.path()).unwrap();
}

#[test]
fn a_trusted_document_is_recovered_from_the_bundle_it_came_with_or_not_at_all() {
    let mut case = Case::new();
    let documents = Repository::open(&case.isolated.path()).unwrap().floors().documents.unwrap();
    let path =
        case.file(&format!("trust/{}.{}.timestamp.json", documents.timestamp.version, documents.timestamp.sha256));
    fs::write(&path, b"{}").unwrap();
    case.recover().unwrap();
    is_whole_again(&mut case, "timestamp");
    let case = Case::new();
    fs::remove_file(path_of_root(&case)).unwrap();
    for sequence in [1, 2] {
        fs::remove_dir_all(case.file(&format!("bundles/deb12/{sequence}/metadata"))).unwrap();
    }
    assert!(matches!(case.recover(), Err(RecoverError::Document { .. })));
}

fn path_of_root(case: &Case) -> PathBuf {
    case.file("trust/1.root.json")
}

#[test]
fn recovery_that_was_killed_is_finished_by_the_same_command() {
    let mut case = Case::new();
    let good = fs::read(case.file("trust/floor.json")).unwrap();
    fs::write(case.file("index.sqlite"), b"").unwrap();
    // Killed after the file was written and while the new index was: half of it lies there.
    fs::write(case.file("index.sqlite.new"), b"half").unwrap();
    fs::write(case.file("index.sqlite.new-journal"), b"half").unwrap();
    case.recover().unwrap();
    assert_eq!(fs::read(case.file("trust/floor.json")).unwrap(), good);
    assert!(!case.file("index.sqlite.new").exists());
    is_whole_again(&mut case, "killed");
}

#[test]
fn a_ledger_that_was_cut_is_not_recovered_upon() {
    let case = Case::new();
    fs::remove_file(case.file("trust/floor.json")).unwrap();
    fs::copy(case.earlier.join("ledger.jsonl"), case.file("ledger.jsonl")).unwrap();
    let error = case.recover().unwrap_err();
    assert!(error.to_string().contains("ledger"), "{error}");
    assert!(!case.file("trust/floor.json").exists());
}
