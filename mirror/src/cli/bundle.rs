//! `bundle …`: build, seal, list and show bundles; pack and unpack media.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use sealift_fs::Lock;
use sealift_model::escape::printable;
use sealift_model::{Sequence, SiteId, StreamId};
use sealift_term::{CommandError, Term};

use super::{Place, failure};
use crate::build::BuildError;
use crate::selection::Unresolved;
use crate::site;
use crate::state::State;
use crate::stream::StreamDir;

mod answer;
mod attach;
mod build;
mod iso;
mod list;
pub(super) mod medium;
mod narrow;
mod pack;
mod repair;
mod revoke;
mod seal;
mod signing;
mod volumes;
mod write;

#[derive(Debug, Subcommand)]
pub(super) enum BundleVerb {
    /// Plan the next bundle of a stream, build and sign it, and write it to a medium
    Build(build::BuildArgs),
    /// Finish a bundle whose signatures are there, and write it to a medium; writes a sealed one again
    Seal(seal::SealArgs),
    Attach(attach::AttachArgs),
    /// List the bundles
    List(list::ListArgs),
    /// Show one bundle
    Show(list::ShowArgs),
    Repair(repair::RepairArgs),
    Write(write::WriteArgs),
    #[command(visible_alias = "refresh")]
    Revoke(revoke::RevokeArgs),
    /// Pack a medium into a single .sealift file
    Pack(pack::PackArgs),
    /// Unpack a .sealift file into a directory
    Unpack(pack::PackArgs),
}

pub(super) fn run(verb: &BundleVerb, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        BundleVerb::Build(args) => build::run(args, place, term),
        BundleVerb::Seal(args) => seal::run(args, place, term),
        BundleVerb::Attach(args) => attach::run(args, place, term),
        BundleVerb::List(args) => list::run(args, place, term),
        BundleVerb::Show(args) => list::show(args, place, term),
        BundleVerb::Repair(args) => repair::run(args, place, term),
        BundleVerb::Write(args) => write::run(args, place, term),
        BundleVerb::Revoke(args) => revoke::run(args, place, term),
        BundleVerb::Pack(args) => pack::pack(args, term),
        BundleVerb::Unpack(args) => pack::unpack(args, term),
    }
}

/// Notes that a bundle is made for a site, before it can lie on a medium.
pub(super) fn mark_for(
    (state, writer): (&State, &Lock),
    site: Option<&SiteId>,
    (stream, sequence): (&StreamId, Sequence),
) -> Result<(), CommandError> {
    let Some(site) = site else { return Ok(()) };
    if state.config().site(site).is_none() {
        return Err(failure::build(&BuildError::UnknownSite(site.clone())));
    }
    let record = StreamDir::of(state.dir(), stream).record(sequence).map_err(|e| failure::build(&e.into()))?;
    let possible: Vec<Sequence> = record.base.into_iter().collect();
    site::sent::mark(writer, state.dir(), site, (&record, &possible), sealift_term::now())
        .map_err(|e| failure::site(&e.into()))
}

/// Returns the lines about dependencies that no upstream offers.
pub(super) fn unresolved(list: &[Unresolved]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut text = format!("Not offered; the hosts are expected to have {}:\n", counted(list.len(), "dependency"));
    for entry in list {
        let _ = writeln!(text, "  {} needs {}", entry.by, printable(&entry.relation));
    }
    text
}

/// Returns a number with its noun.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}
