//! The command line of `sealift-apply`: one file a verb, each parses, calls the library and renders.

mod actor;
mod diff;
mod error;
mod facts;
mod freshness;
mod init;
mod need;
mod plan;
mod reading;
mod records;
mod run;
mod show;
mod state_dir;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealift_term::GlobalArgs;

/// Install published packages on groups of hosts, and record the state before and after
///
/// A plan says exactly what will be done on which host, down to the digest of each package, and is signed. A run does
/// exactly that or nothing: a host on which apt would now do something else is skipped. The hosts' apt trusts nothing
/// but the published repository.
#[derive(Debug, Parser)]
#[command(name = "sealift-apply", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    /// State directory with inventory.toml [default: the current directory]
    #[arg(long, global = true, value_name = "DIR", display_order = 900)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::InitArgs),
    Facts(facts::FactsArgs),
    Plan(plan::PlanArgs),
    Run(run::RunArgs),
    Records(records::RecordsArgs),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
    Verify(verify::VerifyArgs),
    Need(need::NeedArgs),
}

/// Runs the tool.
pub fn main() -> ExitCode {
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| {
            let dir = cli.dir.as_deref();
            if !matches!(cli.verb, Verb::Init(_)) {
                freshness::tell(dir, term);
            }
            match cli.verb {
                Verb::Init(args) => init::run(&args, dir, term),
                Verb::Facts(args) => facts::run(&args, dir, term),
                Verb::Plan(args) => plan::run(&args, dir, term),
                Verb::Run(args) => run::run(&args, dir, term),
                Verb::Records(args) => records::run(&args, dir, term),
                Verb::Show(args) => show::run(&args, dir, term),
                Verb::Diff(args) => diff::run(&args, dir, term),
                Verb::Verify(args) => verify::run(&args, dir, term),
                Verb::Need(args) => need::run(&args, dir, term),
            }
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
