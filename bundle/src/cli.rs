//! The command line of `sealift-bundle`: one file a verb, each parses, calls the library and renders.

mod confine;
mod diff;
mod error;
mod inspect;
mod pack;
mod repair;
mod unpack;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealift_term::GlobalArgs;

/// Look into, verify, compare and repack bundles
///
/// Works on either side of the gap, offline, without keys and without state of its own. PATH is a medium (the directory
/// that holds SEALIFT, or SEALIFT itself) or a single file (*.sealift).
#[derive(Debug, Parser)]
#[command(name = "sealift-bundle", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Inspect(inspect::InspectArgs),
    Verify(verify::VerifyArgs),
    Diff(diff::DiffArgs),
    Pack(pack::PackArgs),
    Unpack(unpack::UnpackArgs),
    Repair(repair::RepairArgs),
}

/// Runs the tool.
pub fn main() -> ExitCode {
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| match cli.verb {
            Verb::Inspect(args) => inspect::run(&args, term),
            Verb::Verify(args) => verify::run(&args, term),
            Verb::Diff(args) => diff::run(&args, term),
            Verb::Pack(args) => pack::run(&args, term),
            Verb::Unpack(args) => unpack::run(&args, term),
            Verb::Repair(args) => repair::run(&args, term),
        },
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
