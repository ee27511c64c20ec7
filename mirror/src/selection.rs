//! Which package versions a stream consists of, and why each is in it.
//!
//! Reads the package indexes that the heads name out of the store, applies the stream's rules, and adds dependencies.
//! Fetches nothing and writes nothing: the answer is the same for `select plan`, `sync` and `bundle build` as long as
//! the indexes are the same.

use std::collections::BTreeMap;
use std::io;

use sealift_bundle::manifest::DebEntry;
use sealift_fs::{PathError, Store};
use sealift_model::{Digest, RelPath, StreamId, UpstreamId};
use sealift_pkg::closure::{self, ClosureError, ClosureOptions, Dependency, Missing};
use sealift_pkg::index::IndexError;
use sealift_pkg::{Catalog, EntryId};
use serde::Serialize;

use crate::config::{Config, StreamConfig};
use crate::need::Taken;
use crate::snapshot::{Head, NeededPackage};

mod indexes;
pub mod need;
mod rules;

/// What one stream selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamSelection {
    /// The stream.
    pub stream: StreamId,
    /// The package versions, sorted by upstream and path.
    pub packages: Vec<SelectedPackage>,
    /// Dependencies that no upstream of the stream offers; the hosts are expected to have them.
    pub unresolved: Vec<Unresolved>,
    /// Rules that match nothing, as `mirror.toml` writes them.
    pub unmatched: Vec<String>,
    /// Package versions that two upstreams offer with different bytes; the first upstream's are selected.
    pub conflicting: Vec<String>,
}

/// A package version and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelectedPackage {
    /// The upstream that offers it.
    pub upstream: UpstreamId,
    /// Where it lies below the upstream's URI.
    pub path: RelPath,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    pub deb: DebEntry,
    /// Why it is selected.
    pub why: Why,
}

/// Why a package version is selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Why {
    /// A rule of the stream took it.
    Rule {
        /// The rule, as `mirror.toml` writes it.
        rule: String,
    },
    /// Every system has it.
    Essential,
    /// A newer version did not fit.
    Kept {
        /// That version.
        instead_of: String,
    },
    /// Hosts of a need-list have an older version.
    Lacking {
        /// How many.
        hosts: u64,
        /// What they run, such as `bookworm/amd64`.
        of: Vec<String>,
        /// The oldest version that any of them has.
        from: String,
        /// The version they get.
        to: String,
    },
    /// Another selected package needs it.
    Needed {
        /// That package's name.
        by: String,
        /// The relation, as written there.
        relation: String,
        /// Whether it is only recommended there.
        recommended: bool,
    },
}

/// A dependency that no upstream of the stream offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unresolved {
    /// The package that has it.
    pub by: String,
    /// The relation, as written there.
    pub relation: String,
}

/// Why nothing was selected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// An upstream of the stream was never synced.
    #[error("upstream `{0}` was not synced yet")]
    NotSynced(UpstreamId),
    /// An index the head names is not in the store.
    #[error("index {path} of upstream `{upstream}` is not in the store")]
    NoIndex {
        /// The upstream.
        upstream: UpstreamId,
        /// The index.
        path: RelPath,
    },
    /// The store's disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// An index cannot be decompressed.
    #[error("cannot read index {path} of upstream `{upstream}`")]
    Read {
        /// The upstream.
        upstream: UpstreamId,
        /// The index.
        path: RelPath,
        /// Why.
        source: io::Error,
    },
    /// An index is malformed.
    #[error("upstream `{upstream}` has an index that cannot be used")]
    Index {
        /// The upstream.
        upstream: UpstreamId,
        /// Why.
        source: Box<IndexError>,
    },
    /// Something selected cannot be installed from what the upstreams offer.
    #[error("stream `{stream}` has no dependency closure for {architecture}")]
    Closure {
        /// The stream.
        stream: StreamId,
        /// The architecture.
        architecture: String,
        /// The chain of reasons.
        source: ClosureError,
    },
    /// More package versions than a catalog can number.
    #[error("upstream `{0}` offers more package versions than can be numbered")]
    TooMany(UpstreamId),
}

/// Returns what all streams together need from each upstream, sorted by path. Upstreams that no stream names, or from
/// which nothing is selected, are left out. What the hosts of `needs` lack is added to what the rules select.
pub fn needed(
    config: &Config,
    heads: &BTreeMap<UpstreamId, Head>,
    store: &Store,
    needs: &[Taken],
) -> Result<BTreeMap<UpstreamId, Vec<NeededPackage>>, SelectionError> {
    let mut union: BTreeMap<UpstreamId, BTreeMap<RelPath, NeededPackage>> = BTreeMap::new();
    for stream in &config.streams {
        let mut packages = select_stream(stream, heads, store)?.packages;
        if !needs.is_empty() {
            packages.extend(need::select(stream, heads, store, needs)?.selection.packages);
        }
        for selected in packages {
            let SelectedPackage { upstream, path, sha256, size, deb, why: _ } = selected;
            let package = NeededPackage { path: path.clone(), sha256, size, deb };
            union.entry(upstream).or_default().insert(path, package);
        }
    }
    Ok(union.into_iter().map(|(upstream, packages)| (upstream, packages.into_values().collect())).collect())
}

