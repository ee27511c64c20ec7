//! What this machine lacks, by a need-list and by its own apt: two answers to one question.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use sealift_mirror::need;
use sealift_mirror::selection::need::select;
use sealift_mirror::snapshot::Head;
use sealift_model::UpstreamId;
use sealift_trust::need::{Distribution, Have, NeedList};

use crate::kit::{World, time};

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Every index that apt fetched, one after the other.
fn indexes() -> String {
    let lists = said("sh", &["-c", "ls /var/lib/apt/lists/*_Packages* 2>/dev/null"]);
    let text = lists.lines().map(|list| said("/usr/lib/apt/apt-helper", &["cat-file", list]));
    text.fold(String::new(), |all, one| all + one.trim_end() + "\n\n")
}

fn installed() -> Vec<Have> {
    let lines = said("dpkg-query", &["-W", "-f", "${Package} ${Version} ${Architecture} ${Status}\n"]);
    let have = |line: &str| {
        let mut words = line.splitn(4, ' ').map(str::to_owned);
        let (package, version, architecture) = (words.next()?, words.next()?, words.next()?);
        let whole = words.next()? == "install ok installed";
        whole.then_some(Have { package, version, architecture, hosts: 1 })
    };
    let mut all: Vec<Have> = lines.lines().filter_map(have).collect();
    all.sort();
    all
}

/// What apt would install: `Inst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64])`.
fn apt() -> BTreeSet<String> {
    let simulated = said("apt-get", &["-s", "-o", "Debug::NoLocking=true", "dist-upgrade"]);
    let line = |line: &str| {
        let rest = line.strip_prefix("Inst ")?;
        let (name, rest) = rest.split_once(' ')?;
        Some(format!("{name} {}", rest.split_once('(')?.1.split(' ').next()?))
    };
    simulated.lines().filter_map(line).collect()
}

#[test]
#[ignore = "reads the lists of this machine's apt, and takes a minute without optimisation"]
fn a_need_list_of_this_machine_selects_what_its_apt_would_install() {
    let (index, have) = (indexes(), installed());
    if index.trim().is_empty() || have.is_empty() {
        eprintln!("NOT CHECKED: this machine has no lists of apt, or no dpkg");
        return;
    }
    let world = World::new("1-of-1", "[\"*\"]");
    let state = world.state();
    let head = Head { codename: Some("here".into()), ..world.head(&state, 0, index.as_bytes()) };
    let one = Distribution { codename: "here".into(), architecture: "amd64".into(), label: None, hosts: 1, have };
    let list = NeedList {
        site: world.site.site().clone(),
        issued: time(1),
        as_of: time(1),
        left_out: 0,
        distributions: vec![one],
    };
    let text = world.site.sign_need(&list);
    std::fs::write(world.path("need.txt"), &text).unwrap();
    let needs = need::take(state.dir(), state.config(), &[world.path("need.txt")], time(1)).unwrap();
    let heads = BTreeMap::from([(UpstreamId::new("u").unwrap(), head)]);
    let stream = state.config().streams.first().unwrap();
    let begun = std::time::Instant::now();
    let found = select(stream, &heads, state.store(), &needs).unwrap();
    let took = begun.elapsed();
    let package = |p: &sealift_mirror::selection::SelectedPackage| format!("{} {}", p.deb.package, p.deb.version);
    let ours: BTreeSet<String> = found.selection.packages.iter().map(package).collect();
    let (apt, mut shown) = (apt(), String::new());
    for (whose, one, other) in [("apt only", &apt, &ours), ("need-list only", &ours, &apt)] {
        for package in one.difference(other) {
            writeln!(shown, "{whose}: {package}").unwrap();
        }
    }
    eprintln!(
        "{} installed, list of {} bytes; {} needed, {} by apt, in {took:?}\n{shown}",
        list.distributions[0].have.len(),
        text.len(),
        ours.len(),
        apt.len(),
    );
    assert!(apt.is_subset(&ours), "apt would install what the bundle does not bring:\n{shown}");
    assert!(
        ours.len() <= apt.len() + apt.len() / 10 + 5,
        "the bundle brings far more than apt would install:\n{shown}"
    );
}
