//! The vectors of format/manifest and format/medium, which another implementation can run as well.

use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::Manifest;
use sealift_bundle::source::{Container, SourceError};

/// Each case of a directory: its file and whether it is to be accepted.
fn cases(format: &str) -> Vec<(PathBuf, bool)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(format);
    let list = fs::read_to_string(dir.join("cases.txt")).unwrap();
    let case = |line: &str| {
        let (file, verdict) = line.split_once(' ').unwrap();
        assert!(matches!(verdict, "accept" | "refuse"), "{line}");
        (dir.join(file), verdict == "accept")
    };
    let cases: Vec<_> = list.lines().map(case).collect();
    assert_eq!(cases.len() + 1, fs::read_dir(&dir).unwrap().count(), "files without a case in {format}");
    cases
}

#[test]
fn manifests_are_accepted_and_refused_as_the_vectors_say() {
    for (path, accept) in cases("manifest") {
        let bytes = fs::read(&path).unwrap();
        let parsed = Manifest::parse(&bytes);
        assert_eq!(parsed.is_ok(), accept, "{}: {parsed:?}", path.display());
        if let Ok(manifest) = parsed {
            assert_eq!(manifest.to_bytes().unwrap(), bytes, "{}", path.display());
        }
    }
}

#[test]
fn single_files_are_accepted_and_refused_as_the_vectors_say() {
    for (path, accept) in cases("container") {
        match Container::open(&path) {
            Ok(_) => assert!(accept, "{}", path.display()),
            Err(error) => {
                assert!(!accept, "{}: {error:?}", path.display());
                assert!(matches!(error, SourceError::Refused(_)), "{}: {error:?}", path.display());
            }
        }
    }
}
