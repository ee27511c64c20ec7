//! Plans and runs on hosts that are directories.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{Case, case};
use crate::world::{Line, Worlds, copy, worlds};

const APPLY: &[&str] = &["apply", "isolated", "hosts"];

pub fn cases() -> Vec<Case> {
    vec![
        case("plan", "hosts", APPLY, "apply", "plan --dir apply --group web"),
        case("run", "planned", APPLY, "apply", &format!("run --dir apply {}", plan())),
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
