//! `sealift-apply diff`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_model::escape::printable;
use sealift_term::{CommandError, Exit, Table, Term};
use serde::Serialize;

use super::error;
use super::reading::ReadArgs;
use crate::compare::{Difference, compare};
use crate::record::Record;

/// Show what is different between two state records
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Number or file of the earlier record
    before: String,
    /// Number or file of the later record
    after: String,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Answer {
    before: u64,
    after: u64,
    host: String,
    #[serde(flatten)]
    difference: Difference,
}

pub(super) fn run(args: &DiffArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let reading = args.read.open(dir)?;
    let records = reading.records();
    let find = |text: &str| records.find(text).map(|kept| kept.record).map_err(|e| error::records(&e));
    let (before, after) = (find(&args.before)?, find(&args.after)?);
    if before.host != after.host {
        term.warn(&format!("the records are of different hosts, {} and {}", before.host, after.host));
    }
    let difference = compare(state_of(&before)?, state_of(&after)?);
    let answer = Answer { before: before.sequence, after: after.sequence, host: after.host.to_string(), difference };
    term.answer(&answer, render);
    Ok(ExitCode::SUCCESS)
}

fn state_of(record: &Record) -> Result<&crate::state::HostState, CommandError> {
    record.state.as_ref().ok_or_else(|| {
        CommandError::new(Exit::Failed, format!("record {} has no state: the host could not be asked", record.sequence))
            .hint(format!("see why: sealift-apply show {}", record.sequence))
    })
}

fn render(answer: &Answer) -> String {
    let difference = &answer.difference;
    let mut out = format!("{}: record {} → record {}\n", answer.host, answer.before, answer.after);
    if difference.is_empty() {
        out.push_str("No differences.\n");
        return out;
    }
    out.push_str(&packages(difference));
    for value in &difference.values {
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { printable(text) };
        let shared = if value.shared { " (of this machine)" } else { "" };
        let _ = writeln!(out, "{}: {} → {}{shared}", value.name, or_none(&value.from), or_none(&value.to));
    }
    let lists = [
        ("port opened", &difference.ports_opened),
        ("port closed", &difference.ports_closed),
        ("service started", &difference.services_started),
        ("service stopped", &difference.services_stopped),
        ("service failed", &difference.services_failed),
    ];
    for (what, items) in lists {
        for item in items {
            let _ = writeln!(out, "{what}: {}", printable(item));
        }
    }
    for file in &difference.conffiles {
        let modified = if file.modified { ", not as the package brought it" } else { "" };
        let _ = writeln!(out, "configuration file {}: {}{modified}", file.change, printable(&file.path));
    }
    out
}

fn packages(difference: &Difference) -> String {
    if difference.added.is_empty() && difference.removed.is_empty() && difference.changed.is_empty() {
        return "packages: no difference\n".into();
    }
    let mut table = Table::new(&["", "PACKAGE", "ARCHITECTURE", "FROM", "TO", "STATE"]);
    let changed = difference.changed.iter().map(|c| {
        let state =
            if c.state_from == c.state_to { String::new() } else { format!("{} → {}", c.state_from, c.state_to) };
        ["~".to_owned(), c.name.clone(), c.architecture.clone(), c.from.clone(), c.to.clone(), state]
    });
    let one = |mark: &str, p: &crate::state::PackageState, from: &str, to: &str| {
        [mark.to_owned(), p.name.clone(), p.architecture.clone(), from.to_owned(), to.to_owned(), p.state.clone()]
    };
    let added = difference.added.iter().map(|p| one("+", p, "-", &p.version));
    let removed = difference.removed.iter().map(|p| one("-", p, &p.version, "-"));
    for row in changed.chain(added).chain(removed) {
        table.row(row);
    }
    table.to_string()
}
