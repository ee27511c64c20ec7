//! Why a site key could not be made or used.

use std::path::Path;

use sealift_fs::{PathError, PrivateError};
use sealift_model::escape::printable;

/// Why a site key could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteKeyError {
    /// A key file is missing, cannot be read, or is open to others.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// A file could not be written.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A key is there already; keys are never overwritten.
    #[error("{0} exists already; a site keeps its keys")]
    Exists(String),
    /// Not a key file of a version we know.
    #[error("{path} is not a site key: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, made printable.
        reason: String,
    },
    /// The OpenPGP library failed.
    #[error("cannot make an OpenPGP {what}: {reason}")]
    OpenPgp {
        /// What was to be made.
        what: &'static str,
        /// What it said, made printable.
        reason: String,
    },
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness(#[source] getrandom::Error),
}

impl SiteKeyError {
    pub(crate) fn malformed(path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::Malformed { path: printable(&path.to_string_lossy()), reason: printable(&reason.to_string()) }
    }

    /// The library's error is shown as text: it names no file and carries a backtrace that is of no use here.
    pub(crate) fn openpgp(what: &'static str) -> impl Fn(pgp::errors::Error) -> Self {
        move |error| Self::OpenPgp { what, reason: printable(&error.to_string()) }
    }
}
