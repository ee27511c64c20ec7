//! Landlock: which files may be written, made, removed or executed.
//!
//! Reading is not handled: what has no way out may read. Rights hang from directories that are open, so they follow the
//! directory and not its name.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use sealift_fs::PathError;

use crate::{Allowance, ConfineError, Grade};

/// The newest set of rights asked for; an older kernel grants what it knows.
const NEWEST: ABI = ABI::V6;

/// Takes the rights away from this thread.
pub(crate) fn restrict(allowance: &Allowance) -> Result<Grade, ConfineError> {
    // The first version of Landlock forbids every rename between directories, and with it every write of ours.
    if !allowance.writable.is_empty() && !offers(AccessFs::Refer) {
        return Ok(Grade::NotOffered);
    }
    let mut rules = begin().map_err(ConfineError::Files)?;
    for dir in &allowance.writable {
        rules = allow(rules, dir, AccessFs::from_write(NEWEST))?;
    }
    if let Some(dir) = &allowance.emptied {
        rules = allow(rules, dir, AccessFs::RemoveDir.into())?;
    }
    let status = rules.restrict_self().map_err(ConfineError::Files)?;
    Ok(match status.ruleset {
        RulesetStatus::NotEnforced => Grade::NotOffered,
        // Device controls and scopes are later additions; without truncation a file could still be emptied.
        _ if offers(AccessFs::Truncate) => Grade::Enforced,
        _ => Grade::Partial,
    })
}

fn begin() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_write(NEWEST) | AccessFs::Execute)?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

fn allow(rules: RulesetCreated, dir: &Path, rights: BitFlags<AccessFs>) -> Result<RulesetCreated, ConfineError> {
    let opened = PathFd::new(dir)
        .map_err(|_| PathError::new("open", dir, std::io::Error::from(std::io::ErrorKind::NotFound)))?;
    rules.add_rule(PathBeneath::new(opened, rights)).map_err(ConfineError::Files)
}

/// Asks the kernel whether it knows a right.
fn offers(right: AccessFs) -> bool {
    let asked = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(right);
    asked.and_then(Ruleset::create).is_ok()
}
