//! Media that fail, or change under the reader.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sealift_bundle::source::{Source, SourceError};
use sealift_bundle::{VerifyError, VerifyOptions, open_source};
use sealift_model::{Digest, RelPath, Silent};

use crate::fixture::{Fixture, SECOND, created, rel};

/// Returns the bytes to give out instead, for the n-th open of a path.
type Instead<'a> = Box<dyn Fn(&RelPath, u64) -> Option<Vec<u8>> + Sync + 'a>;

/// A medium whose reads go wrong in a way that each test chooses.
struct Shim<'a> {
    inner: Box<dyn Source>,
    instead: Instead<'a>,
    /// Called before the n-th read of all; an error is what the reader gets.
    reading: Box<dyn Fn(u64) -> io::Result<usize> + Sync + 'a>,
    opened: Mutex<BTreeMap<RelPath, u64>>,
    reads: AtomicU64,
}

impl<'a> Shim<'a> {
    fn over(path: &Path) -> Self {
        Self {
            inner: open_source(path).unwrap(),
            instead: Box::new(|_, _| None),
            reading: Box::new(|_| Ok(usize::MAX)),
            opened: Mutex::default(),
            reads: AtomicU64::new(0),
        }
    }

    fn giving(mut self, instead: impl Fn(&RelPath, u64) -> Option<Vec<u8>> + Sync + 'a) -> Self {
        self.instead = Box::new(instead);
        self
    }

    fn reading(mut self, reading: impl Fn(u64) -> io::Result<usize> + Sync + 'a) -> Self {
        self.reading = Box::new(reading);
        self
    }
}

impl Source for Shim<'_> {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn list(&self, dir: &RelPath) -> Result<Vec<(String, u64)>, SourceError> {
        self.inner.list(dir)
    }

    fn list_dirs(&self, dir: &RelPath) -> Result<Vec<String>, SourceError> {
        self.inner.list_dirs(dir)
    }

    fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError> {
        self.inner.list_top()
    }

    fn open(&self, path: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError> {
        let mut opened = self.opened.lock().unwrap();
        let count = opened.entry(path.clone()).or_insert(0);
        *count += 1;
        let (inner, size) = self.inner.open(path)?;
        let input: Box<dyn Read + Send + '_> = match (self.instead)(path, *count) {
            None => inner,
            Some(bytes) => Box::new(io::Cursor::new(bytes)),
        };
        Ok((Box::new(ShimReader { shim: self, input }), size))
    }
}

struct ShimReader<'s> {
    shim: &'s Shim<'s>,
    input: Box<dyn Read + Send + 's>,
}

impl Read for ShimReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let number = self.shim.reads.fetch_add(1, Ordering::SeqCst);
        let most = (self.shim.reading)(number)?.min(buffer.len());
        self.input.read(&mut buffer[..most])
    }
}

fn verified(f: &Fixture, source: &dyn Source) -> Result<(), VerifyError> {
    let options = VerifyOptions { root: &f.root, now: created().plus_days(1), threads: 1 };
    sealift_bundle::verify(source, &options, &Silent).map(drop)
}

fn buoy() -> RelPath {
    rel(&format!("blobs/sha256/{}", Digest::of(b"buoy two")))
}

#[test]
fn short_and_interrupted_reads_change_nothing() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let shim = Shim::over(&medium).reading(|number| match number % 3 {
        0 => Err(io::ErrorKind::Interrupted.into()),
        n => Ok(usize::try_from(n).unwrap()),
    });
    verified(&f, &shim).unwrap();
    assert!(shim.reads.load(Ordering::SeqCst) > 3000);
}

#[test]
fn a_read_that_fails_wherever_it_is_is_a_fault_and_never_an_acceptance_or_a_refusal() {
    const EIO: i32 = 5;
    let f = Fixture::new();
    let medium = f.medium("m");
    let counting = Shim::over(&medium);
    verified(&f, &counting).unwrap();
    let reads = counting.reads.load(Ordering::SeqCst);
    assert!(reads > 20, "{reads}");
    for at in 0..reads {
        let failing = Shim::over(&medium)
            .reading(|number| if number == at { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(usize::MAX) });
        let error = verified(&f, &failing).expect_err("a medium that could not be read was verified");
        assert!(error.exit_class().is_none(), "read {at}: {error:?}");
    }
}

