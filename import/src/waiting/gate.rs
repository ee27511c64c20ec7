//! Whether scanners let content in. The verdicts themselves are the scan gate's.

use sealift_model::Timestamp;

use crate::repository::{Repository, StateError};
use crate::scan::ClosedBy;

use super::Waiting;

/// Returns the configured scanners that have not passed every content of a bundle.
///
/// Without scanners nothing is asked. A bundle for which this names any at `now` is not accepted, whatever else is here;
/// without a time, which is for telling people only, the age of verdicts is not judged.
///
/// # Errors
/// That the verdicts cannot be read.
pub fn verdicts_missing(
    repository: &Repository,
    waiting: &Waiting,
    now: Option<Timestamp>,
) -> Result<Vec<ClosedBy>, StateError> {
    crate::scan::closed_by(repository, waiting, now)
}

/// Tells whether scanners are configured, so that nothing goes straight into the store.
pub(crate) fn is_configured(repository: &Repository) -> bool {
    !repository.config().scanners.is_empty()
}
