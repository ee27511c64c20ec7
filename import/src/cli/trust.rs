//! `sealift-import trust`

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_term::{CommandError, Exit, Table, Term};

use super::DirArgs;
use crate::recover::{RecoverOptions, RecoverReport, recover};
use crate::trust::{TrustStatus, trust_status};

/// Most characters of a line that is typed.
const TYPED_LIMIT: u64 = 1024;

/// What is trusted, and what to do when the record of it is damaged
#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    verb: TrustVerb,
}

#[derive(Debug, Subcommand)]
enum TrustVerb {
    Status(StatusArgs),
    Recover(RecoverArgs),
}

/// Show versions, expiry, floors, and the state that a clock override has to name
#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    dir: DirArgs,
}

/// Put damaged trust state together from what is left; needs the fingerprint of the root of trust
///
/// Works only on a state that every other command refuses. Floors never go below what is still proved; what is lost is
/// said, and the ledger keeps it. A restore from backup loses less.
#[derive(Debug, Args)]
struct RecoverArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Root of trust as the key desk has it [default: the newest in the state directory]
    #[arg(long, value_name = "ROOT.json")]
    root: Option<PathBuf>,
    /// Its fingerprint, told by the key desk [default: ask on the terminal]
    #[arg(long, value_name = "8 GROUPS")]
    fingerprint: Option<String>,
}

pub(super) fn run(args: &TrustArgs, term: Term) -> Result<ExitCode, CommandError> {
    match &args.verb {
        TrustVerb::Status(args) => status(args, term),
        TrustVerb::Recover(args) => repair(args, term),
    }
}

fn status(args: &StatusArgs, term: Term) -> Result<ExitCode, CommandError> {
    let repository = args.dir.open(term)?;
    let status = trust_status(&repository, sealift_term::now()).map_err(|e| super::error::state(&e))?;
    term.answer(&status, human);
    Ok(ExitCode::SUCCESS)
}

fn human(status: &TrustStatus) -> String {
    let mut out = format!("site: {}\n", status.site);
    let _ = writeln!(out, "{}", status.freshness.describe());
    let _ = writeln!(out, "both copies of the floors agree\n");
    let mut table = Table::new(&["TRUST", "VERSION", "EXPIRES", ""]).right(1);
    for document in &status.documents {
        let note = if document.expired { "expired" } else { "" };
        table.row([document.role.clone(), document.version.to_string(), document.expires.to_string(), note.into()]);
    }
    let _ = writeln!(out, "{table}");
    let mut table = Table::new(&["FLOOR", "", "ID"]);
    for (stream, held) in &status.floors.streams {
        table.row([stream.to_string(), held.sequence.to_string(), held.manifest.short()]);
    }
    if status.floors.signed_time.unix() > 0 {
        table.row(["signed time".to_owned(), status.floors.signed_time.to_string(), String::new()]);
    }
    let _ = writeln!(out, "{table}");
    let _ = writeln!(out, "statements used up: {}", status.floors.used.len());
    let _ = writeln!(out, "root: {}", status.root.tagged());
    let _ = writeln!(out, "state: {}", status.state.tagged());
    if status.clock_behind {
        let _ = writeln!(
            out,
            "The clock of this machine is more than a day behind what was signed. Set it; or people sign an override:\n  \
             sealift-keys waive clock {} --reason TEXT",
            status.state.tagged()
        );
    }
    out
}

fn repair(args: &RecoverArgs, term: Term) -> Result<ExitCode, CommandError> {
    let fingerprint = match &args.fingerprint {
        Some(text) => text.clone(),
        None => ask(term)?,
    };
    let options = RecoverOptions { dir: args.dir.dir.clone(), root: args.root.clone(), fingerprint };
    let report = recover(&options, &super::caller()).map_err(|e| super::error::recover(&e))?;
    term.answer(&report, recovered);
    term.say(&format!("Next: sealift-import status{}", args.dir.repeated()));
    Ok(ExitCode::SUCCESS)
}

fn ask(term: Term) -> Result<String, CommandError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CommandError::new(Exit::Usage, "the fingerprint of the root of trust is needed")
            .hint("Type it on a terminal, or give it: --fingerprint \"8 GROUPS\"."));
    }
    term.say("Type the fingerprint of the root of trust, as the key desk reads it out:");
    let mut line = String::new();
    stdin.lock().take(TYPED_LIMIT).read_line(&mut line).map_err(|e| super::error::failed(&e))?;
    Ok(line)
}

fn recovered(report: &RecoverReport) -> String {
    let mut out = String::from("Recovered the trust state.\n");
    for damage in &report.damage {
        let _ = writeln!(out, "  damaged: {damage}");
    }
    for lost in &report.lost {
        let _ = writeln!(out, "  lost: {lost}");
    }
    let _ = writeln!(out, "  trusted now: {}", report.floors.describe());
    let _ = writeln!(out, "  bundles in the index: {}", report.bundles);
    out.push_str("What was replaced is kept as trust/floor.json.damaged and index.sqlite.damaged.");
    out
}
