//! Gives up what a verb does not need, before it looks at foreign bytes (decision 0013).

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

/// Keeps reading only.
pub(super) fn to_reading(term: Term) -> Result<Confined, CommandError> {
    to(&Allowance::nothing(), term)
}

/// Keeps reading and what `allowance` names, and warns once of what this kernel does not offer.
pub(super) fn to(allowance: &Allowance, term: Term) -> Result<Confined, CommandError> {
    let confined = confine(allowance)
        .map_err(|e| CommandError::with_cause(Exit::Failed, "could not confine this command before it reads", &e))?;
    if let Some(missing) = confined.missing() {
        term.warn(&missing);
    }
    Ok(confined)
}
