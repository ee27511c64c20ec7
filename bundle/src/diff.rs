//! What two bundles' contents have and have not in common, package by package.
//!
//! Manifests list whole contents, so two of them compare without any third, complete or incremental alike.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::escape::printable;
use sealift_model::{Digest, Sequence, StreamId};
use sealift_pkg::version;
use serde::Serialize;

use crate::manifest::{FileEntry, FileRole, Manifest};
use crate::tagged::tagged;

/// How the second bundle differs from the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The first bundle.
    pub from: BundleName,
    /// The second.
    pub to: BundleName,
    /// Package versions only the second has, of packages the first has none of.
    pub added: Vec<PackageLine>,
    /// Package versions only the first has, of packages the second has none of.
    pub removed: Vec<PackageLine>,
    /// Packages with other versions.
    pub updated: Vec<UpdateLine>,
    /// Package versions that are in both with different content.
    pub changed: Vec<PackageLine>,
    /// Package versions that are the same in both.
    pub unchanged: u64,
    /// Upstreams whose Release file differs, or that are new or gone.
    pub upstreams: Vec<UpstreamChange>,
    /// Bytes of content only the second has.
    pub bytes_added: u64,
    /// Bytes of content only the first has.
    pub bytes_removed: u64,
}

/// Names a compared bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleName {
    /// The stream.
    pub stream: StreamId,
    /// The number in it.
    pub sequence: Sequence,
    /// The bundle id.
    #[serde(serialize_with = "tagged")]
    pub manifest: Digest,
}

/// One package version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageLine {
    /// Its name.
    pub package: String,
    /// Its architecture.
    pub architecture: String,
    /// Its version.
    pub version: String,
    /// The upstream it comes from.
    pub upstream: String,
    /// Its size in bytes.
    pub size: u64,
}

/// One package that changed its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UpdateLine {
    /// Its name.
    pub package: String,
    /// Its architecture.
    pub architecture: String,
    /// The version in the first bundle.
    pub old_version: String,
    /// The version in the second.
    pub new_version: String,
    /// Whether the new version is the lower one.
    pub downgrade: bool,
    /// The upstream the new version comes from.
    pub upstream: String,
    /// Size of the new version in bytes.
    pub size: u64,
}

/// One upstream whose signed state differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamChange {
    /// Its name.
    pub name: String,
    /// Date of the Release file in the first bundle.
    pub from: Option<sealift_model::Timestamp>,
    /// Date of the Release file in the second.
    pub to: Option<sealift_model::Timestamp>,
}

type Versions<'a> = BTreeMap<&'a str, &'a FileEntry>;

/// Compares two manifests, each with its bundle id.
pub fn diff(from: (&Manifest, Digest), to: (&Manifest, Digest)) -> Diff {
    let mut diff = Diff {
        from: bundle_name(from),
        to: bundle_name(to),
        added: Vec::new(),
        removed: Vec::new(),
        updated: Vec::new(),
        changed: Vec::new(),
        unchanged: 0,
        upstreams: upstream_changes(from.0, to.0),
        bytes_added: bytes_only_in(to.0, from.0),
        bytes_removed: bytes_only_in(from.0, to.0),
    };
    let (old, new) = (packages(from.0), packages(to.0));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let none = Versions::new();
    for name in names {
        compare(&mut diff, old.get(&name).unwrap_or(&none), new.get(&name).unwrap_or(&none));
    }
    diff
}

/// Returns the versions of each package and architecture, of whichever upstream.
fn packages(manifest: &Manifest) -> BTreeMap<(&str, &str), Versions<'_>> {
    let mut packages: BTreeMap<(&str, &str), Versions<'_>> = BTreeMap::new();
    for entry in manifest.files.iter().filter(|e| e.role == FileRole::Package) {
        if let Some(deb) = &entry.deb {
            packages.entry((&deb.package, &deb.architecture)).or_default().insert(&deb.version, entry);
        }
    }
    packages
}

fn compare(diff: &mut Diff, old: &Versions<'_>, new: &Versions<'_>) {
    for (version, entry) in new {
        match old.get(version) {
            Some(before) if before.sha256 == entry.sha256 => diff.unchanged += 1,
            Some(_) => diff.changed.extend(package_line(entry)),
            None => {}
        }
    }
    let mut gone: Vec<_> = old.iter().filter(|(v, _)| !new.contains_key(*v)).map(|(_, e)| *e).collect();
    let mut come: Vec<_> = new.iter().filter(|(v, _)| !old.contains_key(*v)).map(|(_, e)| *e).collect();
    // Where several versions are kept, the newest replaces the newest, and so on; what is left over came or went.
    gone.sort_by(|a, b| version::compare(version_of(b), version_of(a)));
    come.sort_by(|a, b| version::compare(version_of(b), version_of(a)));
    let pairs = gone.len().min(come.len());
    diff.updated.extend(gone.iter().zip(&come).filter_map(|(old, new)| update_line(old, new)));
    diff.removed.extend(gone.iter().skip(pairs).filter_map(|e| package_line(e)));
    diff.added.extend(come.iter().skip(pairs).filter_map(|e| package_line(e)));
}

fn version_of(entry: &FileEntry) -> &str {
    entry.deb.as_ref().map_or("", |deb| &deb.version)
}

fn package_line(entry: &FileEntry) -> Option<PackageLine> {
    let deb = entry.deb.as_ref()?;
    Some(PackageLine {
        package: printable(&deb.package),
        architecture: printable(&deb.architecture),
        version: printable(&deb.version),
        upstream: entry.upstream.to_string(),
        size: entry.size,
    })
}

fn update_line(old: &FileEntry, new: &FileEntry) -> Option<UpdateLine> {
    let deb = new.deb.as_ref()?;
    Some(UpdateLine {
        package: printable(&deb.package),
        architecture: printable(&deb.architecture),
        old_version: printable(version_of(old)),
        new_version: printable(&deb.version),
        downgrade: version::compare(version_of(new), version_of(old)).is_lt(),
        upstream: new.upstream.to_string(),
        size: new.size,
    })
}

fn upstream_changes(from: &Manifest, to: &Manifest) -> Vec<UpstreamChange> {
    let state = |manifest: &Manifest, name: &str| {
        let upstream = manifest.upstreams.iter().find(|u| u.name.as_str() == name)?;
        Some((upstream.date, manifest.file(&upstream.release.path).map(|e| e.sha256)))
    };
    let names: BTreeSet<_> = from.upstreams.iter().chain(&to.upstreams).map(|u| u.name.as_str()).collect();
    let change = |name: &str| {
        let (before, after) = (state(from, name), state(to, name));
        (before != after).then(|| UpstreamChange {
            name: name.to_owned(),
            from: before.map(|(date, _)| date),
            to: after.map(|(date, _)| date),
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn bytes_only_in(manifest: &Manifest, other: &Manifest) -> u64 {
    let there: BTreeSet<_> = other.files.iter().map(|e| e.sha256).collect();
    let own: BTreeMap<_, _> = manifest.files.iter().map(|e| (e.sha256, e.size)).collect();
    own.into_iter().filter(|(digest, _)| !there.contains(digest)).fold(0, |sum, (_, size)| sum.saturating_add(size))
}

fn bundle_name((manifest, id): (&Manifest, Digest)) -> BundleName {
    BundleName { stream: manifest.stream.clone(), sequence: manifest.sequence, manifest: id }
}
