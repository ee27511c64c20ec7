//! What the hosts of need-lists lack, instead of what a stream's rules name (format/need-list §4).
//!
//! Each distribution of each list is asked by itself: its installed packages are the base of its closure. Only what all
//! of its hosts have counts as there; that some have it does not help the others.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use sealift_fs::Store;
use sealift_model::{RelPath, SiteId, UpstreamId};
use sealift_pkg::closure::{self, BasePackage, ClosureOptions, Missing};
use sealift_pkg::select::Selection;
use sealift_pkg::{Catalog, EntryId, Version};
use sealift_trust::need::{Distribution, Have};
use serde::Serialize;

use super::indexes::{self, Offer};
use super::{SelectedPackage, SelectionError, StreamSelection, Unresolved, Why};
use crate::config::StreamConfig;
use crate::need::Taken;
use crate::snapshot::Head;

/// Codenames of upstreams that serve every release of a distribution.
const ANY: [&str; 3] = ["any", "main", "stable"];

/// What need-lists select, and what they say of it.
#[derive(Debug, Clone)]
pub struct NeedSelection {
    /// The packages.
    pub selection: StreamSelection,
    /// What else is worth knowing.
    pub report: NeedReport,
    /// What is known of the hosts.
    pub hosts: Hosts,
}

/// What is known of hosts; nothing where there is no need-list.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    /// For each package that all hosts of all lists have, the oldest version any of them has.
    pub everywhere: BTreeMap<String, Version>,
    /// For each package that is installed anywhere, the oldest version.
    pub oldest: BTreeMap<String, Version>,
}

/// What a bundle by need does for which hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NeedReport {
    /// Hosts that the lists speak of.
    pub hosts: u64,
    /// Hosts that the lists say are left out of them.
    pub left_out: u64,
    /// Packages of the hosts that are as new as what the upstreams offer.
    pub current: usize,
    /// What the bundle lists for them, whether it has to be carried or not.
    pub needed: Vec<Needed>,
    /// Installed packages that no upstream offers: they are the site's own, or withdrawn.
    pub unoffered: Vec<Unoffered>,
    /// Distributions that no upstream of the stream serves.
    pub unserved: Vec<Unserved>,
}

/// A package version that hosts lack, or need for one they lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Its size in bytes.
    pub size: u64,
    /// Why it is there.
    pub why: String,
}

impl Needed {
    /// Says of a selected package what people want to know.
    pub fn of(package: &SelectedPackage) -> Self {
        Self {
            package: package.deb.package.clone(),
            version: package.deb.version.clone(),
            architecture: package.deb.architecture.clone(),
            size: package.size,
            why: package.why.to_string(),
        }
    }
}

/// An installed package that no upstream of the stream offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unoffered {
    /// The package.
    pub package: String,
    /// What its hosts run.
    pub distribution: String,
    /// How many hosts have it.
    pub hosts: u64,
}

/// A distribution that no upstream of the stream serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unserved {
    /// The distribution.
    pub distribution: String,
    /// How many hosts run it.
    pub hosts: u64,
    /// The site.
    pub site: SiteId,
}

/// A package on hosts of one distribution.
struct Installed<'a> {
    versions: Vec<(Version, u64)>,
    /// Whether it is of the architecture asked for, not only `all`.
    lines: Vec<&'a Have>,
}

impl Installed<'_> {
    fn oldest(&self) -> Option<&Version> {
        self.versions.iter().map(|(version, _)| version).min_by(|a, b| a.compare(b))
    }

    fn hosts(&self) -> u64 {
        self.versions.iter().fold(0, |sum, (_, hosts)| sum.saturating_add(*hosts))
    }

    fn older_than(&self, than: &Version) -> u64 {
        let older = self.versions.iter().filter(|(version, _)| version.compare(than) == Ordering::Less);
        older.fold(0, |sum, (_, hosts)| sum.saturating_add(*hosts))
    }
}

type Host<'a> = BTreeMap<&'a str, Installed<'a>>;

/// Selects what the hosts of `needs` lack from what the stream's upstreams offer.
pub fn select(
    stream: &StreamConfig,
    heads: &BTreeMap<UpstreamId, Head>,
    store: &Store,
    needs: &[Taken],
) -> Result<NeedSelection, SelectionError> {
    let mut all = Gathered::default();
    let mut offers: BTreeMap<Vec<UpstreamId>, Offer> = BTreeMap::new();
    for taken in needs {
        all.report.hosts = all.report.hosts.saturating_add(taken.list.hosts());
        all.report.left_out = all.report.left_out.saturating_add(taken.list.left_out);
        for distribution in &taken.list.distributions {
            let upstreams = serving(stream, heads, &distribution.codename)?;
            if !offers.contains_key(&upstreams) {
                let part = StreamConfig { upstreams: upstreams.clone(), ..stream.clone() };
                offers.insert(upstreams.clone(), indexes::load(&part, heads, store)?);
            }
            let offer = offers.get(&upstreams).filter(|offer| offer.architectures.contains(&distribution.architecture));
            match offer {
                Some(offer) => all.distribution(stream, offer, distribution)?,
                None => all.report.unserved.push(Unserved {
                    distribution: distribution.to_string(),
                    hosts: distribution.hosts,
                    site: taken.list.site.clone(),
                }),
            }
        }
    }
    Ok(all.finish(stream, offers.into_values()))
}

