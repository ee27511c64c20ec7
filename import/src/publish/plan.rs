//! What a published tree will consist of, from the manifests of the bundles it is made of.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::{FileEntry, FileRole, Manifest, ReleaseForm, UpstreamEntry};
use sealift_fs::Store;
use sealift_model::{Digest, RelPath, StreamId};
use sealift_pkg::Release;
use sealift_pkg::openpgp::{Keyring, verify_inrelease};

use super::PublishError;
use crate::index::IndexError;
use crate::refusal::Refusal;
use crate::repository::Repository;

const SIGNED_LIMIT: u64 = 64 << 20;

/// An upstream's index that goes into a published one.
#[derive(Debug, Clone)]
pub(super) struct SourceIndex {
    /// The upstream, the first segment of its packages' paths.
    pub(super) upstream: String,
    /// The file.
    pub(super) entry: FileEntry,
}

/// A suite of the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Suite {
    /// `Suite` of the Release file.
    pub(super) suite: String,
    /// `Codename` of the Release file.
    pub(super) codename: String,
    /// The upstream's indexes by component and architecture.
    pub(super) indexes: BTreeMap<(String, String), Vec<SourceIndex>>,
}

impl Suite {
    /// Returns the components, sorted.
    pub(super) fn components(&self) -> Vec<String> {
        let all: BTreeSet<_> = self.indexes.keys().map(|(component, _)| component.clone()).collect();
        all.into_iter().collect()
    }

    /// Returns the architectures, sorted.
    pub(super) fn architectures(&self) -> Vec<String> {
        let all: BTreeSet<_> = self.indexes.keys().map(|(_, architecture)| architecture.clone()).collect();
        all.into_iter().collect()
    }
}

/// The tree.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Package files by their path in the tree.
    pub(super) packages: BTreeMap<RelPath, FileEntry>,
    /// Suites by name.
    pub(super) suites: BTreeMap<String, Suite>,
    /// Package files that are withheld: people decided to accept their bundles without them.
    pub(super) withheld: BTreeSet<RelPath>,
    not_published: BTreeSet<Digest>,
}

impl Plan {
    /// Plans the tree of a channel's content.
    pub(super) fn make(
        repository: &Repository,
        store: &Store,
        content: &BTreeMap<StreamId, Digest>,
    ) -> Result<Self, PublishError> {
        let mut plan = Self { not_published: repository.index().withheld()?, ..Self::default() };
        for id in content.values() {
            let missing = || IndexError::Value { what: "channel", reason: format!("bundle {id} is not in the index") };
            let row = repository.index().bundle_by_id(*id)?.ok_or_else(missing)?;
            let manifest =
                crate::bundles::load(repository, &row.stream, row.sequence).map_err(crate::StateError::from)?;
            plan.add(&row.name(), &manifest, store)?;
        }
        Ok(plan)
    }

