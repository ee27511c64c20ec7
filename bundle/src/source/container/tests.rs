//! Hostile single files that need a limit or a file that changes under the reader.

use std::fs;
use std::path::PathBuf;

use sealift_model::Digest;
use tempfile::TempDir;

use super::*;
use crate::layout::blob_path;

/// A single file of blobs, in order.
fn archive(contents: &[Vec<u8>]) -> (TempDir, PathBuf, Vec<Digest>) {
    let mut blobs: Vec<_> = contents.iter().map(|content| (Digest::of(content), content)).collect();
    blobs.sort();
    let mut bytes = Vec::new();
    for (digest, content) in &blobs {
        bytes.extend(canonical_header(&blob_path(digest), content.len() as u64).unwrap());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK_SIZE), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK_SIZE, 0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.sealift");
    fs::write(&path, bytes).unwrap();
    (dir, path, blobs.into_iter().map(|(digest, _)| digest).collect())
}

#[test]
fn refuses_more_entries_than_the_limit_before_it_reads_the_next_header() {
    let contents: Vec<_> = (0..20_u8).map(|n| vec![n; usize::from(n)]).collect();
    let (_dir, path, _) = archive(&contents);
    assert_eq!(Container::open_limited(&path, 20).unwrap().places().len(), 20);
    match Container::open_limited(&path, 19) {
        Err(SourceError::Refused(SourceRefusal::TooMany { limit: 19, .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_grows_or_shrinks_after_it_was_opened_gives_its_first_content_or_an_error() {
    let (_dir, path, digests) = archive(&[vec![b'a'; 1000], vec![b'b'; 1000]]);
    let container = Container::open(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut grown = fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut grown, &[7; 4096]).unwrap();
    for digest in &digests {
        assert_eq!(Digest::of(&container.read(&blob_path(digest), 1000).unwrap()), *digest);
    }
    assert!(Container::open(&path).is_err(), "opened again, the bytes after its end are seen");
    grown.set_len(600).unwrap();
    let error = container.read(&blob_path(&digests[0]), 1000).unwrap_err();
    assert!(matches!(error, SourceError::Read { .. }), "{error:?}");
    fs::write(&path, whole).unwrap();
    assert!(container.read(&blob_path(&digests[0]), 999).is_err(), "the cap holds for an entry as well");
}
