//! Files that the one who types may not read, and secrets that others may.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::line::{Line, Said};
use crate::namespace::isolated;

/// A user who owns nothing.
const NOBODY: [&str; 6] = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];

fn as_nobody(line: &Line, tool: &str, arguments: &[&str]) -> Said {
    line.run("setpriv", &[&NOBODY[..], &[tool], arguments].concat())
}

fn mode(line: &Line, name: &str, mode: u32) {
    fs::set_permissions(line.path(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn medium_without_read_permission_is_a_fault_and_no_refusal() {
    isolated("unreadable::medium_without_read_permission_is_a_fault_and_no_refusal", || {
        let line = Line::with_bundle();
        mode(&line, ".", 0o755);
        fs::copy(line.path("keys/root.json"), line.path("root.json")).unwrap();
        mode(&line, "root.json", 0o644);
        let verify =
            || as_nobody(&line, env!("CARGO_BIN_EXE_t-sealift-bundle"), &["verify", "media", "--root", "root.json"]);
        verify().done();
        let blob = line.files("media/SEALIFT/blobs").pop().unwrap();
        mode(&line, &format!("media/SEALIFT/blobs/{blob}"), 0o600);
        verify().refused(1, &[&blob, "ermission denied"]);
        mode(&line, "media/SEALIFT", 0o700);
        verify().refused(1, &["media/SEALIFT", "ermission denied"]);
    });
}

#[test]
fn keys_of_another_user_are_not_used() {
    isolated("unreadable::keys_of_another_user_are_not_used", || {
        let line = Line::new();
        line.mirror("sync", &[]).done();
        mode(&line, ".", 0o755);
        fs::copy(line.path("passphrase"), line.path("connected/passphrase")).unwrap();
        let status =
            std::process::Command::new("chown").args(["-R", "65534:65534"]).arg(line.path("connected")).status();
        assert!(status.unwrap().success());
        let build = || {
            let arguments = ["bundle", "build", "--dir", "connected", "--stream", "patches", "--keys", "keys"];
            let secret = ["--passphrase-file", "connected/passphrase"];
            as_nobody(&line, env!("CARGO_BIN_EXE_t-sealift-mirror"), &[&arguments[..], &secret].concat())
        };
        build().refused(1, &["keys", "ermission denied"]);
        assert!(!line.path("connected/streams").exists(), "took a number");
    });
}

#[test]
fn passphrase_file_that_others_can_read_is_refused() {
    isolated("unreadable::passphrase_file_that_others_can_read_is_refused", || {
        let line = Line::new();
        line.mirror("sync", &[]).done();
        mode(&line, "passphrase", 0o644);
        line.build("media", &[]).refused(1, &["passphrase", "open to others", "chmod 600"]);
        let arguments = ["init", "desk", "--passphrase-file", "passphrase"];
        line.run(env!("CARGO_BIN_EXE_t-sealift-keys"), &arguments).refused(1, &["passphrase", "open to others"]);
        assert!(!line.path("desk").exists());
        mode(&line, "passphrase", 0o600);
        line.build("media", &[]).done();
    });
}
