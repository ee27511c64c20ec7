//! `sealift-keys fingerprint`: the digest of a root, for comparing it over the telephone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};

use super::show::read_root;
use crate::summary::RootSummary;

/// Print the SHA-256 of a root.json as 8 groups of 8 digits
///
/// It is the digest of the file: `sha256sum root.json` prints the same. Compare it over a way that an attacker of the
/// medium does not control.
#[derive(Debug, Args)]
pub(super) struct FingerprintArgs {
    /// The root of trust
    root: PathBuf,
}

pub(super) fn run(args: &FingerprintArgs, term: Term) -> Result<ExitCode, CommandError> {
    let summary = RootSummary::of(&read_root(&args.root)?);
    let answer = serde_json::json!({
        "sha256": summary.sha256, "fingerprint": summary.fingerprint, "version": summary.version,
    });
    term.answer(&answer, |_| summary.fingerprint.clone());
    Ok(ExitCode::SUCCESS)
}
