//! `sealift-media export`: the register, or the log of transfers, as a table.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sealift_fs::Mode;
use sealift_term::{CommandError, Exit, Term};

use super::{DirArgs, error};
use crate::export;

/// Write the register or the log of transfers as CSV
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["register", "transfers"])]
pub(super) struct ExportArgs {
    /// A line a medium
    #[arg(long)]
    register: bool,
    /// A line a transfer
    #[arg(long)]
    transfers: bool,
    /// Form
    #[arg(long, value_name = "FORM", default_value = "csv")]
    format: Format,
    /// Write to FILE [standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
}

pub(super) fn run(args: &ExportArgs, term: Term) -> Result<ExitCode, CommandError> {
    let register = args.dir.open()?;
    // A log with a gap in it must not leave as if it were whole.
    if let Some(problem) = register.problems().first() {
        return Err(error::refused(&problem.refusal, &args.dir));
    }
    let Format::Csv = args.format;
    let text = if args.register { export::register(&register) } else { export::transfers(&register) };
    match &args.out {
        None => term.raw(text.as_bytes()),
        Some(out) => {
            sealift_fs::replace(out, text.as_bytes(), Mode::Public)
                .map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
            term.say(&format!("Wrote {}.", out.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
