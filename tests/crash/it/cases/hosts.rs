//! Plans and runs on hosts that are directories.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sealift_tests::host;
use serde_json::Value;

use super::{Case, case};
use crate::invariants::files;
use crate::state::State;
use crate::world::{Line, Worlds, copy, worlds};

const APPLY: &[&str] = &["apply", "isolated", "hosts"];

pub fn cases() -> Vec<Case> {
    vec![
        case("plan", "hosts", APPLY, "apply", "plan --dir apply --group web"),
        // Each run adds records of its own: `state` compares what they and dpkg say.
        Case { every: 4, ..case("run", "planned", APPLY, "apply", &format!("run --dir apply {}", plan())) },
    ]
}

pub fn make_steps(worlds: &Worlds) {
    let hosts = |dir: &Path| lay_out(dir, worlds);
    worlds.derive("hosts", Some("published"), &hosts, &[]);
    worlds.derive("planned", Some("hosts"), &|_| (), &[Line::new("apply", "plan --dir apply --group web")]);
}

/// Returns the id of the one plan there is.
fn plan() -> String {
    let plans = fs::read_dir(worlds().before("planned").join("apply/plans")).unwrap();
    let mut names = plans.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.find_map(|name| name.strip_suffix(".dsse.json").map(str::to_owned)).unwrap()
}

fn lay_out(dir: &Path, worlds: &Worlds) {
    let init = Line::new("apply", "init apply --site plant-a --site-keys isolated/site");
    let said = crate::world::run(dir, &init, "");
    assert!(said.done(), "{}", said.text);
    copy(&worlds.hosts(), &dir.join("hosts"));
    let published = worlds.before("published").join("isolated/published/production");
    let mut inventory = "[site]\nname = \"plant-a\"\nkeyring = \"../isolated/published/sealift-archive-keyring.asc\"\n\
                         statement_key = \"../isolated/site\"\n"
        .to_owned();
    for (group, host) in [("web", "web1"), ("db", "db1")] {
        write!(
            inventory,
            "\n[[group]]\nname = \"{group}\"\nrepository = \"file:{}\"\nsuites = [\"lighthouse\", \"lighthouse-security\"]\n\
             components = [\"main\"]\nhosts = [\"{host}\"]\n\n[[host]]\nname = \"{host}\"\nroot = \"../hosts/{host}\"\n\
             enter = \"chrootless\"\n",
            published.display()
        )
        .unwrap();
    }
    fs::write(dir.join("apply/inventory.toml"), inventory).unwrap();
}

/// Adds what dpkg says of each host, what the last record of it does, and what lies beside the records.
///
/// How many records there are depends on how many runs it took, and what they say of times and of dpkg's words differs in
/// each: what counts is that the last of each host is one after a run that left it as planned.
pub fn said(dir: &Path, state: &mut State) {
    for host in ["web1", "db1"] {
        let root = dir.join("hosts").join(host);
        for package in ["anchor", "beacon", "compass", "libbeacon1"].iter().filter(|_| root.exists()) {
            let version = host::version(&root, package).unwrap_or_else(|error| error.to_string());
            state.insert(format!("dpkg on {host}: {package}"), version);
        }
    }
    let mut names: Vec<String> = files(&dir.join("apply/records"))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in &names {
        match name.strip_suffix(".dsse.json") {
            Some(stem) if names.contains(&format!("{stem}.json")) => {}
            None if name.strip_suffix(".json").is_some_and(|stem| !stem.starts_with(".tmp-")) => {
                record(&dir.join("apply/records").join(name), state);
            }
            _ => _ = state.insert(format!("beside the records: {name}"), "left".into()),
        }
    }
}

fn record(path: &Path, state: &mut State) {
    let record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or_default();
    let outcome = match record["outcome"].as_str() {
        Some("changed" | "unchanged") => "as planned",
        Some(other) => other,
        None => "begun",
    };
    let mut packages: Vec<String> = record["state"]["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|package| format!("{} {} {}", package["name"], package["version"], package["state"]))
        .collect();
    packages.sort();
    let host = record["host"].as_str().unwrap_or_default();
    state.insert(format!("last record of {host}"), format!("{outcome}; {}", packages.join(", ")));
}
