//! `withdraw`: content that must not be installed any more.

use std::process::ExitCode;

use clap::Args;
use sealift_model::escape::printable;
use sealift_term::{CommandError, Exit, Term, counted};
use serde::Serialize;

use super::{Place, failure};
use crate::withdrawn::{self, Wanted, Withdrawn};

/// Withdraw content: later bundles leave it out and tell the sites, which refuse it from then on
///
/// Without an argument: list what is withdrawn. It cannot be taken back.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// PACKAGE=VERSION, PACKAGE:ARCH=VERSION or sha256:DIGEST
    #[arg(requires = "reason")]
    what: Vec<Wanted>,
    /// Why, for everybody who is refused it later
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    new: Vec<Withdrawn>,
    withdrawn: usize,
}

pub(super) fn run(args: &WithdrawArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let Some(reason) = args.reason.as_ref().filter(|_| !args.what.is_empty()) else {
        return list(place, term);
    };
    if reason.trim().is_empty() || reason.chars().any(char::is_control) || reason.len() > 1000 {
        return Err(CommandError::new(
            Exit::Usage,
            "--reason is empty, longer than 1000 bytes or not one line of text",
        ));
    }
    let (state, writer) = place.open_locked()?;
    let said = (reason.as_str(), sealift_term::now());
    let new = withdrawn::add(&writer, &state, &args.what, said).map_err(|e| failure::withdraw(&e))?;
    let all = withdrawn::read(state.dir()).map_err(|e| failure::withdraw(&e))?;
    term.answer(&Answer { new, withdrawn: all.len() }, |answer| {
        if answer.new.is_empty() {
            return "All of that was withdrawn before.\n".to_owned();
        }
        let head = format!("Withdrew {}:\n", counted(answer.new.len() as u64, "content", "contents"));
        answer.new.iter().fold(head, |text, one| text + &line(one))
            + "The next bundle of every stream leaves it out and tells the sites: sealift-mirror bundle build\n"
    });
    Ok(ExitCode::SUCCESS)
}

fn list(place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let all = withdrawn::read(state.dir()).map_err(|e| failure::withdraw(&e))?;
    term.answer(&all, |all| {
        if all.is_empty() { "Nothing is withdrawn.\n".to_owned() } else { all.iter().map(line).collect() }
    });
    Ok(ExitCode::SUCCESS)
}

fn line(one: &Withdrawn) -> String {
    let what = one.package.as_deref().unwrap_or("unknown content");
    format!("  {} {}, since {}: {}\n", printable(what), one.sha256.tagged(), one.since, printable(&one.reason))
}
