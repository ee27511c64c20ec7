//! Debian's rules as the solver asks for them.
//!
//! One solver name per real package. A virtual package is no name of its own: a relation to it becomes a choice among
//! the packages that provide it. `Conflicts` and `Breaks` become the set of versions that may stay. Relations are parsed
//! only for packages the solver comes to look at, which is a few in a hundred.

use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider,
    HintDependenciesAvailable, Interner, KnownDependencies, NameId, Requirement, SolvableId, SolverCache, StringId,
    VersionSetId, VersionSetUnionId,
};
use sealift_model::escape::printable;

use super::{BasePackage, ClosureOptions, Dependency, Missing};
use crate::catalog::{Catalog, EntryId};
use crate::relation::{self, Alternative, Relation, RelationError};
use crate::version::Version;

/// What the solver can choose: an entry of the catalog, or a package every host has.
#[derive(Clone, Copy)]
pub(super) enum Choice<'a> {
    Entry(EntryId),
    Base(&'a BasePackage),
}

/// Some versions of one package.
struct VersionSet {
    name: NameId,
    matching: Vec<SolvableId>,
    shown: String,
}

struct Provider {
    solvable: SolvableId,
    version: Option<Version>,
}

pub(super) struct Universe<'a> {
    catalog: &'a Catalog,
    options: &'a ClosureOptions,
    base: HashMap<&'a str, Vec<SolvableId>>,
    providers: HashMap<&'a str, Vec<Provider>>,
    essential: OnceCell<Vec<&'a str>>,
    tables: RefCell<Tables<'a>>,
}

#[derive(Default)]
struct Tables<'a> {
    names: Vec<&'a str>,
    name_ids: HashMap<&'a str, NameId>,
    version_sets: Vec<VersionSet>,
    unions: Vec<Vec<VersionSetId>>,
    strings: Vec<String>,
    wanted: HashMap<&'a str, Vec<VersionSetId>>,
    unwanted: HashMap<&'a str, Vec<VersionSetId>>,
}

/// Returns the solver's number of an entry.
pub(super) fn solvable(id: EntryId) -> SolvableId {
    SolvableId::from_raw(id.number())
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("tables are filled from an index of at most 2^30 bytes")
}

impl<'a> Universe<'a> {
    pub(super) fn new(catalog: &'a Catalog, options: &'a ClosureOptions) -> Self {
        let mut universe = Self {
            catalog,
            options,
            base: HashMap::new(),
            providers: HashMap::new(),
            essential: OnceCell::new(),
            tables: RefCell::default(),
        };
        for (id, found) in catalog.iter().filter(|(id, _)| universe_runs(catalog, options, *id)) {
            if let Some(provides) = &found.entry.provides {
                universe.add_provides(solvable(id), provides);
            }
        }
        for (index, package) in options.base.iter().enumerate() {
            let id = SolvableId::from_raw(number(catalog.len() + index));
            universe.base.entry(&package.package).or_default().push(id);
            if let Some(provides) = &package.provides {
                universe.add_provides(id, provides);
            }
        }
        universe
    }

    fn add_provides(&mut self, solvable: SolvableId, provides: &'a str) {
        // A field that cannot be read provides nothing; who needs it will say so.
        for relation in relation::parse(provides, &self.options.architecture).unwrap_or_default() {
            for alternative in relation.alternatives {
                let version = alternative.constraint.map(|(_, version)| version);
                self.providers.entry(alternative.package).or_default().push(Provider { solvable, version });
            }
        }
    }

    /// Tells whether an entry runs on the hosts.
    pub(super) fn runs(&self, id: EntryId) -> bool {
        universe_runs(self.catalog, self.options, id)
    }

    pub(super) fn title(&self, id: EntryId) -> String {
        self.catalog.title(id)
    }

