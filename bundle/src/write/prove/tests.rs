use std::fs;

use sealift_model::Silent;

use super::*;

const LEN: usize = 3 << 20;

/// Two written files, of which the first was then changed behind the writer's back.
fn spoiled(spoil: impl FnOnce(&mut Vec<u8>, &[u8])) -> Result<Proof, WriteError> {
    let dir = tempfile::tempdir().unwrap();
    let content = |seed: usize| (0..LEN).map(|n| u8::try_from((n / 7 + seed) % 255 + 1).unwrap()).collect::<Vec<u8>>();
    let mut jobs = Vec::new();
    for (name, seed) in [("a", 1), ("b", 100)] {
        let (at, bytes) = (dir.path().join(name), content(seed));
        let file = WrittenFile { sha256: Digest::of(&bytes), size: LEN as u64, head: Some(Digest::of(&bytes[..HEAD])) };
        fs::write(&at, bytes).unwrap();
        jobs.push(Job { name: RelPath::new(name).unwrap(), at, file });
    }
    let mut first = content(1);
    spoil(&mut first, &content(100));
    fs::write(&jobs[0].at, first).unwrap();
    sealift_fs::sync_filesystem(dir.path()).unwrap();
    prove(&jobs, 0, &Silent)
}

#[track_caller]
fn finding(spoil: impl FnOnce(&mut Vec<u8>, &[u8])) -> Finding {
    match spoiled(spoil) {
        Err(WriteError::NotProven { path, finding, more: 0 }) if path.ends_with("/a") => finding,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_written_is_proven_and_the_method_is_told() {
    let proof = spoiled(|_, _| ()).unwrap();
    assert_eq!((proof.files, proof.bytes, proof.linked), (2, 2 * LEN as u64, 0));
    assert!(proof.bypass.is_some());
}

#[test]
fn a_difference_is_named_with_what_was_found_instead() {
    assert_eq!(finding(|bytes, _| bytes.fill(0)), Finding::Zeros);
    assert_eq!(finding(|bytes, _| bytes[LEN / 2..].fill(0)), Finding::ZerosFrom(LEN as u64 / 2));
    assert_eq!(finding(|bytes, _| bytes.truncate(5)), Finding::Short(5));
    assert_eq!(finding(|bytes, other| bytes.copy_from_slice(other)), Finding::OtherFile("b".into()));
    assert_eq!(finding(|bytes, other| bytes[..HEAD].copy_from_slice(&other[..HEAD])), Finding::OtherFile("b".into()));
    assert_eq!(finding(|bytes, _| bytes[LEN - 1] ^= 1), Finding::Changed);
}

#[test]
fn a_file_that_is_gone_is_not_proven() {
    let job = Job {
        name: RelPath::new("gone").unwrap(),
        at: "/nonexistent/gone".into(),
        file: WrittenFile { sha256: Digest::of(b"x"), size: 1, head: Some(Digest::of(b"x")) },
    };
    assert!(matches!(prove(&[job], 0, &Silent), Err(WriteError::NotReadBack { .. })));
}
