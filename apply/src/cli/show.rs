//! `sealift-apply show`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_model::escape::printable;
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::error;
use super::facts::{render_packages, render_state};
use super::reading::ReadArgs;
use crate::record::Record;

/// Show a state record after checking its signature
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its number or file
    record: String,
    /// List the packages as well
    #[arg(long)]
    packages: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Answer {
    digest: sealift_model::Digest,
    record: Record,
}

pub(super) fn run(args: &ShowArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let kept = args.read.open(dir)?.records().find(&args.record).map_err(|e| error::records(&e))?;
    let answer = Answer { digest: kept.digest, record: kept.record };
    term.answer(&answer, |answer| render(answer, args.packages));
    Ok(ExitCode::SUCCESS)
}

fn render(answer: &Answer, packages: bool) -> String {
    let record = &answer.record;
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(out, "{key}: {}", printable(value));
    };
    line("record", &format!("{} ({})", record.sequence, answer.digest.tagged()));
    line("host", record.host.as_str());
    line("phase", record.phase.as_str());
    if let Some(outcome) = record.outcome {
        line("outcome", outcome.as_str());
    }
    if let Some(reason) = &record.reason {
        line("reason", reason);
    }
    line("run", &record.run);
    line("plan", &record.plan.tagged());
    line("actor", &record.actor);
    line("tool", &record.tool);
    line("started", &record.started.to_string());
    line("finished", &record.finished.to_string());
    line("previous", &record.previous.tagged());
    match &record.state {
        Some(state) => out.push_str(&render_state(state)),
        None => out.push_str("state: not known\n"),
    }
    if let (true, Some(state)) = (packages, &record.state) {
        let _ = write!(out, "\n{}", render_packages(state));
    }
    if let Some(log) = record.log.as_ref().filter(|log| !log.is_empty()) {
        out.push_str("log:\n");
        for text in log {
            let _ = writeln!(out, "  | {text}");
        }
    }
    out
}
