//! What is different between two states of a host.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::state::{HostState, PackageState};

/// Everything that differs; a field that is empty did not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Packages that are there now.
    pub added: Vec<PackageState>,
    /// Packages that are gone.
    pub removed: Vec<PackageState>,
    /// Packages with another version or state.
    pub changed: Vec<PackageChange>,
    /// Single values: operating system, kernels, boot, reboot.
    pub values: Vec<ValueChange>,
    /// Ports that are open now.
    pub ports_opened: Vec<String>,
    /// Ports that are closed now.
    pub ports_closed: Vec<String>,
    /// Services that run now.
    pub services_started: Vec<String>,
    /// Services that ran.
    pub services_stopped: Vec<String>,
    /// Services that have failed now.
    pub services_failed: Vec<String>,
    /// Configuration files with other content, or new or gone.
    pub conffiles: Vec<ConffileChange>,
}

/// A package that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub architecture: String,
    /// The version before.
    pub from: String,
    /// The version after.
    pub to: String,
    /// The state before.
    pub state_from: String,
    /// The state after.
    pub state_to: String,
}

/// A value that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueChange {
    /// Which.
    pub name: &'static str,
    /// Before; empty if there was none.
    pub from: String,
    /// After; empty if there is none.
    pub to: String,
    /// Whether it belongs to the machine sealift runs on, not to the host.
    pub shared: bool,
}

/// A configuration file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConffileChange {
    /// Its path.
    pub path: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Whether its content is now another than the package's.
    pub modified: bool,
}

impl Difference {
    /// Tells whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares the state before with the state after.
pub fn compare(before: &HostState, after: &HostState) -> Difference {
    let mut difference = Difference {
        values: values(before, after),
        ports_opened: only_in(&ports(after), &ports(before)),
        ports_closed: only_in(&ports(before), &ports(after)),
        conffiles: conffiles(before, after),
        ..Difference::default()
    };
    packages(before, after, &mut difference);
    let (old, new) = (before.services.clone().unwrap_or_default(), after.services.clone().unwrap_or_default());
    difference.services_started = only_in(&new.running, &old.running);
    difference.services_stopped = only_in(&old.running, &new.running);
    difference.services_failed = only_in(&new.failed, &old.failed);
    difference
}

fn only_in(these: &[String], not_these: &[String]) -> Vec<String> {
    these.iter().filter(|item| !not_these.contains(item)).cloned().collect()
}

fn ports(state: &HostState) -> Vec<String> {
    state.ports.iter().map(|port| format!("{} {} port {}", port.protocol, port.address, port.port)).collect()
}

fn packages(before: &HostState, after: &HostState, difference: &mut Difference) {
    let by_key = |state: &HostState| -> BTreeMap<(String, String), PackageState> {
        state.packages.iter().map(|p| ((p.name.clone(), p.architecture.clone()), p.clone())).collect()
    };
    let (old, new) = (by_key(before), by_key(after));
    for (key, package) in &new {
        match old.get(key) {
            None => difference.added.push(package.clone()),
            Some(was) if was == package => {}
            Some(was) => difference.changed.push(PackageChange {
                name: package.name.clone(),
                architecture: package.architecture.clone(),
                from: was.version.clone(),
                to: package.version.clone(),
                state_from: was.state.clone(),
                state_to: package.state.clone(),
            }),
        }
    }
    difference.removed = old.iter().filter(|(key, _)| !new.contains_key(*key)).map(|(_, p)| p.clone()).collect();
}

fn values(before: &HostState, after: &HostState) -> Vec<ValueChange> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let reboot = |state: &HostState| if state.reboot.required { "required" } else { "not required" }.to_owned();
    let all = [
        ("operating system", text(&before.os.pretty_name), text(&after.os.pretty_name), ""),
        ("running kernel", before.kernel.running.clone(), after.kernel.running.clone(), "kernel.running"),
        ("newest installed kernel", text(&before.kernel.newest), text(&after.kernel.newest), ""),
        ("boot id", text(&before.boot_id), text(&after.boot_id), "boot_id"),
        ("machine id", text(&before.machine_id), text(&after.machine_id), ""),
        ("reboot", reboot(before), reboot(after), ""),
    ];
    all.into_iter()
        .filter(|(_, from, to, _)| from != to)
        .map(|(name, from, to, key)| ValueChange { name, from, to, shared: after.shared.iter().any(|s| s == key) })
        .collect()
}

fn conffiles(before: &HostState, after: &HostState) -> Vec<ConffileChange> {
    let by_path = |state: &HostState| -> BTreeMap<String, crate::state::Conffile> {
        state.conffiles.iter().map(|c| (c.path.clone(), c.clone())).collect()
    };
    let (old, new) = (by_path(before), by_path(after));
    let mut changes = Vec::new();
    for (path, file) in &new {
        let change = match old.get(path) {
            None => "added",
            Some(was) if was.sha256 == file.sha256 => continue,
            Some(_) => "changed",
        };
        changes.push(ConffileChange { path: path.clone(), change, modified: file.modified });
    }
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    changes.extend(gone.map(|path| ConffileChange { path: path.clone(), change: "removed", modified: false }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::state_of;
    use crate::state::{Conffile, Port, Services};

    #[test]
    fn every_kind_of_difference_is_named() {
        let ok = "install ok installed";
        let mut before = state_of(&[("a", "all", "1", ok), ("b", "all", "1", ok), ("c", "all", "1", ok)]);
        let mut after = state_of(&[("a", "all", "2", ok), ("c", "all", "1", ok), ("d", "all", "1", ok)]);
        let port = |port| Port { address: "0.0.0.0".into(), port, protocol: "tcp".into() };
        (before.ports, after.ports) = (vec![port(80)], vec![port(443)]);
        let services = |running: &str, failed: &[&str]| {
            let failed = failed.iter().map(|f| (*f).to_owned()).collect();
            Some(Services { failed, running: vec![running.into()] })
        };
        (before.services, after.services) = (services("old.service", &[]), services("new.service", &["bad.service"]));
        after.reboot.required = true;
        after.kernel.running = "6.2".into();
        after.shared = vec!["kernel.running".into()];
        after.conffiles = vec![Conffile { modified: true, path: "/etc/a".into(), sha256: None }];
        let found = compare(&before, &after);
        assert_eq!((found.added[0].name.as_str(), found.removed[0].name.as_str()), ("d", "b"));
        assert_eq!((found.changed[0].from.as_str(), found.changed[0].to.as_str()), ("1", "2"));
        assert_eq!(found.ports_opened, ["tcp 0.0.0.0 port 443"]);
        assert_eq!(found.ports_closed, ["tcp 0.0.0.0 port 80"]);
        assert_eq!(
            (found.services_started.len(), found.services_stopped.len(), found.services_failed.len()),
            (1, 1, 1)
        );
        assert_eq!(
            found.values.iter().map(|v| (v.name, v.shared)).collect::<Vec<_>>(),
            [("running kernel", true), ("reboot", false)]
        );
        assert_eq!(found.conffiles[0].change, "added");
        assert!(compare(&before, &before).is_empty());
    }
}
