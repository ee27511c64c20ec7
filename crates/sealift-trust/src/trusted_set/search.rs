//! Finds what is signed of a target, through delegations, without doing I/O itself.
//!
//! The search asks for one document after the other ([`Step::Needs`]); the caller fetches it and gives it to
//! [`TufSet::update_delegated`]. A document counts only under the delegation through which the search came to it: that
//! another delegator's keys signed it, in this search or an earlier one, says nothing.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{TufSet, check_named_version, premature};
use crate::key::Role;
use crate::metadata::{Body as _, DelegatingTargets, Delegation, MetaInfo, Profile, RoleName, Signed, TargetFile};
use crate::refusal::Refusal;

/// How many delegated roles one search may visit.
pub const MOST_ROLES: usize = 32;

/// One way to a role: who delegates to it, `None` being the top-level targets role.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Visit {
    delegator: Option<RoleName>,
    role: RoleName,
}

/// A document that must be fetched before the search can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    visit: Visit,
    version: u64,
    length: Option<u64>,
}

impl Need {
    /// Returns the role whose targets metadata is needed.
    pub fn role(&self) -> &RoleName {
        &self.visit.role
    }

    /// Returns its version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns how many bytes it may have at most.
    pub fn limit(&self) -> u64 {
        let limit = DelegatingTargets::LIMIT as u64;
        self.length.map_or(limit, |length| length.min(limit))
    }
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A role that may say so describes the target.
    Found(&'a TargetFile),
    /// No role that may say so describes the target.
    Absent,
    /// Targets metadata of a delegated role is needed first.
    Needs(Need),
}

/// A search for one target.
#[derive(Debug, Clone)]
pub struct Search {
    path: String,
    begun: bool,
    open: Vec<Visit>,
    visited: BTreeSet<RoleName>,
}

impl Search {
    /// Begins a search for the target with this path.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), begun: false, open: Vec::new(), visited: BTreeSet::new() }
    }

    /// Goes on until the target is found, is known to be absent, or a document is needed.
    pub fn step<'a>(&mut self, set: &'a TufSet) -> Result<Step<'a>, Refusal> {
        if !self.begun {
            let top = set.targets.as_ref().ok_or(premature(Role::Targets, Role::Targets))?;
            self.begun = true;
            if let Some(found) = self.look_into(None, top) {
                return Ok(Step::Found(found));
            }
        }
        while let Some(visit) = self.open.last().cloned() {
            // 5.6.7.1: each role once, so that cycles end, and not too many of them.
            if self.visited.contains(&visit.role) {
                self.open.pop();
                continue;
            }
            if self.visited.len() >= MOST_ROLES {
                return Err(Refusal::TooManyRoles { limit: MOST_ROLES });
            }
            let Some(document) = set.vouched(&visit) else { return Ok(Step::Needs(set.need(visit)?)) };
            self.open.pop();
            self.visited.insert(visit.role.clone());
            if let Some(found) = self.look_into(Some(&visit.role), document) {
                return Ok(Step::Found(found));
            }
        }
        // 5.7.2
        Ok(Step::Absent)
    }

    /// Looks for the target in a document, and notes where to look next if it is not there.
    fn look_into<'a>(
        &mut self,
        role: Option<&RoleName>,
        document: &'a Signed<DelegatingTargets>,
    ) -> Option<&'a TargetFile> {
        if let Some(found) = document.body().get(&self.path) {
            self.open.clear();
            return Some(found);
        }
        // 5.6.7.2: depth first, in order of appearance; a role outside its paths is not even looked at.
        let mut next = Vec::new();
        for delegation in document.body().delegations().iter().filter(|d| d.covers(&self.path)) {
            next.push(Visit { delegator: role.cloned(), role: delegation.name().clone() });
            // 5.6.7.2.1: what comes later, here and further up, no longer counts.
            if delegation.is_terminating() {
                self.open.clear();
                break;
            }
        }
        self.open.extend(next.into_iter().rev());
        None
    }
}

impl TufSet {
    /// Takes targets metadata of a delegated role, for a search that needs it.
    pub fn update_delegated(&mut self, need: &Need, bytes: &[u8]) -> Result<&Signed<DelegatingTargets>, Refusal> {
        let new = self.judge_delegated(&need.visit, bytes).map_err(|refusal| match refusal {
            Refusal::Unlisted { .. } | Refusal::Premature { .. } => refusal,
            source => Refusal::Delegated { name: need.visit.role.clone(), source: Box::new(source) },
        })?;
        self.delegated.insert(need.visit.role.clone(), new);
        self.delegated.get(&need.visit.role).ok_or(premature(Role::Targets, Role::Targets))
    }

    fn judge_delegated(&self, visit: &Visit, bytes: &[u8]) -> Result<Signed<DelegatingTargets>, Refusal> {
        let named = self.listed(&visit.role)?;
        let delegation = self.delegation(visit).ok_or(premature(Role::Targets, Role::Targets))?;
        // 5.6.2 and so on, as for the top-level role, with the delegator's keys in place of the root's.
        named.check_bytes(Role::Targets, bytes)?;
        // 5.6.3
        let new = Signed::<DelegatingTargets>::parse_as(bytes, Profile::Tuf)?;
        check_delegated(visit, delegation, &new)?;
        // 5.6.4
        check_named_version(named.version(), &new)?;
        // 5.6.5
        new.check_expiry(self.now)?;
        Ok(new)
    }

    /// Returns the document of a role if it counts under this delegation.
    fn vouched(&self, visit: &Visit) -> Option<&Signed<DelegatingTargets>> {
        let document = self.delegated.get(&visit.role)?;
        let delegation = self.delegation(visit)?;
        check_delegated(visit, delegation, document).ok().map(|()| document)
    }

    fn delegation(&self, visit: &Visit) -> Option<&Delegation> {
        let delegator = match &visit.delegator {
            Some(name) => self.delegated.get(name)?,
            None => self.targets.as_ref()?,
        };
        delegator.body().delegations().get(&visit.role)
    }

    fn need(&self, visit: Visit) -> Result<Need, Refusal> {
        let named = self.listed(&visit.role)?;
        Ok(Need { version: named.version(), length: named.length(), visit })
    }

    fn listed(&self, role: &RoleName) -> Result<&MetaInfo, Refusal> {
        let snapshot = self.snapshot.as_ref().ok_or(premature(Role::Targets, Role::Snapshot))?;
        let unlisted = || Refusal::Unlisted { version: snapshot.version(), name: role.clone() };
        snapshot.body().delegated(role).ok_or_else(unlisted)
    }
}

fn check_delegated(
    visit: &Visit,
    delegation: &Delegation,
    document: &Signed<DelegatingTargets>,
) -> Result<(), Refusal> {
    let (valid, required) = (document.signers(delegation.keys()).len(), delegation.keys().threshold());
    if valid >= required {
        return Ok(());
    }
    let delegator = visit.delegator.as_ref().map_or_else(|| "top-level targets".to_owned(), |name| format!("`{name}`"));
    Err(Refusal::DelegationThreshold { delegator, version: document.version(), valid, required })
}
