//! The vectors of format/medium §1: a whole medium, changed step by step as a text file says, and verified.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use sealift_bundle::pack::{pack, unpack};
use sealift_model::Silent;

use crate::fixture::{FIRST, Fixture, SECOND, flip, put, tree, verify_with};
use crate::vectors::directory;

/// Undoes the `%xx` of a path.
fn decoded(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

/// A path below `top`, or beside it with `..`; `top` itself need not be there.
fn place(top: &Path, text: &str) -> PathBuf {
    let path = decoded(text);
    // An absolute path replaces what it is joined to.
    path.strip_prefix("..").map_or_else(|_| top.join(&path), |beside| top.parent().unwrap().join(beside))
}

fn clear(path: &Path) {
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path).unwrap();
    } else {
        let _ = fs::remove_file(path);
    }
}

/// Does one step below `top`, the directory `SEALIFT`.
fn step(top: &Path, line: &str) {
    let mut words = line.splitn(3, ' ');
    let (verb, path, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
    let at = |text: &str| place(top, text);
    let place = at(path);
    let fresh = || {
        clear(&place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
    };
    match verb {
        "file" => put(&place, rest.as_bytes()),
        "dir" => {
            fs::create_dir_all(&place).unwrap();
        }
        "remove" => clear(&place),
        "symlink" => {
            fresh();
            symlink(decoded(rest), &place).unwrap();
        }
        "fifo" => {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            fresh();
            mknodat(CWD, &place, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        }
        "socket" => {
            fresh();
            // The name is bound from its directory: it may be longer than a socket's address.
            let short = top.join("s");
            drop(UnixListener::bind(&short).unwrap());
            fs::rename(&short, &place).unwrap();
        }
        "hardlink" => {
            fresh();
            fs::hard_link(at(rest), &place).unwrap();
        }
        "move" => fs::rename(&place, at(rest)).unwrap(),
        "append" => put(&place, &[fs::read(&place).unwrap(), rest.as_bytes().to_vec()].concat()),
        "flip" => flip(&place),
        "hole" => {
            fresh();
            fs::File::create(&place).unwrap().set_len(rest.parse().unwrap()).unwrap();
        }
        other => panic!("no such step: {other}"),
    }
}

/// The base, unpacked; copies of it are faster than unpacking it, which waits for the disk.
pub struct Base(tempfile::TempDir);

impl Base {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        unpack(&directory("medium").join("base.sealift"), dir.path(), &Silent).unwrap();
        Self(dir)
    }

    /// Makes `top`, the directory `SEALIFT`, as the vector says.
    pub fn change(&self, vector: &str, top: &Path) {
        for (name, bytes) in tree(&self.0.path().join("SEALIFT")) {
            put(&top.join(name), &bytes);
        }
        for line in vector.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with("expect:")) {
            step(top, line);
        }
    }
}

/// The verdict of `verify` on the base after the steps of a vector.
fn judge(base: &Base, vector: &str, top: &Path) -> String {
    base.change(vector, top);
    let root = fs::read(directory("medium").join("root.json")).unwrap();
    match verify_with(top.parent().unwrap(), &root, "2026-11-23T16:00:00Z".parse().unwrap()) {
        Ok(_) => "accept".to_owned(),
        Err(error) => match error.code() {
            Some(code) => {
                let text = format!("{error} {error:?}");
                assert!(!text.contains('\u{1b}') && !text.contains('\n'), "a name speaks to the terminal: {text}");
                code.to_owned()
            }
            None => format!("fault ({error:?})"),
        },
    }
}

/// Name and text of every vector.
pub fn vectors() -> Vec<(String, String)> {
    let mut found: Vec<_> = fs::read_dir(directory("medium"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn media_are_accepted_and_refused_as_the_vectors_say() {
    let mut wrong = Vec::new();
    let base = Base::new();
    for (name, text) in vectors() {
        let expected = text.lines().find_map(|line| line.strip_prefix("expect: ")).expect(&name);
        let expected = expected.strip_prefix("refuse ").unwrap_or(expected);
        let dir = tempfile::tempdir().unwrap();
        let found = judge(&base, &text, &dir.path().join("medium/SEALIFT"));
        if found != expected {
            wrong.push(format!("{name}: {expected} != {found}"));
        }
        let beside = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(beside, 1, "{name}: something was written beside the medium");
    }
    assert!(wrong.is_empty(), "expected != found\n{}", wrong.join("\n"));
}

#[test]
fn the_base_of_the_vectors_is_packed_to_the_same_bytes_again() {
    let dir = tempfile::tempdir().unwrap();
    let (base, again) = (directory("medium").join("base.sealift"), dir.path().join("again.sealift"));
    unpack(&base, &dir.path().join("m"), &Silent).unwrap();
    pack(&dir.path().join("m"), &again, &Silent).unwrap();
    assert!(fs::read(base).unwrap() == fs::read(again).unwrap());
    assert!(tree(&dir.path().join("m/SEALIFT")).len() > 20);
}

#[test]
#[ignore = "makes the base of the medium vectors anew, with new keys; every digest in the vectors changes with it"]
fn write_the_base() {
    let f = Fixture::new();
    let first = f.manifest(1, &FIRST, None);
    let second = f.manifest(2, &SECOND, Some(&first));
    let metadata = f.metadata(2, &[&first, &second]);
    f.write(&f.path("m"), &first, &metadata);
    f.write(&f.path("m"), &second, &metadata);
    let to = directory("medium");
    fs::create_dir_all(&to).unwrap();
    clear(&to.join("base.sealift"));
    pack(&f.path("m"), &to.join("base.sealift"), &Silent).unwrap();
    put(&to.join("root.json"), &f.root);
}