    pub(super) fn choice(&self, id: SolvableId) -> Choice<'a> {
        let at = id.into_raw() as usize;
        match at.checked_sub(self.catalog.len()).and_then(|index| self.options.base.get(index)) {
            Some(package) => Choice::Base(package),
            None => Choice::Entry(EntryId::from_number(id.into_raw())),
        }
    }

    fn name_and_version(&self, id: SolvableId) -> (&'a str, &'a Version) {
        match self.choice(id) {
            Choice::Base(package) => (&package.package, &package.version),
            Choice::Entry(id) => {
                let entry = &self.catalog.get(id).entry;
                (&entry.package, &entry.version)
            }
        }
    }

    /// Returns everything of this name that hosts have or can have.
    fn named(&self, name: &str) -> Vec<SolvableId> {
        let base = self.base.get(name).map_or(&[][..], Vec::as_slice);
        let entries = self.catalog.named(name).iter().filter(|id| self.runs(**id)).map(|id| solvable(*id));
        base.iter().copied().chain(entries).collect()
    }

    fn name_id(&self, name: &'a str) -> NameId {
        let mut tables = self.tables.borrow_mut();
        if let Some(id) = tables.name_ids.get(name) {
            return *id;
        }
        let id = NameId::from_raw(number(tables.names.len()));
        tables.names.push(name);
        tables.name_ids.insert(name, id);
        id
    }

    fn name_of(&self, id: NameId) -> &'a str {
        self.tables.borrow().names.get(id.into_raw() as usize).copied().unwrap_or_default()
    }

    fn version_set(&self, name: &'a str, matching: Vec<SolvableId>, shown: String) -> VersionSetId {
        let name = self.name_id(name);
        let mut tables = self.tables.borrow_mut();
        tables.version_sets.push(VersionSet { name, matching, shown });
        VersionSetId(number(tables.version_sets.len() - 1))
    }

    fn string(&self, text: String) -> StringId {
        let mut tables = self.tables.borrow_mut();
        tables.strings.push(text);
        StringId(number(tables.strings.len() - 1))
    }

    /// Returns the requirement of exactly this entry.
    pub(super) fn exactly(&self, id: EntryId) -> Requirement {
        let entry = &self.catalog.get(id).entry;
        Requirement::Single(self.version_set(&entry.package, vec![solvable(id)], format!("= {}", entry.version)))
    }

    /// Returns the names of packages that every system has, if those are wanted.
    pub(super) fn essential(&self) -> &[&'a str] {
        self.essential.get_or_init(|| {
            let wanted = self
                .catalog
                .iter()
                .filter(|(id, found)| self.options.essential && found.entry.is_base() && self.runs(*id));
            wanted.map(|(_, found)| found.entry.package.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
        })
    }

    pub(super) fn essential_requirements(&self) -> Vec<ConditionalRequirement> {
        let one = |name: &&'a str| self.version_set(name, self.named(name), "(any version)".to_owned());
        self.essential().iter().map(|name| one(name).into()).collect()
    }

    /// Returns the choices of an essential package that stand in `solution`.
    pub(super) fn chosen(&self, name: &str, solution: &BTreeSet<SolvableId>) -> Vec<SolvableId> {
        self.named(name).into_iter().filter(|id| solution.contains(id)).collect()
    }

    /// Returns what an entry needs and, if wanted, recommends.
    pub(super) fn relations(&self, id: EntryId) -> Result<Vec<(Dependency, Relation<'a>)>, RelationError> {
        let entry = &self.catalog.get(id).entry;
        let recommends = entry.recommends.as_ref().filter(|_| self.options.recommends);
        let fields = [
            (Dependency::PreDepends, entry.pre_depends.as_ref()),
            (Dependency::Depends, entry.depends.as_ref()),
            (Dependency::Recommends, recommends),
        ];
        let mut relations = Vec::new();
        for (field, text) in fields {
            let parsed = relation::parse(text.map_or("", String::as_str), &self.options.architecture)?;
            relations.extend(parsed.into_iter().map(|relation| (field, relation)));
        }
        Ok(relations)
    }

    /// Returns everything that satisfies `relation`, the preferred first.
    pub(super) fn satisfying(&self, relation: &Relation<'a>) -> Vec<SolvableId> {
        let sets = self.version_sets(relation);
        let tables = self.tables.borrow();
        let sets = sets.iter().filter_map(|set| tables.version_sets.get(set.0 as usize));
        sets.flat_map(|set| set.matching.iter().copied()).collect()
    }

    /// Returns the first choice of each recommendation that nothing in `solution` meets.
    pub(super) fn unmet_recommendations(&self, solution: &BTreeSet<SolvableId>) -> Vec<SolvableId> {
        let mut unmet = Vec::new();
        for id in solution {
            let Choice::Entry(id) = self.choice(*id) else { continue };
            for (field, relation) in self.relations(id).unwrap_or_default() {
                let candidates = if field == Dependency::Recommends { self.satisfying(&relation) } else { continue };
                if !candidates.iter().any(|candidate| solution.contains(candidate)) {
                    unmet.extend(candidates.first());
                }
            }
        }
        unmet
    }

    /// Returns what meets a relation, alternative by alternative; those that hosts have come first, since they need not come.
    fn version_sets(&self, relation: &Relation<'a>) -> Vec<VersionSetId> {
        let mut alternatives: Vec<_> =
            relation.alternatives.iter().map(|alternative| self.wanted(alternative)).collect();
        if !self.options.base.is_empty() {
            alternatives.sort_by_key(|sets| !sets.iter().any(|set| self.has_base(*set)));
        }
        alternatives.concat()
    }

    fn has_base(&self, set: VersionSetId) -> bool {
        let tables = self.tables.borrow();
        let matching = tables.version_sets.get(set.0 as usize).map(|set| set.matching.as_slice());
        matching.unwrap_or_default().iter().any(|id| matches!(self.choice(*id), Choice::Base(_)))
    }

    /// Returns the sets of packages that satisfy one alternative: the package itself, then its providers.
    fn wanted(&self, alternative: &Alternative<'a>) -> Vec<VersionSetId> {
        if let Some(known) = self.tables.borrow().wanted.get(alternative.text) {
            return known.clone();
        }
        let shown = constraint_text(alternative);
        let by_name = self.matching(alternative);
        let sets: Vec<_> = by_name
            .into_iter()
            .map(|(name, matching)| {
                let shown = if name == alternative.package {
                    shown.clone()
                } else {
                    format!("providing {} {shown}", alternative.package)
                };
                self.version_set(name, matching, shown)
            })
            .collect();
        self.tables.borrow_mut().wanted.insert(alternative.text, sets.clone());
        sets
    }

    /// Returns what an alternative matches, by name in order of preference, each name's choices too.
    fn matching(&self, alternative: &Alternative<'a>) -> Vec<(&'a str, Vec<SolvableId>)> {
        if !alternative.on_architecture(&self.options.architecture) {
            return Vec::new();
        }
        let mut own: Vec<_> = self.named(alternative.package);
        own.retain(|id| alternative.accepts(self.name_and_version(*id).1));
        self.sort(&mut own);
        let mut providers: BTreeMap<&'a str, Vec<SolvableId>> = BTreeMap::new();
        for provider in self.providers.get(alternative.package).map_or(&[][..], Vec::as_slice) {
            // Only a versioned Provides meets a versioned relation (Debian Policy 7.5).
            let meets = provider.version.as_ref().map_or(alternative.constraint.is_none(), |v| alternative.accepts(v));
            let name = self.name_and_version(provider.solvable).0;
            if meets && name != alternative.package {
                providers.entry(name).or_default().push(provider.solvable);
            }
        }
        let mut providers: Vec<_> = providers.into_iter().collect();
        for (_, ids) in &mut providers {
            self.sort(ids);
        }
        providers.sort_by_key(|(name, ids)| (ids.first().map_or(u8::MAX, |id| self.rank(*id)), *name));
        let own = (!own.is_empty()).then_some((alternative.package, own));
        own.into_iter().chain(providers).collect()
    }

    /// Orders choices of one package: what hosts have, then the newest, then the earlier upstream.
    fn sort(&self, ids: &mut [SolvableId]) {
        ids.sort_by_cached_key(|id| {
            let base = matches!(self.choice(*id), Choice::Base(_));
            (!base, Reverse(self.name_and_version(*id).1), *id)
        });
    }

    /// Orders providers as their archive ranks them.
    fn rank(&self, id: SolvableId) -> u8 {
        let Choice::Entry(id) = self.choice(id) else { return 0 };
        match self.catalog.get(id).entry.priority.as_deref() {
            Some("required") => 1,
            Some("important") => 2,
            Some("standard") => 3,
            Some("optional") => 4,
            _ => 5,
        }
    }

    /// Returns, for each package that `alternative` excludes, the versions that may stay.
    fn unwanted(&self, alternative: &Alternative<'a>) -> Vec<VersionSetId> {
        if let Some(known) = self.tables.borrow().unwanted.get(alternative.text) {
            return known.clone();
        }
        let one = |(name, matching): (&'a str, Vec<SolvableId>)| {
            let mut staying = self.named(name);
            staying.retain(|id| !matching.contains(id));
            self.version_set(name, staying, format!("not {}", alternative.text))
        };
        let sets: Vec<_> = self.matching(alternative).into_iter().map(one).collect();
        self.tables.borrow_mut().unwanted.insert(alternative.text, sets.clone());
        sets
    }

    fn dependencies(&self, id: EntryId) -> Result<KnownDependencies, RelationError> {
        let entry = &self.catalog.get(id).entry;
        let mut known = KnownDependencies::default();
        for (field, relation) in self.relations(id)? {
            let sets = if field == Dependency::Recommends { continue } else { self.version_sets(&relation) };
            match (sets.as_slice(), self.options.missing) {
                ([], Missing::Report) => {}
                ([], Missing::Refuse) => known.requirements.push(self.nothing(&relation).into()),
                ([one], _) => known.requirements.push((*one).into()),
                _ => known.requirements.push(self.union(sets).into()),
            }
        }
        let own = self.name_id(&entry.package);
        for text in [&entry.conflicts, &entry.breaks].into_iter().flatten() {
            for relation in relation::parse(text, &self.options.architecture)? {
                let sets = relation.alternatives.iter().flat_map(|alternative| self.unwanted(alternative));
                // A package that conflicts with what it provides excludes all other providers, not itself.
                known.constrains.extend(sets.filter(|set| self.version_set_name(*set) != own));
            }
        }
        Ok(known)
    }

    /// Returns a requirement that nothing meets, so that the solver's explanation names it.
    fn nothing(&self, relation: &Relation<'a>) -> Requirement {
        let first = relation.alternatives.first();
        let shown = first.map(constraint_text).unwrap_or_default();
        Requirement::Single(self.version_set(first.map_or("", |a| a.package), Vec::new(), shown))
    }

    fn union(&self, sets: Vec<VersionSetId>) -> Requirement {
        let mut tables = self.tables.borrow_mut();
        tables.unions.push(sets);
        Requirement::Union(VersionSetUnionId(number(tables.unions.len() - 1)))
    }
}

