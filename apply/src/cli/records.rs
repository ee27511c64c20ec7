//! `sealift-apply records`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Table, Term};

use super::error;
use super::state_dir::StateDir;
use crate::records::{Records, Summary};

/// List state records
#[derive(Debug, Args)]
pub(super) struct RecordsArgs {
    /// Only those of this host
    #[arg(long)]
    host: Option<String>,
}

pub(super) fn run(args: &RecordsArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let state = StateDir::open(dir)?;
    let host = match &args.host {
        Some(name) => Some(state.inventory.host(name).map_err(|e| error::inventory(&e))?.name.clone()),
        None => None,
    };
    let records = Records::open(&state.path, &state.key).list(host.as_ref()).map_err(|e| error::records(&e))?;
    term.answer(&records, |records| render(records));
    Ok(ExitCode::SUCCESS)
}

fn render(records: &[Summary]) -> String {
    if records.is_empty() {
        return "There are no state records yet.".into();
    }
    let mut table = Table::new(&["RECORD", "TIME", "HOST", "PHASE", "OUTCOME", "RUN", "PACKAGES"]).right(0);
    for record in records {
        let packages: String = record.packages_digest.as_deref().unwrap_or("-").chars().take(12).collect();
        let outcome = record.outcome.clone().unwrap_or_else(|| "-".into());
        let number = record.sequence.to_string();
        let (time, host, phase, run) = (&record.finished, &record.host, &record.phase, &record.run);
        table.row([&number, time, host, phase, &outcome, run, &packages]);
    }
    table.to_string()
}
