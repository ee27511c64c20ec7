//! `sealift-import waiting`

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_term::{CommandError, Term};

use super::DirArgs;
use crate::status::{WaitingStatus, waiting};

/// Show the bundles that came in part, and what each of them waits for
#[derive(Debug, Args)]
pub(super) struct WaitingArgs {
    #[command(flatten)]
    dir: DirArgs,
    #[command(subcommand)]
    verb: Option<WaitingVerb>,
}

#[derive(Debug, Subcommand)]
enum WaitingVerb {
    /// The same: list them
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn run(args: &WaitingArgs, term: Term) -> Result<ExitCode, CommandError> {
    let dir = match &args.verb {
        Some(WaitingVerb::List(list)) => &list.dir,
        None => &args.dir,
    };
    let repository = dir.open(term)?;
    let found = waiting(&repository).map_err(|e| super::error::state(&e))?;
    term.answer(&found, |found| if found.is_empty() { "No bundle waits.\n".into() } else { human(found) });
    Ok(ExitCode::SUCCESS)
}

/// Lists bundles, and below each what it waits for.
pub(super) fn human(found: &[WaitingStatus]) -> String {
    let mut out = String::new();
    for bundle in found {
        let _ = writeln!(out, "Bundle {} waits for", bundle.name);
        for line in &bundle.waits_for {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}
