//! `select plan`: what the streams would hold and why, before a package is fetched.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_fs::Store;
use sealift_model::StreamId;
use sealift_term::{CommandError, Exit, Table, Term, bytes};
use serde::Serialize;

use super::need::NeedArgs;
use super::{Place, error};
use crate::config::StreamConfig;
use crate::selection::{self, SelectionError, StreamSelection};
use crate::state::State;

#[derive(Debug, Subcommand)]
pub(super) enum SelectVerb {
    /// Show what the streams select, why, and how large it is
    Plan(PlanArgs),
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Only this stream
    stream: Option<StreamId>,
    #[command(flatten)]
    need: NeedArgs,
}

#[derive(Debug, Serialize)]
struct Answer {
    streams: Vec<StreamAnswer>,
}

#[derive(Debug, Serialize)]
struct StreamAnswer {
    stream: StreamId,
    packages: Vec<PackageAnswer>,
    unresolved: Vec<selection::Unresolved>,
    unmatched: Vec<String>,
    conflicting: Vec<String>,
    totals: Totals,
}

#[derive(Debug, Serialize)]
struct PackageAnswer {
    package: String,
    version: String,
    architecture: String,
    upstream: String,
    path: String,
    sha256: String,
    size: u64,
    in_store: bool,
    why: String,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    packages: usize,
    bytes: u64,
    fetch_packages: usize,
    fetch_bytes: u64,
}

pub(super) fn run(verb: &SelectVerb, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let SelectVerb::Plan(args) = verb;
    let state = place.open()?;
    let streams = chosen(&state, args.stream.as_ref())?;
    let needs = args.need.take(&state)?;
    let mut heads = BTreeMap::new();
    for upstream in streams.iter().flat_map(|stream| &stream.upstreams) {
        if let Some(head) = state.head(upstream).map_err(|e| error::state(&e))? {
            heads.insert(upstream.clone(), head);
        }
    }
    let mut answers = Vec::new();
    for stream in streams {
        let selected = if needs.is_empty() {
            selection::select_stream(stream, &heads, state.store())
        } else {
            selection::need::select(stream, &heads, state.store(), &needs).map(|found| found.selection)
        };
        let selected = selected.map_err(|e| failed(&e))?;
        answers.push(StreamAnswer::of(selected, state.store()));
    }
    term.answer(&Answer { streams: answers }, human);
    Ok(ExitCode::SUCCESS)
}

/// Indexes are enough for a plan; the hint must not make anybody fetch packages first.
fn failed(fault: &SelectionError) -> CommandError {
    match fault {
        SelectionError::NotSynced(_) => CommandError::from_error(Exit::Failed, fault)
            .hint("fetch the indexes, without packages: sealift-mirror sync --metadata-only"),
        _ => error::selection(fault),
    }
}

fn chosen<'s>(state: &'s State, only: Option<&StreamId>) -> Result<Vec<&'s StreamConfig>, CommandError> {
    let all = &state.config().streams;
    let found: Vec<_> = all.iter().filter(|stream| only.is_none_or(|only| *only == stream.name)).collect();
    match (found.is_empty(), only) {
        (true, Some(name)) => Err(CommandError::new(Exit::Usage, format!("mirror.toml has no stream `{name}`"))
            .hint("streams are the [[stream]] sections of mirror.toml")),
        (true, None) => Err(CommandError::new(Exit::Usage, "mirror.toml has no stream")
            .hint("add a [[stream]] section with name, upstreams and packages")),
        (false, _) => Ok(found),
    }
}

impl StreamAnswer {
    fn of(selected: StreamSelection, store: &Store) -> Self {
        let mut totals = Totals::default();
        let packages = selected.packages.into_iter().map(|package| {
            let in_store = store.has(&package.sha256, package.size);
            totals.packages += 1;
            totals.bytes = totals.bytes.saturating_add(package.size);
            if !in_store {
                totals.fetch_packages += 1;
                totals.fetch_bytes = totals.fetch_bytes.saturating_add(package.size);
            }
            PackageAnswer {
                package: package.deb.package,
                version: package.deb.version,
                architecture: package.deb.architecture,
                upstream: package.upstream.to_string(),
                path: package.path.to_string(),
                sha256: package.sha256.tagged(),
                size: package.size,
                in_store,
                why: package.why.to_string(),
            }
        });
        let mut packages: Vec<_> = packages.collect();
        // By name, as people look for them; the library's order is that of manifests.
        packages.sort_by(|a, b| (&a.package, &a.architecture).cmp(&(&b.package, &b.architecture)));
        Self {
            stream: selected.stream,
            packages,
            unresolved: selected.unresolved,
            unmatched: selected.unmatched,
            conflicting: selected.conflicting,
            totals,
        }
    }

    fn human(&self) -> String {
        let mut table = Table::new(&["PACKAGE", "VERSION", "ARCH", "SIZE", "UPSTREAM", "STORE", "WHY"]).right(3);
        for p in &self.packages {
            let (size, store) = (bytes(p.size), if p.in_store { "there" } else { "fetch" });
            let cells = [&p.package, &p.version, &p.architecture, &size, &p.upstream, store, &p.why];
            table.row(cells);
        }
        let totals = &self.totals;
        let rest = match totals.fetch_packages {
            0 => "all in the store".to_owned(),
            count => format!("{count} to fetch ({})", bytes(totals.fetch_bytes)),
        };
        let all = super::bundle::counted(totals.packages, "package");
        let mut text = format!("Stream {}\n{table}{all}, {}; {rest}.\n", self.stream, bytes(totals.bytes));
        text += &super::bundle::unresolved(&self.unresolved);
        for rule in &self.unmatched {
            let _ = writeln!(text, "Rule {rule} matches nothing.");
        }
        for package in &self.conflicting {
            let _ = writeln!(text, "Upstreams differ in the bytes of {package}; the first upstream's are selected.");
        }
        text
    }
}

fn human(answer: &Answer) -> String {
    answer.streams.iter().map(StreamAnswer::human).collect::<Vec<_>>().join("\n")
}
