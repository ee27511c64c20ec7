//! `site …`: the isolated sites that bundles are built for.

mod add;
mod answer;
mod list;

use std::process::ExitCode;

use clap::Subcommand;
use sealift_term::{CommandError, Term};

use super::Place;

#[derive(Debug, Subcommand)]
pub(super) enum SiteVerb {
    Add(add::AddArgs),
    List(list::ListArgs),
    Show(list::ShowArgs),
}

pub(super) fn run(verb: &SiteVerb, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        SiteVerb::Add(args) => add::run(args, place, term),
        SiteVerb::List(args) => list::run(args, place, term),
        SiteVerb::Show(args) => list::show(args, place, term),
    }
}
