//! Media made to deceive or to exhaust the reader.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sealift_bundle::Manifest;
use sealift_bundle::pack::{pack, unpack};
use sealift_bundle::source::{Container, SourceError};
use sealift_model::{Digest, RelPath, Silent};
use tempfile::TempDir;

use crate::fixture::{FIRST, Fixture, SECOND, created, flip, put, tree, verify_with};
use crate::medium_vectors::{Base, vectors};
use crate::vectors::directory;

#[test]
fn refuses_the_timestamp_of_one_medium_with_the_snapshot_of_another() {
    let f = Fixture::new();
    let (one, two) = (f.manifest(1, &FIRST, None), f.manifest(2, &SECOND, None));
    let (a, b) = (f.path("a"), f.path("b"));
    f.write(&a, &one, &f.metadata(1, &[&one]));
    f.write(&b, &two, &f.metadata(2, &[&one, &two]));
    let metadata = |dir: &Path, name: &str| dir.join("SEALIFT/trust/metadata").join(name);
    // Under its own name: what the timestamp leads to is missing.
    let mixed = f.path("mixed");
    f.write(&mixed, &one, &f.metadata(1, &[&one]));
    put(&metadata(&mixed, "timestamp.json"), &fs::read(metadata(&b, "timestamp.json")).unwrap());
    assert_eq!(f.refusal(&mixed), "missing-file");
    // Under the name that the timestamp leads to.
    put(&metadata(&mixed, "2.snapshot.json"), &fs::read(metadata(&a, "1.snapshot.json")).unwrap());
    assert!(["metadata-digest", "metadata-length"].contains(&f.refusal(&mixed)));
    // The newer snapshot with the older targets.
    put(&metadata(&mixed, "2.snapshot.json"), &fs::read(metadata(&b, "2.snapshot.json")).unwrap());
    put(&metadata(&mixed, "2.targets.json"), &fs::read(metadata(&a, "1.targets.json")).unwrap());
    assert!(["metadata-digest", "metadata-length"].contains(&f.refusal(&mixed)));
}

#[test]
fn refuses_a_single_file_cut_at_every_block_and_a_byte_beside_it() {
    let f = Fixture::new();
    let file = f.path("m.sealift");
    pack(&f.medium("m"), &file, &Silent).unwrap();
    let whole = fs::read(&file).unwrap();
    let cut = f.path("cut.sealift");
    for block in (0..whole.len()).step_by(512) {
        for at in [block.saturating_sub(1), block, block + 1] {
            fs::write(&cut, &whole[..at]).unwrap();
            match Container::open(&cut) {
                Err(SourceError::Refused(_)) => {}
                other => panic!("cut at {at}: {other:?}"),
            }
        }
    }
}

/// A single file as people cut it for transport: equal pieces, put together again by hand.
#[test]
fn refuses_pieces_of_a_single_file_that_are_missing_swapped_repeated_or_of_another() {
    let f = Fixture::new();
    let (file, other) = (f.path("m.sealift"), f.path("o.sealift"));
    pack(&f.medium("m"), &file, &Silent).unwrap();
    let second = f.manifest(2, &SECOND, None);
    f.write(&f.path("o"), &second, &f.metadata(2, &[&second]));
    pack(&f.path("o"), &other, &Silent).unwrap();
    let (whole, other) = (fs::read(&file).unwrap(), fs::read(&other).unwrap());
    let joined = f.path("joined.sealift");
    for length in [4096, 1000] {
        let pieces: Vec<&[u8]> = whole.chunks(length).collect();
        let foreign: Vec<&[u8]> = other.chunks(length).collect();
        let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
        for at in 0..pieces.len() {
            let (before, after) = (&pieces[..at], &pieces[at + 1..]);
            let with = |middle: &[&[u8]]| [before, middle, after].concat().concat();
            cases.push((format!("piece {at} of {length} missing"), with(&[])));
            cases.push((format!("piece {at} of {length} repeated"), with(&[pieces[at], pieces[at]])));
            let another = foreign.get(at).copied().unwrap_or_default();
            cases.push((format!("piece {at} of {length} of another bundle"), with(&[another])));
            if let [next, rest @ ..] = after {
                let swapped = [before, &[*next, pieces[at]], rest].concat().concat();
                cases.push((format!("piece {at} of {length} swapped with the next"), swapped));
            }
        }
        for (name, bytes) in cases.into_iter().filter(|(_, bytes)| *bytes != whole) {
            fs::write(&joined, bytes).unwrap();
            let error = f.verify(&joined).map(drop).expect_err(&name);
            assert!(error.exit_class().is_some(), "{name}: {error:?}");
            let named = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
            let text: String = named.map(|e| e.to_string() + " ").collect();
            let what = ["entry ", "/", "blob", "bundle ", " metadata "];
            assert!(what.iter().any(|word| text.contains(word)), "{name}: nothing is named: {text}");
        }
    }
}

