//! A bundle that was changed at random is refused, unless what it says and carries is the same.
//!
//! Cases are numbered and each follows from its number: a failure names it. `SEALIFT_MUTATIONS` sets how many are tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::layout::Place;
use sealift_bundle::source::Container;
use sealift_bundle::{Source as _, VerifyError, VerifyOptions, VerifyReport, open_source, verify};
use sealift_model::{Digest, RelPath, Silent, Timestamp, json};
use serde_json::Value;

use crate::line::Line;

/// Cases of each form that every `cargo test` tries.
const FEW: usize = 400;
/// Files for people, which decide nothing.
const CONVENIENCE: [&str; 3] = ["HOWTO-VERIFY.txt", "SHA256SUMS", "verify.py"];

type Files = BTreeMap<String, Vec<u8>>;

/// A medium, the same as a single file, and what both verify to.
struct Original {
    line: Line,
    root: Vec<u8>,
    now: Timestamp,
    files: Files,
    archive: Vec<u8>,
    report: VerifyReport,
}

impl Original {
    fn new() -> Self {
        let line = Line::with_bundle();
        let tool = env!("CARGO_BIN_EXE_t-sealift-bundle");
        line.run(tool, &["pack", "media/SEALIFT", "whole.sealift"]).done();
        let root = fs::read(line.path("keys/root.json")).unwrap();
        let read = |name: String| {
            let bytes = fs::read(line.path("media/SEALIFT").join(&name)).unwrap();
            (name, bytes)
        };
        let files = line.files("media/SEALIFT").into_iter().map(read).collect();
        let archive = fs::read(line.path("whole.sealift")).unwrap();
        let now = sealift_term::now();
        let report = judge(&line.path("media"), &root, now).unwrap();
        Self { line, root, now, files, archive, report }
    }

    fn verify(&self, path: &Path) -> Result<VerifyReport, VerifyError> {
        judge(path, &self.root, self.now)
    }

    /// Names of files that are verified, documents as often as blobs in the number drawn.
    fn covered(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).filter(|name| !is_convenience(name)).collect()
    }

    /// Asserts that an accepted medium says and carries what the original does.
    fn assert_equal(&self, case: &str, report: &VerifyReport, files: &Files) {
        assert_eq!(without_names(report), without_names(&self.report), "{case}: accepted with another report");
        for (name, bytes) in files.iter().filter(|(name, _)| !is_convenience(name)) {
            // Evidence has no names that anybody signed: a copy of what is there says nothing new.
            let of_kind = |other: &&String| other.as_str() == name || is_evidence(other) && is_evidence(name);
            let mut originals = self.files.keys().filter(of_kind).map(|other| &self.files[other]);
            let known = originals.any(|original| bytes == original || same_meaning(name, original, bytes));
            assert!(known, "{case}: accepted with another {name}");
        }
        let missing =
            self.covered().into_iter().find(|name| !files.contains_key(*name) && !name.ends_with(".root.json"));
        assert_eq!(missing, None, "{case}: accepted with a file missing");
    }
}

fn judge(path: &Path, root: &[u8], now: Timestamp) -> Result<VerifyReport, VerifyError> {
    let source = open_source(path)?;
    verify(source.as_ref(), &VerifyOptions { root, now, threads: 1 }, &Silent)
}

fn is_evidence(name: &str) -> bool {
    name.ends_with(".dsse.json")
}

/// The report without the medium's path, and evidence as a set.
fn without_names(report: &VerifyReport) -> Value {
    let mut report = serde_json::to_value(report).unwrap();
    report["path"] = Value::Null;
    for bundle in report["bundles"].as_array_mut().unwrap() {
        let evidence = bundle["evidence"].as_array_mut().unwrap();
        for entry in evidence.iter_mut() {
            entry["name"] = Value::Null;
        }
        evidence.sort_by_key(Value::to_string);
        evidence.dedup();
    }
    report
}

fn is_convenience(name: &str) -> bool {
    CONVENIENCE.contains(&name.rsplit('/').next().unwrap())
}

/// Whether two spellings of a document sign the same: what lies beside the signed part is no content.
fn same_meaning(name: &str, original: &[u8], changed: &[u8]) -> bool {
    let parts: &[&str] = match name {
        name if name.starts_with("trust/metadata/") => &["signed"],
        name if is_evidence(name) => &["payload", "payloadType"],
        _ => return false,
    };
    let read = |bytes: &[u8]| json::parse(bytes).unwrap_or(Value::Null);
    let (original, changed) = (read(original), read(changed));
    parts.iter().all(|part| original[part] == changed[part])
}

