//! `diff` tells what an operator asks: what is new, what is gone, which version became which.

use sealift_bundle::diff::{Diff, diff};
use sealift_model::Digest;

use crate::fixture::{FIRST, Fixture, Package, SECOND};

fn compare(from: &[Package], to: &[Package]) -> Diff {
    let f = Fixture::new();
    let (a, b) = (f.manifest(1, from, None), f.manifest(2, to, None));
    diff((&a, Digest::of(b"a")), (&b, Digest::of(b"b")))
}

#[test]
fn an_update_is_one_line_with_both_versions() {
    let diff = compare(&FIRST, &SECOND);
    let updated: Vec<_> = diff.updated.iter().map(|u| (&*u.package, &*u.old_version, &*u.new_version)).collect();
    assert_eq!(updated, [("anchor", "1.0-1", "1.0-2")]);
    assert!(!diff.updated[0].downgrade);
    assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len(), diff.unchanged), (0, 0, 0, 1));
    assert_eq!(diff.upstreams.len(), 1);
}

#[test]
fn a_lower_version_is_called_a_downgrade() {
    assert!(compare(&SECOND, &FIRST).updated[0].downgrade);
    assert!(compare(&[("x", "1.0", b"n")], &[("x", "1.0~rc1", b"r")]).updated[0].downgrade);
}

#[test]
fn packages_come_and_go() {
    let diff = compare(&FIRST[..1], &FIRST[1..]);
    assert_eq!((&*diff.added[0].package, &*diff.removed[0].package), ("buoy", "anchor"));
    assert!(diff.updated.is_empty());
}

#[test]
fn several_kept_versions_are_matched_newest_to_newest() {
    let diff = compare(&[("x", "1", b"1"), ("x", "2", b"2")], &[("x", "2", b"2"), ("x", "3", b"3")]);
    assert_eq!((&*diff.updated[0].old_version, &*diff.updated[0].new_version, diff.unchanged), ("1", "3", 1));
    let diff = compare(&[("x", "9", b"9")], &[("x", "10", b"10"), ("x", "11", b"11")]);
    assert_eq!((&*diff.updated[0].new_version, &*diff.added[0].version), ("11", "10"));
}

#[test]
fn the_same_version_with_other_content_stands_out() {
    let diff = compare(&[("x", "1", b"one")], &[("x", "1", b"another")]);
    assert_eq!((diff.changed.len(), diff.unchanged), (1, 0));
}
