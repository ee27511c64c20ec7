//! Why each part of a solution is in it: the way from what was asked for.
//!
//! Walks the solution from the selected and essential packages along their relations. What the walk does not reach is
//! left out; the solver may have chosen it on the way to something better, and nothing that stays needs it.

use std::collections::{BTreeSet, VecDeque};

use resolvo::SolvableId;

use super::universe::{Choice, Universe, solvable};
use super::{Closure, Dependency, Round, Unresolved, Why};
use crate::catalog::EntryId;

/// Adds the members of one round's solution to `closure`, each with why it is there.
pub(super) fn explain(universe: &Universe<'_>, round: &Round, closure: &mut Closure) {
    let mut walk = Walk { universe, solution: &round.solution, seen: BTreeSet::new(), queue: VecDeque::new() };
    for id in &round.roots {
        walk.visit(solvable(*id), || None, closure);
    }
    for name in universe.essential() {
        for id in universe.chosen(name, &round.solution) {
            walk.visit(id, || Some(Why::Essential), closure);
        }
    }
    while let Some(id) = walk.queue.pop_front() {
        walk.follow(id, closure);
    }
}

struct Walk<'a, 'u> {
    universe: &'a Universe<'u>,
    solution: &'a BTreeSet<SolvableId>,
    seen: BTreeSet<EntryId>,
    queue: VecDeque<EntryId>,
}

impl Walk<'_, '_> {
    fn visit(&mut self, id: SolvableId, why: impl FnOnce() -> Option<Why>, closure: &mut Closure) {
        let Choice::Entry(id) = self.universe.choice(id) else { return };
        if self.seen.insert(id) {
            self.queue.push_back(id);
            if let (false, Some(why)) = (closure.members.contains_key(&id), why()) {
                closure.members.insert(id, why);
            }
        }
    }

    fn follow(&mut self, id: EntryId, closure: &mut Closure) {
        // A package whose relations cannot be read is never in a solution.
        for (field, relation) in self.universe.relations(id).unwrap_or_default() {
            let candidates = self.universe.satisfying(&relation);
            let relation = relation.text;
            match candidates.iter().find(|candidate| self.solution.contains(candidate)) {
                Some(chosen) => {
                    let why = || Some(Why::Needed { by: id, relation: one_line(relation), field });
                    self.visit(*chosen, why, closure);
                }
                None if candidates.is_empty() || field != Dependency::Recommends => {
                    closure.unresolved.push(Unresolved { by: id, relation: one_line(relation), field });
                }
                None => {}
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