/// What the tool says about a hostile file, under a limit of its memory, and how long it took.
fn inspect_within(kib: u32, path: &Path) -> (Option<i32>, String, Duration) {
    let begun = Instant::now();
    let limited = format!("ulimit -v {kib}; exec \"$0\" inspect \"$1\"");
    let tool = env!("CARGO_BIN_EXE_sealift-bundle");
    let output = Command::new("sh").args(["-c", &limited, tool]).arg(path).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), begun.elapsed())
}

#[test]
fn documents_made_to_exhaust_the_reader_are_refused_within_little_memory_and_time() {
    // The program with its libraries takes some 20 MiB of addresses before it does anything.
    const KIB: u32 = 80 * 1024;
    let f = Fixture::new();
    let medium = f.medium("m");
    assert_eq!(inspect_within(KIB, &medium).0, Some(0), "the limit is too low for an honest medium");
    let manifest = medium.join("SEALIFT/bundles/deb12/1/manifest.json");
    let timestamp = medium.join("SEALIFT/trust/metadata/timestamp.json");
    let honest = fs::read(&timestamp).unwrap();
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    let long = [b"{\"base\":\"".to_vec(), vec![b'a'; 100_000_000], b"\"}".to_vec()].concat();
    let many = [b"{\"files\":[".to_vec(), b"0,".repeat(10_000_000), b"0]}".to_vec()].concat();
    let objects = [b"{\"files\":[".to_vec(), b"{},".repeat(10_000_000), b"{}]}".to_vec()].concat();
    for (name, bytes) in [("deep", &deep), ("long", &long), ("many", &many), ("objects", &objects)] {
        fs::write(&manifest, bytes).unwrap();
        let (code, said, taken) = inspect_within(KIB, &medium);
        assert_eq!(code, Some(10), "{name}: {said}");
        assert!(said.contains("goes beyond a limit"), "{name}: {said}");
        assert!(taken < Duration::from_secs(10), "{name}: {taken:?}");
    }
    for (name, bytes) in [("deep", &deep), ("long", &long), ("many", &many)] {
        fs::write(&timestamp, bytes).unwrap();
        let (code, said, taken) = inspect_within(KIB, &medium);
        assert_eq!(code, Some(10), "{name}: {said}");
        assert!(taken < Duration::from_secs(10), "{name}: {taken:?}");
    }
    fs::write(&timestamp, honest).unwrap();
}

#[test]
fn a_crowd_beside_and_below_costs_little() {
    let f = Fixture::new();
    let medium = f.medium("m");
    for n in 0..20_000 {
        fs::File::create(medium.join(format!("photo-{n}.jpg"))).unwrap();
    }
    let begun = Instant::now();
    f.verify(&medium).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    for n in 0..20_000 {
        fs::File::create(medium.join(format!("SEALIFT/bundles/deb12/1/x{n}"))).unwrap();
    }
    let begun = Instant::now();
    assert_eq!(f.refusal(&medium), "foreign-file");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn names_of_the_layout_are_one_on_no_file_system() {
    let dir = tempfile::tempdir().unwrap();
    unpack(&directory("medium").join("base.sealift"), dir.path(), &Silent).unwrap();
    let names: Vec<_> = tree(dir.path()).into_keys().collect();
    let folded: std::collections::BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), names.len());
    for name in &names {
        assert!(name.split('/').all(|part| part.len() <= 100), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b)), "{name}");
        assert!(RelPath::new(name).is_ok(), "{name}");
    }
}

/// All media that the vectors describe, as files and directories below one directory.
fn corpus() -> (TempDir, Vec<std::path::PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let mut media = Vec::new();
    for entry in fs::read_dir(directory("container")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "sealift") {
            let copy = dir.path().join(path.file_name().unwrap());
            fs::copy(&path, &copy).unwrap();
            media.push(copy);
        }
    }
    let base = Base::new();
    for (name, text) in vectors() {
        let medium = dir.path().join(name.trim_end_matches(".txt"));
        base.change(&text, &medium.join("SEALIFT"));
        media.push(medium);
    }
    (dir, media)
}

