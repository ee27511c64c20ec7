//! Who depends on whom, and who may: folder = crate = tool = role = machine.
//!
//! Only normal dependencies count: a test may use what the tool must not link. The rules are a table here rather than
//! prose in a document, so that a new edge is a visible change to this file.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::workspace;

/// For each crate of ours, those of ours that it may name as a dependency.
const ALLOWED: &[(&str, &[&str])] = &[
    ("sealift-model", &[]),
    ("sealift-fs", &["sealift-model"]),
    ("sealift-confine", &["sealift-model", "sealift-fs"]),
    ("sealift-medium", &["sealift-model", "sealift-fs"]),
    ("sealift-term", &["sealift-model"]),
    ("sealift-trust", &["sealift-model"]),
    ("sealift-pkg", &["sealift-model"]),
    ("sealift-site", &["sealift-model", "sealift-fs", "sealift-trust"]),
    ("sealift-keys", &["sealift-model", "sealift-fs", "sealift-term", "sealift-trust"]),
    (
        "sealift-bundle",
        &["sealift-model", "sealift-fs", "sealift-confine", "sealift-term", "sealift-trust", "sealift-pkg"],
    ),
    ("sealift-hsm", &["sealift-model", "sealift-fs", "sealift-term", "sealift-trust", "sealift-keys"]),
    (
        "sealift-mirror",
        &[
            "sealift-model",
            "sealift-fs",
            "sealift-medium",
            "sealift-term",
            "sealift-trust",
            "sealift-pkg",
            "sealift-keys",
            "sealift-bundle",
        ],
    ),
    (
        "sealift-import",
        &[
            "sealift-model",
            "sealift-fs",
            "sealift-medium",
            "sealift-confine",
            "sealift-term",
            "sealift-trust",
            "sealift-pkg",
            "sealift-site",
            "sealift-bundle",
        ],
    ),
    ("sealift-apply", &["sealift-model", "sealift-fs", "sealift-term", "sealift-trust", "sealift-pkg", "sealift-site"]),
    (
        "sealift-media",
        &["sealift-model", "sealift-fs", "sealift-term", "sealift-trust", "sealift-keys", "sealift-medium"],
    ),
    (
        "sealift-tests",
        &[
            "sealift-media",
            "sealift-model",
            "sealift-fs",
            "sealift-medium",
            "sealift-term",
            "sealift-trust",
            "sealift-pkg",
            "sealift-site",
            "sealift-keys",
            "sealift-bundle",
            "sealift-mirror",
            "sealift-import",
            "sealift-apply",
        ],
    ),
    (
        "sealift-crash-tests",
        &[
            "sealift-model",
            "sealift-fs",
            "sealift-medium",
            "sealift-term",
            "sealift-trust",
            "sealift-keys",
            "sealift-bundle",
            "sealift-mirror",
            "sealift-import",
            "sealift-apply",
            "sealift-media",
            "sealift-tests",
        ],
    ),
    ("xtask", &[]),
];

/// Foreign crates that speak over a network, and the only crates of ours that may reach them.
const NETWORK: &[&str] =
    &["reqwest", "hyper", "hyper-util", "rustls", "native-tls", "ureq", "curl", "h2", "tokio-rustls"];
const MAY_REACH_NETWORK: &[&str] = &["sealift-mirror", "sealift-tests", "sealift-crash-tests"];

/// What signs for roles, and the crates that never reach it, however indirectly.
const ROLE_SIGNING: &str = "sealift-keys";
const NEVER_SIGN_FOR_ROLES: &[&str] = &["sealift-import", "sealift-apply", "sealift-bundle", "sealift-site"];

/// Dependencies by crate: those of ours, and everything reachable.
#[derive(Debug, Default)]
struct Graph {
    direct: BTreeMap<String, BTreeSet<String>>,
    reachable: BTreeMap<String, BTreeSet<String>>,
}

