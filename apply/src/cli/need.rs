//! `sealift-apply need`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use sealift_fs::Mode;
use sealift_model::Digest;
use sealift_site::outbound;
use sealift_term::{CommandError, Exit, Term, bytes, counted};
use serde::Serialize;

use super::error;
use super::state_dir::StateDir;
use crate::inventory::{HostConfig, Inventory};
use crate::need::{Hosts, Labels, Made, NeedError};
use crate::planner;
use crate::records::Records;

/// Write a signed list of what hosts have installed, for the connected side to bring what they lack
///
/// The list leaves the isolated side: package names and versions, how many hosts have each, and nothing else. Hosts are
/// merged and not named. Look at every byte of it first with --preview.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("hosts").args(["group", "host", "all"]).required(true))]
#[command(group = ArgGroup::new("where").args(["preview", "out", "to"]).required(true))]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of the command line")]
pub(super) struct NeedArgs {
    /// The hosts of this group
    #[arg(long)]
    group: Option<String>,
    /// This host; may be repeated
    #[arg(long)]
    host: Vec<String>,
    /// All hosts of the inventory
    #[arg(long)]
    all: bool,
    /// Take the last state record of each host instead of asking it
    #[arg(long)]
    from_records: bool,
    /// Tell groups apart, by digits that only this site's key can make of their names
    #[arg(long)]
    by_group: bool,
    /// Tell groups apart by their names, which then leave as well
    #[arg(long, conflicts_with = "by_group")]
    group_labels: bool,
    /// Print every byte that would leave, and write nothing
    #[arg(long)]
    preview: bool,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Outbound medium to write need.txt to, on which only what may leave lies
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Answer {
    written: Option<String>,
    sha256: String,
    size: u64,
    hosts: u64,
    packages: usize,
    distributions: Vec<Line>,
    left_out: Vec<LeftOut>,
    unlisted: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    distribution: String,
    hosts: u64,
    packages: usize,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    host: String,
    reason: String,
}

pub(super) fn run(args: &NeedArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let state = StateDir::open(dir)?;
    if let Some(medium) = &args.to {
        // Before hosts are asked, which can take long.
        outbound::check(medium).map_err(|e| error::outbound(&e))?;
    }
    let chosen = args.chosen(&state.inventory)?;
    let hosts = args.ask(&state, &chosen)?;
    let made = hosts.list(&state.inventory.site, sealift_term::now(), (args.labels(), &state.key));
    let made = made.map_err(|e| none(&e, &hosts))?;
    let text = state.key.sign_need(&made.list);
    let written = args.write(&text)?;
    let answer = Answer::of(&made, &hosts, (&text, args.preview), written);
    if args.preview && !term.is_json() {
        term.raw(text.as_bytes());
        term.say(answer.human().trim_end());
    } else {
        term.answer(&answer, Answer::human);
    }
    Ok(if hosts.left_out.is_empty() { ExitCode::SUCCESS } else { Exit::Partial.into() })
}

impl NeedArgs {
    fn labels(&self) -> Labels {
        match (self.group_labels, self.by_group) {
            (true, _) => Labels::Names,
            (false, true) => Labels::Pseudonyms,
            (false, false) => Labels::Merged,
        }
    }

    fn chosen<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a HostConfig>, CommandError> {
        if let Some(group) = &self.group {
            let group = inventory.group(group).map_err(|e| error::inventory(&e))?;
            return planner::members(inventory, group, &[]).map_err(|e| error::planner(&e));
        }
        if self.all {
            return Ok(inventory.hosts.iter().collect());
        }
        let mut names = self.host.clone();
        names.sort();
        names.dedup();
        names.iter().map(|name| inventory.host(name).map_err(|e| error::inventory(&e))).collect()
    }

    fn ask(&self, state: &StateDir, hosts: &[&HostConfig]) -> Result<Hosts, CommandError> {
        if !self.from_records {
            return Ok(Hosts::ask(&state.inventory, hosts, sealift_term::now));
        }
        let records = Records::open(&state.path, state.key.public());
        Hosts::from_records(&state.inventory, hosts, &records).map_err(|e| error::records(&e))
    }

    fn write(&self, text: &str) -> Result<Option<PathBuf>, CommandError> {
        if let Some(medium) = &self.to {
            let file = outbound::write(medium, outbound::NEED, text).map_err(|e| error::outbound(&e))?;
            return Ok(Some(medium.join(file.name)));
        }
        let Some(file) = &self.out else { return Ok(None) };
        sealift_fs::replace(file, text.as_bytes(), Mode::Public).map_err(|e| error::fs(&e))?;
        Ok(Some(file.clone()))
    }
}

fn none(error: &NeedError, hosts: &Hosts) -> CommandError {
    let mut failure = CommandError::from_error(Exit::Failed, error).state("Nothing was written.");
    for left_out in hosts.left_out.iter().take(5) {
        failure = failure.hint(format!("host {}: {}", left_out.host, left_out.reason));
    }
    failure
}

impl Answer {
    fn of(made: &Made, hosts: &Hosts, (text, preview): (&str, bool), written: Option<PathBuf>) -> Self {
        let line = |one: &sealift_trust::need::Distribution| Line {
            distribution: one.to_string(),
            hosts: one.hosts,
            packages: one.have.len(),
        };
        let left_out =
            hosts.left_out.iter().map(|one| LeftOut { host: one.host.to_string(), reason: one.reason.clone() });
        Self {
            written: written.map(|path| path.display().to_string()),
            sha256: Digest::of(text.as_bytes()).tagged(),
            size: text.len() as u64,
            hosts: made.list.hosts(),
            packages: made.list.distributions.iter().map(|one| one.have.len()).sum(),
            distributions: made.list.distributions.iter().map(line).collect(),
            left_out: left_out.collect(),
            unlisted: made.unlisted.clone(),
            text: preview.then(|| text.to_owned()),
        }
    }

    fn human(&self) -> String {
        let mut text = match &self.written {
            Some(path) => format!("Wrote {path}: {}, {}.\n", bytes(self.size), self.sha256),
            None => format!("Nothing was written. This would leave: {}, every byte above.\n", bytes(self.size)),
        };
        for line in &self.distributions {
            let hosts = counted(line.hosts, "host", "hosts");
            let packages = counted(line.packages as u64, "package version", "package versions");
            let _ = writeln!(text, "  {}: {hosts}, {packages}", line.distribution);
        }
        for package in &self.unlisted {
            let _ = writeln!(text, "Not in the list, which cannot hold such a name or version: {package}");
        }
        for host in &self.left_out {
            let _ = writeln!(text, "Left out: host {}: {}", host.host, host.reason);
        }
        if !self.left_out.is_empty() {
            let count = counted(self.left_out.len() as u64, "host was", "hosts were");
            let _ = writeln!(text, "The list says that {count} left out. Packages that only they have will not come.");
        }
        if let Some(path) = &self.written {
            let _ =
                writeln!(text, "Next, on the connected side: sealift-mirror bundle build --stream STREAM --need FILE");
            let _ = writeln!(text, "Or merge it with other lists first: sealift-import need --from {path}");
        }
        text
    }
}
