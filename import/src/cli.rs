//! The command line of `sealift-import`: one file a verb, each parses, calls the library and renders.

mod actor;
mod bundles;
mod error;
mod init;
mod key;
mod ledger;
mod promote;
mod publish;
mod receipt;
mod receive;
mod revert;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sealift_term::{CommandError, GlobalArgs};

use crate::repository::{Caller, Repository, Writer};

/// Receive bundles from media, keep them, and publish them for hosts
///
/// Runs on the isolated side and needs no network. All state lies in one directory, made by `init`.
#[derive(Debug, Parser)]
#[command(name = "sealift-import", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::InitArgs),
    Receive(receive::ReceiveArgs),
    Status(status::StatusArgs),
    Bundles(bundles::BundlesArgs),
    Promote(promote::PromoteArgs),
    Revert(revert::RevertArgs),
    Publish(publish::PublishArgs),
    Receipt(receipt::ReceiptArgs),
    Ledger(ledger::LedgerArgs),
    Key(key::KeyArgs),
}

/// Where the state is.
#[derive(Debug, Args)]
struct DirArgs {
    /// State directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

impl DirArgs {
    /// Returns the option as the operator has to repeat it in a next command.
    fn repeated(&self) -> String {
        if self.dir.as_os_str() == "." { String::new() } else { format!(" --dir {}", self.dir.display()) }
    }

    fn open(&self) -> Result<Repository, CommandError> {
        Repository::open(&self.dir).map_err(|e| error::state(&e))
    }

    fn write(&self) -> Result<Writer, CommandError> {
        Writer::open(&self.dir, caller()).map_err(|e| error::state(&e))
    }
}

fn caller() -> Caller {
    Caller { actor: actor::actor(), clock: sealift_term::now() }
}

/// Runs the tool.
pub fn main() -> ExitCode {
    // Web servers and hosts read what is published, whatever the operator's umask; what is private gets its mode anyway.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| match cli.verb {
            Verb::Init(args) => init::run(args, term),
            Verb::Receive(args) => receive::run(&args, term),
            Verb::Status(args) => status::run(&args, term),
            Verb::Bundles(args) => bundles::run(&args, term),
            Verb::Promote(args) => promote::run(&args, term),
            Verb::Revert(args) => revert::run(&args, term),
            Verb::Publish(args) => publish::run(&args, term),
            Verb::Receipt(args) => receipt::run(&args, term),
            Verb::Ledger(args) => ledger::run(&args, term),
            Verb::Key(args) => key::run(&args, term),
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
