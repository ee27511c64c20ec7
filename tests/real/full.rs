//! Full disks: every place where room can run out, one after the other.
//!
//! For each command the disk is given room for nothing, then for one page or one name more, until the command succeeds.
//! Each failure has the documented exit code, names the file, says what was changed, leaves what was there as it was and
//! nothing half-done; and with room made the same command ends as it always does.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::disk::{Disk, Scarce, assert_tidy, contents};
use crate::line::{Line, Said};
use crate::namespace::isolated;

/// Runs `command` with room for as much as each step says until it succeeds. The first disk is the scarce one; all are
/// put back before each step.
#[track_caller]
fn each(
    disks: &[&Disk],
    what: Scarce,
    steps: impl Iterator<Item = u64>,
    command: impl Fn() -> Said,
    after: impl Fn(&Said),
) {
    let [disk, ..] = disks else { panic!("no disk") };
    for (failures, room) in steps.enumerate() {
        for disk in disks {
            disk.reset();
        }
        disk.leave(what, room);
        let said = command();
        if said.code == 0 {
            assert!(failures > 0, "the disk was never full");
            eprintln!("failed for lack of {what:?} {failures} times");
            return;
        }
        let said = assert_named(said, what, room);
        after(&said);
        disk.make_room();
        let again = command();
        assert_eq!(again.code, 0, "after making room: {again}\nbefore, with room for {room} {what:?}: {said}");
    }
    panic!("the command never succeeded");
}

fn assert_named(said: Said, what: Scarce, room: u64) -> Said {
    assert_eq!(said.code, 1, "with room for {room} {what:?}: {said}");
    assert!(said.stderr.contains("Error: ") && !said.stderr.contains("panicked"), "{said}");
    assert!(said.stderr.contains("Hint: "), "no hint, with room for {room} {what:?}: {said}");
    let last = said.stderr.trim_end().lines().last().unwrap_or_default();
    let tells =
        ["changed", "change was made", "kept", "accepted", "as it was", "see the new tree", "as their records say"];
    assert!(tells.iter().any(|word| last.contains(word)), "does not say what was changed: {said}");
    said
}

/// Asserts that the message names a path below `dir`.
#[track_caller]
fn assert_names(said: &Said, dir: &str) {
    assert!(said.stderr.contains(dir), "does not name {dir}: {said}");
}

/// Asserts that all of `before` is there and unchanged, but for paths with one of these beginnings.
#[track_caller]
fn assert_kept(before: &BTreeMap<String, String>, dir: &Path, but: &[&str], said: &Said) {
    let now = contents(dir);
    for (path, digest) in before.iter().filter(|(path, _)| !but.iter().any(|start| path.starts_with(start))) {
        assert_eq!(now.get(path), Some(digest), "{path} was changed: {said}");
    }
}

#[test]
fn sync_keeps_the_last_snapshot_and_goes_on() {
    isolated("full::sync_keeps_the_last_snapshot_and_goes_on", || {
        let mut line = Line::new();
        line.mirror("sync", &[]).done();
        line.upstream.advance(600).unwrap();
        let dir = line.path("connected");
        let disk = Disk::over(&dir);
        let before = contents(&dir);
        for what in [Scarce::Pages, Scarce::Names] {
            each(
                &[&disk],
                what,
                0..200,
                || line.mirror("sync", &[]),
                |said| {
                    assert_names(said, "connected");
                    // A head is replaced whole, and only after everything it names is there.
                    assert_kept(&before, &dir, &["upstreams/"], said);
                    assert_tidy(&dir, said);
                    line.mirror("bundle build", &["--stream", "patches", "--plan"]).done();
                },
            );
        }
    });
}

#[test]
fn build_is_finished_by_the_same_command_under_the_same_number() {
    isolated("full::build_is_finished_by_the_same_command_under_the_same_number", || {
        let line = Line::new();
        line.mirror("sync", &[]).done();
        let dir = line.path("connected");
        let disk = Disk::over(&dir);
        let before = contents(&dir);
        for what in [Scarce::Pages, Scarce::Names] {
            let build = || {
                let said = line.build("media", &[]);
                if said.code == 0 {
                    line.verify("media").done();
                    assert!(line.path("media/SEALIFT/bundles/patches/1").is_dir(), "another number: {said}");
                }
                std::fs::remove_dir_all(line.path("media")).unwrap();
                said
            };
            each(&[&disk], what, 0..200, build, |said| {
                assert_names(said, "connected");
                assert_kept(&before, &dir, &[], said);
                assert_tidy(&dir, said);
                line.mirror("bundle list", &[]).done();
            });
        }
    });
}