/// Returns the upstreams of the stream that serve a distribution, in their order.
fn serving(
    stream: &StreamConfig,
    heads: &BTreeMap<UpstreamId, Head>,
    codename: &str,
) -> Result<Vec<UpstreamId>, SelectionError> {
    let mut found = Vec::new();
    for name in &stream.upstreams {
        let head = heads.get(name).ok_or_else(|| SelectionError::NotSynced(name.clone()))?;
        let of = head.codename.as_deref().unwrap_or(&head.suite);
        let rest = of.strip_prefix(codename);
        if ANY.contains(&of) || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '/'])) {
            found.push(name.clone());
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Gathered {
    packages: BTreeMap<(UpstreamId, RelPath), SelectedPackage>,
    unresolved: Vec<Unresolved>,
    report: NeedReport,
    everywhere: Option<BTreeMap<String, Version>>,
    oldest: BTreeMap<String, Version>,
}

impl Gathered {
    fn distribution(
        &mut self,
        stream: &StreamConfig,
        offer: &Offer,
        distribution: &Distribution,
    ) -> Result<(), SelectionError> {
        let foreign = distribution.have.iter().map(|have| have.architecture.as_str());
        let mut architectures: BTreeSet<&str> = foreign.filter(|a| offer.architectures.contains(*a)).collect();
        architectures.insert(&distribution.architecture);
        architectures.remove("all");
        for architecture in architectures {
            let own = architecture == distribution.architecture;
            let host = installed(distribution, architecture);
            if own {
                self.note_everywhere(&host, distribution.hosts);
            }
            self.one_architecture(stream, offer, (distribution, architecture, own), &host)?;
        }
        Ok(())
    }

    fn one_architecture(
        &mut self,
        stream: &StreamConfig,
        offer: &Offer,
        (distribution, architecture, own): (&Distribution, &str, bool),
        host: &Host<'_>,
    ) -> Result<(), SelectionError> {
        let catalog = &offer.catalog;
        let roots = self.roots(catalog, (distribution, architecture, own), host);
        let there = on_all(host, distribution.hosts);
        let members = self.close(stream, catalog, (architecture, &roots), &there)?;
        for package in super::sorted(catalog, members) {
            self.add(package);
        }
        Ok(())
    }

    /// Returns the newest versions of what hosts have older ones of, and notes what is current or not offered.
    fn roots(
        &mut self,
        catalog: &Catalog,
        (distribution, architecture, own): (&Distribution, &str, bool),
        host: &Host<'_>,
    ) -> BTreeMap<EntryId, Why> {
        let mut roots = BTreeMap::new();
        for (package, installed) in host {
            // What is `all` was looked at with the hosts' own architecture.
            if !own && installed.lines.iter().all(|have| have.architecture == "all") {
                continue;
            }
            let Some(oldest) = installed.oldest() else { continue };
            let Some(id) = newest(catalog, package, architecture) else {
                let (package, distribution) = ((*package).to_owned(), distribution.to_string());
                self.report.unoffered.push(Unoffered { package, distribution, hosts: installed.hosts() });
                continue;
            };
            let to = &catalog.get(id).entry.version;
            if to.compare(oldest) == Ordering::Greater {
                let (hosts, of) = (installed.older_than(to), vec![distribution.to_string()]);
                roots.insert(id, Why::Lacking { hosts, of, from: oldest.to_string(), to: to.to_string() });
            } else {
                self.report.current = self.report.current.saturating_add(1);
            }
        }
        roots
    }

    /// Adds what the roots need and not all hosts have.
    fn close(
        &mut self,
        stream: &StreamConfig,
        catalog: &Catalog,
        (architecture, roots): (&str, &BTreeMap<EntryId, Why>),
        there: &BTreeMap<&str, &Version>,
    ) -> Result<BTreeMap<EntryId, Why>, SelectionError> {
        if !stream.closure {
            return Ok(roots.clone());
        }
        let taken = Selection { taken: roots.keys().map(|id| (*id, 0)).collect(), unmatched: Vec::new() };
        let options = ClosureOptions {
            architecture: architecture.to_owned(),
            recommends: false,
            essential: false,
            // What a host has installed is not offered for ever, and it works all the same.
            missing: Missing::Report,
            base: there.iter().map(|(package, version)| base(catalog, package, version)).collect(),
        };
        let closed = closure::closure(catalog, &taken, &options).map_err(|source| SelectionError::Closure {
            stream: stream.name.clone(),
            architecture: architecture.to_owned(),
            source,
        })?;
        let by = |u: &closure::Unresolved| Unresolved {
            by: catalog.get(u.by).entry.package.clone(),
            relation: u.relation.clone(),
        };
        self.unresolved.extend(closed.unresolved.iter().map(by));
        let lacking = |id: &EntryId| {
            let entry = &catalog.get(*id).entry;
            there.get(entry.package.as_str()).is_none_or(|oldest| oldest.compare(&entry.version) == Ordering::Less)
        };
        let members = closed.members.iter().filter(|(id, _)| lacking(id));
        Ok(members
            .map(|(id, why)| (*id, roots.get(id).cloned().unwrap_or_else(|| super::why_of(catalog, &[], why))))
            .collect())
    }

    /// Adds a package; of two reasons that hosts lack it, both are kept.
    fn add(&mut self, package: SelectedPackage) {
        let place = (package.upstream.clone(), package.path.clone());
        match self.packages.get_mut(&place) {
            None => {
                self.packages.insert(place, package);
            }
            Some(known) => known.why = known.why.clone().and(package.why),
        }
    }

    fn note_everywhere(&mut self, host: &Host<'_>, hosts: u64) {
        for (package, version) in host.iter().filter_map(|(package, i)| Some((*package, i.oldest()?))) {
            let known = self.oldest.entry(package.to_owned()).or_insert_with(|| version.clone());
            if version.compare(known) == Ordering::Less {
                *known = version.clone();
            }
        }
        let here: BTreeMap<String, Version> =
            on_all(host, hosts).into_iter().map(|(package, version)| (package.to_owned(), version.clone())).collect();
        self.everywhere = Some(match self.everywhere.take() {
            None => here,
            Some(before) => before
                .into_iter()
                .filter_map(|(package, version)| {
                    let other = here.get(&package)?;
                    let older = if other.compare(&version) == Ordering::Less { other.clone() } else { version };
                    Some((package, older))
                })
                .collect(),
        });
    }

    fn finish(mut self, stream: &StreamConfig, offers: impl Iterator<Item = Offer>) -> NeedSelection {
        self.unresolved.sort();
        self.unresolved.dedup();
        self.report.unoffered.sort();
        self.report.unserved.sort();
        let conflicting: BTreeSet<String> = offers.flat_map(|offer| offer.conflicting).collect();
        NeedSelection {
            selection: StreamSelection {
                stream: stream.name.clone(),
                packages: self.packages.into_values().collect(),
                unresolved: self.unresolved,
                unmatched: Vec::new(),
                conflicting: conflicting.into_iter().collect(),
            },
            report: self.report,
            hosts: Hosts { everywhere: self.everywhere.unwrap_or_default(), oldest: self.oldest },
        }
    }
}

/// Returns what hosts have of one architecture, or of all, by package.
fn installed<'a>(distribution: &'a Distribution, architecture: &str) -> Host<'a> {
    let mut host = Host::new();
    for have in distribution.have.iter().filter(|h| h.architecture == architecture || h.architecture == "all") {
        // A version outside Debian's grammar has no order; nothing can be said of the package.
        let Ok(version) = Version::new(&have.version) else { continue };
        let one =
            host.entry(have.package.as_str()).or_insert_with(|| Installed { versions: Vec::new(), lines: Vec::new() });
        one.versions.push((version, have.hosts));
        one.lines.push(have);
    }
    host
}

