//! Which packages come together: those of one source version, and what they need.

use std::collections::{BTreeMap, BTreeSet};

use sealift_pkg::relation::{self, Alternative};
use sealift_pkg::{Catalog, Version};

use super::Item;
use super::rank::Rank;
use crate::selection::need::Hosts;

/// Packages in units that are never torn apart, and what each unit needs.
pub(super) struct Groups {
    /// The items of each unit.
    units: Vec<Vec<usize>>,
    /// The units that each needs itself.
    needs: Vec<BTreeSet<usize>>,
}

impl Groups {
    /// Groups what would have to be carried. What is held needs no room and no group.
    pub(super) fn new(items: &[Item<'_>], catalog: &Catalog, hosts: &Hosts) -> Self {
        let mut by_source: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (at, item) in items.iter().enumerate().filter(|(_, item)| !item.held) {
            by_source.entry(source(item, catalog)).or_default().push(at);
        }
        let units: Vec<Vec<usize>> = by_source.into_values().collect();
        let of: BTreeMap<usize, usize> =
            units.iter().enumerate().flat_map(|(unit, items)| items.iter().map(move |at| (*at, unit))).collect();
        let offers = Offers::new(items, catalog);
        let needs = units.iter().enumerate().map(|(unit, members)| {
            let needed =
                members.iter().filter_map(|at| items.get(*at)).flat_map(|item| offers.needed_by(item, catalog, hosts));
            needed.filter_map(|at| of.get(&at).copied()).filter(|other| *other != unit).collect()
        });
        let needs = needs.collect();
        Self { units, needs }
    }

    /// Returns the items of a unit.
    pub(super) fn members(&self, unit: usize) -> &[usize] {
        self.units.get(unit).map_or(&[], Vec::as_slice)
    }

    /// Returns the items of a unit and of all it needs.
    pub(super) fn with_needs(&self, unit: usize) -> BTreeSet<usize> {
        let (mut seen, mut waiting) = (BTreeSet::from([unit]), vec![unit]);
        while let Some(next) = waiting.pop() {
            let more = self.needs.get(next).into_iter().flatten();
            waiting.extend(more.copied().filter(|other| seen.insert(*other)));
        }
        seen.into_iter().flat_map(|unit| self.members(unit).iter().copied()).collect()
    }

    /// Returns the units, the most urgent first; of equals, in the order of their source packages.
    pub(super) fn ordered(&self, ranks: &[Rank]) -> Vec<usize> {
        let best = |unit: &usize| self.members(*unit).iter().filter_map(|at| ranks.get(*at)).min();
        let mut units: Vec<usize> = (0..self.units.len()).collect();
        units.sort_by(|a, b| best(a).cmp(&best(b)).then(a.cmp(b)));
        units
    }
}

fn source(item: &Item<'_>, catalog: &Catalog) -> (String, String) {
    match item.entry.map(|id| &catalog.get(id).entry) {
        Some(entry) => (entry.source.clone(), entry.source_version().to_string()),
        None => (item.deb.package.clone(), item.deb.version.clone()),
    }
}

/// What can meet a relation, by name: packages themselves and what they provide.
struct Offers {
    by_name: BTreeMap<String, Vec<(usize, Option<Version>)>>,
    held: BTreeSet<usize>,
}

impl Offers {
    fn new(items: &[Item<'_>], catalog: &Catalog) -> Self {
        let mut by_name: BTreeMap<String, Vec<(usize, Option<Version>)>> = BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            let Some(entry) = item.entry.map(|id| &catalog.get(id).entry) else { continue };
            by_name.entry(entry.package.clone()).or_default().push((at, Some(entry.version.clone())));
            let provides = entry.provides.as_deref().unwrap_or_default();
            for relation in relation::parse(provides, &entry.architecture).unwrap_or_default() {
                for alternative in relation.alternatives {
                    let version = alternative.constraint.map(|(_, version)| version);
                    by_name.entry(alternative.package.to_owned()).or_default().push((at, version));
                }
            }
        }
        let held = items.iter().enumerate().filter(|(_, item)| item.held).map(|(at, _)| at).collect();
        Self { by_name, held }
    }

    /// Returns the items that `item` needs because neither hosts nor what is held meets a relation.
    fn needed_by(&self, item: &Item<'_>, catalog: &Catalog, hosts: &Hosts) -> Vec<usize> {
        let Some(entry) = item.entry.map(|id| &catalog.get(id).entry) else { return Vec::new() };
        let fields = [entry.pre_depends.as_deref(), entry.depends.as_deref()];
        let mut needed = Vec::new();
        for text in fields.into_iter().flatten() {
            // A package whose relations cannot be read is never in a closure.
            for relation in relation::parse(text, &entry.architecture).unwrap_or_default() {
                let there = |alternative: &Alternative<'_>| {
                    hosts.everywhere.get(alternative.package).is_some_and(|version| alternative.accepts(version))
                };
                if relation.alternatives.iter().any(there) {
                    continue;
                }
                let meeting: Vec<usize> = relation.alternatives.iter().flat_map(|a| self.meeting(a)).collect();
                if !meeting.iter().any(|at| self.held.contains(at)) {
                    needed.extend(meeting.first());
                }
            }
        }
        needed
    }

    fn meeting(&self, alternative: &Alternative<'_>) -> Vec<usize> {
        let offers = self.by_name.get(alternative.package).into_iter().flatten();
        // Only a versioned Provides meets a versioned relation (Debian Policy 7.5).
        let meets = |version: &Option<Version>| {
            version.as_ref().map_or(alternative.constraint.is_none(), |version| alternative.accepts(version))
        };
        offers.filter(|(_, version)| meets(version)).map(|(at, _)| *at).collect()
    }
}