#[test]
fn a_medium_pulled_while_it_is_read_is_a_fault_and_another_one_in_its_place_is_refused() {
    const ENODEV: i32 = 19;
    let f = Fixture::new();
    let medium = f.medium("m");
    let pulled = Shim::over(&medium)
        .reading(|number| if number > 25 { Err(io::Error::from_raw_os_error(ENODEV)) } else { Ok(usize::MAX) });
    assert!(verified(&f, &pulled).unwrap_err().exit_class().is_none());
    // Another bundle of the same stream takes its place: what is read of it is not what was signed for the first.
    let second = f.manifest(1, &SECOND, None);
    let other = f.path("other");
    f.write(&other, &second, &f.metadata(2, &[&second]));
    let other = open_source(&other).unwrap();
    let swapped = Shim::over(&medium).giving(|path, _| {
        let blobs = path.as_str().starts_with("blobs/") || path.as_str().starts_with("bundles/");
        other.open(path).ok().filter(|_| blobs).map(|(mut input, _)| {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes).unwrap();
            bytes
        })
    });
    assert_eq!(verified(&f, &swapped).unwrap_err().code(), Some("manifest-digest"));
    verified(&f, &Shim::over(&medium)).unwrap();
}

#[test]
fn refuses_a_blob_that_was_replaced_after_the_manifest_was_read() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let evil = Shim::over(&medium).giving(|path, _| (*path == buoy()).then(|| b"buoy tow".to_vec()));
    let error = verified(&f, &evil).unwrap_err();
    assert_eq!(error.code(), Some("blob-digest"));
    assert!(error.to_string().contains("debian/pool/main/buoy/buoy_2%3a2.1~rc1_amd64.deb"), "{error}");
}

#[test]
fn every_file_that_is_judged_is_judged_as_it_was_read_not_as_it_is_read_again() {
    let f = Fixture::new();
    let medium = f.medium("m");
    let counting = Shim::over(&medium);
    verified(&f, &counting).unwrap();
    let opened = counting.opened.into_inner().unwrap();
    for (path, count) in &opened {
        // The upstream chain reads its documents and indexes besides, and hashes them again.
        let most = if path.as_str().starts_with("blobs/") { 3 } else { 1 };
        assert!(*count <= most, "{path} was opened {count} times");
    }
    // A file that is good the first time and evil ever after: accepted only if nothing ever looked again.
    for (path, count) in opened {
        let second = Shim::over(&medium).giving(|p, n| (*p == path && n > 1).then(|| b"evil".to_vec()));
        let verdict = verified(&f, &second);
        assert_eq!(verdict.is_ok(), count == 1, "{path}: opened {count} times, {verdict:?}");
        if let Err(error) = verdict {
            assert!(error.exit_class().is_some(), "{path}: {error:?}");
        }
    }
}

#[test]
fn a_file_without_end_is_read_to_its_limit_only() {
    struct Endless(AtomicU64);
    impl Read for &Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'[');
            self.0.fetch_add(buffer.len() as u64, Ordering::SeqCst);
            Ok(buffer.len())
        }
    }
    struct Growing(Endless);
    impl Source for Growing {
        fn describe(&self) -> String {
            "growing".into()
        }
        fn list(&self, _: &RelPath) -> Result<Vec<(String, u64)>, SourceError> {
            Ok(Vec::new())
        }
        fn list_dirs(&self, _: &RelPath) -> Result<Vec<String>, SourceError> {
            Ok(Vec::new())
        }
        fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError> {
            Ok((Vec::new(), vec!["trust".into()]))
        }
        fn open(&self, _: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError> {
            Ok((Box::new(&self.0), 10))
        }
    }
    let growing = Growing(Endless(AtomicU64::new(0)));
    let error = growing.read(&rel("trust/metadata/timestamp.json"), 1000).unwrap_err();
    assert!(matches!(error, SourceError::Refused(_)), "{error:?}");
    assert!(growing.0.0.load(Ordering::SeqCst) <= 1001);
}
