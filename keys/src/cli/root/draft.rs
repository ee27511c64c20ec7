//! `sealift-keys root draft`: begins the next version of the root of trust.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term, now};

use super::answer::DraftAnswer;
use crate::cli::{error, show};
use crate::draft::Draft;

/// Begin a draft of the next root of trust
///
/// The draft says the same as the present root, with the next version and a new expiry. Change it with the other verbs
/// of `root`, then have it signed: `export`, `sign` where each key is, `attach`, `root publish`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DraftArgs {
    /// The present root of trust
    root: PathBuf,
    /// The draft to write; must not exist [default: N.root.draft here, N being its version]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Days until the new root expires
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    expires_days: u64,
}

pub(super) fn run(args: &DraftArgs, term: Term) -> Result<ExitCode, CommandError> {
    let base = show::read_root(&args.root)?;
    let now = now();
    let failed = |e| error::draft(&args.root.display().to_string(), &e);
    let draft = Draft::follow(base, now.plus_days(args.expires_days), now).map_err(failed)?;
    let path = args.out.clone().unwrap_or_else(|| format!("{}.root.draft", draft.root().version()).into());
    draft.write_new(&path).map_err(failed)?;
    let answer = DraftAnswer::of(&path, &draft).map_err(|e| error::metadata("the draft", &e))?;
    term.answer(&answer, |answer| format!("Wrote the draft {}.\n{}", path.display(), answer.content()));
    term.say("Next: change it (sealift-keys root --help), or have it signed as it is: sealift-keys export");
    Ok(ExitCode::SUCCESS)
}