/// Prints the graph; with `check`, fails if a rule is broken.
pub fn run(check: bool) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .exec()
        .context("cargo metadata failed")?;
    let graph = Graph::read(&metadata)?;
    if !check {
        for (name, dependencies) in &graph.direct {
            println!("{name}: {}", dependencies.iter().cloned().collect::<Vec<_>>().join(" "));
        }
        return Ok(());
    }
    let broken = graph.broken();
    if broken.is_empty() {
        println!("graph: {} crates, every edge is allowed", graph.direct.len());
        return Ok(());
    }
    bail!("the dependency graph breaks its rules:\n  {}", broken.join("\n  "))
}

impl Graph {
    fn read(metadata: &Metadata) -> anyhow::Result<Self> {
        let resolve = metadata.resolve.as_ref().context("cargo metadata gave no graph")?;
        let names: BTreeMap<&PackageId, String> =
            metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
        let mut edges: BTreeMap<&PackageId, Vec<&PackageId>> = BTreeMap::new();
        for node in &resolve.nodes {
            let normal = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            edges.insert(&node.id, normal.map(|dependency| &dependency.pkg).collect());
        }
        let name_of = |id: &PackageId| names.get(id).cloned().unwrap_or_default();
        let mut graph = Self::default();
        for member in &metadata.workspace_members {
            let direct = edges.get(member).into_iter().flatten().filter(|id| metadata.workspace_members.contains(id));
            graph.direct.insert(name_of(member), direct.map(|id| name_of(id)).collect());
            graph.reachable.insert(name_of(member), reach(member, &edges).into_iter().map(name_of).collect());
        }
        Ok(graph)
    }

    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, dependencies) in &self.direct {
            let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| known == name) else {
                broken.push(format!("{name} is not in the table of xtask/src/graph.rs"));
                continue;
            };
            let wrong = dependencies.iter().filter(|dependency| !allowed.contains(&dependency.as_str()));
            broken.extend(wrong.map(|dependency| format!("{name} must not depend on {dependency}")));
        }
        for (name, reachable) in &self.reachable {
            if !MAY_REACH_NETWORK.contains(&name.as_str()) {
                let wrong = NETWORK.iter().filter(|foreign| reachable.contains(**foreign));
                broken.extend(wrong.map(|foreign| format!("{name} must not reach {foreign}")));
            }
            if NEVER_SIGN_FOR_ROLES.contains(&name.as_str()) && reachable.contains(ROLE_SIGNING) {
                broken.push(format!("{name} must not reach {ROLE_SIGNING}"));
            }
        }
        broken
    }
}

fn reach<'a>(from: &'a PackageId, edges: &BTreeMap<&'a PackageId, Vec<&'a PackageId>>) -> BTreeSet<&'a PackageId> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        for next in edges.get(id).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(name: &str, direct: &[&str], reachable: &[&str]) -> Graph {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        Graph {
            direct: BTreeMap::from([(name.to_owned(), set(direct))]),
            reachable: BTreeMap::from([(name.to_owned(), set(reachable))]),
        }
    }

    #[test]
    fn refuses_import_that_depends_on_keys() {
        let broken = graph("sealift-import", &["sealift-keys"], &["sealift-keys"]).broken();
        assert_eq!(
            broken,
            ["sealift-import must not depend on sealift-keys", "sealift-import must not reach sealift-keys"]
        );
    }

    #[test]
    fn refuses_http_client_below_import_however_deep() {
        assert_eq!(graph("sealift-import", &[], &["serde", "hyper"]).broken(), ["sealift-import must not reach hyper"]);
    }

    #[test]
    fn refuses_crate_that_the_table_does_not_know() {
        assert_eq!(graph("sealift-drawer", &[], &[]).broken().len(), 1);
    }

    #[test]
    fn accepts_http_client_below_mirror() {
        assert_eq!(graph("sealift-mirror", &["sealift-keys"], &["reqwest"]).broken(), [] as [&str; 0]);
    }
}
