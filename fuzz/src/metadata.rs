//! TUF metadata of each role.
//!
//! A document that a threshold of the seeds' root accepts must say what one of the seeds says: the fuzzer has no key. What
//! media may carry is also TUF to the profile that reads the whole of it.

use sealift_model::json;
use sealift_trust::metadata::{Body, DelegatingTargets};
use sealift_trust::{Profile, Role, Root, Signed, Snapshot, Targets, TimestampMeta, TrustedSet};
use serde_json::{Value, json};

use crate::now;

const ROOT: &[u8] = include_bytes!("../seeds/tuf_metadata/root.json");
const TARGETS: &[u8] = include_bytes!("../seeds/tuf_metadata/targets.json");
const SNAPSHOT: &[u8] = include_bytes!("../seeds/tuf_metadata/snapshot.json");
const TIMESTAMP: &[u8] = include_bytes!("../seeds/tuf_metadata/timestamp.json");

/// Target `tuf_metadata`.
pub fn tuf_metadata(data: &[u8]) {
    document::<Root>(data, ROOT);
    document::<TimestampMeta>(data, TIMESTAMP);
    document::<Snapshot>(data, SNAPSHOT);
    document::<Targets>(data, TARGETS);
    delegating(data);
    pinned(data);
}

/// Targets metadata of the whole of TUF, which reads all that media may carry.
fn delegating(data: &[u8]) {
    let Ok(document) = Signed::<DelegatingTargets>::parse_as(data, Profile::Tuf) else {
        assert!(Signed::<Targets>::parse(data).is_err(), "narrow targets metadata is no TUF");
        return;
    };
    let again = Signed::<DelegatingTargets>::parse_as(&canonical(data), Profile::Tuf);
    assert_eq!(again.expect("read before").covered(), document.covered(), "another spelling is signed otherwise");
    for delegation in document.body().delegations().iter() {
        let _ = delegation.covers("bundles/deb12/1/manifest.json");
        assert!(!delegation.name().encoded().contains('/'), "a role's file name has a slash");
    }
}

fn document<T: Body>(data: &[u8], seed: &[u8]) {
    let Ok(document) = Signed::<T>::parse(data) else { return };
    assert_eq!(document.raw(), data);
    assert!(T::ROLE == Role::Targets || Signed::<T>::parse_as(data, Profile::Tuf).is_ok(), "narrow metadata is no TUF");
    let again = Signed::<T>::parse(&canonical(data)).expect("the canonical form of what was read reads as well");
    assert_eq!(again.covered(), document.covered(), "another spelling is signed otherwise");
    assert_eq!((again.version(), again.expires()), (document.version(), document.expires()));
    let root = Signed::<Root>::parse(ROOT).expect("the seed is well formed");
    if document.check_threshold(&root).is_ok() {
        let seed = Signed::<T>::parse(seed).expect("the seed is well formed");
        assert_eq!(document.covered(), seed.covered(), "accepted without the keys");
    }
}

/// As the pinned root it needs no other key, so it must at least hold together.
fn pinned(data: &[u8]) {
    let Ok(set) = TrustedSet::new(data, now()) else { return };
    set.root().check_threshold(set.root()).expect("a root that is taken signs itself");
}

/// The same document in canonical form; the bytes themselves if a string holds a control character.
fn canonical(data: &[u8]) -> Vec<u8> {
    let value: Value = json::parse(data).expect("read before");
    let value = json!({ "signatures": value["signatures"], "signed": value["signed"] });
    let bytes = json::canonical(&value).expect("read before");
    if bytes.iter().any(|byte| *byte < 0x20) { data.to_vec() } else { bytes }
}