/// Every name below a directory, with what can be told without reading it.
fn names(dir: &Path) -> BTreeMap<std::path::PathBuf, (u64, std::time::SystemTime, String)> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let kind = format!("{:?}", metadata.file_type());
            found.insert(path.clone(), (metadata.len(), metadata.modified().unwrap(), kind));
            if metadata.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

#[test]
fn inspect_verify_diff_and_unpack_of_hostile_media_write_nothing_beside_their_target() {
    let (dir, media) = corpus();
    let work = tempfile::tempdir().unwrap();
    put(&work.path().join("kept"), b"kept");
    let before = names(dir.path());
    let root = directory("medium").join("root.json");
    let run = |arguments: &[&std::ffi::OsStr]| {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_sealift-bundle"));
        let output = tool.args(arguments).current_dir(work.path()).env("TMPDIR", work.path()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!said.contains(&0x1b), "{arguments:?}: an escape came through");
        assert!(matches!(output.status.code(), Some(0 | 1 | 2 | 10 | 11)), "{arguments:?}: {:?}", output.status);
    };
    for medium in &media {
        let medium = medium.as_os_str();
        run(&["inspect".as_ref(), medium]);
        run(&["verify".as_ref(), medium, "--root".as_ref(), root.as_os_str(), "--threads".as_ref(), "1".as_ref()]);
        run(&["diff".as_ref(), medium, medium]);
    }
    assert_eq!(names(work.path()).len(), 1, "something was written where the tool was called");
    for medium in media.iter().filter(|m| m.is_file()) {
        let target = work.path().join("target");
        run(&["unpack".as_ref(), medium.as_os_str(), target.as_os_str()]);
        let left = names(work.path());
        let beside = left.keys().filter(|path| !path.starts_with(target.join("SEALIFT")));
        assert!(beside.count() <= 2, "{}: {:?}", medium.display(), left.keys());
        if target.join("SEALIFT").exists() {
            // Whole or not at all; and then of files and directories only.
            assert!(medium.file_name().unwrap().to_string_lossy().starts_with("accept"), "{}", medium.display());
            fs::remove_dir_all(&target).unwrap();
        }
        assert!(!target.exists(), "{}: a refused file left its target behind", medium.display());
    }
    assert_eq!(names(dir.path()), before, "a medium was changed");
}

#[test]
fn answers_say_what_the_kernel_held_the_tool_to() {
    let f = Fixture::new();
    let mut tool = Command::new(env!("CARGO_BIN_EXE_sealift-bundle"));
    let output = tool.arg("inspect").arg(f.medium("m")).arg("--json").output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for rule in ["writes", "programs", "sockets"] {
        let grade = answer["confinement"][rule].as_str().unwrap();
        let warned = String::from_utf8_lossy(&output.stderr).contains("Warning: Confinement is not whole");
        assert_eq!(grade != "enforced", warned && grade != "enforced", "{rule}: {grade}");
        assert!(["enforced", "partial", "not-offered"].contains(&grade));
    }
}

#[test]
fn a_bit_in_the_first_middle_or_last_byte_of_a_blob_is_refused_and_the_blob_is_named() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let path = medium.join("SEALIFT").join(format!("blobs/sha256/{}", Digest::of(b"buoy two")));
    for at in [0, 4, 7] {
        let mut bytes = b"buoy two".to_vec();
        bytes[at] ^= 0x01;
        put(&path, &bytes);
        let error = f.verify(&medium).unwrap_err();
        assert_eq!(error.code(), Some("blob-digest"));
        let text = error.to_string();
        assert!(text.contains(&Digest::of(b"buoy two").to_hex()) && text.contains("buoy_2%3a2.1~rc1"), "{text}");
    }
    put(&path, b"buoy two");
    flip(&medium.join("SEALIFT/blobs/sha256").join(Digest::of(b"anchor one").to_hex()));
    assert!(verify_with(&medium, &f.root, created().plus_days(1)).unwrap_err().to_string().contains("anchor"));
}

#[test]
fn a_manifest_of_a_newer_schema_says_that_a_newer_tool_is_needed() {
    let bytes = fs::read(directory("manifest").join("schema-unknown-with-new-fields.json")).unwrap();
    let text = Manifest::parse(&bytes).unwrap_err().to_string();
    assert!(text.contains("sealift.manifest/2") && text.contains("a newer sealift may be needed"), "{text}");
}
