//! Checking state records with the public key alone, as those do who may not make any.

use std::process::Command;

use crate::site::{Site, tools_are_here};

const FORMAT: &str = include_str!("../../../docs/format/state-record.md");

/// Returns the commands of the format document's section 4.1, joined into one script.
fn commands_of_the_document() -> String {
    let section = FORMAT.split("### 4.1 Without sealift").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(commands.len() > 8, "{commands:?}");
    commands.join("\n")
}

#[test]
fn records_are_read_and_checked_without_the_private_key() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.two_records();
    std::fs::remove_file(site.path("site/statement.key")).unwrap();
    site.apply(&["verify"]).exits(0).says("2 state records verified.").says("site: plant-a");
    site.apply(&["records"]).exits(0).says("changed");
    site.apply(&["show", "2"]).exits(0).says("outcome: changed");
    site.apply(&["diff", "1", "2"]).exits(0).says("alpha");
    site.apply(&["run", "plan.json"]).exits(1).complains("statement.key").complains("Nothing was changed.");
    std::fs::rename(site.path("site/statement.pub"), site.path("brought.pub")).unwrap();
    site.apply(&["verify"]).exits(1).complains("statement.pub").complains("--key");
    site.apply(&["verify", "--key", "brought.pub"]).exits(0);
    std::fs::remove_file(site.path("inventory.toml")).unwrap();
    for verb in [&["records"][..], &["show", "1"], &["diff", "1", "2"], &["verify"]] {
        site.apply(&[verb, &["--key", "brought.pub"]].concat()).exits(0);
    }
}

#[test]
fn a_copy_of_the_records_is_checked_alone_and_only_by_a_key_that_is_named() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.two_records();
    std::fs::create_dir_all(site.path("audit/out")).unwrap();
    std::fs::rename(site.path("records"), site.path("audit/out/records")).unwrap();
    std::fs::rename(site.path("site/statement.pub"), site.path("audit/statement.pub")).unwrap();
    let audit = |arguments: &[&str]| site.apply_in("audit", arguments);
    for copy in ["out/records", "out"] {
        audit(&["verify", "--key", "statement.pub", copy]).exits(0).says("2 state records verified.");
        audit(&["show", "2", "--key", "statement.pub", "--records", copy]).exits(0).says("outcome: changed");
    }
    audit(&["verify", "out"]).exits(2).complains("--key FILE");
    audit(&["verify", "--key", "statement.pub", "elsewhere"]).exits(1).complains("elsewhere");
    audit(&["verify", "--key", "statement.pub", "."]).exits(1).complains("holds no state records");
    audit(&["verify", "--key", "../site/statement.key", "out"]).exits(1).complains("not a public key in PEM");
    site.replace("audit/out/records/000001-web1-before.json", "\"plant-a\"", "\"plant-b\"");
    audit(&["verify", "--key", "statement.pub", "out"]).exits(10).complains("record 1 (000001-web1-before.json)");
    site.replace("audit/out/records/000001-web1-before.json", "\"plant-b\"", "\"plant-a\"");
    let stranger = Site::new();
    std::fs::copy(stranger.path("site/statement.pub"), site.path("audit/stranger.pub")).unwrap();
    audit(&["verify", "--key", "stranger.pub", "out"])
        .exits(10)
        .complains("is not signed by the site's statement key")
        .complains("0 of 1 required signatures by keys that may sign it");
}

#[test]
fn the_commands_of_the_format_document_check_a_record_and_refuse_a_changed_one() {
    let there = Command::new("openssl").arg("version").output().is_ok_and(|o| o.status.success());
    if !tools_are_here() || !there {
        crate::site::not_checked("openssl");
        return;
    }
    let site = Site::new();
    site.two_records();
    std::fs::copy(site.path("site/statement.pub"), site.path("statement.pub")).unwrap();
    let script = commands_of_the_document();
    let check = || Command::new("sh").args(["-ec", &script]).current_dir(site.path("")).output().unwrap();
    let output = check();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Signature Verified Successfully") && said.contains("000001-web1-before.json: OK"), "{said}");
    let digests: Vec<&str> = said.lines().rev().take(2).collect();
    let previous = digests[1].trim_start_matches("\"previous\":\"").trim_end_matches('"');
    assert_eq!((previous.len(), digests[0].split(' ').next()), (64, Some(previous)), "{said}");
    site.replace("records/000001-web1-before.json", "\"plant-a\"", "\"plant-b\"");
    assert!(!check().status.success());
    site.replace("records/000001-web1-before.json", "\"plant-b\"", "\"plant-a\"");
    let stranger = Site::new();
    std::fs::copy(stranger.path("site/statement.pub"), site.path("statement.pub")).unwrap();
    assert!(!check().status.success());
}