#[test]
fn medium_too_small_stays_as_it_was_and_costs_no_number() {
    isolated("full::medium_too_small_stays_as_it_was_and_costs_no_number", || {
        let line = Line::new();
        line.mirror("sync", &[]).done();
        let (mirror, medium) = (Disk::over(&line.path("connected")), Disk::over(&line.path("media")));
        for (what, step) in [(Scarce::Pages, 64), (Scarce::Names, 1)] {
            let steps = (0..1000).step_by(step);
            each(
                &[&medium, &mirror],
                what,
                steps,
                || line.build("media", &[]),
                |said| {
                    assert_names(said, "media");
                    assert!(contents(&line.path("media")).is_empty(), "{said}");
                    if what == Scarce::Pages {
                        assert!(!line.path("connected/streams").exists(), "foreseen, but took a number: {said}");
                    }
                },
            );
            line.verify("media").done();
        }
    });
}

#[test]
fn medium_with_a_bundle_verifies_at_every_moment_of_getting_another() {
    isolated("full::medium_with_a_bundle_verifies_at_every_moment_of_getting_another", || {
        let mut line = Line::new();
        line.mirror("sync", &[]).done();
        line.build("media", &[]).done();
        line.upstream.advance(600).unwrap();
        line.mirror("sync", &[]).done();
        let (mirror, medium) = (Disk::over(&line.path("connected")), Disk::over(&line.path("media")));
        each(
            &[&medium, &mirror],
            Scarce::Names,
            0..200,
            || line.build("media", &[]),
            |said| {
                assert_names(said, "media");
                line.verify("media").done();
            },
        );
        line.verify("media").done();
        assert!(line.path("media/SEALIFT/bundles/patches/2").is_dir());
    });
}

#[test]
fn pack_and_unpack_make_all_or_nothing() {
    isolated("full::pack_and_unpack_make_all_or_nothing", || {
        let line = Line::with_bundle();
        let tool = env!("CARGO_BIN_EXE_t-sealift-bundle");
        line.run(tool, &["pack", "media", "whole.sealift"]).done();
        let disk = Disk::over(&line.path("target"));
        let empty = |said: &Said| {
            assert_names(said, "target");
            assert!(contents(&line.path("target")).is_empty(), "{said}");
            assert!(line.path("target").read_dir().unwrap().next().is_none(), "left a directory: {said}");
        };
        for (what, step) in [(Scarce::Pages, 1), (Scarce::Names, 1)] {
            let steps = || (0..200).step_by(step);
            each(&[&disk], what, steps(), || line.run(tool, &["pack", "media", "target/b.sealift"]), empty);
            each(&[&disk], what, steps(), || line.run(tool, &["unpack", "whole.sealift", "target/medium"]), empty);
            line.verify("target/medium").done();
        }
    });
}

/// Asserts that the repository is whole and says of itself what the failure said of it.
fn assert_honest(line: &Line, said: &Said, accepted: usize) {
    line.import("status", &[]).done();
    line.import("ledger verify", &[]).done();
    let bundles = line.import("bundles", &[]).done().lines().filter(|text| text.contains("patches")).count();
    if bundles == accepted {
        return;
    }
    assert_eq!(bundles, accepted + 1, "{said}");
    let wrong = ["Nothing was changed.", "No bundle was accepted"];
    assert!(wrong.iter().all(|text| !said.stderr.contains(text)), "a bundle was accepted: {said}");
}

#[test]
fn receive_takes_all_or_nothing_and_is_finished_by_the_same_command() {
    isolated("full::receive_takes_all_or_nothing_and_is_finished_by_the_same_command", || {
        let line = Line::with_bundle();
        let dir = line.path("isolated");
        let disk = Disk::over(&dir);
        // In pages the look at the free space refuses long before: 32 MiB are kept free for index and ledger.
        for (what, step) in [(Scarce::Pages, 512), (Scarce::Names, 1)] {
            let steps = (0..20_000).step_by(step);
            each(
                &[&disk],
                what,
                steps,
                || line.import("receive", &["media"]),
                |said| {
                    assert_tidy(&dir, said);
                    assert_honest(&line, said, 0);
                },
            );
            line.import("promote", &["--channel", "testing", "1"]).done();
            assert_tidy(&dir, &"receive");
        }
        // With the blobs on another disk the look at the free space finds enough, and each page can be the last.
        disk.reset();
        let store = Disk::over(&line.path("isolated/store"));
        each(
            &[&disk, &store],
            Scarce::Pages,
            0..200,
            || line.import("receive", &["media"]),
            |said| {
                assert_tidy(&dir, said);
                assert_honest(&line, said, 0);
            },
        );
    });
}

