//! `sealift-apply facts`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Exit, Table, Term};
use serde::Serialize;

use super::{error, state_dir};
use crate::facts;
use crate::inventory::{HostConfig, Inventory};
use crate::planner::{self, chain};
use crate::state::HostState;

/// Ask all hosts, or some, what they are now: packages, kernel, ports, services, configuration files
#[derive(Debug, Args)]
pub(super) struct FactsArgs {
    /// Only the hosts of this group
    #[arg(long, conflicts_with = "host")]
    group: Option<String>,
    /// Only this host; may be repeated
    #[arg(long)]
    host: Vec<String>,
}

#[derive(Serialize)]
struct HostFacts {
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<HostState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(super) fn run(args: &FactsArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let (_, inventory) = state_dir::inventory(dir)?;
    let hosts = chosen(&inventory, args)?;
    let all: Vec<HostFacts> = hosts.into_iter().map(ask).collect();
    term.answer(&all, |all| render(all));
    let failed = all.iter().filter(|facts| facts.problem.is_some()).count();
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        n if n == all.len() => Exit::Failed.into(),
        _ => Exit::Partial.into(),
    })
}

fn chosen<'a>(inventory: &'a Inventory, args: &FactsArgs) -> Result<Vec<&'a HostConfig>, CommandError> {
    let find = |name: &str| inventory.host(name).map_err(|e| error::inventory(&e));
    if let Some(group) = &args.group {
        let group = inventory.group(group).map_err(|e| error::inventory(&e))?;
        return planner::members(inventory, group, &[]).map_err(|e| error::planner(&e));
    }
    if args.host.is_empty() {
        return Ok(inventory.hosts.iter().collect());
    }
    args.host.iter().map(|name| find(name)).collect()
}

fn ask(config: &HostConfig) -> HostFacts {
    let (state, problem) = match facts::gather(config.open(None).as_ref()) {
        Ok(state) => (Some(state), None),
        Err(error) => (None, Some(chain(&error))),
    };
    HostFacts { host: config.name.to_string(), state, problem }
}

fn render(all: &[HostFacts]) -> String {
    let blocks: Vec<String> = all.iter().map(render_one).collect();
    if blocks.is_empty() { "There are no hosts. Describe them in inventory.toml.".into() } else { blocks.join("\n") }
}

fn render_one(facts: &HostFacts) -> String {
    match &facts.state {
        Some(state) => format!("host: {}\n{}", facts.host, render_state(state)),
        None => format!("host: {}\nproblem: {}\n", facts.host, facts.problem.as_deref().unwrap_or_default()),
    }
}

/// Renders a state as `key: value` lines; `show` uses it as well.
pub(super) fn render_state(state: &HostState) -> String {
    let mut out = String::new();
    let shared = |key: &str| if state.shared.iter().any(|s| s == key) { " (of this machine)" } else { "" };
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(out, "{key}: {}", sealift_model::escape::printable(value));
    };
    line("os", state.os.pretty_name.as_deref().unwrap_or("unknown"));
    line("architecture", &state.architecture);
    line("kernel", &format!("{}{}", state.kernel.running, shared("kernel.running")));
    line("newest installed kernel", state.kernel.newest.as_deref().unwrap_or("none"));
    line("packages", &state.packages_count.to_string());
    line("packages digest", &state.packages_digest.tagged());
    let between = state.between();
    if !between.is_empty() {
        line("half-done packages", &between.join(", "));
    }
    let modified = state.conffiles.iter().filter(|c| c.modified).count();
    line("configuration files", &format!("{}, {modified} modified", state.conffiles.len()));
    line("listening ports", &format!("{}{}", state.ports.len(), shared("ports")));
    match &state.services {
        Some(services) => {
            line("services", &format!("{} running, {} failed", services.running.len(), services.failed.len()));
        }
        None => line("services", "no systemd"),
    }
    line("reboot", if state.reboot.required { "required" } else { "not required" });
    out
}

/// Renders the packages of a state.
pub(super) fn render_packages(state: &HostState) -> String {
    let mut table = Table::new(&["PACKAGE", "ARCHITECTURE", "VERSION", "STATE"]);
    for package in &state.packages {
        table.row([&package.name, &package.architecture, &package.version, &package.state]);
    }
    table.to_string()
}
