//! What hosts have goes out as a need-list, what they lack comes back, and nothing else crosses.

use std::fs;

use sealift_tests::host;
use serde_json::Value;

use crate::first_bundle::register_site;
use crate::line::Line;

/// A site with two hosts as released, of which `web1` was brought up to date but for `anchor`, and a mirror that knows the
/// site. Bundle 1 is there; the upstream has since published another fix of `anchor`.
fn site() -> Option<Line> {
    if let Some(missing) = host::missing() {
        eprintln!("NOT CHECKED: {missing} is not installed");
        return None;
    }
    let mut line = Line::with_bundle();
    line.hosts();
    register_site(&line);
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    Some(line)
}

/// Returns the packages that a bundle lists, as `name version`.
fn listed(line: &Line, medium: &str, sequence: u32) -> Vec<String> {
    let path = format!("{medium}/SEALIFT/bundles/patches/{sequence}/manifest.json");
    let manifest: Value = serde_json::from_slice(&fs::read(line.path(&path)).unwrap()).unwrap();
    let name = |deb: &Value| format!("{} {}", deb["package"].as_str().unwrap(), deb["version"].as_str().unwrap());
    manifest["files"].as_array().unwrap().iter().filter_map(|file| file.get("deb").map(name)).collect()
}

#[test]
fn only_what_the_hosts_lack_crosses_and_brings_them_up_to_date() {
    let Some(line) = site() else { return };
    upgrade(&line, "web", "plan1.json");
    assert_eq!(line.installed("web1", "anchor"), "2.4-1+sec1 (install ok installed)");
    let said = line.apply("need", &["--all", "--out", "need.txt"]).done();
    assert!(said.contains("lighthouse/amd64: 2 hosts"), "{said}");
    let list = fs::read_to_string(line.path("need.txt")).unwrap();
    assert!(list.contains("have: anchor 2.4-1 all 1\nhave: anchor 2.4-1+sec1 all 1\n"), "{list}");
    // Another site's operator would not see who it is about.
    assert!(!list.contains("web1") && !list.contains("db1") && !list.contains("\nhost"), "{list}");

    fs::create_dir(line.path("out")).unwrap();
    line.import("need", &["--from", "need.txt", "--to", "out"]).done();
    line.import("ledger verify", &[]).done();
    let said = line.build("media2", &["--need", "out/need.txt", "--full"]).done();
    assert!(said.contains("needed by 2 hosts of lighthouse/amd64: 2.4-1 → 2.4-1+sec2"), "{said}");
    assert!(said.contains("needed by 1 host of lighthouse/amd64: 0.9-2 → 0.9-2+sec1"), "{said}");
    let expected = ["anchor 2.4-1+sec2", "beacon 1.0-1+sec1", "compass 0.9-2+sec1", "libbeacon1 1.0-1+sec1"];
    assert_eq!(listed(&line, "media2", 2), expected);
    line.verify("media2/SEALIFT").done();
    line.import("receive", &["media2"]).done();
    line.import("promote", &["--channel", "production", "2"]).done();
    line.import("publish", &[]).done();
    upgrade(&line, "web", "plan2.json");
    upgrade(&line, "db", "plan3.json");
    for host in ["web1", "db1"] {
        assert_eq!(line.installed(host, "anchor"), "2.4-1+sec2 (install ok installed)", "{host}");
        assert_eq!(line.installed(host, "beacon"), "1.0-1+sec1 (install ok installed)", "{host}");
    }

    // Now nobody lacks anything.
    line.apply("need", &["--all", "--from-records", "--out", "need2.txt"]).done();
    let said = line.build("media3", &["--need", "need2.txt"]).done();
    assert!(said.contains("2 hosts of the need-lists lack nothing"), "{said}");
    assert!(!line.path("media3/SEALIFT").exists());
}

