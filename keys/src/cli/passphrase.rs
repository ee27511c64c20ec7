//! Where a passphrase comes from: a file, a descriptor, or the terminal; never the command line or the environment.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use sealift_term::{CommandError, Exit};
use zeroize::Zeroizing;

use super::error;
use crate::passphrase::Passphrase;

#[derive(Debug, Args)]
pub(super) struct PassphraseArgs {
    /// Read the passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the inherited file descriptor N
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u16>,
}

/// Where the passphrase comes from that takes the place of another.
#[derive(Debug, Args)]
pub(super) struct NewPassphraseArgs {
    /// Read the new passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    new_passphrase_file: Option<PathBuf>,
    /// Read the new passphrase from the inherited file descriptor N
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u16>,
}

impl NewPassphraseArgs {
    /// Returns the new passphrase; at a terminal it is asked twice.
    pub(super) fn passphrase(&self) -> Result<Passphrase, CommandError> {
        let given =
            PassphraseArgs { passphrase_file: self.new_passphrase_file.clone(), passphrase_fd: self.new_passphrase_fd };
        given.for_new_keys()
    }
}

impl PassphraseArgs {
    /// Returns the passphrase for new keys; at a terminal it is asked twice.
    pub(super) fn for_new_keys(&self) -> Result<Passphrase, CommandError> {
        if let Some(given) = self.given()? {
            return Ok(given);
        }
        let first = ask("New passphrase: ")?;
        let second = ask("The same again: ")?;
        if first == second {
            return Ok(first);
        }
        Err(CommandError::new(Exit::Usage, "the two passphrases differ"))
    }

    /// Returns the passphrase for a key file.
    pub(super) fn for_key(&self, name: &str) -> Result<Passphrase, CommandError> {
        match self.given()? {
            Some(given) => Ok(given),
            None => ask(&format!("Passphrase for {name}: ")),
        }
    }

    /// Tells whether a flag names the passphrase, so that one serves all keys.
    pub(super) fn is_given(&self) -> bool {
        self.passphrase_file.is_some() || self.passphrase_fd.is_some()
    }

    fn given(&self) -> Result<Option<Passphrase>, CommandError> {
        let read = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(path), _) => Passphrase::from_file(path),
            (None, Some(number)) => Passphrase::from_fd(number),
            (None, None) => return Ok(None),
        };
        read.map(Some).map_err(|e| error::passphrase(&e))
    }
}

fn ask(prompt: &str) -> Result<Passphrase, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::new(Exit::Usage, "no passphrase: standard input is not a terminal")
            .hint("pass --passphrase-file FILE or --passphrase-fd N"));
    }
    let typed = rpassword::prompt_password(prompt)
        .map_err(|e| CommandError::with_cause(Exit::Failed, "cannot read the passphrase from the terminal", &e))?;
    Passphrase::new(Zeroizing::new(typed.into_bytes())).map_err(|e| error::passphrase(&e))
}