/// Hostile test 1, over the whole reader.
#[test]
fn one_bit_flipped_at_each_byte_of_each_metadata_file_is_refused() {
    let original = Original::new();
    let mut refused = 0;
    for (name, good) in original.files.iter().filter(|(name, _)| name.starts_with("trust/metadata/")) {
        let path = original.line.path("media/SEALIFT").join(name);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            replace(&path, &bad);
            let refusal = original.verify(&original.line.path("media")).expect_err(&format!("{name}, byte {at}"));
            assert!(refusal.code().is_some(), "{name}, byte {at}: a fault, not a refusal: {refusal}");
            refused += 1;
        }
        replace(&path, good);
    }
    original.verify(&original.line.path("media")).unwrap();
    eprintln!("{refused} flipped bits refused");
}

#[test]
fn mutated_directory_is_never_accepted_unless_its_content_is_equal() {
    let original = Original::new();
    let (mut accepted, count) = (0, cases());
    for number in 0..count {
        let mut random = Random::new(number);
        let mut files = original.files.clone();
        let mut case = format!("case {number}");
        for _ in 0..=random.below(2) {
            case.push_str(", ");
            case.push_str(&mutate_files(&mut files, &original.covered(), &mut random));
        }
        let changed = write_changes(&original, &files);
        if let Ok(report) = original.verify(&original.line.path("media")) {
            original.assert_equal(&case, &report, &files);
            accepted += 1;
        }
        restore(&original, &changed);
    }
    original.verify(&original.line.path("media")).unwrap();
    assert!(accepted * 4 < count, "{accepted} of {count} were accepted: the mutations do not bite");
    eprintln!("{count} directories, {accepted} accepted with equal content");
}

#[test]
fn mutated_single_file_is_never_accepted_unless_its_content_is_equal() {
    let original = Original::new();
    let path = original.line.path("bad.sealift");
    let (mut accepted, count) = (0, cases());
    for number in 0..count {
        let mut random = Random::new(number + 1_000_000_007);
        let mut bytes = original.archive.clone();
        let how =
            if random.below(2) == 0 { mutate(&mut bytes, &mut random) } else { mutate_blocks(&mut bytes, &mut random) };
        fs::write(&path, &bytes).unwrap();
        if let Ok(report) = original.verify(&path) {
            original.assert_equal(&format!("case {number}, {how}"), &report, &unpacked(&path));
            accepted += 1;
        }
    }
    assert!(accepted * 4 < count, "{accepted} of {count} were accepted: the mutations do not bite");
    eprintln!("{count} single files, {accepted} accepted with equal content");
}

fn cases() -> usize {
    std::env::var("SEALIFT_MUTATIONS").ok().map_or(FEW, |number| number.parse().unwrap())
}

fn unpacked(path: &Path) -> Files {
    let container = Container::open(path).unwrap();
    let names: Vec<RelPath> = container.places().map(|(place, _): (&Place, u64)| place.path()).collect();
    names.into_iter().map(|name| (name.to_string(), container.read(&name, 1 << 24).unwrap())).collect()
}