/// Returns what the channels hold and what is published of them.
fn channels(line: &Line) -> Value {
    let status: Value = serde_json::from_str(&line.import("status", &["--json"]).done()).unwrap();
    status.get("channels").unwrap().clone()
}

/// A line whose testing channel is published with bundle 1 while bundle 2 is held.
fn line_with_two_bundles() -> Line {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.import("promote", &["--channel", "testing", "1"]).done();
    line.import("publish", &["--channel", "testing"]).done();
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media", &[]).done();
    line.import("receive", &["media"]).done();
    line
}

/// Runs a command that moves what `testing` holds or hosts see of it on a disk that gets full.
fn move_testing(line: &Line, disk: &Disk, steps: u64, command: impl Fn() -> Said) {
    let dir = line.path("isolated");
    let (before, held) = (contents(&dir), channels(line));
    for what in [Scarce::Pages, Scarce::Names] {
        each(&[disk], what, 0..steps, &command, |said| {
            assert_tidy(&dir, said);
            assert_honest(line, said, 2);
            let mut may_change = vec!["index.sqlite", "ledger.jsonl", "trust/"];
            if said.stderr.contains("Nothing was changed.") {
                assert_eq!(channels(line), held, "{said}");
            } else {
                may_change.extend(["published/testing", "published/sealift-trust"]);
            }
            assert_kept(&before, &dir, &may_change, said);
        });
    }
}

#[test]
fn promote_says_whether_the_channel_moved() {
    isolated("full::promote_says_whether_the_channel_moved", || {
        let line = line_with_two_bundles();
        let disk = Disk::over(&line.path("isolated"));
        move_testing(&line, &disk, 50, || line.import("promote", &["--channel", "testing", "2"]));
    });
}

#[test]
fn publish_says_whether_hosts_see_the_new_tree() {
    isolated("full::publish_says_whether_hosts_see_the_new_tree", || {
        let line = line_with_two_bundles();
        line.import("promote", &["--channel", "testing", "2"]).done();
        let disk = Disk::over(&line.path("isolated"));
        move_testing(&line, &disk, 300, || line.import("publish", &["--channel", "testing"]));
    });
}

#[test]
fn keys_are_made_all_or_none() {
    isolated("full::keys_are_made_all_or_none", || {
        let line = Line::new();
        let disk = Disk::over(&line.path("desk"));
        let init = || {
            let arguments = ["init", "desk/trust", "--passphrase-file", "passphrase"];
            line.run(env!("CARGO_BIN_EXE_t-sealift-keys"), &arguments)
        };
        // Each step derives up to five keys, which is slow on purpose; so only some.
        for what in [Scarce::Pages, Scarce::Names] {
            each(&[&disk], what, [0, 1, 3, 5, 50].into_iter(), init, |said| {
                assert_names(said, "desk");
                assert!(line.path("desk").read_dir().unwrap().next().is_none(), "left something: {said}");
            });
        }
    });
}

#[test]
fn plans_and_records_are_kept_whole_or_not_at_all() {
    isolated("full::plans_and_records_are_kept_whole_or_not_at_all", || {
        let mut line = Line::with_bundle();
        line.hosts();
        line.upstream.advance(600).unwrap();
        line.mirror("sync", &[]).done();
        line.build("media", &[]).done();
        line.import("receive", &["media"]).done();
        line.import("promote", &["--channel", "production", "2"]).done();
        line.import("publish", &[]).done();
        let dir = line.path("apply");
        let (disk, hosts) = (Disk::over(&dir), Disk::over(&line.path("hosts")));
        let plan = || line.apply("plan", &["--group", "web"]);
        for what in [Scarce::Pages, Scarce::Names] {
            each(&[&disk], what, 0..40, plan, |said| assert_tidy(&dir, said));
        }
        disk.reset();
        line.apply("plan", &["--group", "web"]).done();
        let plans = contents(&line.path("apply/plans"));
        let id = plans.keys().find(|name| !name.contains("dsse")).unwrap().trim_end_matches(".json").to_owned();
        disk.keep();
        let installed = line.installed("web1", "anchor");
        for what in [Scarce::Pages, Scarce::Names] {
            each(
                &[&disk, &hosts],
                what,
                [0, 1, 2, 4, 6, 8, 12, 16, 20, 30, 40].into_iter(),
                || line.apply("run", &[&id]),
                |said| {
                    assert_tidy(&dir, said);
                    line.apply("records", &[]).done();
                    if said.stderr.contains("Nothing was changed.") {
                        assert_eq!(line.installed("web1", "anchor"), installed, "{said}");
                    }
                },
            );
        }
    });
}