    fn add(&mut self, bundle: &str, manifest: &Manifest, store: &Store) -> Result<(), PublishError> {
        for upstream in &manifest.upstreams {
            self.add_suite(bundle, upstream, manifest, store)?;
        }
        for entry in &manifest.files {
            match entry.role {
                FileRole::Package => self.add_package(entry)?,
                FileRole::Index => self.add_index(bundle, manifest, entry)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes Suite and Codename from the upstream's own Release file, so that pins and `Suites` lines keep working.
    fn add_suite(
        &mut self,
        bundle: &str,
        upstream: &UpstreamEntry,
        manifest: &Manifest,
        store: &Store,
    ) -> Result<(), PublishError> {
        let layout =
            |reason: String| PublishError::Layout { bundle: bundle.into(), path: upstream.suite.clone(), reason };
        RelPath::new(&upstream.suite).map_err(|e| layout(e.to_string()))?;
        // Its packages would lie among the indexes that the site signs, under names of their choice.
        if upstream.name.as_str() == "dists" {
            return Err(layout("an upstream must not be called `dists`".into()));
        }
        let text = release_text(upstream, manifest, store)?;
        let release = Release::parse(&text).map_err(|e| layout(e.to_string()))?;
        let suite = release.suite.unwrap_or_else(|| upstream.suite.clone());
        let codename = release.codename.unwrap_or_else(|| upstream.suite.clone());
        match self.suites.get_mut(&upstream.suite) {
            None => {
                let new = Suite { suite, codename, indexes: BTreeMap::new() };
                self.suites.insert(upstream.suite.clone(), new);
            }
            Some(known) if known.suite == suite && known.codename == codename => {}
            // Upstreams that call the same suite differently meet under the name the hosts ask for.
            Some(known) => {
                known.suite.clone_from(&upstream.suite);
                known.codename.clone_from(&upstream.suite);
            }
        }
        Ok(())
    }

    fn add_package(&mut self, entry: &FileEntry) -> Result<(), PublishError> {
        if self.not_published.contains(&entry.sha256) {
            self.withheld.insert(entry.path.clone());
            return Ok(());
        }
        match self.packages.get(&entry.path) {
            Some(known) if known.sha256 != entry.sha256 => Err(PublishError::Refused(Box::new(Refusal::Conflict {
                package: entry.path.to_string(),
                first: known.sha256.tagged(),
                second: entry.sha256.tagged(),
            }))),
            Some(_) => Ok(()),
            None => {
                self.packages.insert(entry.path.clone(), entry.clone());
                Ok(())
            }
        }
    }

    fn add_index(&mut self, bundle: &str, manifest: &Manifest, entry: &FileEntry) -> Result<(), PublishError> {
        let layout = |reason: &str| PublishError::Layout {
            bundle: bundle.into(),
            path: entry.path.to_string(),
            reason: reason.into(),
        };
        let upstream = manifest.upstreams.iter().find(|u| u.name == entry.upstream);
        let upstream = upstream.ok_or_else(|| layout("its upstream is not listed"))?;
        let prefix = format!("{}/dists/{}/", upstream.name, upstream.suite);
        let place = entry.path.as_str().strip_prefix(&prefix).and_then(component_and_architecture);
        let place = place.ok_or_else(|| layout("expected dists/SUITE/COMPONENT/binary-ARCHITECTURE/Packages"))?;
        let suite = self.suites.get_mut(&upstream.suite).ok_or_else(|| layout("its suite is not planned"))?;
        let source = SourceIndex { upstream: upstream.name.to_string(), entry: entry.clone() };
        let sources = suite.indexes.entry(place).or_default();
        // Two streams may carry one upstream; the same index twice would only be read twice.
        if !sources.iter().any(|s| s.upstream == source.upstream && s.entry.sha256 == source.entry.sha256) {
            sources.push(source);
        }
        Ok(())
    }
}

/// Reads `main/binary-amd64/Packages.xz`.
fn component_and_architecture(path: &str) -> Option<(String, String)> {
    let mut parts = path.rsplitn(3, '/');
    let (file, directory, component) = (parts.next()?, parts.next()?, parts.next()?);
    let architecture = directory.strip_prefix("binary-")?;
    let known = file == "Packages" || file.strip_prefix("Packages.").is_some_and(|e| matches!(e, "xz" | "gz" | "zst"));
    known.then(|| (component.to_owned(), architecture.to_owned()))
}

fn release_text(upstream: &UpstreamEntry, manifest: &Manifest, store: &Store) -> Result<String, PublishError> {
    let read = |path: &RelPath| {
        let lost = |source| PublishError::Lost { path: path.clone(), source };
        let entry = manifest.file(path).ok_or_else(|| lost(None))?;
        store.read(&entry.sha256, SIGNED_LIMIT).map_err(|e| lost(Some(e)))
    };
    let layout = |reason: String| PublishError::Layout {
        bundle: format!("{}/{}", manifest.stream, manifest.sequence),
        path: upstream.release.path.to_string(),
        reason,
    };
    let signed = read(&upstream.release.path)?;
    if upstream.release.form == ReleaseForm::Detached {
        return String::from_utf8(signed).map_err(|e| layout(e.to_string()));
    }
    let keyring = Keyring::parse(&read(&upstream.keyring)?).map_err(|e| layout(e.to_string()))?;
    let verified = verify_inrelease(&signed, &keyring, manifest.created).map_err(|e| layout(e.to_string()))?;
    Ok(verified.text)
}

#[cfg(test)]
mod tests {
    use super::component_and_architecture;

    #[test]
    fn only_package_indexes_have_a_place() {
        let place = |path| component_and_architecture(path).map(|(c, a)| format!("{c} {a}"));
        assert_eq!(place("main/binary-amd64/Packages.xz").as_deref(), Some("main amd64"));
        assert_eq!(place("updates/main/binary-all/Packages").as_deref(), Some("updates/main all"));
        for bad in ["main/source/Sources.xz", "binary-amd64/Packages", "main/binary-amd64/Packages.diff", "Packages"] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
