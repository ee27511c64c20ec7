//! The command line of `sealift-keys`: one file a verb, each parses, calls the library and renders.

mod approve;
mod attach;
mod countersign;
mod error;
mod export;
mod fingerprint;
mod generate;
mod init;
mod key_arg;
mod passphrase;
mod person;
mod public;
mod reseal;
mod root;
mod scan;
mod show;
mod sign;
mod statement;
mod waive;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealift_term::GlobalArgs;

/// Make and use the keys that bundles are signed with
///
/// The key desk works on the connected side or apart from both sides. It needs no network. Private keys never leave
/// their files unsealed; carry only root.json to the isolated side.
#[derive(Debug, Parser)]
#[command(name = "sealift-keys", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::InitArgs),
    Generate(generate::GenerateArgs),
    Public(public::PublicArgs),
    Reseal(reseal::ResealArgs),
    Show(show::ShowArgs),
    Fingerprint(fingerprint::FingerprintArgs),
    /// Change the root of trust: draft, edit, publish
    #[command(subcommand)]
    Root(root::RootVerb),
    Export(export::ExportArgs),
    Sign(sign::SignArgs),
    Attach(attach::AttachArgs),
    #[command(subcommand)]
    Person(person::PersonVerb),
    Approve(approve::ApproveArgs),
    Scan(scan::ScanArgs),
    #[command(subcommand)]
    Waive(waive::WaiveVerb),
    Countersign(countersign::CountersignArgs),
    #[command(subcommand)]
    Statement(statement::StatementVerb),
}

/// Runs the tool.
pub fn main() -> ExitCode {
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| match cli.verb {
            Verb::Init(args) => init::run(&args, term),
            Verb::Generate(args) => generate::run(&args, term),
            Verb::Public(args) => public::run(&args, term),
            Verb::Reseal(args) => reseal::run(&args, term),
            Verb::Show(args) => show::run(&args, term),
            Verb::Fingerprint(args) => fingerprint::run(&args, term),
            Verb::Root(verb) => root::run(&verb, term),
            Verb::Export(args) => export::run(&args, term),
            Verb::Sign(args) => sign::run(&args, term),
            Verb::Attach(args) => attach::run(&args, term),
            Verb::Person(verb) => person::run(&verb, term),
            Verb::Approve(args) => approve::run(&args, term),
            Verb::Scan(args) => scan::run(&args, term),
            Verb::Waive(verb) => waive::run(&verb, term),
            Verb::Countersign(args) => countersign::run(&args, term),
            Verb::Statement(verb) => statement::run(&verb, term),
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
