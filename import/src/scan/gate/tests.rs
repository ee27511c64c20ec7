use super::*;
use crate::scan::verdicts::{Engine, Verdict};
use sealift_site::StatementKey;

fn entries() -> Vec<FileEntry> {
    let file = |name: &str| {
        let text = format!(
            r#"{{"path":"debian/pool/{name}.deb","role":"package","sha256":"{}","size":1,"upstream":"debian"}}"#,
            Digest::of(name.as_bytes())
        );
        serde_json::from_str(&text).unwrap()
    };
    ["a", "b"].map(file).to_vec()
}

fn scanners(names: &[&str]) -> Vec<Scanner> {
    let one = |name: &&str| toml::from_str(&format!("name = \"{name}\"\nkind = \"kiosk\"")).unwrap();
    names.iter().map(one).collect()
}

fn day(number: u64) -> Timestamp {
    "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap().plus_days(number)
}

fn kept(list: &[(&str, &str, u64, &[&str])]) -> Verdicts {
    let dir = tempfile::tempdir().unwrap();
    let key = StatementKey::from_seed(&"plant-a".parse().unwrap(), &[1; 32]);
    let mut verdicts = Verdicts::default();
    let verdict = |(scanner, content, on, found): &(&str, &str, u64, &[&str])| Verdict {
        scanner: (*scanner).into(),
        engine: Engine { name: "e".into(), version: "1".into(), signatures: "s".into() },
        time: day(*on),
        sha256: Digest::of(content.as_bytes()),
        path: "x".into(),
        files: 1,
        findings: found.iter().map(|n| Finding { inside: "data.tar/x".into(), name: (*n).into() }).collect(),
    };
    verdicts.keep(dir.path(), &key, day(9), list.iter().map(verdict).collect()).unwrap();
    verdicts
}

fn judge(names: &[&str], list: &[(&str, &str, u64, &[&str])]) -> Gate {
    Gate::judge(&scanners(names), &kept(list), entries().iter(), Some((day(9), 7)))
}

#[test]
fn every_scanner_must_have_called_every_content_clean() {
    let all: &[(&str, &str, u64, &[&str])] =
        &[("x", "a", 8, &[]), ("x", "b", 8, &[]), ("y", "a", 8, &[]), ("y", "b", 8, &[])];
    assert!(judge(&["x", "y"], all).is_open());
    for without in 0..all.len() {
        let rest: Vec<_> = all.iter().enumerate().filter(|(at, _)| *at != without).map(|(_, v)| *v).collect();
        let gate = judge(&["x", "y"], &rest);
        let silent = ClosedBy { scanner: all[without].0.into(), infected: 0, unknown: 1 };
        assert_eq!(gate.closed_by(), [silent], "silence blocks");
        assert_eq!(gate.unknown[0].contents, 1);
    }
    let silent = ClosedBy { scanner: "z".into(), infected: 0, unknown: 2 };
    assert_eq!(judge(&["x", "y", "z"], all).closed_by(), [silent]);
}

#[test]
fn old_verdicts_and_those_of_the_future_do_not_count() {
    let gate = |on| judge(&["x"], &[("x", "a", on, &[]), ("x", "b", 8, &[])]);
    assert!(gate(3).is_open());
    assert_eq!(gate(2).unknown[0].contents, 1, "a week old");
    assert_eq!(gate(10).unknown[0].contents, 1, "said tomorrow");
}

#[test]
fn a_finding_blocks_however_old_it_is_and_names_what_and_where() {
    let gate = judge(&["x", "y"], &[("x", "a", 1, &["Bad.Thing"]), ("x", "b", 8, &[])]);
    assert_eq!(gate.infected.len(), 1);
    assert_eq!(gate.infected[0].describe(), "debian/pool/a.deb: x says Bad.Thing (data.tar/x)");
    let by = |scanner: &str, infected, unknown| ClosedBy { scanner: scanner.into(), infected, unknown };
    assert_eq!(gate.closed_by(), [by("x", 1, 0), by("y", 0, 2)], "a finding is for a person, silence for the scanner");
}
