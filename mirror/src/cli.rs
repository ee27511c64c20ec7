//! The command line of `sealift-mirror`: one file a verb, each parses, calls the library and renders.

mod bundle;
mod error;
mod failure;
mod init;
mod medium;
mod need;
mod receipt;
mod select;
mod site;
mod sync;
mod upstream;
mod withdraw;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sealift_fs::Lock;
use sealift_term::{CommandError, GlobalArgs};

use crate::state::State;

/// Follow upstreams, choose packages, build signed bundles to carry over the gap
///
/// Works on the connected side, in one directory with a mirror.toml that you edit. Usual order: init, upstream add,
/// select plan, sync, bundle build.
#[derive(Debug, Parser)]
#[command(name = "sealift-mirror", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    verb: Verb,
}

/// Which mirror.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Directory of the mirror, the one with mirror.toml
    #[arg(long, value_name = "DIR", global = true, default_value = ".")]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::InitArgs),
    /// Add, list and show upstreams
    #[command(subcommand)]
    Upstream(upstream::UpstreamVerb),
    Sync(sync::SyncArgs),
    /// Show what the streams select
    #[command(subcommand)]
    Select(select::SelectVerb),
    /// Build, seal, list, show, pack and unpack bundles
    #[command(subcommand)]
    Bundle(bundle::BundleVerb),
    /// Add, list and show the isolated sites that bundles are built for
    #[command(subcommand)]
    Site(site::SiteVerb),
    /// Show media, and check whether they are as large as they say
    #[command(subcommand)]
    Medium(medium::MediumVerb),
    Withdraw(withdraw::WithdrawArgs),
    /// Import and show the receipts of the isolated sites
    #[command(subcommand)]
    Receipt(receipt::ReceiptVerb),
}

impl Place {
    /// Returns the directory as typed.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the mirror.
    pub(crate) fn open(&self) -> Result<State, CommandError> {
        State::open(&self.dir).map_err(|e| error::state(&e))
    }

    /// Opens the mirror as its only writer.
    pub(crate) fn open_locked(&self) -> Result<(State, Lock), CommandError> {
        let state = self.open()?;
        let lock = state.lock().map_err(|e| error::lock(&e))?;
        Ok((state, lock))
    }
}

/// Runs the tool.
pub fn main() -> ExitCode {
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| match cli.verb {
            Verb::Init(args) => init::run(&args, &cli.place, term),
            Verb::Upstream(verb) => upstream::run(verb, &cli.place, term),
            Verb::Sync(args) => sync::run(&args, &cli.place, term),
            Verb::Select(verb) => select::run(&verb, &cli.place, term),
            Verb::Bundle(verb) => bundle::run(&verb, &cli.place, term),
            Verb::Site(verb) => site::run(&verb, &cli.place, term),
            Verb::Medium(verb) => medium::run(&verb, term),
            Verb::Withdraw(args) => withdraw::run(&args, &cli.place, term),
            Verb::Receipt(verb) => receipt::run(&verb, &cli.place, term),
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
