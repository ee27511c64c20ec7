//! `sync`.

use std::process::ExitCode;

use clap::Args;
use sealift_model::UpstreamId;
use sealift_term::{CommandError, Term, counted};

use super::need::NeedArgs;
use super::{Place, error};
use crate::fetch::{FetchOptions, Fetcher, parse_rate};
use crate::sync::{SyncReport, SyncRequest, UpstreamReport, sync};

/// Fetch what is new of the upstreams and make snapshots
///
/// Verifies each Release file against its keyring, fetches indexes and the packages that streams select, and ends in a
/// snapshot of each upstream. Interrupted, the same command goes on where it stopped.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// The upstreams; without names, all of them
    #[arg(value_name = "NAME")]
    names: Vec<UpstreamId>,
    /// Fetch Release files and indexes only, to look at `select plan` first
    #[arg(long)]
    metadata_only: bool,
    /// Read the blobs of the current snapshots again; fetch those that are missing or damaged
    #[arg(long, conflicts_with = "metadata_only")]
    check: bool,
    #[command(flatten)]
    need: NeedArgs,
    /// Bytes a second for all downloads together, such as 500k or 2M
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    limit_rate: Option<u64>,
    /// Files fetched at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// How often a file is asked for again when a connection fails or a server is busy
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u8,
}

pub(super) fn run(args: &SyncArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let retries = u32::from(args.retries);
    let options =
        FetchOptions { jobs: usize::from(args.jobs), limit_rate: args.limit_rate, retries, ..FetchOptions::default() };
    let request = SyncRequest {
        names: args.names.clone(),
        metadata_only: args.metadata_only,
        check: args.check,
        needs: args.need.take(&state)?,
    };
    let progress = term.progress();
    let fetcher = Fetcher::new(options);
    let report =
        sync(&state, &writer, &request, &fetcher, (sealift_term::now(), &*progress)).map_err(|e| error::sync(&e))?;
    drop(progress);
    for upstream in report.upstreams.iter().filter(|u| !u.selected) {
        term.say(&format!("No stream selects from upstream {}: only its indexes are kept.", upstream.upstream));
    }
    term.answer(&report, |report| shown(report, args.metadata_only));
    if args.metadata_only {
        term.say("Next: sealift-mirror select plan, then sealift-mirror sync");
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(report: &SyncReport, metadata_only: bool) -> String {
    if report.nothing_new {
        return "Nothing new.".into();
    }
    let line = |one: &UpstreamReport| {
        let name = &one.upstream;
        if metadata_only {
            return format!("{name}: Release file of {}.", one.date);
        }
        let id = one.snapshot.map_or_else(|| "none".into(), sealift_model::Digest::short);
        let packages = one
            .packages
            .map_or_else(String::new, |count| format!(", {}", counted(count as u64, "package", "packages")));
        let again = if one.unchanged { " (unchanged)" } else { "" };
        format!("{name}: snapshot {id} of {}{packages}{again}.", one.date)
    };
    let mut lines: Vec<_> = report.upstreams.iter().map(line).collect();
    let bytes = sealift_term::bytes(report.fetched_bytes);
    lines.push(format!("{} fetched, packages of {bytes}.", counted(report.fetched_files as u64, "file", "files")));
    lines.join("\n")
}
