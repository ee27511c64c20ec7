//! The package versions of several upstreams together, as selection and closure see them.
//!
//! Upstreams are entered in order of preference. Where two offer the same package version, the first one's is kept; an
//! offer with the same name but other content is remembered as [`Added::Differs`], never mixed in.

use std::collections::HashMap;
use std::sync::Arc;

use sealift_model::UpstreamId;

use crate::index::PackageEntry;

/// Number of an upstream in a catalog, in order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamNumber(u32);

/// Number of an entry in a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(u32);

impl EntryId {
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// A package version and where it is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The upstream that offers it.
    pub upstream: UpstreamNumber,
    /// The component it is in.
    pub component: Arc<str>,
    /// What the index says about it.
    pub entry: PackageEntry,
}

/// What became of an offered entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It was entered.
    New(EntryId),
    /// An earlier upstream offers the same bytes.
    Known(EntryId),
    /// An entry of the same name, version and architecture has other bytes; that earlier one was kept.
    Differs(EntryId),
    /// The catalog holds as many entries as it can number.
    Full,
}

/// Package versions of several upstreams.
#[derive(Debug, Default)]
pub struct Catalog {
    upstreams: Vec<UpstreamId>,
    entries: Vec<CatalogEntry>,
    by_name: HashMap<String, Vec<EntryId>>,
}

impl Catalog {
    /// Returns an empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters an upstream, after those already there.
    pub fn add_upstream(&mut self, id: UpstreamId) -> UpstreamNumber {
        let number = UpstreamNumber(u32::try_from(self.upstreams.len()).unwrap_or(u32::MAX));
        self.upstreams.push(id);
        number
    }

    /// Enters what `upstream` offers in `component`.
    pub fn add(&mut self, upstream: UpstreamNumber, component: &Arc<str>, entry: PackageEntry) -> Added {
        let Ok(number) = u32::try_from(self.entries.len()) else { return Added::Full };
        let same = |id: &&EntryId| {
            self.entries.get(id.0 as usize).is_some_and(|known| {
                known.entry.version == entry.version && known.entry.architecture == entry.architecture
            })
        };
        if let Some(known) = self.by_name.get(&entry.package).and_then(|ids| ids.iter().find(same)).copied() {
            let alike = self.get(known).entry.sha256 == entry.sha256;
            return if alike { Added::Known(known) } else { Added::Differs(known) };
        }
        let id = EntryId(number);
        match self.by_name.get_mut(&entry.package) {
            Some(ids) => ids.push(id),
            None => drop(self.by_name.insert(entry.package.clone(), vec![id])),
        }
        self.entries.push(CatalogEntry { upstream, component: Arc::clone(component), entry });
        Added::New(id)
    }

    /// Returns an entry of this catalog.
    pub fn get(&self, id: EntryId) -> &CatalogEntry {
        self.entries.get(id.0 as usize).expect("an EntryId is made only by the catalog it is used with")
    }

    /// Returns the name of an upstream of this catalog.
    pub fn upstream(&self, number: UpstreamNumber) -> &UpstreamId {
        self.upstreams.get(number.0 as usize).expect("an UpstreamNumber is made only by the catalog it is used with")
    }

    /// Returns all entries.
    pub fn iter(&self) -> impl Iterator<Item = (EntryId, &CatalogEntry)> {
        (0..).map(EntryId).zip(&self.entries)
    }

    /// Returns the entries of this package name.
    pub fn named(&self, package: &str) -> &[EntryId] {
        self.by_name.get(package).map_or(&[], Vec::as_slice)
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns an entry as `package=version`, for messages.
    pub fn title(&self, id: EntryId) -> String {
        let entry = &self.get(id).entry;
        format!("{}={}", entry.package, entry.version)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use sealift_model::{Digest, RelPath};

    use super::*;
    use crate::version::Version;

    /// Makes an entry from `package version` and fields such as `Depends: x`.
    pub(crate) fn entry(package: &str, version: &str, fields: &str) -> PackageEntry {
        let digest = Digest::of(format!("{package}={version}").as_bytes());
        let text = format!(
            "Package: {package}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{package}.deb\nSize: 1\nSHA256: {digest}\n{fields}"
        );
        crate::index::IndexReader::new("test", text.as_bytes()).next_entry().unwrap().unwrap().0
    }

    /// Makes a catalog of one upstream from `(package, version, fields)`.
    pub(crate) fn catalog(entries: &[(&str, &str, &str)]) -> Catalog {
        let mut catalog = Catalog::new();
        let upstream = catalog.add_upstream(UpstreamId::new("debian").unwrap());
        for (package, version, fields) in entries {
            catalog.add(upstream, &"main".into(), entry(package, version, fields));
        }
        catalog
    }

    #[test]
    fn the_first_upstream_keeps_a_package_version() {
        let mut catalog = catalog(&[("a", "1", "")]);
        let second = catalog.add_upstream(UpstreamId::new("second").unwrap());
        let component: Arc<str> = "main".into();
        assert!(matches!(catalog.add(second, &component, entry("a", "1", "")), Added::Known(_)));
        let other = PackageEntry { sha256: Digest::of(b"other"), ..entry("a", "1", "") };
        assert!(matches!(catalog.add(second, &component, other), Added::Differs(_)));
        let newer = PackageEntry {
            version: Version::new("2").unwrap(),
            filename: RelPath::new("x").unwrap(),
            ..entry("a", "1", "")
        };
        assert!(matches!(catalog.add(second, &component, newer), Added::New(_)));
        assert_eq!((catalog.len(), catalog.named("a").len(), catalog.named("b").len()), (2, 2, 0));
    }
}
