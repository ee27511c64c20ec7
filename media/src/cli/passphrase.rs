//! Where a passphrase comes from: a file, a descriptor, or the terminal; never the command line or the environment.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use sealift_keys::{Passphrase, PassphraseError};
use sealift_term::{CommandError, Exit};
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(super) struct PassphraseArgs {
    /// Read the passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the inherited file descriptor N
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u16>,
}

impl PassphraseArgs {
    /// Returns the passphrase for a key file.
    pub(super) fn get(&self, name: &str) -> Result<Passphrase, CommandError> {
        let read = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(path), _) => Passphrase::from_file(path),
            (None, Some(number)) => Passphrase::from_fd(number),
            (None, None) => return ask(name),
        };
        read.map_err(|e| failure(&e))
    }
}

fn ask(name: &str) -> Result<Passphrase, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::new(Exit::Usage, "no passphrase: standard input is not a terminal")
            .hint("pass --passphrase-file FILE or --passphrase-fd N"));
    }
    let typed = rpassword::prompt_password(format!("Passphrase for {name}: "))
        .map_err(|e| CommandError::with_cause(Exit::Failed, "cannot read the passphrase from the terminal", &e))?;
    Passphrase::new(Zeroizing::new(typed.into_bytes())).map_err(|e| failure(&e))
}

fn failure(error: &PassphraseError) -> CommandError {
    let exit = match error {
        PassphraseError::Empty | PassphraseError::ManyLines => Exit::Usage,
        _ => Exit::Failed,
    };
    CommandError::from_error(exit, error)
}
