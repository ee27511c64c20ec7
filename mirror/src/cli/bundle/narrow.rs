//! `--need` and `--budget` of `bundle build`, and what they did, for people.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use sealift_model::escape::printable;
use sealift_model::{ByteSize, StreamId};
use sealift_term::{CommandError, Exit, Table, Term, bytes, counted};
use serde_json::json;

use crate::budget::{BudgetReport, Tracker, TrackerError};
use crate::build::{Budget, Narrow, Narrowed};
use crate::cli::error;
use crate::cli::need::NeedArgs;
use crate::selection::need::NeedReport;
use crate::state::State;

/// Most lines of what nobody offers or what is left out; `--json` has all.
const SHOWN: usize = 40;

#[derive(Debug, Args)]
pub(super) struct NarrowArgs {
    #[command(flatten)]
    need: NeedArgs,
    /// Carry no more than this: security first, by severity, then what waits longest (25GB, dvd, bd)
    #[arg(long, value_name = "SIZE")]
    budget: Option<ByteSize>,
    /// The Debian security tracker's JSON document, which says how severe fixes are
    #[arg(long, value_name = "FILE", requires = "budget")]
    advisories: Option<PathBuf>,
}

impl NarrowArgs {
    pub(super) fn read(&self, state: &State) -> Result<Narrow, CommandError> {
        let needs = self.need.take(state)?;
        let tracker = self.advisories.as_deref().map(Tracker::read).transpose().map_err(|e| tracker_failure(&e))?;
        Ok(Narrow { needs, budget: self.budget.map(|size| Budget { size, tracker }) })
    }
}

fn tracker_failure(fault: &TrackerError) -> CommandError {
    match fault {
        TrackerError::Fs(inner) => error::fs(inner),
        TrackerError::Form { .. } => CommandError::from_error(Exit::Failed, fault)
            .hint("it is the document that Debian's security tracker serves as data/json")
            .state("Nothing was changed."),
    }
}

/// Answers that no host lacks anything.
pub(super) fn nothing_needed(stream: &StreamId, hosts: u64, term: Term) {
    let answer = json!({ "action": "nothing", "stream": stream, "hosts": hosts, "needed": 0 });
    term.answer(&answer, |_| {
        let hosts = counted(hosts, "host", "hosts");
        format!(
            "The {hosts} of the need-lists lack nothing that the upstreams of stream {stream} offer; nothing was built."
        )
    });
}

/// Returns the lines about what a plan was narrowed to.
pub(super) fn human(narrowed: &Narrowed) -> String {
    let mut text = String::new();
    for list in &narrowed.lists {
        let _ = writeln!(text, "Need-list of site {}, issued {} ({}).", list.site, list.issued, list.sha256.tagged());
    }
    if let Some(need) = &narrowed.need {
        text += &need_text(need);
    }
    if let Some(budget) = &narrowed.budget {
        text += &budget_text(budget);
    }
    text
}

fn need_text(need: &NeedReport) -> String {
    let mut text = format!(
        "For {}; {} on them already as new as it is offered. What is not listed stays as it is on hosts.\n",
        counted(need.hosts, "host", "hosts"),
        counted(need.current as u64, "package is", "packages are"),
    );
    let mut table = Table::new(&["", "PACKAGE", "ARCH", "VERSION", "SIZE", "WHY"]).right(4);
    for one in &need.needed {
        table.row(["", &one.package, &one.architecture, &one.version, &bytes(one.size), &one.why]);
    }
    text += &table.to_string();
    if need.left_out > 0 {
        let hosts = counted(need.left_out, "host", "hosts");
        let _ = writeln!(text, "The lists leave out {hosts}: what only they lack is not in the bundle.");
    }
    for one in &need.unserved {
        let hosts = counted(one.hosts, "host", "hosts");
        let _ = writeln!(text, "No upstream of the stream serves {} ({hosts} of site {}).", one.distribution, one.site);
    }
    if !need.unoffered.is_empty() {
        let count = counted(need.unoffered.len() as u64, "installed package", "installed packages");
        let _ = writeln!(text, "Not offered by any upstream, and left as they are: {count}.");
    }
    for one in need.unoffered.iter().take(SHOWN) {
        let hosts = counted(one.hosts, "host", "hosts");
        let _ = writeln!(text, "  {} on {hosts} of {}", printable(&one.package), one.distribution);
    }
    text + &more(need.unoffered.len())
}

fn budget_text(budget: &BudgetReport) -> String {
    let mut text = format!("Budget: {} of {} are planned.\n", bytes(budget.planned), bytes(budget.bytes));
    for class in &budget.taken {
        let count = counted(class.packages as u64, "package", "packages");
        let _ = writeln!(text, "  severity {}: {count}, {}", class.severity, bytes(class.bytes));
    }
    if budget.left_out.is_empty() {
        return text + "Everything fits.\n";
    }
    let size = budget.left_out.iter().fold(0_u64, |sum, one| sum.saturating_add(one.size));
    let count = counted(budget.left_out.len() as u64, "package", "packages");
    let _ = writeln!(text, "Left out: {count}, {}. Hosts keep what they have until a bundle brings them.", bytes(size));
    let mut table = Table::new(&["", "PACKAGE", "ARCH", "VERSION", "SIZE", "SEVERITY", "SINCE", "WHY"]).right(4);
    for one in budget.left_out.iter().take(SHOWN) {
        let since = one.since.map(|time| time.to_string()).unwrap_or_default();
        let size = bytes(one.size);
        table.row(["", &one.package, &one.architecture, &one.version, &size, one.severity, &since, &one.reason]);
    }
    text + &table.to_string() + &more(budget.left_out.len())
}

fn more(count: usize) -> String {
    match count.checked_sub(SHOWN) {
        Some(rest) if rest > 0 => format!("  and {rest} more; --json lists all\n"),
        _ => String::new(),
    }
}
