//! The command line of `sealift-hsm`: one file a verb, each parses, calls the library and renders.

mod error;
mod list;
mod pin;
mod public;
mod sign;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sealift_term::{CommandError, GlobalArgs};

use crate::token::{Module, Token};

/// Sign with keys that never leave a PKCS#11 token
///
/// Signs what `sealift-keys export` wrote; the signature is attached with `sealift-keys attach`. Keys are made with the
/// vendor's tool: Ed25519 or P-256, with a label.
#[derive(Debug, Parser)]
#[command(name = "sealift-hsm", version)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::ListArgs),
    Public(public::PublicArgs),
    Sign(sign::SignArgs),
}

/// Which library.
#[derive(Debug, Args)]
struct ModuleArgs {
    /// The PKCS#11 library of the token's vendor
    #[arg(long, value_name = "LIB.so")]
    module: PathBuf,
}

/// Which token and key.
#[derive(Debug, Args)]
struct KeyArgs {
    #[command(flatten)]
    module: ModuleArgs,
    /// Label of the token
    #[arg(long, value_name = "TOKEN")]
    token_label: String,
    /// Label of the key on it
    #[arg(long, value_name = "KEY")]
    key_label: String,
}

impl KeyArgs {
    fn open(&self) -> Result<Token, CommandError> {
        let module = Module::load(&self.module.module).map_err(|e| error::token(&e))?;
        module.open(&self.token_label).map_err(|e| error::token(&e))
    }
}

/// Runs the tool.
pub fn main() -> ExitCode {
    sealift_term::run(
        |cli: &Cli| cli.globals.clone(),
        |cli, term| match cli.verb {
            Verb::List(args) => list::run(&args, term),
            Verb::Public(args) => public::run(&args, term),
            Verb::Sign(args) => sign::run(&args, term),
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