/// Brings the medium to `files` and returns the names of all that differ from the original.
fn write_changes(original: &Original, files: &Files) -> Vec<String> {
    let top = original.line.path("media/SEALIFT");
    let names = files.keys().chain(original.files.keys());
    let mut changed: Vec<String> =
        names.filter(|name| files.get(*name) != original.files.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    for name in &changed {
        match files.get(name) {
            Some(bytes) => replace(&top.join(name), bytes),
            None => fs::remove_file(top.join(name)).unwrap(),
        }
    }
    changed
}

fn restore(original: &Original, changed: &[String]) {
    let top = original.line.path("media/SEALIFT");
    for name in changed {
        match original.files.get(name) {
            Some(bytes) => replace(&top.join(name), bytes),
            None => remove_with_empty_parents(&top, &top.join(name)),
        }
    }
}

fn remove_with_empty_parents(top: &Path, path: &Path) {
    fs::remove_file(path).unwrap();
    let mut parent: PathBuf = path.parent().unwrap().into();
    while parent != top && fs::remove_dir(&parent).is_ok() {
        parent.pop();
    }
}

/// Stores and media may share files by hard links: the name is replaced, not the bytes behind it.
fn replace(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Changes one file, or which files there are; returns what was done.
fn mutate_files(files: &mut Files, names: &[&str], random: &mut Random) -> String {
    let name = (*random.pick(names)).to_owned();
    let other = (*random.pick(names)).to_owned();
    let bytes = files.get(&name).cloned().unwrap_or_default();
    match random.below(14) {
        0 => {
            files.remove(&name);
            format!("{name} removed")
        }
        1 => {
            let swapped = files.insert(other.clone(), bytes).unwrap_or_default();
            files.insert(name.clone(), swapped);
            format!("{name} and {other} swapped")
        }
        2 => {
            files.insert(other.clone(), bytes);
            format!("{name} in place of {other}")
        }
        3 | 4 => {
            let new = new_name(&bytes, random);
            files.insert(new.clone(), if random.below(3) == 0 { vec![b'x'; random.below(99)] } else { bytes });
            format!("{new} added")
        }
        5 | 6 if Path::new(&name).extension().is_some_and(|ending| ending == "json") => {
            let how = respell(files.get_mut(&name).unwrap_or(&mut Vec::new()), random);
            format!("{name}: {how}")
        }
        _ => format!("{name}: {}", mutate(files.entry(name.clone()).or_default(), random)),
    }
}

/// A name that the layout knows, or nearly.
fn new_name(bytes: &[u8], random: &mut Random) -> String {
    let names = [
        format!("blobs/sha256/{}", Digest::of(bytes)),
        format!("blobs/sha256/{}", Digest::of(b"another")),
        format!("blobs/sha256/{}", Digest::of(bytes).to_hex().to_uppercase()),
        "trust/metadata/2.root.json".into(),
        "trust/metadata/7.snapshot.json".into(),
        "trust/metadata/7.targets.json".into(),
        "trust/metadata/patches.json".into(),
        "bundles/patches/1/evidence/more.dsse.json".into(),
        "bundles/patches/2/manifest.json".into(),
        "bundles/other/1/manifest.json".into(),
        "bundles/patches/1/extra".into(),
        "extra".into(),
    ];
    random.pick(&names).clone()
}

/// Writes JSON another way, or changes one value of it.
fn respell(bytes: &mut Vec<u8>, random: &mut Random) -> &'static str {
    let Ok(text) = String::from_utf8(bytes.clone()) else { return "left as it is" };
    let (new, how) = match random.below(6) {
        0 => (text.replacen(',', ", ", 1), "a space"),
        1 => (format!("{text}\n"), "a line end"),
        2 => (text.replacen('{', "{\"a\":1,", 1), "a field more"),
        3 => (text.replacen("\"version\":", "\"version\":9,\"version\":", 1), "a field twice"),
        4 => (text.replacen("version", "\\u0076ersion", 1), "an escape"),
        _ => (text.replacen("\"sig\":\"", "\"sig\":\"00", 1), "a longer signature"),
    };
    *bytes = new.into_bytes();
    how
}

/// Changes bytes anywhere.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    let at = random.below(bytes.len().max(1));
    let end = (at + 1 + random.below(40)).min(bytes.len());
    if bytes.is_empty() {
        bytes.push(b'x');
        return "a byte where none was".into();
    }
    match random.below(7) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
        3 => bytes.insert(at, *random.pick(b"\0\n {},0a")),
        4 => drop(bytes.drain(at..end)),
        5 => bytes.truncate(at),
        _ => {
            let copied = bytes[at..end].to_vec();
            bytes.splice(at..at, copied);
        }
    }
    format!("bytes {at} to {end}")
}

/// Changes whole blocks of an archive, or a name or size with the checksum made right again.
fn mutate_blocks(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    let blocks = bytes.len() / 512;
    let (at, other) = (random.below(blocks) * 512, random.below(blocks) * 512);
    let block = bytes[at..at + 512].to_vec();
    match random.below(7) {
        0 => drop(bytes.splice(other..other, block)),
        1 => drop(bytes.drain(at..at + 512)),
        2 => bytes[other..other + 512].copy_from_slice(&block),
        3 => bytes[at..at + 512].fill(0),
        4 => bytes.truncate(at),
        5 => bytes.extend(block),
        _ => edit_header(bytes, random),
    }
    format!("blocks at {at} and {other}")
}

fn edit_header(bytes: &mut [u8], random: &mut Random) {
    let is_header = |at: &usize| bytes.get(at + 257..at + 262) == Some(b"ustar");
    let headers: Vec<usize> = (0..bytes.len()).step_by(512).filter(is_header).collect();
    let at = *random.pick(&headers);
    let field = *random.pick(&[0, 20, 80, 100, 108, 124, 134, 136, 156, 157, 257, 263, 265, 297, 329, 345, 500]);
    bytes[at + field + random.below(8)] = *random.pick(b"\x000127afz/.x");
    bytes[at + 148..at + 156].fill(b' ');
    let sum: u32 = bytes[at..at + 512].iter().map(|byte| u32::from(*byte)).sum();
    bytes[at + 148..at + 156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
}

/// xorshift64*: the same number gives the same case on every machine.
struct Random(u64);

impl Random {
    fn new(number: usize) -> Self {
        let mut random = Self((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit.max(1)
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}
