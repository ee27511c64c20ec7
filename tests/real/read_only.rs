//! Read-only file systems: media are read from them, and nobody can write there without being told.

use crate::disk::{Disk, contents};
use crate::line::Line;
use crate::namespace::isolated;

#[test]
fn protected_medium_is_verified_and_received() {
    isolated("read_only::protected_medium_is_verified_and_received", || {
        let line = Line::with_bundle();
        let medium = Disk::over(&line.path("media"));
        let before = contents(&line.path("media"));
        medium.protect();
        line.verify("media").done();
        line.run(env!("CARGO_BIN_EXE_t-sealift-bundle"), &["inspect", "media"]).done();
        line.run(env!("CARGO_BIN_EXE_t-sealift-bundle"), &["pack", "media", "one.sealift"]).done();
        line.import("receive", &["media"]).done();
        assert_eq!(contents(&line.path("media")), before);
    });
}

#[test]
fn protected_medium_is_not_written_to_and_costs_no_number() {
    isolated("read_only::protected_medium_is_not_written_to_and_costs_no_number", || {
        let line = Line::new();
        line.mirror("sync", &[]).done();
        let medium = Disk::over(&line.path("media"));
        medium.protect();
        line.build("media", &[]).refused(1, &["media", "read-only", "Hint: "]);
        assert!(!line.path("connected/streams").exists(), "took a number");
        line.build("media2", &[]).done();
        line.mirror("bundle seal", &["--stream", "patches", "--to", "media"])
            .failed(1, &["media", "read-only", "sealed and kept"]);
        medium.unprotect();
        line.mirror("bundle seal", &["--stream", "patches", "--to", "media"]).done();
        line.verify("media").done();
    });
}

#[test]
fn protected_mirror_can_be_looked_at_and_not_changed() {
    isolated("read_only::protected_mirror_can_be_looked_at_and_not_changed", || {
        let line = Line::with_bundle();
        let disk = Disk::over(&line.path("connected"));
        let before = contents(&line.path("connected"));
        disk.protect();
        line.mirror("upstream list", &[]).done();
        line.mirror("select plan", &[]).done();
        line.mirror("bundle list", &[]).done();
        for verb in ["sync", "bundle build"] {
            let arguments: &[&str] = if verb == "sync" { &[] } else { &["--stream", "patches"] };
            line.mirror(verb, arguments).refused(1, &["connected", "ead-only", "Hint: "]);
        }
        assert_eq!(contents(&line.path("connected")), before);
    });
}

#[test]
fn protected_repository_can_be_looked_at_and_not_changed() {
    isolated("read_only::protected_repository_can_be_looked_at_and_not_changed", || {
        let line = Line::with_bundle();
        line.import("receive", &["media"]).done();
        line.import("promote", &["--channel", "testing", "1"]).done();
        let disk = Disk::over(&line.path("isolated"));
        let before = contents(&line.path("isolated"));
        disk.protect();
        line.import("status", &[]).done();
        line.import("bundles", &[]).done();
        line.import("ledger show", &[]).done();
        line.import("ledger verify", &[]).done();
        line.import("receive", &["media"]).refused(1, &["isolated", "ead-only", "Hint: "]);
        line.import("publish", &["--channel", "testing"]).refused(1, &["isolated", "ead-only", "Hint: "]);
        assert_eq!(contents(&line.path("isolated")), before);
    });
}

#[test]
fn protected_records_can_be_read_and_verified() {
    isolated("read_only::protected_records_can_be_read_and_verified", || {
        let line = Line::with_bundle();
        line.hosts();
        let disk = Disk::over(&line.path("apply"));
        disk.protect();
        line.apply("records", &[]).done();
        line.apply("verify", &[]).done();
        line.apply("plan", &["--group", "web"]).refused(1, &["apply", "ead-only", "Hint: "]);
    });
}
