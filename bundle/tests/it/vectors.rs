//! The vectors of format/json, format/manifest and format/medium, which another implementation can run as well.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sealift_bundle::Manifest;
use sealift_bundle::blob::{BlobFault, decode};
use sealift_bundle::manifest::{Encoding, ManifestError, Stored};
use sealift_bundle::source::{Container, ContainerFault, SourceError, SourceRefusal};
use sealift_model::Digest;
use sealift_model::json::JsonError;

/// One case: a file, what is said about it, and the verdict (`accept`, or the word after `refuse`).
struct Case {
    path: PathBuf,
    fields: Vec<(String, String)>,
    expect: String,
}

impl Case {
    fn number(&self, key: &str) -> Option<u64> {
        let (_, value) = self.fields.iter().find(|(name, _)| name == key)?;
        Some(value.parse().unwrap())
    }
}

pub fn directory(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(format)
}

/// Every case of a directory; a file without a case fails the test.
fn cases(format: &str) -> Vec<Case> {
    let dir = directory(format);
    let list = fs::read_to_string(dir.join("cases.txt")).unwrap();
    let field = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
    let case = |paragraph: &str| {
        let fields: Vec<(String, String)> = paragraph.lines().map(field).collect();
        let get = |key: &str| fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap();
        let expect = get("expect");
        let expect = expect.strip_prefix("refuse ").unwrap_or(&expect).to_owned();
        Case { path: dir.join(get("file")), expect, fields }
    };
    let cases: Vec<_> = list.split("\n\n").map(case).collect();
    assert_eq!(cases.len() + 1, fs::read_dir(&dir).unwrap().count(), "files without a case in {format}");
    cases
}

/// Compares all verdicts at once, so that one run shows every difference.
fn compare(verdicts: impl IntoIterator<Item = (Case, String)>) {
    let wrong = |(case, found): (Case, String)| {
        let name = case.path.file_name().unwrap().to_string_lossy().into_owned();
        (found.split(' ').next() != Some(case.expect.as_str())).then(|| format!("{name}: {} != {found}", case.expect))
    };
    let wrong: Vec<String> = verdicts.into_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "expected != found\n{}", wrong.join("\n"));
}

#[test]
fn manifests_are_accepted_and_refused_as_the_vectors_say() {
    let judge = |case: Case| {
        let bytes = fs::read(&case.path).unwrap();
        let verdict = match Manifest::parse(&bytes) {
            Ok(manifest) => {
                assert_eq!(manifest.to_bytes().unwrap(), bytes, "{}", case.path.display());
                "accept".to_owned()
            }
            Err(ManifestError::Encoding(error)) => format!("encoding ({error})"),
            Err(ManifestError::Limit(JsonError::Integer)) => "number".to_owned(),
            Err(ManifestError::Limit(error)) => format!("limit ({error})"),
            Err(error @ ManifestError::Schema(_)) => {
                assert!(error.to_string().contains("a newer sealift may be needed"), "{error}");
                "schema".to_owned()
            }
            Err(error) => format!("rule ({error})"),
        };
        (case, verdict)
    };
    compare(cases("manifest").into_iter().map(judge));
}

#[test]
fn single_files_are_accepted_and_refused_as_the_vectors_say() {
    let judge = |case: Case| {
        let verdict = match Container::open(&case.path) {
            Ok(_) => "accept",
            Err(SourceError::Refused(SourceRefusal::Container { source, .. })) => match source {
                ContainerFault::Truncated => "truncated",
                ContainerFault::Trailing => "trailing",
                ContainerFault::Header => "header",
                ContainerFault::Name(_) => "name",
                ContainerFault::Order(_) => "order",
                ContainerFault::Padding => "padding",
                _ => "unnamed",
            },
            Err(other) => panic!("{}: {other:?}", case.path.display()),
        };
        (case, verdict.to_owned())
    };
    compare(cases("container").into_iter().map(judge));
}

#[test]
fn zstd_blobs_are_accepted_and_refused_as_the_vectors_say() {
    let judge = |case: Case| {
        let blob = fs::read(&case.path).unwrap();
        let size = case.number("size").unwrap();
        let stored_size = case.number("stored").unwrap_or(blob.len() as u64);
        let stored = Stored { encoding: Encoding::Zstd, sha256: Digest::of(&blob), size: stored_size };
        let mut content = Vec::new();
        let read = decode(stored, size, &blob[..]).and_then(|mut opened| opened.read_to_end(&mut content));
        assert!(content.len() as u64 <= size, "{}: more than declared came out", case.path.display());
        let verdict = match read.map_err(|e| e.get_ref().and_then(|f| f.downcast_ref::<BlobFault>()).cloned().unwrap())
        {
            Ok(_) => "accept",
            Err(BlobFault::NotZstd | BlobFault::Lacks(_)) => "form",
            Err(BlobFault::Window) => "window",
            Err(BlobFault::ContentSize { .. }) => "size",
            Err(BlobFault::Length { .. }) => "length",
            Err(BlobFault::Trailing) => "trailing",
            Err(BlobFault::Damaged(_)) => "damaged",
            Err(_) => "unnamed",
        };
        (case, verdict.to_owned())
    };
    compare(cases("blob").into_iter().map(judge));
}
