//! `sealift-keys scan`: a person reports what a scan of a bundle found.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sealift_term::{CommandError, Term, now};
use sealift_trust::Said;
use sealift_trust::statement::{Scan, ScanResult};

use super::statement::{SignerArgs, make, subject};

/// Report the result of scanning a bundle
///
/// Runs no scanner: it signs what you say one found. A failed scan makes every importer refuse the bundle, however many
/// others passed it.
#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// A medium with one bundle, a bundle's directory, its manifest.json, or the bundle id
    subject: PathBuf,
    /// How it ended
    #[arg(long)]
    result: Outcome,
    /// Name and version of what scanned
    #[arg(long, value_name = "TEXT")]
    scanner: String,
    /// How many findings there were
    #[arg(long, value_name = "N", default_value_t = 0)]
    findings: u32,
    /// A remark that is signed along
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    signer: SignerArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    /// Nothing that speaks against the bundle
    Pass,
    /// Something that does
    Fail,
}

pub(super) fn run(args: &ScanArgs, term: Term) -> Result<ExitCode, CommandError> {
    let shown = subject(&args.subject)?;
    let scan = Scan {
        findings: args.findings,
        issued: now(),
        note: args.note.clone(),
        result: match args.result {
            Outcome::Pass => ScanResult::Pass,
            Outcome::Fail => ScanResult::Fail,
        },
        scanner: args.scanner.clone(),
    };
    make(Said::Scan(scan), &shown, &args.signer, term)
}
