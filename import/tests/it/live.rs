//! What hosts see and what the ledger says of it, around a publication that was killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use sealift_import::index::{Index, Publication};
use sealift_import::ledger::{EventKind, EventSubject};
use sealift_import::publish::{PublishOptions, publish};
use sealift_import::{Repository, channel, status};
use sealift_model::{ChannelId, Silent};

use crate::fixture::{Connected, Isolated, deb, now, spec};

fn production() -> ChannelId {
    "production".parse().unwrap()
}

/// Bundle 1 is published, bundle 2 is promoted.
fn between_two() -> Isolated {
    let mut connected = Connected::new();
    connected.expires = sealift_term::now().plus_days(3650).max(connected.expires);
    let isolated = Isolated::new(&connected);
    for (sequence, version) in [(1, "1.6"), (2, "1.7")] {
        let mut spec = spec(sequence, vec![deb("jq", version)]);
        spec.not_after = connected.expires;
        isolated.accept(&connected.bundle(spec));
    }
    channel::promote(&mut isolated.writer(), &production(), "1").unwrap();
    publish(&mut isolated.writer(), &PublishOptions { channel: production(), verify: true }, &Silent).unwrap();
    channel::promote(&mut isolated.writer(), &production(), "2").unwrap();
    isolated
}

/// Leaves tree 2 and a note that it is about to be shown, as a run killed right there leaves them.
fn begin_second(isolated: &Isolated) {
    let trees = isolated.path().join("published/.trees");
    let copied = Command::new("cp").arg("-a").arg(trees.join("production-1")).arg(trees.join("production-2")).status();
    assert!(copied.unwrap().success());
    let subject = EventSubject { channel: Some(production()), ..EventSubject::default() };
    let event = isolated.writer().event(EventKind::Published, subject, "tree 2 with deb12/2, as it was about to be");
    let mut index = Index::open(&isolated.path().join("index.sqlite")).unwrap();
    let change = index.change().unwrap();
    let publication = Publication { channel: production(), revision: 2, tree: 2, at: now(), event };
    change.begin_publication(&publication).unwrap();
    change.commit().unwrap();
}

fn link_to(isolated: &Isolated, target: &str) {
    let link = isolated.path().join("published/production");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(target, link).unwrap();
}

fn recorded(isolated: &Isolated) -> (u64, Vec<String>) {
    let repository = Repository::open(&isolated.path()).unwrap();
    repository.verify_ledger(|_| ()).unwrap();
    let lines = isolated.ledger_lines().into_iter().filter(|line| line.contains("\"event\":\"published\"")).collect();
    (repository.index().published(&production()).unwrap().tree, lines)
}

#[test]
fn a_tree_that_hosts_see_since_a_killed_run_is_named_in_the_ledger_by_the_next_writer() {
    let isolated = between_two();
    begin_second(&isolated);
    link_to(&isolated, ".trees/production-2");
    let (before, _) = recorded(&isolated);
    assert_eq!(before, 1);
    drop(isolated.writer());
    let (tree, lines) = recorded(&isolated);
    assert_eq!((tree, lines.len()), (2, 2));
    assert!(lines[1].contains("tree 2 with deb12/2, as it was about to be"), "{}", lines[1]);
    drop(isolated.writer());
    assert_eq!(recorded(&isolated).1.len(), 2, "recorded once");
}

#[test]
fn a_tree_that_hosts_never_saw_is_not_named_in_the_ledger() {
    let isolated = between_two();
    begin_second(&isolated);
    drop(isolated.writer());
    assert_eq!((recorded(&isolated).0, recorded(&isolated).1.len()), (1, 1));
    assert!(Repository::open(&isolated.path()).unwrap().index().publications().unwrap().is_empty());
    let report = publish(&mut isolated.writer(), &PublishOptions { channel: production(), verify: true }, &Silent);
    assert!(report.unwrap().tree.ends_with("production-3"));
}

#[test]
fn a_link_that_no_publication_explains_is_named_and_publishing_mends_it() {
    let isolated = between_two();
    for target in [".trees/production-7", "/etc"] {
        link_to(&isolated, target);
        let shown = status::status(&Repository::open(&isolated.path()).unwrap(), now()).unwrap();
        let stray = &shown.strays[0];
        assert!(stray.describe().contains(target) && stray.describe().contains("tree"), "{}", stray.describe());
        drop(isolated.writer());
        assert_eq!(recorded(&isolated).1.len(), 1, "nothing is recorded that this tool did not do");
    }
    fs::remove_file(isolated.path().join("published/production")).unwrap();
    assert!(shown_strays(&isolated)[0].contains("nothing"));
    publish(&mut isolated.writer(), &PublishOptions { channel: production(), verify: true }, &Silent).unwrap();
    assert!(shown_strays(&isolated).is_empty());
}

fn shown_strays(isolated: &Isolated) -> Vec<String> {
    let shown = status::status(&Repository::open(&isolated.path()).unwrap(), now()).unwrap();
    shown.strays.iter().map(status::Stray::describe).collect()
}

#[test]
fn a_publication_killed_at_any_moment_leaves_ledger_index_and_link_saying_one_thing() {
    let isolated = between_two();
    if sealift_term::now() < isolated.clock.minus_seconds(86_400) {
        eprintln!("NOT CHECKED: the clock of this machine is before the fixture's date");
        return;
    }
    let publish_once = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-import"));
        command.env_clear().args(["publish", "--quiet", "--channel", "production", "--dir"]).arg(isolated.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    // A link or a commit is a matter of milliseconds at the end of a run whose length differs between machines.
    let begun = std::time::Instant::now();
    assert!(publish_once().wait().unwrap().success());
    let whole = begun.elapsed();
    for step in 0..40_u32 {
        let mut child = publish_once();
        std::thread::sleep(whole * (step + 10) / 50);
        let _ = child.kill();
        child.wait().unwrap();
        drop(isolated.writer());
        let (tree, lines) = recorded(&isolated);
        let live = fs::read_link(isolated.path().join("published/production")).unwrap();
        assert_eq!(live, Path::new(".trees").join(format!("production-{tree}")));
        assert!(lines.last().unwrap().contains(&format!("tree {tree} with")), "{lines:?}");
    }
}
