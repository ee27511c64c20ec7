//! A medium of somebody else: another root of trust, and keys that nobody trusts.

use crate::line::{Line, flip, make_keys};

#[test]
fn medium_signed_under_another_root_is_refused() {
    let line = Line::with_bundle();
    let other = make_keys("other");
    let root = other.path().join("other/root.json");
    let root = root.to_str().unwrap();
    let bundle = env!("CARGO_BIN_EXE_t-sealift-bundle");
    line.run(bundle, &["verify", "media/SEALIFT", "--root", root]).failed(10, &[]);
    line.run(env!("CARGO_BIN_EXE_t-sealift-import"), &["init", "stranger", "--root", root, "--site", "plant-b"]).done();
    line.import_at("stranger", "receive", &["media"]).refused(10, &[]);
    assert!(!line.import_at("stranger", "bundles", &[]).done().contains("patches"));
}

#[test]
fn root_that_does_not_verify_itself_makes_no_repository() {
    let line = Line::with_bundle();
    line.copy("keys/root.json", "bad-root.json");
    flip(&line.path("bad-root.json"));
    let import = env!("CARGO_BIN_EXE_t-sealift-import");
    line.run(import, &["init", "stranger", "--root", "bad-root.json", "--site", "plant-b"]).refused(10, &[]);
    assert!(!line.path("stranger").exists());
}
