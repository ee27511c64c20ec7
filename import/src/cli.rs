//! The command line of `sealift-import`: one file a verb, each parses, calls the library and renders.

mod accept;
mod actor;
mod bundles;
mod confine;
mod discard;
mod error;
mod init;
mod key;
mod ledger;
mod need;
mod promote;
mod publish;
mod receipt;
mod receive;
mod request;
mod revert;
mod scan;
mod scrub;
mod status;
mod trust;
mod waiting;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sealift_term::{CommandError, GlobalArgs, Term};

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
    Scan(scan::ScanArgs),
    Accept(accept::AcceptArgs),
    #[command(name = crate::scan::ASSISTANT, hide = true)]
    ScanAssistant(scan::AssistantArgs),
    Waiting(waiting::WaitingArgs),
    Request(request::RequestArgs),
    Discard(discard::DiscardArgs),
    Status(status::StatusArgs),
    Trust(trust::TrustArgs),
    Bundles(bundles::BundlesArgs),
    Promote(promote::PromoteArgs),
    Revert(revert::RevertArgs),
    Publish(publish::PublishArgs),
    Receipt(receipt::ReceiptArgs),
    Scrub(scrub::ScrubArgs),
    Ledger(ledger::LedgerArgs),
    Key(key::KeyArgs),
    Need(need::NeedArgs),
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

    /// Opens the repository for reading and says how old its trust is.
    fn open(&self, term: Term) -> Result<Repository, CommandError> {
        let repository = Repository::open(&self.dir).map_err(|e| error::state(&e))?;
        tell(&repository, term)?;
        Ok(repository)
    }

    /// Opens the repository for a change and says how old its trust is.
    fn write(&self, term: Term) -> Result<Writer, CommandError> {
        let writer = Writer::open(&self.dir, caller()).map_err(|e| error::state(&e))?;
        tell(&writer, term)?;
        Ok(writer)
    }
}

/// Says how old the trust is, and what hosts see that the ledger does not name.
fn tell(repository: &Repository, term: Term) -> Result<(), CommandError> {
    let freshness = crate::trust::freshness(repository, sealift_term::now()).map_err(|e| error::state(&e))?;
    if freshness.expired {
        term.warn(&freshness.describe());
    } else if !term.is_json() {
        // Programs that ask for JSON find it in `status`.
        term.say(&freshness.describe());
    }
    for stray in crate::publish::strays(repository).map_err(|e| error::state(&e))? {
        term.warn(&stray.describe());
    }
    Ok(())
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
            Verb::Scan(args) => scan::run(&args, term),
            Verb::Accept(args) => accept::run(&args, term),
            Verb::ScanAssistant(args) => scan::assist(&args),
            Verb::Waiting(args) => waiting::run(&args, term),
            Verb::Request(args) => request::run(&args, term),
            Verb::Discard(args) => discard::run(&args, term),
            Verb::Status(args) => status::run(&args, term),
            Verb::Trust(args) => trust::run(&args, term),
            Verb::Bundles(args) => bundles::run(&args, term),
            Verb::Promote(args) => promote::run(&args, term),
            Verb::Revert(args) => revert::run(&args, term),
            Verb::Publish(args) => publish::run(&args, term),
            Verb::Receipt(args) => receipt::run(&args, term),
            Verb::Scrub(args) => scrub::run(&args, term),
            Verb::Ledger(args) => ledger::run(&args, term),
            Verb::Key(args) => key::run(&args, term),
            Verb::Need(args) => need::run(&args, term),
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
