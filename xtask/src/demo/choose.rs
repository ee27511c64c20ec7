//! Chooses at run time which packages the hosts start with: small ones that the security suite has newer.
//!
//! A repository that offers half of a family (perl-base without perl) makes the hosts' apt fail. So only packages count
//! whose dependencies have no update, are the C library's kind, or are candidates themselves; each family comes along whole.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;

use super::lists::{Entry, Suite};
use crate::shell::Shell;

/// What every Debian host has, and what updates of it never follow from a leaf.
const BASE: [&str; 6] = ["libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libgcc1", "libcrypt1"];
/// Known good leaves, tried first; the rest follows by size.
const PREFERRED: [&str; 6] = ["jq", "expat", "xz-utils", "libpng16-16", "libevent-2.1-7", "libpcre2-posix3"];
/// Packages each group gets at least.
const PER_GROUP: usize = 3;

/// Returns `groups` sets of packages, each closed under the dependencies that have updates.
pub fn choose(shell: &Shell, release: &Suite, security: &Suite, groups: usize) -> anyhow::Result<Vec<Vec<String>>> {
    let newer = newer(shell, release, security);
    let leaves = leaves(&newer, security);
    let mut order: Vec<&String> = leaves.keys().collect();
    order.sort_by_key(|name| {
        let rank = PREFERRED.iter().position(|known| known == name).unwrap_or(PREFERRED.len());
        (rank, leaves.get(*name).map_or(u64::MAX, |leaf| leaf.size))
    });
    let (mut taken, mut sets) = (BTreeSet::new(), vec![BTreeSet::new(); groups]);
    for name in order {
        let Some(set) = sets.iter_mut().find(|set| set.len() < PER_GROUP) else { break };
        let family = family(name, &leaves);
        if family.is_disjoint(&taken) {
            taken.extend(family.iter().cloned());
            set.extend(family);
        }
    }
    ensure!(
        sets.iter().all(|set| set.len() >= PER_GROUP),
        "the security suite has too few small packages newer than the release's to show anything"
    );
    Ok(sets.into_iter().map(|set| set.into_iter().collect()).collect())
}

/// What is known of a candidate: dependencies of both versions, size of the new one.
struct Leaf {
    depends: BTreeSet<String>,
    size: u64,
}

fn newer(shell: &Shell, release: &Suite, security: &Suite) -> BTreeMap<String, Leaf> {
    let mut found = BTreeMap::new();
    for (name, entries) in &security.packages {
        let Some(old) = release.packages.get(name).and_then(|entries| entries.first()) else { continue };
        let small = |entry: &&Entry| entry.size < 500_000 && entry.architecture != "all";
        let mut new = entries.iter().filter(small);
        let Some(new) = new.find(|new| is_newer(shell, &new.version, &old.version)) else { continue };
        if !old.base {
            let depends = new.depends.iter().chain(&old.depends).cloned().collect();
            found.insert(name.clone(), Leaf { depends, size: new.size });
        }
    }
    found
}

fn is_newer(shell: &Shell, new: &str, old: &str) -> bool {
    new != old && shell.answer("dpkg", &["--compare-versions", new, "gt", old]).is_ok()
}

/// Drops candidates with a dependency outside until none is left to drop.
fn leaves<'a>(candidates: &'a BTreeMap<String, Leaf>, security: &Suite) -> BTreeMap<String, &'a Leaf> {
    let mut leaves: BTreeMap<String, &Leaf> = candidates.iter().map(|(name, leaf)| (name.clone(), leaf)).collect();
    loop {
        let still = |name: &String| BASE.contains(&name.as_str()) || !security.packages.contains_key(name);
        let known = |name: &String| still(name) || leaves.contains_key(name);
        let outside: Vec<String> =
            leaves.iter().filter(|(_, leaf)| !leaf.depends.iter().all(known)).map(|(name, _)| name.clone()).collect();
        if outside.is_empty() {
            return leaves;
        }
        for name in outside {
            leaves.remove(&name);
        }
    }
}

fn family(name: &str, leaves: &BTreeMap<String, &Leaf>) -> BTreeSet<String> {
    let (mut family, mut open) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = open.pop() {
        let Some(leaf) = leaves.get(&name) else { continue };
        open.extend(leaf.depends.iter().filter(|name| !family.contains(*name)).cloned());
        family.insert(name);
    }
    family
}