#[test]
fn a_group_that_is_ahead_gets_only_the_rest() {
    let Some(line) = site() else { return };
    upgrade(&line, "web", "plan1.json");
    line.apply("need", &["--group", "web", "--out", "need.txt"]).done();
    line.build("media2", &["--need", "need.txt", "--full"]).done();
    assert_eq!(listed(&line, "media2", 2), ["anchor 2.4-1+sec2"]);
    // The same list again builds nothing new; what is built over what the site acknowledged does not carry it again.
    let said = line.mirror("bundle build", &["--stream", "patches", "--need", "need.txt", "--plan"]).done();
    assert!(said.contains("Nothing new"), "{said}");
}

#[test]
fn preview_shows_every_byte_and_writes_nothing() {
    let Some(line) = site() else { return };
    fs::create_dir(line.path("out")).unwrap();
    let before = line.files("apply");
    let said = line.apply("need", &["--all", "--preview"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.stdout.starts_with("sealift need-list 1\nsite: plant-a\n") && said.stdout.ends_with('\n'), "{said}");
    assert_eq!(said.stdout.lines().last().unwrap().len(), "signature: ".len() + 128, "{said}");
    assert!(said.stderr.contains("Nothing was written."), "{said}");
    assert_eq!(line.files("apply"), before);
    fs::write(line.path("need.txt"), &said.stdout).unwrap();
    line.mirror("bundle build", &["--stream", "patches", "--need", "need.txt", "--plan"]).done();
    let ledger = fs::read(line.path("isolated/ledger.jsonl")).unwrap();
    let said = line.import("need", &["--from", "need.txt", "--preview"]).done();
    assert!(said.contains("have: anchor 2.4-1 all 2\n"), "{said}");
    assert_eq!(fs::read(line.path("isolated/ledger.jsonl")).unwrap(), ledger);
    fs::write(line.path("out/notes.txt"), "mine").unwrap();
    line.apply("need", &["--all", "--to", "out"]).failed(1, &["notes.txt", "Nothing was written."]);
}

#[test]
fn hosts_that_do_not_answer_are_named_here_and_counted_there() {
    let Some(line) = site() else { return };
    fs::rename(line.path("hosts/db1"), line.path("hosts/gone")).unwrap();
    line.apply("need", &["--all", "--out", "need.txt"]).failed(3, &[]);
    let list = fs::read_to_string(line.path("need.txt")).unwrap();
    assert!(list.contains("\nleft-out: 1\n") && !list.contains("db1"), "{list}");
    let said = line.mirror("bundle build", &["--stream", "patches", "--need", "need.txt", "--plan"]).done();
    assert!(said.contains("leave out 1 host"), "{said}");
    line.apply("need", &["--host", "db1", "--out", "none.txt"]).failed(1, &["db1", "Nothing was written."]);
    assert!(!line.path("none.txt").exists());
}

#[test]
fn hostile_lists_are_refused_and_change_nothing() {
    let Some(line) = site() else { return };
    line.apply("need", &["--all", "--out", "need.txt"]).done();
    let good = fs::read_to_string(line.path("need.txt")).unwrap();
    let plan = |text: &str| {
        fs::write(line.path("bad.txt"), text).unwrap();
        line.mirror("bundle build", &["--stream", "patches", "--need", "bad.txt", "--plan"])
    };
    for bad in [
        good.replace("anchor", "an\u{1b}[2Jchor"),
        good.replace("2.4-1 ", "2.4-1\u{7} "),
        good.replace("\nhave: beacon", "\nhave: anchor 2.4-1 all 2\nhave: beacon"),
        good.replace("have: anchor", "have: zanchor"),
        good.replace("plant-a", "plant-b"),
        format!("{good}more\n"),
        String::new(),
    ] {
        let text = plan(&bad).refused(10, &["need-list"]);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    }
    plan(&"x".repeat(17 << 20)).refused(1, &["larger than the limit"]);
    // By the key of a machine that nobody named.
    line.apply("init", &["elsewhere", "--site", "plant-a"]).done();
    fs::copy(line.path("apply/inventory.toml"), line.path("elsewhere/inventory.toml")).unwrap();
    let own = fs::read_to_string(line.path("elsewhere/inventory.toml")).unwrap();
    let own = own.replace("statement_key = \"../isolated/site\"", "statement_key = \"site\"");
    fs::write(line.path("elsewhere/inventory.toml"), own).unwrap();
    let tool = env!("CARGO_BIN_EXE_t-sealift-apply");
    line.run(tool, &["need", "--dir", "elsewhere", "--all", "--out", "other.txt"]).done();
    let other = fs::read_to_string(line.path("other.txt")).unwrap();
    plan(&other).refused(10, &["plant-a", "not a key of this site"]);
    line.import("need", &["--from", "other.txt", "--out", "merged.txt"]).refused(10, &["not a key of this site"]);
    line.import("need", &["--from", "other.txt", "--key", "elsewhere/statement.pub", "--out", "merged.txt"]).done();
    let merged = fs::read_to_string(line.path("merged.txt")).unwrap();
    plan(&merged).done();
    // What was written before a list that a bundle was built from is refused from then on.
    line.build("media2", &["--need", "merged.txt", "--full"]).done();
    if good.lines().nth(2) != merged.lines().nth(2) {
        plan(&good).refused(11, &["issued"]);
    }
}

#[test]
fn what_no_rule_selects_is_fetched_for_the_hosts_that_lack_it() {
    if let Some(missing) = host::missing() {
        eprintln!("NOT CHECKED: {missing} is not installed");
        return;
    }
    let line = Line::new();
    let config = fs::read_to_string(line.path("connected/mirror.toml")).unwrap();
    let config = config.replace("packages = [\"beacon\", \"compass\", \"anchor\"]", "packages = [\"beacon\"]");
    fs::write(line.path("connected/mirror.toml"), config).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media", &[]).done();
    line.site("isolated");
    line.hosts();
    register_site(&line);
    line.apply("need", &["--all", "--out", "need.txt"]).done();
    line.build("media2", &["--need", "need.txt"]).refused(1, &["not in the store", "sealift-mirror sync", "--need"]);
    let said = line.mirror("select plan", &["--need", "need.txt"]).done();
    assert!(said.contains("2 to fetch") && said.contains("compass"), "{said}");
    line.mirror("sync", &["--need", "need.txt"]).done();
    line.build("media2", &["--need", "need.txt", "--full"]).done();
    assert_eq!(listed(&line, "media2", 2).len(), 4);
    line.verify("media2/SEALIFT").done();
}

#[test]
fn what_does_not_fit_is_named_with_its_size_and_reason() {
    let Some(line) = site() else { return };
    line.apply("need", &["--all", "--out", "need.txt"]).done();
    let arguments =
        |budget: &'static str| ["--stream", "patches", "--need", "need.txt", "--budget", budget, "--plan", "--json"];
    let whole: Value = serde_json::from_str(&line.mirror("bundle build", &arguments("dvd")).stdout).unwrap();
    assert_eq!(whole["budget"]["left_out"].as_array().unwrap().len(), 0, "{whole}");
    let planned = whole["budget"]["planned"].as_u64().unwrap();
    let budget: &'static str = Box::leak((planned - 1).to_string().into_boxed_str());
    let said = line.mirror("bundle build", &arguments(budget));
    let less: Value = serde_json::from_str(&said.stdout).unwrap();
    let left_out = &less["budget"]["left_out"][0];
    assert!(
        left_out["size"].as_u64().unwrap() > 0 && left_out["reason"].as_str().unwrap().contains("were left"),
        "{less}"
    );
    assert_eq!(left_out["severity"], "unknown", "a fix that nobody judged: {less}");
    line.mirror("bundle build", &["--stream", "patches", "--budget", "1KB", "--plan"]).failed(1, &["budget", "larger"]);
    line.mirror("bundle build", &["--stream", "patches", "--budget", "4G", "--plan"]).failed(2, &["GB"]);
}

fn upgrade(line: &Line, group: &str, plan: &str) {
    line.apply("plan", &["--group", group, "--out", plan]).done();
    line.apply("run", &[plan]).done();
}
