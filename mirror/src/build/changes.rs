//! What changes for the hosts from one bundle of a stream to the next, package by package.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::FileEntry;
use sealift_pkg::version;
use serde::Serialize;

/// The differences between the packages of two manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Packages that were not there before.
    pub added: Vec<PackageChange>,
    /// Packages whose version changed.
    pub updated: Vec<PackageChange>,
    /// Packages that are no longer there.
    pub removed: Vec<PackageChange>,
    /// How many package versions are the same.
    pub unchanged: usize,
}

/// One package that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageChange {
    /// The package.
    pub package: String,
    /// Its architecture.
    pub architecture: String,
    /// Version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// Version after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    /// Size of the new package file in bytes; 0 if there is none.
    pub size: u64,
    /// Why it is there; absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

type Versions<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<&'a str, &'a FileEntry>>;

/// Compares the packages of two file lists; `why` explains a file of the new one.
pub fn changes(old: &[FileEntry], new: &[FileEntry], why: impl Fn(&FileEntry) -> Option<String>) -> Changes {
    let (before, after) = (versions(old), versions(new));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let mut changes = Changes::default();
    let none = BTreeMap::new();
    for name in names {
        let (old, new) = (before.get(&name).unwrap_or(&none), after.get(&name).unwrap_or(&none));
        changes.unchanged += new.keys().filter(|version| old.contains_key(*version)).count();
        // Several versions of one package may be kept; the newest that went and the newest that came are one update.
        let gone = newest_first(old.keys().filter(|version| !new.contains_key(*version)));
        let came = newest_first(new.keys().filter(|version| !old.contains_key(*version)));
        for at in 0..gone.len().max(came.len()) {
            let (old, new) = (gone.get(at), came.get(at));
            let file = new.and_then(|version| after.get(&name)?.get(version));
            let change = PackageChange {
                package: name.0.to_owned(),
                architecture: name.1.to_owned(),
                old: old.map(|v| (*v).to_owned()),
                new: new.map(|v| (*v).to_owned()),
                size: file.map_or(0, |file| file.size),
                why: file.and_then(|file| why(file)),
            };
            match (old, new) {
                (Some(_), Some(_)) => changes.updated.push(change),
                (None, _) => changes.added.push(change),
                (_, None) => changes.removed.push(change),
            }
        }
    }
    changes
}

fn versions(files: &[FileEntry]) -> Versions<'_> {
    let mut versions = Versions::new();
    for file in files {
        if let Some(deb) = &file.deb {
            versions.entry((&deb.package, &deb.architecture)).or_default().insert(&deb.version, file);
        }
    }
    versions
}

fn newest_first<'a>(found: impl Iterator<Item = &'a &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = found.copied().collect();
    found.sort_by(|a, b| version::compare(b, a));
    found
}

#[cfg(test)]
mod tests {
    use sealift_bundle::manifest::{DebEntry, FileRole};
    use sealift_model::{Digest, RelPath, UpstreamId};

    use super::*;

    fn file(package: &str, version: &str) -> FileEntry {
        FileEntry {
            deb: Some(DebEntry { architecture: "amd64".into(), package: package.into(), version: version.into() }),
            path: RelPath::new(&format!("u/pool/{package}_{version}.deb")).unwrap(),
            role: FileRole::Package,
            sha256: Digest::of(version.as_bytes()),
            size: 7,
            stored: None,
            upstream: UpstreamId::new("u").unwrap(),
        }
    }

    #[test]
    fn versions_pair_up_as_updates() {
        let old = [file("a", "1"), file("b", "1"), file("c", "9"), file("k", "1"), file("k", "2")];
        let new = [file("a", "1"), file("c", "10"), file("d", "1"), file("k", "2"), file("k", "3")];
        let found = changes(&old, &new, |f| Some(f.path.to_string()));
        let pairs = |list: &[PackageChange]| {
            let text = |v: &Option<String>| v.clone().unwrap_or_default();
            list.iter().map(|c| format!("{} {}>{}", c.package, text(&c.old), text(&c.new))).collect::<Vec<_>>()
        };
        assert_eq!(pairs(&found.added), ["d >1"]);
        assert_eq!(pairs(&found.updated), ["c 9>10", "k 1>3"]);
        assert_eq!(pairs(&found.removed), ["b 1>"]);
        assert_eq!(found.unchanged, 2);
        assert_eq!(found.added[0].why.as_deref(), Some("u/pool/d_1.deb"));
        assert!(found.removed[0].why.is_none());
    }
}
