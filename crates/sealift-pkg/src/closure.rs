//! The dependency closure of a selection: everything it needs, and why each is there.
//!
//! A solver picks versions, alternatives and providers so that what is selected can be installed together, as apt would
//! on a host ([`universe`] tells it Debian's rules). What cannot be installed together is resolved in further rounds,
//! because a mirror may well carry two packages that exclude each other. A dependency that nobody offers is reported or
//! refused, as the caller says: a stream of security updates alone is never closed in itself.

mod reasons;
mod universe;

use std::collections::{BTreeMap, BTreeSet};

use resolvo::{ConditionalRequirement, Problem, SolvableId, Solver, UnsolvableOrCancelled};
use sealift_model::escape::printable;

use crate::catalog::{Catalog, EntryId};
use crate::select::Selection;
use crate::version::Version;
use universe::Universe;

/// Rounds after which further recommendations of recommendations are left out. Real suites settle in six.
const RECOMMENDS_ROUNDS: usize = 24;
/// Lines of an explanation that are kept.
const EXPLANATION_LINES: usize = 60;

/// What a closure takes along, and for which hosts.
#[derive(Debug, Clone)]
pub struct ClosureOptions {
    /// The architecture of the hosts.
    pub architecture: String,
    /// Whether what is recommended comes along.
    pub recommends: bool,
    /// Whether essential and required packages come along though no rule names them.
    pub essential: bool,
    /// What happens to a dependency that nobody offers, and to a selected package that cannot be installed.
    pub missing: Missing,
    /// Packages that every host already has.
    pub base: Vec<BasePackage>,
}

/// What happens to a dependency that nobody offers, and to a selected package that cannot be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is listed in the closure. Hosts are expected to have what is missing; and real archives always hold some
    /// packages that cannot be installed, which must not stop all others.
    Report,
    /// It makes the closure fail.
    Refuse,
}

/// A package that every host already has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasePackage {
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: Version,
    /// What it provides, as dpkg's status has it.
    pub provides: Option<String>,
}

/// Field of a relation that pulled something in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// `Pre-Depends`
    PreDepends,
    /// `Depends`
    Depends,
    /// `Recommends`
    Recommends,
}

/// Why an entry is in a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The rule of this index took it.
    Rule(usize),
    /// Every system has it.
    Essential,
    /// Another entry needs it.
    Needed {
        /// The entry that needs it.
        by: EntryId,
        /// The relation, as written there.
        relation: String,
        /// The field the relation stands in.
        field: Dependency,
    },
}

/// A dependency that nobody offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    /// The entry that has it.
    pub by: EntryId,
    /// The relation, as written there.
    pub relation: String,
    /// The field the relation stands in.
    pub field: Dependency,
}

/// A selected package that cannot be installed in any way from what is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uninstallable {
    /// The entry. It stays a member, without anything it needs.
    pub entry: EntryId,
    /// The chain of reasons, several lines.
    pub explanation: String,
}

/// A selection with everything it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// The entries, each with why it is there.
    pub members: BTreeMap<EntryId, Why>,
    /// Dependencies that nobody offers.
    pub unresolved: Vec<Unresolved>,
    /// Selected entries that cannot be installed at all. **Show these**: a host that is to get one will refuse it.
    pub uninstallable: Vec<Uninstallable>,
    /// Selected entries that cannot be installed beside the others; their dependencies were resolved apart.
    pub apart: Vec<EntryId>,
}

/// Why there is no closure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosureError {
    /// Something selected cannot be installed in any way from what is offered.
    #[error("{what} cannot be installed from what is offered:\n{explanation}")]
    Unsatisfiable {
        /// What was asked for.
        what: String,
        /// The chain of reasons, several lines.
        explanation: String,
    },
}

/// Adds to `selection` everything it needs on hosts of one architecture.
pub fn closure(catalog: &Catalog, selection: &Selection, options: &ClosureOptions) -> Result<Closure, ClosureError> {
    let universe = Universe::new(catalog, options);
    let mut closure = Closure::default();
    for (id, rule) in selection.taken.iter().filter(|(id, _)| universe.runs(**id)) {
        closure.members.insert(*id, Why::Rule(*rule));
    }
    let mut waiting: Vec<EntryId> = closure.members.keys().copied().collect();
    let mut resolver = Resolver { solver: Solver::new(universe), options };
    for number in 0.. {
        let (roots, mut later) = one_version_each(catalog, &waiting);
        let round = resolver.round(&roots)?;
        reasons::explain(resolver.solver.provider(), &round, &mut closure);
        closure.uninstallable.extend(round.uninstallable);
        later.extend(round.left_out);
        later.sort_unstable();
        if number == 0 {
            closure.apart.clone_from(&later);
        }
        if later.is_empty() {
            break;
        }
        waiting = later;
    }
    closure.unresolved.sort();
    closure.unresolved.dedup();
    Ok(closure)
}

