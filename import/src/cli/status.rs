//! `sealift-import status`

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use sealift_model::Timestamp;
use sealift_term::{CommandError, Table, Term, age, counted};

use super::DirArgs;
use crate::status::{ChannelStatus, Status, status};

/// Show what is trusted, held, promoted and published
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn run(args: &StatusArgs, term: Term) -> Result<ExitCode, CommandError> {
    let repository = args.dir.open(term)?;
    let clock = sealift_term::now();
    let status = status(&repository, clock).map_err(|e| super::error::state(&e))?;
    term.answer(&status, |status| human(status, clock));
    Ok(ExitCode::SUCCESS)
}

fn human(status: &Status, clock: Timestamp) -> String {
    let refreshed = status.refreshed.map_or_else(|| "never".to_owned(), |then| age(then, clock));
    let mut out = format!("site: {}\ntrust last refreshed: {refreshed}\n\n", status.site);
    let mut table = Table::new(&["TRUST", "VERSION", "EXPIRES", ""]).right(1);
    for document in &status.trust {
        let note = if document.expired { "expired" } else { "" };
        table.row([document.role.clone(), document.version.to_string(), document.expires.to_string(), note.into()]);
    }
    let _ = writeln!(out, "{table}");
    if status.streams.is_empty() {
        out.push_str("No bundle was accepted yet.\n\n");
    } else {
        let mut table = Table::new(&["STREAM", "SEQUENCE", "BUILT", "NOT AFTER", "ID"]).right(1);
        for s in &status.streams {
            let cells = [s.stream.to_string(), s.sequence.to_string(), s.created.to_string(), s.not_after.to_string()];
            table.row(cells.into_iter().chain([s.manifest.short()]));
        }
        let _ = writeln!(out, "{table}");
    }
    let mut table = Table::new(&["CHANNEL", "HOLDS", "PUBLISHED"]);
    for channel in &status.channels {
        let holds = if channel.holds.is_empty() { "nothing".to_owned() } else { channel.holds.join(" ") };
        table.row([channel.channel.to_string(), holds, published(channel, clock)]);
    }
    let _ = write!(out, "{table}");
    if !status.waiting.is_empty() {
        let _ = write!(out, "\n{}", super::waiting::human(&status.waiting));
    }
    if status.leftovers > 0 {
        let _ = writeln!(
            out,
            "\n{} in quarantine, which the next receive removes.",
            counted(status.leftovers, "leftover", "leftovers")
        );
    }
    out
}

fn published(channel: &ChannelStatus, clock: Timestamp) -> String {
    match channel.published_at {
        None => "never".into(),
        Some(at) if channel.is_published => age(at, clock),
        Some(at) => format!("something else, {}", age(at, clock)),
    }
}
