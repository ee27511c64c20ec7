//! The command line of `sealift-media`: one file a verb, each parses, calls the library and renders.

mod add;
mod check;
mod error;
mod export;
mod handover;
mod init;
mod list;
mod merge;
mod passphrase;
mod person;
mod policy;
mod record;
mod sheet;
mod show;
mod signing;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sealift_term::{CommandError, GlobalArgs};

use crate::register::{Register, Writer};

/// Keep a register of media: who has which, what is on it, who signed for it
///
/// Runs on either side and needs no network. A register is a directory of signed records; a copy of it travels with the
/// media and is merged on the other side. Records are signed by keys that `sealift-keys person new` makes.
#[derive(Debug, Parser)]
#[command(name = "sealift-media", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::InitArgs),
    /// Who may sign in this register
    #[command(subcommand)]
    Person(person::PersonVerb),
    Policy(policy::PolicyArgs),
    Add(add::AddArgs),
    Record(record::RecordArgs),
    Handover(handover::HandoverArgs),
    Countersign(handover::CountersignArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Check(check::CheckArgs),
    Export(export::ExportArgs),
    Merge(merge::MergeArgs),
    Label(sheet::LabelArgs),
    HandoverSheet(sheet::HandoverSheetArgs),
}

/// Where the register is.
#[derive(Debug, Args)]
struct DirArgs {
    /// Directory of the register
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

impl DirArgs {
    /// Returns the option as the operator has to repeat it in a next command.
    fn repeated(&self) -> String {
        if self.dir.as_os_str() == "." { String::new() } else { format!(" --dir {}", self.dir.display()) }
    }

    fn open(&self) -> Result<Register, CommandError> {
        Register::open(&self.dir).map_err(|e| error::register(&e, self))
    }

    fn write(&self) -> Result<Writer, CommandError> {
        Writer::open(&self.dir).map_err(|e| error::register(&e, self))
    }
}

/// Runs the tool.
pub fn main() -> ExitCode {
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| match cli.verb {
            Verb::Init(args) => init::run(&args, term),
            Verb::Person(verb) => person::run(&verb, term),
            Verb::Policy(args) => policy::run(&args, term),
            Verb::Add(args) => add::run(&args, term),
            Verb::Record(args) => record::run(&args, term),
            Verb::Handover(args) => handover::run(&args, term),
            Verb::Countersign(args) => handover::countersign(&args, term),
            Verb::List(args) => list::run(&args, term),
            Verb::Show(args) => show::run(&args, term),
            Verb::Check(args) => check::run(&args, term),
            Verb::Export(args) => export::run(&args, term),
            Verb::Merge(args) => merge::run(&args, term),
            Verb::Label(args) => sheet::label(&args, term),
            Verb::HandoverSheet(args) => sheet::handover(&args, term),
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