/// Returns what one stream selects from the indexes its upstreams' heads name.
pub fn select_stream(
    stream: &StreamConfig,
    heads: &BTreeMap<UpstreamId, Head>,
    store: &Store,
) -> Result<StreamSelection, SelectionError> {
    let offer = indexes::load(stream, heads, store)?;
    let rules = rules::of(stream);
    let texts: Vec<String> = rules.iter().map(rules::spelled).collect();
    let catalog = &offer.catalog;
    let mut members: BTreeMap<EntryId, Why> = BTreeMap::new();
    let mut unresolved = Vec::new();
    let mut matched = vec![false; rules.len()];
    for architecture in &offer.architectures {
        let taken = sealift_pkg::select::select(catalog, &rules, std::slice::from_ref(architecture));
        for (rule, found) in matched.iter_mut().enumerate() {
            *found |= !taken.unmatched.contains(&rule);
        }
        // With everything selected there is nothing left to add, and the resolver would see every conflict at once.
        if !stream.closure || stream.all {
            let why = |rule: &usize| Why::Rule { rule: texts.get(*rule).cloned().unwrap_or_default() };
            for (id, rule) in &taken.taken {
                members.entry(*id).or_insert_with(|| why(rule));
            }
            continue;
        }
        let closed = closure::closure(catalog, &taken, &options(stream, architecture)).map_err(|source| {
            SelectionError::Closure { stream: stream.name.clone(), architecture: architecture.clone(), source }
        })?;
        for (id, why) in &closed.members {
            members.entry(*id).or_insert_with(|| why_of(catalog, &texts, why));
        }
        unresolved.extend(
            closed
                .unresolved
                .iter()
                .map(|u| Unresolved { by: catalog.get(u.by).entry.package.clone(), relation: u.relation.clone() }),
        );
    }
    unresolved.sort();
    unresolved.dedup();
    let unmatched = texts.iter().zip(matched).filter(|(_, found)| !found).map(|(text, _)| text.clone()).collect();
    let packages = sorted(catalog, members);
    Ok(StreamSelection { stream: stream.name.clone(), packages, unresolved, unmatched, conflicting: offer.conflicting })
}

/// Returns all that the stream's upstreams offer.
pub(crate) fn catalog(
    stream: &StreamConfig,
    heads: &BTreeMap<UpstreamId, Head>,
    store: &Store,
) -> Result<Catalog, SelectionError> {
    Ok(indexes::load(stream, heads, store)?.catalog)
}

fn options(stream: &StreamConfig, architecture: &str) -> ClosureOptions {
    ClosureOptions {
        architecture: architecture.to_owned(),
        recommends: stream.recommends,
        essential: false,
        missing: if stream.strict { Missing::Refuse } else { Missing::Report },
        base: Vec::new(),
    }
}

fn why_of(catalog: &Catalog, rules: &[String], why: &closure::Why) -> Why {
    match why {
        closure::Why::Rule(rule) => Why::Rule { rule: rules.get(*rule).cloned().unwrap_or_default() },
        closure::Why::Essential => Why::Essential,
        closure::Why::Needed { by, relation, field } => Why::Needed {
            by: catalog.get(*by).entry.package.clone(),
            relation: relation.clone(),
            recommended: *field == Dependency::Recommends,
        },
    }
}

pub(crate) fn sorted(catalog: &Catalog, members: BTreeMap<EntryId, Why>) -> Vec<SelectedPackage> {
    let package = |(id, why): (EntryId, Why)| {
        let found = catalog.get(id);
        let entry = &found.entry;
        SelectedPackage {
            upstream: catalog.upstream(found.upstream).clone(),
            path: entry.filename.clone(),
            sha256: entry.sha256,
            size: entry.size,
            deb: DebEntry {
                architecture: entry.architecture.clone(),
                package: entry.package.clone(),
                version: entry.version.to_string(),
            },
            why,
        }
    };
    let mut packages: Vec<_> = members.into_iter().map(package).collect();
    packages.sort_by(|a, b| (&a.upstream, &a.path).cmp(&(&b.upstream, &b.path)));
    packages
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule { rule } => write!(f, "rule {rule}"),
            Self::Essential => f.write_str("every system has it"),
            Self::Kept { instead_of } => write!(f, "there already; {instead_of} did not fit"),
            Self::Lacking { hosts, of, from, to } => {
                let hosts = sealift_term::counted(*hosts, "host", "hosts");
                write!(f, "needed by {hosts} of {}: {from} → {to}", of.join(", "))
            }
            Self::Needed { by, relation, recommended: false } => write!(f, "needed by {by} ({relation})"),
            Self::Needed { by, relation, recommended: true } => write!(f, "recommended by {by} ({relation})"),
        }
    }
}

impl Why {
    /// Joins two reasons for the same package version: hosts of both are counted, and outweigh other reasons.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Lacking { hosts, mut of, from, to }, Self::Lacking { hosts: more, of: others, from: other, .. }) => {
                of.extend(others);
                of.sort();
                of.dedup();
                let older = sealift_pkg::version::compare(&other, &from) == std::cmp::Ordering::Less;
                Self::Lacking { hosts: hosts.saturating_add(more), of, from: if older { other } else { from }, to }
            }
            (_, lacking @ Self::Lacking { .. }) => lacking,
            (first, _) => first,
        }
    }
}

impl StreamSelection {
    /// Returns the sum of the sizes.
    pub fn bytes(&self) -> u64 {
        self.packages.iter().fold(0, |sum, package| sum.saturating_add(package.size))
    }
}
