//! Opens state records for the commands that only read them: no private key, and no inventory where a key is named.

use std::path::{Path, PathBuf};

use clap::Args;
use sealift_site::statement_key::read_public;
use sealift_term::{CommandError, Exit};
use sealift_trust::PublicKey;

use super::{error, state_dir};
use crate::records::Records;
use crate::{inventory, setup};

/// Which records to read, and whose signature they must have.
#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// Check signatures by this public statement key (statement.pub) [default: the site's own]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Read this copy of a records directory instead of the state directory's
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
}

/// Where the records are, and the key they are checked by.
pub(super) struct Reading {
    key: PublicKey,
    place: Place,
}

enum Place {
    State(PathBuf),
    Copy(PathBuf),
}

impl ReadArgs {
    /// Finds records and key.
    pub(super) fn open(&self, dir: Option<&Path>) -> Result<Reading, CommandError> {
        Reading::open(self.key.as_deref(), self.records.as_deref(), dir)
    }
}

impl Reading {
    /// Finds the records in `copy`, else in the state directory `dir`; the key in the file `key`, else there.
    pub(super) fn open(key: Option<&Path>, copy: Option<&Path>, dir: Option<&Path>) -> Result<Self, CommandError> {
        let key = match key {
            Some(file) => read_public(file).map_err(|e| error::public_key(&e))?,
            None => own_key(copy, dir)?,
        };
        let place = match copy {
            Some(copy) => Place::Copy(records_dir(copy)),
            None => Place::State(state(dir)?),
        };
        Ok(Self { key, place })
    }

    /// Returns the records.
    pub(super) fn records(&self) -> Records<'_> {
        match &self.place {
            Place::State(dir) => Records::open(dir, &self.key),
            Place::Copy(dir) => Records::of_copy(dir, &self.key),
        }
    }

    /// Returns the directory of a copy, which must hold records.
    pub(super) fn copy(&self) -> Option<&Path> {
        match &self.place {
            Place::State(_) => None,
            Place::Copy(dir) => Some(dir),
        }
    }

    /// Returns the key.
    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// The directory itself, or the `records` in it: a copy of a whole state directory will do.
fn records_dir(dir: &Path) -> PathBuf {
    let inner = dir.join("records");
    if inner.is_dir() { inner } else { dir.to_owned() }
}

fn own_key(copy: Option<&Path>, dir: Option<&Path>) -> Result<PublicKey, CommandError> {
    match state_dir::inventory(dir) {
        Ok((path, inventory)) => {
            setup::public_key(&path, &inventory.site_keys, &inventory.site).map_err(|e| error::reading_key(&e))
        }
        Err(_) if copy.is_some() && !state_dir::path(dir).join(inventory::FILE).exists() => {
            Err(CommandError::new(Exit::Usage, "no key is named to check these records by").hint(
                "name the site's statement.pub, which must have come from the site by a way you trust: --key FILE",
            ))
        }
        Err(failure) => Err(failure),
    }
}

/// A directory without records is one where nothing was run yet only if it is a state directory.
fn state(dir: Option<&Path>) -> Result<PathBuf, CommandError> {
    let path = state_dir::path(dir);
    if path.join("records").is_dir() { Ok(path) } else { state_dir::inventory(dir).map(|(path, _)| path) }
}
