//! `sealift-apply run`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use sealift_model::escape::printable;
use sealift_term::{CommandError, Exit, Table, Term};

use super::state_dir::StateDir;
use super::{actor, error};
use crate::plans::Plans;
use crate::record::Outcome;
use crate::records::RecordsWriter;
use crate::runner::{self, HostReport, RunOptions, RunReport, Session};

/// Do exactly what a plan says on each of its hosts; record the state before and after
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The plan: the beginning of its id, or its file
    plan: String,
    /// Only this host of the plan; may be repeated
    #[arg(long)]
    host: Vec<String>,
    /// How many seconds apt may take on a host before it is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

pub(super) fn run(args: &RunArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let state = StateDir::open(dir)?;
    let lock = state.lock()?;
    let (id, plan) = Plans::open(&state.path, &state.key).find(&args.plan).map_err(|e| error::plan(&args.plan, &e))?;
    let records = RecordsWriter::open(&state.path, &state.key);
    let progress = term.progress();
    let session = Session {
        inventory: &state.inventory,
        records: &records,
        lock: &lock,
        open: &|host, repository| host.open(Some(repository)),
        clock: &sealift_term::now,
        progress: &*progress,
    };
    let options = RunOptions {
        hosts: args.host.clone(),
        timeout: Duration::from_secs(args.timeout),
        actor: actor::actor(),
        tool: actor::tool(),
    };
    let report = runner::run(&session, id, &plan, &options).map_err(|e| error::runner(&e))?;
    drop(progress);
    term.answer(&report, render);
    Ok(exit(&report.hosts))
}

fn exit(hosts: &[HostReport]) -> ExitCode {
    let bad = hosts.iter().filter(|host| !host.outcome.is_good()).count();
    if bad == 0 {
        ExitCode::SUCCESS
    } else if bad < hosts.len() {
        Exit::Partial.into()
    } else if hosts.iter().all(|host| host.outcome == Outcome::Skipped) {
        Exit::RefusedPolicy.into()
    } else {
        Exit::Failed.into()
    }
}

fn render(report: &RunReport) -> String {
    let mut table = Table::new(&["HOST", "OUTCOME", "CHANGES", "RECORDS"]).right(2);
    for host in &report.hosts {
        let records = host.before.map_or_else(|| host.after.to_string(), |before| format!("{before} {}", host.after));
        table.row([host.host.to_string(), host.outcome.to_string(), host.changes.to_string(), records]);
    }
    let mut out = format!("{table}");
    for host in &report.hosts {
        out.push_str(&render_trouble(host));
        if host.outcome == Outcome::Skipped {
            let _ = writeln!(out, "  To see what apt would do now: sealift-apply plan --group {}", report.group);
        }
    }
    let _ = writeln!(out, "Run {} of plan {}.", report.run, report.plan.short());
    if let Some((before, host)) = report.hosts.iter().find_map(|host| Some((host.before?, host))) {
        let _ = writeln!(out, "Next: sealift-apply diff {before} {}", host.after);
    }
    out
}

fn render_trouble(host: &HostReport) -> String {
    let mut out = String::new();
    if let Some(reason) = &host.reason {
        let _ = writeln!(out, "{}: {}", host.host, printable(reason));
    }
    for line in &host.last_lines {
        let _ = writeln!(out, "  | {line}");
    }
    match host.outcome {
        Outcome::Skipped | Outcome::Unreachable => {
            let _ = writeln!(out, "  Nothing was changed on {}.", host.host);
        }
        Outcome::Failed => {
            let _ = writeln!(out, "  All of apt's words: sealift-apply show {}", host.after);
        }
        Outcome::Changed | Outcome::Unchanged => {}
    }
    out
}
