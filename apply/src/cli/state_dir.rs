//! Opens the state directory for commands that sign.

use std::path::{Path, PathBuf};

use sealift_fs::Lock;
use sealift_site::StatementKey;
use sealift_term::CommandError;

use super::error;
use crate::inventory::Inventory;
use crate::setup;

/// The state directory with its inventory and private key.
pub(super) struct StateDir {
    pub path: PathBuf,
    pub inventory: Inventory,
    pub key: StatementKey,
}

impl StateDir {
    /// Opens `dir`, or the current directory.
    pub(super) fn open(dir: Option<&Path>) -> Result<Self, CommandError> {
        let (path, inventory) = inventory(dir)?;
        let key = setup::open_key(&inventory.site_keys, &inventory.site).map_err(|e| error::setup(&e))?;
        Ok(Self { path, inventory, key })
    }

    /// Takes the lock; commands that write need it.
    pub(super) fn lock(&self) -> Result<Lock, CommandError> {
        Lock::take(&self.path).map_err(|e| error::lock(&e))
    }
}

/// Returns the state directory's absolute path.
pub(super) fn path(dir: Option<&Path>) -> PathBuf {
    std::path::absolute(dir.unwrap_or(Path::new("."))).unwrap_or_else(|_| PathBuf::from("."))
}

/// Reads the inventory of `dir`, or of the current directory.
pub(super) fn inventory(dir: Option<&Path>) -> Result<(PathBuf, Inventory), CommandError> {
    let path = path(dir);
    let inventory = Inventory::read(&path).map_err(|e| error::inventory(&e))?;
    Ok((path, inventory))
}
