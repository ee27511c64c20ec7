use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize};

use sealift_bundle::source::{Source, SourceError, SourceRefusal};
use sealift_fs::Store;
use sealift_model::{Digest, RelPath, Silent};

use super::*;

/// A medium of which some reads fail, each with its own error of the system.
struct Failing {
    blobs: Vec<(Vec<u8>, Option<Errno>)>,
}

impl Failing {
    fn new(errors: &[Option<Errno>]) -> Self {
        let blob = |(at, error): (usize, &Option<Errno>)| (format!("blob {at} ").repeat(100).into_bytes(), *error);
        Self { blobs: errors.iter().enumerate().map(blob).collect() }
    }

    fn work(&self) -> Vec<Work> {
        let work = |(bytes, _): &(Vec<u8>, Option<Errno>)| {
            let digest = Digest::of(bytes);
            Work { digest, size: bytes.len() as u64, path: blob_path(&digest) }
        };
        self.blobs.iter().map(work).collect()
    }
}

/// Gives half of the bytes, then the error.
struct Half<'b> {
    bytes: &'b [u8],
    error: Option<Errno>,
}

impl Read for Half<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.error {
            Some(error) if self.bytes.len() < 400 => Err(error.into()),
            _ => self.bytes.read(buffer.get_mut(..300).unwrap_or_default()),
        }
    }
}

impl Source for Failing {
    fn describe(&self) -> String {
        "/media/usb".into()
    }

    fn list(&self, _: &RelPath) -> Result<Vec<(String, u64)>, SourceError> {
        Ok(Vec::new())
    }

    fn list_dirs(&self, _: &RelPath) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }

    fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError> {
        Ok((Vec::new(), Vec::new()))
    }

    fn open(&self, path: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError> {
        let found = self.blobs.iter().find(|(bytes, _)| blob_path(&Digest::of(bytes)) == *path);
        let (bytes, error) = found.ok_or_else(|| SourceRefusal::Missing(path.clone()))?;
        Ok((Box::new(Half { bytes, error: *error }), bytes.len() as u64))
    }
}

/// Copies everything, and returns how many blobs came, how many were damaged, and whether the medium was given up.
fn copied(errors: &[Option<Errno>]) -> (usize, usize, bool) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (source, batch) = (Failing::new(errors), store.batch());
    let copier = Copier {
        source: &source,
        batch: &batch,
        progress: &Silent,
        run: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    let results = copier.all(&source.work());
    batch.commit().unwrap();
    let damaged = |result: &&Result<(), Bad>| matches!(result, Err(Bad::Blob { other_bytes: false, .. }));
    let gone = |result: &Result<(), Bad>| matches!(result, Err(Bad::Stop(stop)) if matches!(**stop, Stop::Medium(_)));
    let came = store.digests().unwrap();
    assert!(came.iter().all(|digest| store.verify(digest).is_ok()));
    (came.len(), results.values().filter(damaged).count(), results.values().any(gone))
}

#[test]
fn a_bad_place_on_a_medium_costs_one_blob() {
    let bad = Some(Errno::IO);
    assert_eq!(copied(&[None, bad, None, None, bad, None]), (4, 2, false));
}

#[test]
fn a_medium_that_was_pulled_is_given_up_at_once() {
    for gone in [Errno::NODEV, Errno::NXIO, Errno::NOTCONN] {
        let (came, damaged, stopped) = copied(&[None, None, Some(gone), Some(gone), Some(gone), Some(gone)]);
        assert!(stopped && damaged == 0 && came >= 1, "{gone}: {came} came, {damaged} damaged");
    }
}

#[test]
fn a_medium_of_which_nothing_can_be_read_any_more_is_given_up() {
    let (came, _, stopped) = copied(&[Some(Errno::IO); 40]);
    assert!(stopped && came == 0);
}