/// Splits off all but the newest version of each package: two cannot be installed together.
fn one_version_each(catalog: &Catalog, ids: &[EntryId]) -> (Vec<EntryId>, Vec<EntryId>) {
    let mut newest: BTreeMap<&str, EntryId> = BTreeMap::new();
    for id in ids {
        let entry = &catalog.get(*id).entry;
        let kept = newest.entry(&entry.package).or_insert(*id);
        if catalog.get(*kept).entry.version < entry.version {
            *kept = *id;
        }
    }
    let kept: BTreeSet<EntryId> = newest.into_values().collect();
    ids.iter().partition(|id| kept.contains(id))
}

/// Entries that can be installed together.
struct Round {
    solution: BTreeSet<SolvableId>,
    roots: Vec<EntryId>,
    left_out: Vec<EntryId>,
    uninstallable: Option<Uninstallable>,
}

struct Resolver<'a> {
    solver: Solver<Universe<'a>>,
    options: &'a ClosureOptions,
}

impl Resolver<'_> {
    /// Resolves as many of `roots` together as can be. At least one is taken or found to be uninstallable.
    fn round(&mut self, roots: &[EntryId]) -> Result<Round, ClosureError> {
        if let Ok(solution) = self.resolve(roots, &[]) {
            return Ok(Round { solution, roots: roots.to_vec(), left_out: Vec::new(), uninstallable: None });
        }
        let solution = self.resolve(&[], roots).map_err(|explanation| ClosureError::Unsatisfiable {
            what: "the set of essential packages".to_owned(),
            explanation,
        })?;
        let has = |id: &&EntryId| solution.contains(&universe::solvable(**id));
        let (taken, left_out): (Vec<EntryId>, Vec<EntryId>) = roots.iter().partition(has);
        match left_out.split_first() {
            Some((first, others)) if taken.is_empty() => self.alone(*first, others.to_vec()),
            _ => Ok(Round { solution, roots: taken, left_out, uninstallable: None }),
        }
    }

    /// Resolves `first` by itself, which says why if that cannot be.
    fn alone(&mut self, first: EntryId, left_out: Vec<EntryId>) -> Result<Round, ClosureError> {
        match (self.resolve(&[first], &[]), self.options.missing) {
            (Ok(solution), _) => Ok(Round { solution, roots: vec![first], left_out, uninstallable: None }),
            (Err(explanation), Missing::Report) => {
                let uninstallable = Some(Uninstallable { entry: first, explanation });
                Ok(Round { solution: BTreeSet::new(), roots: Vec::new(), left_out, uninstallable })
            }
            (Err(explanation), Missing::Refuse) => {
                Err(ClosureError::Unsatisfiable { what: self.solver.provider().title(first), explanation })
            }
        }
    }

    /// Finds a set that has all of `hard`, those of `soft` that fit beside, and what is recommended if that is wanted.
    fn resolve(&mut self, hard: &[EntryId], soft: &[EntryId]) -> Result<BTreeSet<SolvableId>, String> {
        let mut soft: Vec<SolvableId> = soft.iter().map(|id| universe::solvable(*id)).collect();
        let mut asked: BTreeSet<SolvableId> = soft.iter().copied().collect();
        let mut solution = self.solve(hard, &soft)?;
        for _ in 0..RECOMMENDS_ROUNDS {
            if !self.options.recommends {
                break;
            }
            let new = self.solver.provider().unmet_recommendations(&solution);
            let before = soft.len();
            soft.extend(new.into_iter().filter(|candidate| asked.insert(*candidate)));
            if soft.len() == before {
                break;
            }
            solution = self.solve(hard, &soft)?;
        }
        Ok(solution)
    }

    fn solve(&mut self, hard: &[EntryId], soft: &[SolvableId]) -> Result<BTreeSet<SolvableId>, String> {
        let universe = self.solver.provider();
        let mut requirements = universe.essential_requirements();
        requirements.extend(hard.iter().map(|id| ConditionalRequirement::from(universe.exactly(*id))));
        let problem = Problem::new().requirements(requirements).soft_requirements(soft.to_vec());
        match self.solver.solve(problem) {
            Ok(solution) => Ok(solution.into_iter().collect()),
            Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
                let text = conflict.display_user_friendly(&self.solver).to_string();
                let lines: Vec<_> = text.lines().take(EXPLANATION_LINES).map(printable).collect();
                Err(lines.join("\n"))
            }
            Err(UnsolvableOrCancelled::Cancelled(_)) => Err("the search was stopped".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
