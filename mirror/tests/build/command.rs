//! The tool as it is typed: exit codes, what is said, what is left unchanged.

use std::path::Path;
use std::process::{Command, Output};

use crate::kit::{PASSPHRASE, World, receipt};

const OFFERS: &[(&str, &str, &str)] = &[("jq", "1.6", "libc6 (>= 2.36)")];

fn world() -> World {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, OFFERS);
    let line = format!("{PASSPHRASE}\n");
    sealift_fs::write_new(&world.path("pass"), line.as_bytes(), sealift_fs::Mode::Private).unwrap();
    std::fs::create_dir(world.path("medium")).unwrap();
    world
}

fn run(world: &World, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-mirror"));
    command.env("SOURCE_DATE_EPOCH", "1795449600").arg("--dir").arg(world.mirror()).args(args);
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn build_plans_writes_and_names_the_next_command() {
    let world = world();
    let (pass, medium) = (world.path("pass"), world.path("medium"));
    let args = ["bundle", "build", "--stream", "s", "--to", shown(&medium), "--passphrase-file", shown(&pass)];
    let out = run(&world, &args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let story = text(&out.stderr);
    assert!(story.contains("rule packages = \"jq\""), "{story}");
    assert!(story.contains("jq needs libc6 (>= 2.36)"), "{story}");
    assert!(text(&out.stdout).contains("Next: sealift-bundle verify"), "{}", text(&out.stdout));
    let again = run(&world, &args);
    assert_eq!(again.status.code(), Some(0));
    assert!(text(&again.stdout).contains("Nothing new since bundle 1"), "{}", text(&again.stdout));
    let list = run(&world, &["bundle", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((list[0]["status"].as_str(), list[0]["sequence"].as_u64()), (Some("sealed"), Some(1)));
    let show = run(&world, &["bundle", "show", "1", "--stream", "s"]);
    assert!(text(&show.stdout).contains("evidence: build.dsse.json"), "{}", text(&show.stdout));
    let file = world.path("one.sealift");
    assert_eq!(run(&world, &["bundle", "pack", shown(&medium), shown(&file)]).status.code(), Some(0));
    assert_eq!(run(&world, &["bundle", "pack", shown(&medium), shown(&file)]).status.code(), Some(1));
    let back = world.path("back");
    assert_eq!(run(&world, &["bundle", "unpack", shown(&file), shown(&back)]).status.code(), Some(0));
    assert!(back.join("SEALIFT/SHA256SUMS").is_file());
}

#[test]
fn a_wrong_passphrase_changes_nothing() {
    let world = world();
    sealift_fs::replace(&world.path("pass"), b"wrong\n", sealift_fs::Mode::Private).unwrap();
    let before = world.documents();
    let pass = world.path("pass");
    let out = run(&world, &["bundle", "build", "--stream", "s", "--passphrase-file", shown(&pass)]);
    let story = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{story}");
    assert!(story.contains("wrong passphrase") && story.contains("Nothing was changed."), "{story}");
    assert_eq!(world.documents(), before);
}

#[test]
fn usage_errors_say_what_to_type() {
    let world = world();
    for (args, hint) in [
        (&["bundle", "build", "--stream", "x"][..], "[[stream]]"),
        (&["bundle", "build", "--stream", "s"], "--passphrase-file"),
        (&["select", "plan", "x"], "[[stream]]"),
        (&["receipt", "show", "x"], "no site"),
        (&["bundle", "build", "--stream", "s", "--base", "1", "--full"], "cannot be used with"),
    ] {
        let out = run(&world, args);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(hint), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn select_plan_tells_what_is_to_fetch() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync_some(0, OFFERS, |_| false);
    let out = run(&world, &["select", "plan"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("1 package, 650 B; 1 to fetch (650 B)."), "{}", text(&out.stdout));
    let out = run(&world, &["select", "plan", "s", "--json"]);
    let plan: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(plan["streams"][0]["packages"][0]["in_store"], false);
    assert_eq!(plan["streams"][0]["unresolved"][0]["relation"], "libc6 (>= 2.36)");
    let build = run(&world, &["bundle", "build", "--stream", "s", "--plan"]);
    assert_eq!(build.status.code(), Some(1));
    assert!(text(&build.stderr).contains("sealift-mirror sync"), "{}", text(&build.stderr));
}

#[test]
fn a_forged_receipt_exits_10_and_an_old_one_11() {
    let world = world();
    let forger = sealift_site::StatementKey::from_seed(world.site.site(), &[8; 32]);
    let id = sealift_model::Digest::of(b"m");
    for (key, day, code) in [(&forger, 3, 10), (&world.site, 3, 0), (&world.site, 2, 11)] {
        std::fs::write(world.path("receipt"), receipt(key, day, 9, id)).unwrap();
        let out = run(&world, &["receipt", "import", shown(&world.path("receipt"))]);
        assert_eq!(out.status.code(), Some(code), "{}", text(&out.stderr));
    }
    let out = run(&world, &["receipt", "show"]);
    assert!(text(&out.stdout).contains("holds: s bundle 9"), "{}", text(&out.stdout));
}

#[test]
fn a_build_that_could_not_be_written_is_finished_by_the_same_command() {
    let world = world();
    let (pass, medium) = (world.path("pass"), world.path("medium"));
    std::fs::write(medium.join("SEALIFT"), "a file of somebody else").unwrap();
    let args = ["bundle", "build", "--stream", "s", "--passphrase-file", shown(&pass), "--to", shown(&medium)];
    assert_eq!(run(&world, &args[..6]).status.code(), Some(0));
    let out = run(&world, &args);
    let story = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{story}");
    assert!(story.contains("The bundle is sealed and kept in the mirror."), "{story}");
    std::fs::remove_file(medium.join("SEALIFT")).unwrap();
    let out = run(&world, &args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("Wrote bundle 1 of stream s"), "{}", text(&out.stdout));
    assert_eq!(world.verify(&medium, 1).bundles.len(), 1);
    // Another medium, without a key at hand.
    let other = world.path("other");
    std::fs::create_dir(&other).unwrap();
    let out = run(&world, &["bundle", "seal", "--stream", "s", "--to", shown(&other)]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(world.verify(&other, 1).bundles.len(), 1);
}

#[test]
fn a_place_that_cannot_take_the_bundle_costs_no_number() {
    let world = world();
    let (pass, top) = (world.path("pass"), world.path("place"));
    let build = |to: &Path| {
        run(&world, &["bundle", "build", "--stream", "s", "--to", shown(to), "--passphrase-file", shown(&pass)])
    };
    std::fs::create_dir(&top).unwrap();
    std::fs::write(top.join("file"), "").unwrap();
    std::fs::create_dir_all(top.join("taken/SEALIFT")).unwrap();
    std::fs::write(top.join("taken/SEALIFT/letter.txt"), "").unwrap();
    for place in ["no/parent", "file", "taken"] {
        let out = build(&top.join(place));
        let story = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{story}");
        assert!(story.contains(place) && story.contains("Nothing was changed."), "{story}");
    }
    assert!(world.state().dir().join("streams").read_dir().is_err(), "a number was taken");
    let out = build(&top.join("new"));
    assert!(text(&out.stdout).contains("Wrote bundle 1 of stream s"), "{}", text(&out.stderr));
    assert_eq!(world.verify(&top.join("new"), 1).bundles.len(), 1);
}

#[test]
fn a_held_lock_exits_20() {
    let world = world();
    let state = world.state();
    let _lock = state.lock().unwrap();
    let pass = world.path("pass");
    let out = run(&world, &["bundle", "build", "--stream", "s", "--passphrase-file", shown(&pass)]);
    assert_eq!(out.status.code(), Some(20), "{}", text(&out.stderr));
    assert_eq!(run(&world, &["bundle", "build", "--stream", "s", "--plan"]).status.code(), Some(0));
}

#[test]
fn a_draft_tells_the_holders_what_to_type() {
    let world = World::new("2-of-3", "[\"jq\"]");
    world.sync(0, OFFERS);
    let line = format!("{PASSPHRASE}\n");
    sealift_fs::write_new(&world.path("pass"), line.as_bytes(), sealift_fs::Mode::Private).unwrap();
    for key in ["targets-2", "targets-3"] {
        crate::signatures::take_keys(&world, key);
    }
    let pass = world.path("pass");
    let out = run(&world, &["bundle", "build", "--stream", "s", "--passphrase-file", shown(&pass)]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let answer = text(&out.stdout);
    for part in ["1 of 2", "sealift-keys sign", "draft/targets.json", "root.json", "bundle seal --stream s 1 --to DIR"]
    {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    let list = run(&world, &["bundle", "list"]);
    assert!(text(&list.stdout).contains("awaiting signatures"), "{}", text(&list.stdout));
}
