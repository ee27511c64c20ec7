//! `sealift-import receive`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term, bytes, counted};

use super::DirArgs;
use crate::receive::{Accepted, ReceiveReport, receive};

/// Take the bundles on a medium into the repository, or refuse them
///
/// Everything is copied first and verified as copied. A bundle is accepted whole or not at all; what was accepted
/// already is left as it is, and an interrupted run goes on when the same command is typed again.
#[derive(Debug, Args)]
pub(super) struct ReceiveArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The mounted medium, its SEALIFT directory, or a .sealift file
    path: PathBuf,
}

pub(super) fn run(args: &ReceiveArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write()?;
    let progress = term.progress();
    let report = receive(&mut writer, &args.path, &*progress).map_err(|e| super::error::receive(&e))?;
    drop(progress);
    if report.swept > 0 {
        term.say(&format!("Removed {} of an interrupted run.", counted(report.swept, "leftover", "leftovers")));
    }
    term.answer(&report, human);
    if let Some(last) = report.accepted.last() {
        term.say(&format!("Next: sealift-import promote{} --channel testing {}", args.dir.repeated(), last.name()));
    }
    Ok(ExitCode::SUCCESS)
}

fn human(report: &ReceiveReport) -> String {
    let mut out = String::new();
    for bundle in &report.accepted {
        let _ = writeln!(out, "{}", accepted(bundle));
    }
    for name in &report.already {
        let _ = writeln!(out, "Bundle {name}: already imported.");
    }
    for name in &report.passed_over {
        let _ = writeln!(out, "Bundle {name}: older than what is held, not taken.");
    }
    if let Some(trust) = &report.trust {
        let _ = writeln!(out, "Newer trust metadata accepted: {trust}.");
    }
    if report.older_metadata {
        let _ =
            writeln!(out, "The trust metadata of this medium is older than what was trusted already, which decided.");
    }
    if report.accepted.is_empty() && report.trust.is_none() {
        let _ = writeln!(out, "Nothing new on this medium. Nothing was changed.");
    }
    out
}

fn accepted(bundle: &Accepted) -> String {
    format!(
        "Accepted bundle {} ({}; {} copied, {}; {} there already).\n  id: sha256:{}",
        bundle.name(),
        counted(bundle.files, "file", "files"),
        counted(bundle.blobs, "blob", "blobs"),
        bytes(bundle.bytes),
        bundle.present,
        bundle.manifest
    )
}
