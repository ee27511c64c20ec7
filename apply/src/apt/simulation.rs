//! Reads what `apt-get -s` says.
//!
//! `Inst name [old] (new origins [architecture]) …`, `Remv name [old] …`, `Purg …` and `Conf …` lines are the answer;
//! a line of that kind in another form is an error, since leaving it out would make the plan smaller than the deed.

use std::cmp::Ordering;

use sealift_model::escape::printable;
use sealift_pkg::{Version, version};

use super::AptError;
use crate::plan::{Action, Change, is_package_name};
use crate::state::HostState;

const KEPT_BACK: &str = "The following packages have been kept back:";
const UNMET: &str = "The following packages have unmet dependencies:";

/// What apt would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simulation {
    /// The changes, sorted by package and architecture; digests are added later.
    pub changes: Vec<Change>,
    /// Packages apt does not upgrade though it could, sorted.
    pub kept_back: Vec<String>,
    /// Packages that are only to be configured: somebody left them half-done.
    pub unfinished: Vec<String>,
}

/// Reads the lines of a simulation that succeeded; `state` says which architecture an installed package has.
pub fn parse(lines: &[String], state: &HostState) -> Result<Simulation, AptError> {
    let mut simulation = Simulation { kept_back: block(lines, KEPT_BACK), ..Simulation::default() };
    let mut configured = Vec::new();
    for line in lines {
        let error = || AptError::Simulation(printable(&line.chars().take(200).collect::<String>()));
        if let Some(rest) = line.strip_prefix("Inst ") {
            simulation.changes.push(installed(rest).ok_or_else(error)?);
        } else if let Some(rest) = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Purg ")) {
            simulation.changes.push(removed(rest, state).ok_or_else(error)?);
        } else if let Some(rest) = line.strip_prefix("Conf ") {
            configured.push(bare(rest.split(' ').next().ok_or_else(error)?).0.to_owned());
        }
    }
    simulation.changes.sort_by(|a, b| (&a.package, &a.architecture).cmp(&(&b.package, &b.architecture)));
    // Purg follows Remv of the same package.
    simulation.changes.dedup_by(|a, b| a == b && a.action == Action::Remove);
    let key = |change: &Change| (change.package.clone(), change.architecture.clone());
    if let Some(pair) = simulation.changes.windows(2).find(|pair| matches!(pair, [a, b] if key(a) == key(b))) {
        return Err(AptError::Simulation(pair.first().map(ToString::to_string).unwrap_or_default()));
    }
    configured.retain(|name| !simulation.changes.iter().any(|change| change.package == *name));
    simulation.unfinished = configured;
    Ok(simulation)
}

fn bare(name: &str) -> (&str, Option<&str>) {
    name.split_once(':').map_or((name, None), |(name, architecture)| (name, Some(architecture)))
}

fn installed(rest: &str) -> Option<Change> {
    let (name, rest) = rest.split_once(' ')?;
    let (from, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (old, rest) = rest.split_once("] ")?;
            (Some(old.to_owned()), rest)
        }
        None => (None, rest),
    };
    let inside = rest.strip_prefix('(')?.split_once(')')?.0;
    let (to, origins) = inside.split_once(' ')?;
    let architecture = origins.strip_suffix(']')?.rsplit_once('[')?.1;
    let package = bare(name).0;
    let good = is_package_name(package)
        && is_package_name(architecture)
        && from.iter().map(String::as_str).chain([to]).all(|text| Version::new(text).is_ok());
    let action = match from.as_deref().map(|old| version::compare(to, old)) {
        None => Action::Install,
        Some(Ordering::Greater) => Action::Upgrade,
        Some(Ordering::Equal) => Action::Reinstall,
        Some(Ordering::Less) => Action::Downgrade,
    };
    good.then(|| Change {
        action,
        architecture: architecture.to_owned(),
        from,
        package: package.to_owned(),
        sha256: None,
        size: None,
        to: Some(to.to_owned()),
    })
}

