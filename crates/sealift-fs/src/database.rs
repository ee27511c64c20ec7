//! Databases that make their own changes durable, as seen from here: one commit is one operation.
//!
//! SQLite writes its files itself. Its callers say when a transaction is committed, so that the crash tests can end the
//! process before and after it and know what was durable then. In a shipped tool this is a plain call.

use std::io;
use std::path::Path;

use crate::seam::{self, Op};

/// Commits a transaction of the database file `path` by calling `act`.
#[track_caller]
pub fn commit<T, E>(path: &Path, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut failed = None;
    let done = seam::run(Op::Commit { path }, || match act() {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            failed = Some(error);
            Err(io::Error::other("not committed"))
        }
    });
    match (done, failed) {
        (Ok(Some(value)), _) => Ok(value),
        (_, Some(error)) => Err(error),
        // The seam never fails a commit in the database's place: what SQLite would do then is SQLite's to say.
        _ => unreachable!("a commit either gives its value or its error"),
    }
}
