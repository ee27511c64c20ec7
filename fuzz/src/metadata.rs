//! TUF metadata of each role.
//!
//! A document that a threshold of the seeds' root accepts must say what one of the seeds says: the fuzzer has no key.

use sealift_model::json;
use sealift_trust::metadata::Body;
use sealift_trust::{Root, Signed, Snapshot, Targets, TimestampMeta, TrustedSet};
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
    pinned(data);
}

fn document<T: Body>(data: &[u8], seed: &[u8]) {
    let Ok(document) = Signed::<T>::parse(data) else { return };
    assert_eq!(document.raw(), data);
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