/// Returns the packages that all hosts have, each in the oldest version any of them has.
fn on_all<'a>(host: &'a Host<'_>, hosts: u64) -> BTreeMap<&'a str, &'a Version> {
    let everywhere = host.iter().filter(|(_, installed)| installed.hosts() >= hosts);
    everywhere.filter_map(|(package, installed)| Some((*package, installed.oldest()?))).collect()
}

fn newest(catalog: &Catalog, package: &str, architecture: &str) -> Option<EntryId> {
    let fits = |id: &&EntryId| {
        let of = &catalog.get(**id).entry.architecture;
        of == architecture || of == "all"
    };
    let offered = catalog.named(package).iter().filter(fits);
    // Of equal versions the first: that of the preferred upstream.
    offered.copied().reduce(|best, id| {
        let newer = catalog.get(id).entry.version.compare(&catalog.get(best).entry.version);
        if newer == Ordering::Greater { id } else { best }
    })
}

/// A list does not say what an installed package provides, so the offer of the same version says it, or of any other.
fn base(catalog: &Catalog, package: &str, version: &Version) -> BasePackage {
    let offered = catalog.named(package);
    let same = offered.iter().find(|id| catalog.get(**id).entry.version.compare(version) == Ordering::Equal);
    let provides = same.or(offered.first()).and_then(|id| catalog.get(*id).entry.provides.clone());
    BasePackage { package: package.to_owned(), version: version.clone(), provides }
}
