//! The command itself on root directories, with the real apt and dpkg of this machine, without root and network.
//!
//! Skipped, and said so, where apt-get or dpkg are not installed.

#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::format_push_string, reason = "a test says why it stopped")]

mod checking;
mod freshness;
mod operator;
mod site;

use site::{Deb, Site, tools_are_here};

#[test]
fn planned_packages_arrive_exactly_and_the_records_show_it() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0"), Deb::new("beta", "1.0")]);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "beta", "--out", "plan.json"]).exits(0);
    let first = site.apply(&["run", "plan.json"]);
    first.exits(0).says("changed");
    site.publish(&[Deb::new("alpha", "1:1.1"), Deb::new("beta", "1.0")]);
    site.apply(&["plan", "--group", "web", "--out", "plan.json"]).exits(0).says("upgrade  alpha    1.0   1:1.1");
    site.apply(&["run", "plan.json"]).exits(0);
    let diff = site.apply(&["diff", "3", "4"]);
    diff.exits(0).says("alpha").says("1:1.1").says("configuration file changed: /etc/alpha.conf");
    assert!(!diff.stdout.contains("beta"), "{}", diff.stdout);
    assert_eq!(site.read("roots/web1/usr/share/alpha/version"), "1:1.1");
    site.apply(&["plan", "--group", "web"]).exits(0).says("Nothing to do");
    site.apply(&["run", "plan.json"]).exits(0).says("already as planned");
    site.apply(&["verify"]).exits(0).says("6 state records verified");
    let json = site.apply(&["--json", "show", "4"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["record"]["outcome"], "changed");
    assert_eq!(document["record"]["state"]["packages"][0]["version"], "1:1.1");
    // Neither the host's sources nor anything else than the published key was used.
    assert!(!site.exists("roots/web1/etc/apt/sources.list"));
    assert!(site.read("roots/web1/var/lib/sealift/repository.sources").contains("Signed-By:"));
}

#[test]
fn a_failing_postinst_is_named_with_its_words_and_recorded() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0"), Deb::new("beta", "1.0").postinst("echo the disk of beta; exit 1")]);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "beta", "--out", "plan.json"]).exits(0);
    let run = site.apply(&["run", "plan.json"]);
    run.exits(1).says("beta (1.0 half-configured)").says("the disk of beta").says("sealift-apply show 2");
    site.apply(&["show", "2"]).exits(0).says("outcome: failed").says("half-done packages: beta");
    site.apply(&["plan", "--group", "web"]).exits(1).complains("dpkg --configure -a");
    site.publish(&[Deb::new("alpha", "1.0"), Deb::new("beta", "1.1")]);
    site.apply(&["plan", "--group", "web", "--out", "plan.json"]).exits(0);
    site.apply(&["run", "plan.json"]).exits(0).says("changed");
}

#[test]
fn a_hanging_postinst_is_ended_with_everything_it_started() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    let pid = site.path("pid").display().to_string();
    site.publish(&[Deb::new("slow", "1.0").postinst(&format!("sleep 300 & echo $! > {pid}; wait"))]);
    site.apply(&["plan", "--group", "web", "--package", "slow", "--out", "plan.json"]).exits(0);
    site.apply(&["run", "plan.json", "--timeout", "3"]).exits(1).says("took too long").says("half-configured");
    let process = std::path::Path::new("/proc").join(site.read("pid").trim());
    // What nobody has reaped yet is dead as well.
    let state = std::fs::read_to_string(process.join("stat")).unwrap_or_else(|_| ") Z".into());
    assert!(state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')), "{state}");
}

#[test]
fn a_run_whose_controller_is_killed_is_unfinished_and_the_next_says_what_it_found() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    let (begun, go) = (site.path("begun"), site.path("go"));
    let wait = format!("touch {}; while [ ! -e {} ]; do sleep 0.1; done", begun.display(), go.display());
    site.publish(&[Deb::new("alpha", "1.0").postinst(&wait)]);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "--out", "plan.json"]).exits(0);
    let mut controller = site.command("", &["run", "plan.json"]).spawn().unwrap();
    site::until(|| begun.exists());
    controller.kill().unwrap();
    controller.wait().unwrap();
    site.apply(&["records"]).exits(0).says("before  unfinished");
    site.apply(&["verify"]).exits(0).says("1 state record verified.").says("unfinished: web1: run ");
    std::fs::write(&go, "").unwrap();
    // apt outlives its controller and comes to its end.
    site::until(|| site.read("roots/web1/var/lib/dpkg/status").contains("install ok installed"));
    let again = site.apply(&["run", "plan.json"]);
    again.exits(0).says("left no record after record 1; since then: alpha 1.0 new; already as planned");
    site.apply(&["show", "3"]).exits(0).says("left no record after record 1");
    site.apply(&["records"]).exits(0).says("unfinished").says("unchanged");
}