fn removed(rest: &str, state: &HostState) -> Option<Change> {
    let (name, rest) = rest.split_once(' ')?;
    let (package, stated) = bare(name);
    let from = rest.strip_prefix('[')?.split_once(']')?.0;
    let mut installed = state.packages.iter().filter(|p| {
        p.name == package && p.version == from && stated.is_none_or(|architecture| p.architecture == architecture)
    });
    let architecture = installed
        .clone()
        .find(|p| p.architecture == state.architecture || p.architecture == "all")
        .or_else(|| installed.next())?
        .architecture
        .clone();
    is_package_name(package).then(|| Change {
        action: Action::Remove,
        architecture,
        from: Some(from.to_owned()),
        package: package.to_owned(),
        sha256: None,
        size: None,
        to: None,
    })
}

/// Returns the words of the indented block under a heading, sorted.
fn block(lines: &[String], heading: &str) -> Vec<String> {
    let mut words: Vec<String> = lines
        .iter()
        .skip_while(|line| line.trim_end() != heading)
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .flat_map(|line| line.split_ascii_whitespace())
        .map(printable)
        .collect();
    words.sort();
    words.dedup();
    words
}

/// Returns why a simulation failed, in apt's words.
pub fn reasons(lines: &[String]) -> Vec<String> {
    let unmet = lines.iter().skip_while(|line| line.trim_end() != UNMET).skip(1).take_while(|l| l.starts_with(' '));
    let errors = lines.iter().filter(|line| line.starts_with("E: "));
    let words = |line: &String| printable(&line.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    let found: Vec<String> = unmet.chain(errors).map(words).collect();
    if found.is_empty() { lines.last().map(words).into_iter().collect() } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::state_of;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_kind_of_change_is_read() {
        let text = "Reading package lists...\nThe following packages have been kept back:\n  linux-image-amd64 b\n  \
            c\nInst libjq1 [1.6-2.1] (1.6-2.1+deb12u1 Debian-Security:12/stable-security [amd64]) [jq:amd64 ]\n\
            Inst jq [1.6-2.1] (1.6-2.1+deb12u1 D:12/s, D2:12/t [amd64])\nInst new (1:1 s [all])\n\
            Inst old [2] (1 s [amd64])\nInst same:i386 [2] (2 s [i386])\nRemv gone [3.1] []\nPurg gone [3.1]\n\
            Conf libjq1 (1.6-2.1+deb12u1 Debian-Security:12/stable-security [amd64])\nConf half (1 s [all])\n";
        let state = state_of(&[("gone", "all", "3.1", "install ok installed")]);
        let simulation = parse(&lines(text), &state).unwrap();
        let shown: Vec<String> = simulation.changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "remove gone 3.1",
                "upgrade jq:amd64 1.6-2.1 → 1.6-2.1+deb12u1",
                "upgrade libjq1:amd64 1.6-2.1 → 1.6-2.1+deb12u1",
                "install new 1:1",
                "downgrade old:amd64 2 → 1",
                "reinstall same:i386 2 → 2",
            ]
        );
        assert_eq!(simulation.kept_back, ["b", "c", "linux-image-amd64"]);
        assert_eq!(simulation.unfinished, ["half"]);
    }

    #[test]
    fn refuses_a_change_it_does_not_understand() {
        let state = state_of(&[]);
        for bad in [
            "Inst jq",
            "Inst jq [1]",
            "Inst jq [1] (2)",
            "Inst jq (2 s [amd64]",
            "Inst -o (2 s [amd64])",
            "Inst jq (2;x s [amd64])",
            "Remv gone [1]",
            "Inst jq (2 s [amd64])\nInst jq (3 s [amd64])",
        ] {
            assert!(matches!(parse(&lines(bad), &state), Err(AptError::Simulation(_))), "{bad}");
        }
    }

    #[test]
    fn reasons_are_apts_words() {
        let text = "Building dependency tree...\nThe following packages have unmet dependencies:\n \
            app : Depends: lib (>= 2) but 1 is to be installed\nE: Unable to correct problems, you have held broken packages.\n";
        assert_eq!(
            reasons(&lines(text)),
            [
                "app : Depends: lib (>= 2) but 1 is to be installed",
                "E: Unable to correct problems, you have held broken packages."
            ]
        );
    }
}
