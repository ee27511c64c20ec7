//! `sealift-import accept`

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term};

use super::{DirArgs, confine};
use crate::scan::{Infected, WithheldReport, accept_without_infected};

/// Accept a waiting bundle without the packages that a scanner found something in
///
/// These contents are withheld from every publication from now on, whatever bundle lists them; what came of them stays in the
/// quarantine. There is no way to accept them. Indexes and signed files cannot be withheld: discard such a bundle.
#[derive(Debug, Args)]
pub(super) struct AcceptArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The bundle, as STREAM/NUMBER
    #[arg(value_parser = place)]
    bundle: (StreamId, Sequence),
    /// Withhold what scanners found something in
    #[arg(long, required = true)]
    without_infected: bool,
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Reads `STREAM/NUMBER`.
pub(super) fn place(text: &str) -> Result<(StreamId, Sequence), String> {
    let (stream, sequence) = text.split_once('/').ok_or("expected STREAM/NUMBER")?;
    let stream = stream.parse().map_err(|e: sealift_model::id::IdError| e.to_string())?;
    Ok((stream, sequence.parse().map_err(|_| "the number is none")?))
}

pub(super) fn run(args: &AcceptArgs, term: Term) -> Result<ExitCode, CommandError> {
    if args.reason.trim().is_empty() || args.reason.len() > 1000 {
        return Err(CommandError::new(Exit::Usage, "--reason must have 1 to 1000 bytes"));
    }
    let mut writer = args.dir.write(term)?;
    confine::to_state(&args.dir.dir, term)?;
    let progress = term.progress();
    let place = (&args.bundle.0, args.bundle.1);
    let report = accept_without_infected(&mut writer, place, args.reason.trim(), &*progress);
    let report = report.map_err(|e| super::scan::error(&e))?;
    drop(progress);
    term.answer(&report, human);
    if report.accepted {
        term.say(&format!("Next: sealift-import promote{} --channel testing {}", args.dir.repeated(), report.name));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(Exit::Partial.into())
}

fn human(report: &WithheldReport) -> String {
    let mut out = String::new();
    for infected in &report.withheld {
        let _ = writeln!(out, "Withheld: {}", Infected::describe(infected));
    }
    if report.accepted {
        let _ = writeln!(
            out,
            "Accepted bundle {} without it. It stays in the quarantine and is never published.",
            report.name
        );
    } else {
        let _ = writeln!(out, "Bundle {} goes on waiting for:", report.name);
        for line in &report.waits_for {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}