#[test]
fn refuses_to_run_when_something_else_was_published_meanwhile() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0")]);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "--out", "plan.json"]).exits(0);
    site.publish(&[Deb::new("alpha", "1.0").postinst("true")]);
    let run = site.apply(&["run", "plan.json"]);
    run.exits(12).says("another file of the same version").says("Nothing was changed on web1.");
    site.publish(&[Deb::new("alpha", "2.0")]);
    site.apply(&["run", "plan.json"]).exits(12).says("apt would now do `install alpha 2.0`");
    assert!(!site.exists("roots/web1/usr/share/alpha"));
    let plan = site.read("plan.json").replacen("\"to\":\"1.0\"", "\"to\":\"2.0\"", 1);
    std::fs::write(site.path("plan.json"), plan).unwrap();
    site.apply(&["run", "plan.json"]).exits(10).complains("no signature").complains("Nothing was changed.");
}

#[test]
fn refuses_a_repository_that_the_published_key_did_not_sign() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0")]);
    site.replace("repository/dists/stable/InRelease", "Origin: site", "Origin: evil");
    let plan = site.apply(&["plan", "--group", "web", "--package", "alpha"]);
    plan.exits(10).complains("BADSIG").complains("No plan was made. Nothing was changed.");
    site.publish(&[Deb::new("alpha", "1.0")]);
    site.replace("repository/dists/stable/main/binary-all/Packages", "Version: 1.0", "Version: 6.6");
    site.apply(&["plan", "--group", "web"]).exits(10).complains("Hash Sum mismatch");
    // A package whose bytes are not those of the signed index is found when apt copies it.
    site.publish(&[Deb::new("alpha", "1.0")]);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "--out", "plan.json"]).exits(0);
    let deb = site.path("repository/pool/alpha_1.0_all.deb");
    let mut bytes = std::fs::read(&deb).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&deb, bytes).unwrap();
    site.apply(&["run", "plan.json"]).exits(1).says("alpha (not installed)").says("Hash Sum mismatch");
    std::fs::remove_dir_all(site.path("repository")).unwrap();
    site.apply(&["plan", "--group", "web"]).exits(1).complains("No plan was made.");
}

#[test]
fn removals_holds_and_missing_dependencies_are_said_before_anything_is_done() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    let base = [Deb::new("alpha", "1.0"), Deb::new("beta", "1.0")];
    site.publish(&base);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "beta", "--out", "plan.json"]).exits(0);
    site.apply(&["run", "plan.json"]).exits(0);
    site.publish(&[
        Deb::new("alpha", "2.0").field("Depends: nowhere"),
        Deb::new("beta", "2.0"),
        Deb::new("rival", "1.0").field("Conflicts: beta"),
    ]);
    site.replace(
        "roots/web1/var/lib/dpkg/status",
        "Package: beta\nStatus: install ok",
        "Package: beta\nStatus: hold ok",
    );
    let plan = site.apply(&["plan", "--group", "web"]);
    plan.exits(0).says("web1: held: beta").says("web1: kept back by apt: alpha, beta").says("Nothing to do");
    let missing = site.apply(&["plan", "--group", "web", "--package", "alpha"]);
    missing.exits(1).complains("nowhere");
    site.replace(
        "roots/web1/var/lib/dpkg/status",
        "Package: beta\nStatus: hold ok",
        "Package: beta\nStatus: install ok",
    );
    site.apply(&["plan", "--group", "web", "--package", "rival", "--out", "plan.json"]).exits(0).says("remove   beta");
    site.apply(&["run", "plan.json"]).exits(0).says("changed");
    assert!(!site.exists("roots/web1/usr/share/beta") && site.exists("roots/web1/usr/share/rival"));
}

#[test]
fn an_edited_configuration_file_stays_and_is_recorded_as_modified() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0")]);
    site.apply(&["plan", "--group", "web", "--package", "alpha", "--out", "plan.json"]).exits(0);
    site.apply(&["run", "plan.json"]).exits(0);
    std::fs::write(site.path("roots/web1/etc/alpha.conf"), "mine\n").unwrap();
    site.publish(&[Deb::new("alpha", "2.0")]);
    site.apply(&["plan", "--group", "web", "--out", "plan.json"]).exits(0);
    site.apply(&["run", "plan.json"]).exits(0);
    assert_eq!(site.read("roots/web1/etc/alpha.conf"), "mine\n");
    site.apply(&["show", "4"]).exits(0).says("configuration files: 1, 1 modified");
}

#[test]
fn wrong_names_and_directories_are_usage_errors_with_the_known_names() {
    let site = Site::new();
    site.apply(&["plan", "--group", "wbe"])
        .exits(2)
        .complains("the inventory has web")
        .complains("did you mean `web`?");
    site.apply(&["facts", "--host", "web2"]).exits(2).complains("did you mean `web1`?");
    site.apply(&["plan", "--group", "web", "--host", "db1"]).exits(2).complains("no host `db1`");
    site.apply(&["run", "feedbeef"]).exits(2).complains("Nothing was changed.");
    site.apply(&["show", "1"]).exits(2).complains("sealift-apply records");
    site.apply(&["--dir", "elsewhere", "records"]).exits(2).complains("sealift-apply init");
    site.replace("inventory.toml", "hosts = [\"web1\"]", "hosts = [\"wbe1\"]");
    site.apply(&["records"]).exits(2).complains("line ").complains("did you mean `web1`?");
}
