//! `upstream`.

mod add;
mod list;
mod show;

use std::process::ExitCode;

use clap::Subcommand;
use sealift_term::{CommandError, Term};

use super::Place;

#[derive(Debug, Subcommand)]
pub(super) enum UpstreamVerb {
    Add(add::AddArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
}

pub(super) fn run(verb: UpstreamVerb, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        UpstreamVerb::Add(args) => add::run(args, place, term),
        UpstreamVerb::List(args) => list::run(&args, place, term),
        UpstreamVerb::Show(args) => show::run(&args, place, term),
    }
}
