//! The chain of roots, from the first one readers may have pinned to the newest.

use std::path::Path;

use sealift_fs::PathError;
use sealift_model::Timestamp;
use sealift_trust::metadata::Body;
use sealift_trust::{Refusal, Root, Signed, TrustedSet};

use super::{TrustDir, TrustError};

/// Every root from version 1 to the newest, each signed by the keys of the one before.
#[derive(Debug, Clone)]
pub struct RootChain {
    files: Vec<(u64, Vec<u8>)>,
    documents: Vec<Signed<Root>>,
}

impl TrustDir {
    /// Reads the chain that the mirror keeps, joined with newer roots of the keys directory, and verifies it.
    pub fn roots(&self, keys: &Path) -> Result<RootChain, TrustError> {
        let newest_file = optional(&keys.join("root.json"))?.ok_or_else(|| TrustError::NoRoot(keys.to_owned()))?;
        let newest = Signed::<Root>::parse(&newest_file)?.version();
        let mut files: Vec<(u64, Vec<u8>)> = Vec::new();
        for version in 1..=newest {
            let name = format!("{version}.root.json");
            let known = optional(&self.dir.join(&name))?;
            let offered = if version == newest { Some(newest_file.clone()) } else { optional(&keys.join(&name))? };
            let file = match (known, offered) {
                (Some(known), Some(offered)) if known != offered => {
                    return Err(TrustError::OtherRoot { keys: keys.to_owned(), version });
                }
                (Some(file), _) | (None, Some(file)) => file,
                (None, None) => {
                    return Err(TrustError::MissingRoot { keys: keys.to_owned(), newest, missing: version });
                }
            };
            files.push((version, file));
        }
        self.refuse_older(keys, newest)?;
        RootChain::verified(files)
    }

    /// Reads the chain that the mirror keeps; `None` before its first bundle.
    pub fn kept_roots(&self) -> Result<Option<RootChain>, TrustError> {
        let mut files = Vec::new();
        for version in 1.. {
            match optional(&self.dir.join(format!("{version}.root.json")))? {
                Some(file) => files.push((version, file)),
                None => break,
            }
        }
        if files.is_empty() { Ok(None) } else { RootChain::verified(files).map(Some) }
    }

    /// Refuses a keys directory whose root is older than the mirror's: it is a copy from before a rotation.
    fn refuse_older(&self, keys: &Path, newest: u64) -> Result<(), TrustError> {
        let next = newest.saturating_add(1);
        match optional(&self.dir.join(format!("{next}.root.json")))? {
            Some(_) => Err(TrustError::OtherRoot { keys: keys.to_owned(), version: next }),
            None => Ok(()),
        }
    }
}

impl RootChain {
    fn verified(files: Vec<(u64, Vec<u8>)>) -> Result<Self, TrustError> {
        let documents = files.iter().map(|(_, bytes)| Signed::<Root>::parse(bytes)).collect::<Result<Vec<_>, _>>()?;
        let mut rest = files.iter();
        if let Some((_, first)) = rest.next() {
            // Expiry is judged when something is signed under the newest root; a chain is made of expired ones.
            let mut set = TrustedSet::new(first, Timestamp::from_unix(0))?;
            for (_, bytes) in rest {
                set.update_root(bytes)?;
            }
        }
        Ok(Self { files, documents })
    }

    /// Returns versions and bytes, ascending from 1.
    pub fn files(&self) -> &[(u64, Vec<u8>)] {
        &self.files
    }

    /// Returns the first root's bytes.
    pub fn first(&self) -> &[u8] {
        self.files.first().map_or(&[], |(_, bytes)| bytes)
    }

    /// Returns the newest root, whose keys sign.
    pub fn newest(&self) -> &Signed<Root> {
        self.documents.last().expect("a chain has version 1 at least: a root's version is never 0")
    }

    /// Refuses a document that the keys of no root of the chain signed. The newest root's verdict is the one given.
    pub(super) fn vouch_for<T: Body>(&self, document: &Signed<T>) -> Result<(), Refusal> {
        // After a rotation the metadata published before it is still signed by the keys of then.
        let older = self.documents.iter().rev().skip(1).any(|root| document.check_threshold(root).is_ok());
        if older { Ok(()) } else { document.check_threshold(self.newest()) }
    }
}

fn optional(path: &Path) -> Result<Option<Vec<u8>>, PathError> {
    match sealift_fs::read_capped(path, Root::LIMIT as u64) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
