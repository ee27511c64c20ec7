//! `sealift-apply records`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Exit, Table, Term};

use super::error;
use super::reading::ReadArgs;
use crate::inventory::meant;
use crate::records::Summary;

/// List state records: before and after each run, and what came of it
#[derive(Debug, Args)]
pub(super) struct RecordsArgs {
    /// Only those of this host
    #[arg(long)]
    host: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(super) fn run(args: &RecordsArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let mut records = args.read.open(dir)?.records().list(None).map_err(|e| error::records(&e))?;
    if let Some(name) = &args.host {
        // The inventory need not know a host that has records from earlier.
        let known: BTreeSet<String> = records.iter().map(|record| record.host.clone()).collect();
        records.retain(|record| record.host == *name);
        if records.is_empty() {
            return Err(no_record_of(name, &known));
        }
    }
    term.answer(&records, |records| render(records));
    Ok(ExitCode::SUCCESS)
}

fn no_record_of(name: &str, known: &BTreeSet<String>) -> CommandError {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let there = if known.is_empty() {
        "there are none at all".into()
    } else {
        format!("there are some of {}", known.join(", "))
    };
    let failure = CommandError::new(Exit::Usage, format!("there is no state record of a host `{name}`; {there}"));
    match meant(name, &known) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure,
    }
}

fn render(records: &[Summary]) -> String {
    if records.is_empty() {
        return "There are no state records yet.".into();
    }
    let mut table = Table::new(&["RECORD", "TIME", "HOST", "PHASE", "OUTCOME", "RUN", "PACKAGES"]).right(0);
    for record in records {
        let packages: String = record.packages_digest.as_deref().unwrap_or("-").chars().take(12).collect();
        let none = if record.unfinished { "unfinished" } else { "-" };
        let outcome = record.outcome.clone().unwrap_or_else(|| none.into());
        let number = record.sequence.to_string();
        let (time, host, phase, run) = (&record.finished, &record.host, &record.phase, &record.run);
        table.row([&number, time, host, phase, &outcome, run, &packages]);
    }
    table.to_string()
}
