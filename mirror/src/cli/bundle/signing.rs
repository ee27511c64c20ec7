//! Keys, passphrase and time of a build, from flags, `mirror.toml` and the terminal; never from arguments or the
//! environment, except `SOURCE_DATE_EPOCH`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use sealift_keys::{KeyDir, Passphrase};
use sealift_model::Timestamp;
use sealift_term::{CommandError, Exit};
use sealift_trust::Purpose;
use zeroize::Zeroizing;

use crate::build::{Created, Signing};
use crate::cli::failure;
use crate::state::State;
use crate::trust::TrustDir;

#[derive(Debug, Args)]
pub(super) struct SigningArgs {
    /// Directory that `sealift-keys init` made, with root.json and keys/ [default: `keys` in mirror.toml]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Read the passphrase of the role keys from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase of the role keys from the inherited file descriptor N
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u16>,
}

impl SigningArgs {
    /// Returns the keys directory.
    pub(super) fn keys_dir(&self, state: &State) -> Result<PathBuf, CommandError> {
        let configured = || state.config().mirror.keys.as_ref().map(|keys| state.resolve(keys));
        self.keys.clone().or_else(configured).ok_or_else(|| {
            CommandError::new(Exit::Usage, "there is no keys directory to sign with")
                .hint("give --keys DIR, or set `keys` under [mirror] in mirror.toml")
        })
    }

    /// Reads the root chain and opens the keys that sign bundles. Root keys stay sealed.
    pub(super) fn open(&self, state: &State) -> Result<Signing, CommandError> {
        let dir = self.keys_dir(state)?;
        let roots = TrustDir::of(state.dir()).roots(&dir).map_err(|e| failure::trust(&e))?;
        let purposes = [Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence];
        let passphrase = self.passphrase(state)?;
        let keys = KeyDir::open(&dir.join("keys"), &passphrase, &purposes).map_err(|e| failure::key_file(&e))?;
        Ok(Signing { roots, keys, dir })
    }

    fn passphrase(&self, state: &State) -> Result<Passphrase, CommandError> {
        let configured = || state.config().mirror.passphrase_file.as_ref().map(|file| state.resolve(file));
        let read = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(file), _) => Passphrase::from_file(file),
            (None, Some(number)) => Passphrase::from_fd(number),
            (None, None) => match configured() {
                Some(file) => return private_passphrase(&file),
                None => return ask(),
            },
        };
        read.map_err(|e| failure::passphrase(&e))
    }
}

/// A file that `mirror.toml` names is used unattended, so it must be private; one on the command line is the caller's.
fn private_passphrase(file: &std::path::Path) -> Result<Passphrase, CommandError> {
    let bytes = sealift_fs::read_private(file, 4096).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    Passphrase::new(Zeroizing::new(bytes)).map_err(|e| failure::passphrase(&e))
}

fn ask() -> Result<Passphrase, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::new(Exit::Usage, "no passphrase: standard input is not a terminal")
            .hint("pass --passphrase-file FILE or --passphrase-fd N, or set passphrase_file in mirror.toml"));
    }
    let typed = rpassword::prompt_password("Passphrase of the role keys: ")
        .map_err(|e| CommandError::with_cause(Exit::Failed, "cannot read the passphrase from the terminal", &e))?;
    Passphrase::new(Zeroizing::new(typed.into_bytes())).map_err(|e| failure::passphrase(&e))
}

/// Returns the time of a build: `SOURCE_DATE_EPOCH` where it is set, as reproducible builds have it, else the clock's.
pub(super) fn created() -> Result<Created, CommandError> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(Created::Clock(sealift_term::now()));
    };
    let seconds = text.to_str().filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok());
    match seconds {
        Some(seconds) => Ok(Created::Given(Timestamp::from_unix(seconds))),
        None => Err(CommandError::new(Exit::Usage, "SOURCE_DATE_EPOCH is not a number of seconds")
            .hint("unset it, or set it to the seconds since 1970 that the bundle is to be dated")),
    }
}

/// Returns the time that signatures and expiries are judged by.
pub(super) fn moment(created: Created) -> Timestamp {
    let (Created::Given(time) | Created::Clock(time)) = created;
    time
}
