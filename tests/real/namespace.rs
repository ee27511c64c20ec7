//! A mount namespace for each story, so that nothing mounted there is ever seen outside or outlives it.
//!
//! The test starts its own binary again under unshare(1) for the one story; the kernel unmounts everything when that
//! process is gone, however it goes.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// Set where the story is told.
const INSIDE: &str = "SEALIFT_TEST_INSIDE";

/// Tells `story` in a mount namespace of its own. `name` is the test's path, as libtest has it.
#[track_caller]
pub fn isolated(name: &str, story: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return story();
    }
    let temp = tempfile::tempdir().unwrap();
    // Stories about other users need a way in; what is secret has its own mode.
    fs::set_permissions(temp.path(), Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .env("TMPDIR", temp.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(!said.contains("unshare failed"), "these tests need root: {said}");
    assert!(said.contains("1 passed"), "{said}");
}
