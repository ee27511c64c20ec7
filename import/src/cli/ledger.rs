//! `sealift-import ledger`

use std::collections::VecDeque;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_term::{CommandError, Exit, Table, Term};

use super::DirArgs;
use crate::ledger::{Head, Line};
use crate::repository::StateError;

/// Read and check the append-only log of this repository
#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(subcommand)]
    verb: LedgerVerb,
}

#[derive(Debug, Subcommand)]
enum LedgerVerb {
    Show(ShowArgs),
    Verify(VerifyArgs),
}

/// Show the newest lines
#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// How many; all of them with 0
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
}

/// Check every line, the chain, and where it ends
#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn run(args: &LedgerArgs, term: Term) -> Result<ExitCode, CommandError> {
    match &args.verb {
        LedgerVerb::Show(args) => show(args, term),
        LedgerVerb::Verify(args) => verify(args, term),
    }
}

fn show(args: &ShowArgs, term: Term) -> Result<ExitCode, CommandError> {
    let repository = args.dir.open(term)?;
    let mut lines: VecDeque<Line> = VecDeque::new();
    let outcome = repository.verify_ledger(|line| {
        if args.last > 0 && lines.len() == args.last {
            lines.pop_front();
        }
        lines.push_back(line.clone());
    });
    outcome.map_err(|e| damaged(&e))?;
    term.answer(&lines, |lines| {
        let mut table = Table::new(&["LINE", "TIME", "ACTOR", "EVENT", "SUBJECT", "DETAIL"]).right(0);
        for line in lines {
            table.row([
                line.number.to_string(),
                line.time.to_string(),
                line.actor.clone(),
                line.event.as_str().to_owned(),
                subject(line),
                line.detail.clone(),
            ]);
        }
        table.to_string()
    });
    Ok(ExitCode::SUCCESS)
}

fn subject(line: &Line) -> String {
    let subject = &line.subject;
    let bundle = subject.stream.as_ref().zip(subject.sequence).map(|(stream, number)| format!("{stream}/{number}"));
    [bundle, subject.channel.as_ref().map(ToString::to_string)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn verify(args: &VerifyArgs, term: Term) -> Result<ExitCode, CommandError> {
    let repository = args.dir.open(term)?;
    let head: Head = repository.verify_ledger(|_| ()).map_err(|e| damaged(&e))?;
    term.answer(&head, |head| format!("The ledger is whole: {} lines, head sha256:{}.", head.number, head.digest));
    Ok(ExitCode::SUCCESS)
}

fn damaged(error: &StateError) -> CommandError {
    match error {
        StateError::Ledger(e) if e.is_damage() => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("Compare with a backup; the newest receipt on the connected side names a head that was whole."),
        other => super::error::state(other),
    }
}