fn universe_runs(catalog: &Catalog, options: &ClosureOptions, id: EntryId) -> bool {
    let architecture = &catalog.get(id).entry.architecture;
    *architecture == options.architecture || architecture == "all"
}

fn constraint_text(alternative: &Alternative<'_>) -> String {
    match &alternative.constraint {
        Some((operator, version)) => format!("({operator} {version})"),
        None => "(any version)".to_owned(),
    }
}

impl Interner for Universe<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let (name, version) = self.name_and_version(solvable);
        format!("{name}={version}")
    }

    fn display_merged_solvables(&self, solvables: &[SolvableId]) -> impl Display + '_ {
        let shown: BTreeSet<_> = solvables.iter().map(|id| self.display_solvable(*id).to_string()).collect();
        shown.into_iter().collect::<Vec<_>>().join(" | ")
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        printable(self.name_of(name))
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        self.tables.borrow().version_sets.get(version_set.0 as usize).map(|set| set.shown.clone()).unwrap_or_default()
    }

    fn display_string(&self, string_id: StringId) -> impl Display + '_ {
        self.tables.borrow().strings.get(string_id.0 as usize).cloned().unwrap_or_default()
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        let tables = self.tables.borrow();
        tables.version_sets.get(version_set.0 as usize).expect("the solver knows only sets it was given").name
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        self.name_id(self.name_and_version(solvable).0)
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.tables.borrow().unions.get(union.0 as usize).cloned().unwrap_or_default().into_iter()
    }

    fn resolve_condition(&self, _condition: ConditionId) -> Condition {
        unreachable!("no requirement is made with a condition")
    }
}

impl DependencyProvider for Universe<'_> {
    async fn filter_candidates(&self, candidates: &[SolvableId], set: VersionSetId, inverse: bool) -> Vec<SolvableId> {
        let tables = self.tables.borrow();
        let matching = tables.version_sets.get(set.0 as usize).map_or(&[][..], |set| set.matching.as_slice());
        candidates.iter().copied().filter(|id| matching.contains(id) != inverse).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let candidates = self.named(self.name_of(name));
        (!candidates.is_empty()).then(|| Candidates {
            candidates,
            hint_dependencies_available: HintDependenciesAvailable::None,
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _solver: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        self.sort(solvables);
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        match self.choice(solvable) {
            // Hosts have it, so they have what it needs.
            Choice::Base(_) => Dependencies::Known(KnownDependencies::default()),
            Choice::Entry(id) => match self.dependencies(id) {
                Ok(known) => Dependencies::Known(known),
                Err(error) => Dependencies::Unknown(self.string(error.to_string())),
            },
        }
    }
}
