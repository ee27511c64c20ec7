//! Gives up what `receive` does not need, before it looks at a medium (decision 0013).

use std::path::Path;

use sealift_confine::{Allowance, Confined, confine};
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

/// An answer, with what the kernel held the command to while it was found.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a, T> {
    #[serde(flatten)]
    pub(super) found: &'a T,
    confinement: Confined,
}

impl<'a, T> Answer<'a, T> {
    pub(super) fn new(found: &'a T, confinement: Confined) -> Self {
        Self { found, confinement }
    }
}

/// Keeps reading, and writing below the state directory; warns once of what this kernel does not offer.
pub(super) fn to_state(state: &Path, term: Term) -> Result<Confined, CommandError> {
    let names = sealift_fs::list_dir(state).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    // The operator may have put the store on another disk, behind a link.
    let linked = names.iter().map(|name| state.join(name)).filter(|path| path.is_symlink() && path.is_dir());
    let allowance = linked.fold(Allowance::nothing().writing_below(state), |all, path| all.writing_below(&path));
    let confined = confine(&allowance)
        .map_err(|e| CommandError::with_cause(Exit::Failed, "could not confine this command before it reads", &e))?;
    if let Some(missing) = confined.missing() {
        term.warn(&missing);
    }
    Ok(confined)
}
