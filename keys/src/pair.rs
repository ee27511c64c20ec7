//! A private key file and its public half beside it, as their holder makes them.
//!
//! The private half is written first: a run that is cut between the two leaves a key, and never a public half that
//! belongs to nothing. The same command then writes what is missing, for whoever knows the passphrase; no file that is
//! there is ever written over.

use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError, write_new};
use sealift_model::escape::printable;
use sealift_trust::{PublicKey, Purpose};

use crate::key_file::{self, KdfParams, KeyFile, KeyFileError};
use crate::passphrase::Passphrase;
use crate::secret::SecretKey;

/// Where both halves lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key file.
    pub key_file: PathBuf,
    /// The public half, as PEM.
    pub public_file: PathBuf,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where.
    pub place: Place,
    /// The public key.
    pub public: PublicKey,
    /// True if the key was there already and only its public half was missing.
    pub completed: bool,
}

/// Why there is no pair.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// A file of that name is there.
    #[error("{0} exists; a key is never overwritten")]
    Exists(String),
    /// The key is there; its public half could not be written.
    #[error("the key is in {key_file}; its public half was not written")]
    Public {
        /// The key file.
        key_file: String,
        /// Why.
        #[source]
        source: PathError,
    },
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness(#[source] getrandom::Error),
}

/// Refuses a place where one of the files is, but for a key of this purpose whose public half was not written any more.
/// Asked before a passphrase is.
///
/// # Errors
/// [`PairError::Exists`] names the file.
pub fn check(place: &Place, purpose: Purpose) -> Result<(), PairError> {
    let taken = |path: &Path| Err(PairError::Exists(shown(path)));
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(&place.key_file) {
        let begun = KeyFile::read(&place.key_file).is_ok_and(|file| file.purpose() == purpose);
        if !begun || is_there(&place.public_file) {
            return taken(&place.key_file);
        }
    } else if is_there(&place.public_file) {
        return taken(&place.public_file);
    }
    Ok(())
}

/// Makes a key and writes both halves, or the public half of a key that a run which was cut had made.
///
/// # Errors
/// Nothing is written unless the place is free, or the key there is for this purpose and opens with this passphrase.
pub fn make(place: Place, purpose: Purpose, passphrase: &Passphrase, cost: KdfParams) -> Result<Made, PairError> {
    check(&place, purpose)?;
    let completed = place.key_file.symlink_metadata().is_ok();
    let secret = if completed {
        KeyFile::read(&place.key_file)?.open(passphrase)?
    } else {
        let secret = SecretKey::generate(purpose).map_err(PairError::Randomness)?;
        key_file::write(&place.key_file, &secret, passphrase, cost)?;
        secret
    };
    write_new(&place.public_file, secret.public().to_pem().as_bytes(), Mode::Public)
        .map_err(|source| PairError::Public { key_file: shown(&place.key_file), source })?;
    Ok(Made { public: secret.public().clone(), place, completed })
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    const CHEAP: KdfParams = KdfParams { m_kib: 64, t: 1, p: 1 };

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
    }

    fn place(dir: &Path) -> Place {
        Place { key_file: dir.join("a.key"), public_file: dir.join("a.pub") }
    }

    #[test]
    fn the_same_command_writes_the_public_half_that_a_cut_run_did_not() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let ours = passphrase("insecure-test-ours");
        let made = make(place.clone(), Purpose::Targets, &ours, CHEAP).unwrap();
        assert!(!made.completed);
        std::fs::remove_file(&place.public_file).unwrap();
        let again = make(place.clone(), Purpose::Targets, &ours, CHEAP).unwrap();
        assert_eq!((again.completed, &again.public), (true, &made.public));
        assert_eq!(crate::person::read_public(&place.public_file).unwrap(), made.public);
        assert!(matches!(make(place, Purpose::Targets, &ours, CHEAP), Err(PairError::Exists(_))));
    }

    #[test]
    fn refuses_to_complete_the_key_of_another_holder_or_for_another_use() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        make(place.clone(), Purpose::Targets, &passphrase("insecure-test-ours"), CHEAP).unwrap();
        std::fs::remove_file(&place.public_file).unwrap();
        let other = make(place.clone(), Purpose::Targets, &passphrase("insecure-test-theirs"), CHEAP);
        assert!(matches!(other, Err(PairError::KeyFile(KeyFileError::Passphrase { .. }))), "{other:?}");
        let other = make(place.clone(), Purpose::Person, &passphrase("insecure-test-ours"), CHEAP);
        assert!(matches!(other, Err(PairError::Exists(_))), "{other:?}");
        assert_eq!(sealift_fs::list_dir(dir.path()).unwrap(), ["a.key"]);
    }
}
