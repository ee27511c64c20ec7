//! `sealift-apply plan`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Table, Term};
use serde::Serialize;

use super::error;
use super::state_dir::StateDir;
use crate::plan::{HostPlan, Plan};
use crate::planner::{self, Wanted};
use crate::plans::Plans;

/// Ask apt on each host of a group what it would do, and sign exactly that as a plan; nothing is installed
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The group
    #[arg(long)]
    group: String,
    /// Only this host of the group; may be repeated
    #[arg(long)]
    host: Vec<String>,
    /// Only these packages (and what they need) instead of all upgrades; not yet installed ones are installed
    #[arg(long, value_name = "NAME", num_args = 1..)]
    package: Vec<String>,
    /// Write the plan document there as well
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    id: Digest,
    file: String,
    plan: Plan,
}

pub(super) fn run(args: &PlanArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let state = StateDir::open(dir)?;
    let group = state.inventory.group(&args.group).map_err(|e| error::inventory(&e))?;
    let hosts = planner::members(&state.inventory, group, &args.host).map_err(|e| error::planner(&e))?;
    let lock = state.lock()?;
    let wanted = Wanted { group, hosts, packages: args.package.clone(), created: sealift_term::now() };
    let progress = term.progress();
    let plan = planner::make(&state.inventory, &wanted, &|host, repository| host.open(Some(repository)), &*progress)
        .map_err(|e| error::planner(&e))?;
    drop(progress);
    let troubled = plan.hosts.iter().filter(|host| !host.problems.is_empty()).count();
    if troubled == plan.hosts.len() {
        return Err(no_plan(&plan));
    }
    let (id, bytes) = Plans::open(&state.path, &state.key).keep(&lock, &plan).map_err(|e| error::keep(&e))?;
    if let Some(out) = &args.out {
        sealift_fs::replace(out, &bytes, Mode::Public).map_err(|e| not_copied(&e, id))?;
    }
    let file = state.path.join(format!("plans/{id}.json")).display().to_string();
    term.answer(&Answer { id, file, plan }, render);
    Ok(if troubled > 0 { Exit::Partial.into() } else { ExitCode::SUCCESS })
}

fn not_copied(fault: &sealift_fs::PathError, id: Digest) -> CommandError {
    let id = id.short();
    error::fs(fault)
        .state(format!("Plan {id} was made and kept; only its copy was not written. No host was changed."))
        .hint(format!("the plan can be run by its id: sealift-apply run {id}"))
}

fn no_plan(plan: &Plan) -> CommandError {
    let mut failure = CommandError::new(Exit::Failed, format!("no host of group `{}` can be planned", plan.group));
    failure.causes = plan
        .hosts
        .iter()
        .map(|host| format!("{}: {}", host.host, sealift_model::escape::printable(&host.problems.join("; "))))
        .collect();
    let group = &plan.group;
    // A host that was reached has told its state.
    let what = if plan.hosts.iter().all(|host| host.status_digest.is_none()) {
        "mend that (`root`, `enter`, `ssh` or `repository` in inventory.toml)"
    } else {
        "mend that on the host, or publish what is missing"
    };
    failure
        .hint(format!("{what}, then again: sealift-apply plan --group {group}"))
        .state("No plan was made. Nothing was changed.")
}

fn render(answer: &Answer) -> String {
    let plan = &answer.plan;
    let mut out = String::new();
    if plan.change_count() > 0 {
        let mut table = Table::new(&["HOST", "ACTION", "PACKAGE", "FROM", "TO", "SHA-256"]);
        for host in &plan.hosts {
            for change in &host.changes {
                let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
                let digest = change.sha256.map_or_else(|| "-".into(), Digest::short);
                let action = change.action.to_string();
                let name = change.qualified();
                table.row([host.host.to_string(), action, name, text(&change.from), text(&change.to), digest]);
            }
        }
        let _ = writeln!(out, "{table}");
    }
    for host in &plan.hosts {
        let _ = write!(out, "{}", render_notes(host));
    }
    let (count, hosts) = (plan.change_count(), plan.hosts.iter().filter(|h| !h.changes.is_empty()).count());
    if count == 0 {
        let _ = writeln!(out, "Nothing to do: apt would change nothing.");
    }
    let bytes: u64 = plan.hosts.iter().flat_map(|h| &h.changes).filter_map(|c| c.size).sum();
    let _ = writeln!(
        out,
        "Plan {} for group {}: {count} change{} on {hosts} of {} host{}, {} of packages.",
        answer.id.short(),
        plan.group,
        if count == 1 { "" } else { "s" },
        plan.hosts.len(),
        if plan.hosts.len() == 1 { "" } else { "s" },
        sealift_term::bytes(bytes)
    );
    if count > 0 {
        let _ = writeln!(out, "Next: sealift-apply run {}", answer.id.short());
    }
    out
}

fn render_notes(host: &HostPlan) -> String {
    let mut out = String::new();
    let mut note = |what: &str, items: &[String]| {
        if !items.is_empty() {
            let _ = writeln!(out, "{}: {what}: {}", host.host, sealift_model::escape::printable(&items.join(", ")));
        }
    };
    note("held", &host.held);
    note("kept back by apt", &host.kept_back);
    note("problem", &host.problems);
    out
}
