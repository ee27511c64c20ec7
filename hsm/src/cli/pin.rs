//! Where a PIN comes from: a file, a descriptor, or the terminal; never the command line or the environment.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use sealift_fs::{read_secret, read_stream};
use sealift_term::{CommandError, Exit};
use zeroize::Zeroizing;

const LIMIT: u64 = 256;

#[derive(Debug, Args)]
pub(super) struct PinArgs {
    /// Read the PIN from the only line of FILE, which must be private
    #[arg(long, value_name = "FILE", conflicts_with = "pin_fd")]
    pin_file: Option<PathBuf>,
    /// Read the PIN from the inherited file descriptor N
    #[arg(long, value_name = "N")]
    pin_fd: Option<u16>,
}

impl PinArgs {
    pub(super) fn pin(&self, token: &str) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let bytes = match (&self.pin_file, self.pin_fd) {
            (Some(path), _) => read_secret(path, LIMIT).map_err(|e| CommandError::from_error(Exit::Failed, &e))?,
            (None, Some(number)) => read_stream(&PathBuf::from(format!("/dev/fd/{number}")), LIMIT)
                .map_err(|e| CommandError::from_error(Exit::Failed, &e))?,
            (None, None) => ask(token)?.into_bytes(),
        };
        checked(Zeroizing::new(bytes))
    }
}

fn ask(token: &str) -> Result<String, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::new(Exit::Usage, "no PIN: standard input is not a terminal")
            .hint("pass --pin-file FILE or --pin-fd N"));
    }
    rpassword::prompt_password(format!("PIN of token {token}: "))
        .map_err(|e| CommandError::with_cause(Exit::Failed, "cannot read the PIN from the terminal", &e))
}

/// A line end after the PIN does not belong to it.
fn checked(mut pin: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    while pin.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        pin.pop();
    }
    if pin.is_empty() || pin.contains(&b'\n') {
        return Err(CommandError::new(Exit::Usage, "the PIN is empty or has more than one line"));
    }
    Ok(pin)
}
