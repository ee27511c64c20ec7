//! Files for people: how to check a medium without sealift (format/medium §1). No reader of ours decides by them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealift_model::Digest;

use crate::layout::blob_path;

/// What is written as `HOWTO-VERIFY.txt`.
pub const HOWTO: &str = include_str!("../assets/HOWTO-VERIFY.txt");
/// What is written as `verify.py`.
pub const VERIFY_PY: &str = include_str!("../assets/verify.py");

/// Returns the text that `sha256sum -c` reads, sorted by path.
pub(crate) fn sums(files: &BTreeMap<String, Digest>) -> String {
    files.iter().fold(String::new(), |mut text, (path, digest)| {
        let _ = writeln!(text, "{digest}  {path}");
        text
    })
}

/// Returns the sums of one bundle on a medium: of these documents in its directory, and of these blobs. Paths are relative
/// to that directory.
pub(crate) fn bundle_sums(blobs: impl Iterator<Item = Digest>, documents: Vec<(String, Digest)>) -> String {
    let mut files = BTreeMap::from_iter(documents);
    files.extend(blobs.map(|blob| (format!("../../../{}", blob_path(&blob)), blob)));
    sums(&files)
}
