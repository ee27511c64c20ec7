//! Makes a state directory: the inventory with its explanations, and the key that signs plans and records.

use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError, PrivateError};
use sealift_model::SiteId;
use sealift_site::site_keys::{STATEMENT_KEY, STATEMENT_PUBLIC};
use sealift_site::statement_key::read_public;
use sealift_site::{SiteKeyError, StatementKey};
use sealift_trust::PublicKey;

use crate::inventory;

/// Directory of the own key, unless the inventory names another.
pub const KEY_DIR: &str = "site";

/// Why a state directory was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is one already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The key.
    #[error("the site's private statement key cannot be used")]
    Key(#[from] SiteKeyError),
    /// The key is another site's.
    #[error("the key in {} is of site `{key}`, not `{site}`", dir.display())]
    OtherSite {
        /// Its directory.
        dir: PathBuf,
        /// The key's site.
        key: SiteId,
        /// The site asked for.
        site: SiteId,
    },
    /// Neither half of the key can be read.
    #[error("the site's public statement key cannot be read from {}", tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or "))]
    NoPublicKey {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
        /// Why the last was not read.
        #[source]
        source: SiteKeyError,
    },
}

/// Makes the state directory `dir`. With `keys`, the key of that directory (`sealift-import`'s site keys) is used
/// instead of making one.
pub fn create(dir: &Path, site: &SiteId, keys: Option<&Path>) -> Result<StatementKey, SetupError> {
    let path = dir.join(inventory::FILE);
    if path.exists() {
        return Err(SetupError::Exists(path));
    }
    sealift_fs::create_dir_all(dir, Mode::Public)?;
    let key = match keys {
        Some(keys) => open_key(keys, site)?,
        None => make_key(&dir.join(KEY_DIR), site)?,
    };
    // Whoever checks records finds the public half here: the keys' directory is open to its owner alone.
    sealift_fs::replace(&dir.join(STATEMENT_PUBLIC), key.public_pem().as_bytes(), Mode::Public)?;
    sealift_fs::write_new(&path, template(site, keys).as_bytes(), Mode::Public)?;
    Ok(key)
}

fn make_key(dir: &Path, site: &SiteId) -> Result<StatementKey, SetupError> {
    // A key that is there was made by an init that did not come to its end.
    if dir.join(STATEMENT_KEY).exists() {
        return open_key(dir, site);
    }
    sealift_fs::create_dir_all(dir, Mode::Private)?;
    let key = StatementKey::generate(site)?;
    sealift_fs::replace(&dir.join(STATEMENT_PUBLIC), key.public_pem().as_bytes(), Mode::Public)?;
    key.write(&dir.join(STATEMENT_KEY))?;
    Ok(key)
}

/// Reads the statement key of `site` from a directory of site keys.
pub fn open_key(dir: &Path, site: &SiteId) -> Result<StatementKey, SetupError> {
    let key = StatementKey::read(&dir.join(STATEMENT_KEY))?;
    if key.site() == site {
        return Ok(key);
    }
    Err(SetupError::OtherSite { dir: dir.to_owned(), key: key.site().clone(), site: site.clone() })
}

/// Returns the public half of the statement key, for reading: from the private file in `keys` if this user has it, else
/// from `statement.pub` beside it, else from the copy in the state directory.
pub fn public_key(state: &Path, keys: &Path, site: &SiteId) -> Result<PublicKey, SetupError> {
    match open_key(keys, site) {
        Ok(key) => Ok(key.public().clone()),
        // A private key that is damaged, or open to others, is worth a word even to those who do not need it.
        Err(SetupError::Key(SiteKeyError::Private(PrivateError::Fs(_) | PrivateError::Owner { .. }))) => {
            let beside = keys.join(STATEMENT_PUBLIC);
            let copy = state.join(STATEMENT_PUBLIC);
            let found = match read_public(&beside) {
                Err(SiteKeyError::Fs(_)) => read_public(&copy),
                other => other,
            };
            found.map_err(|source| SetupError::NoPublicKey { tried: vec![beside, copy], source })
        }
        Err(other) => Err(other),
    }
}

fn template(site: &SiteId, keys: Option<&Path>) -> String {
    let keys = match keys {
        Some(dir) => format!("statement_key = {}", toml::Value::String(dir.display().to_string())),
        None => "# statement_key = \"../isolated/site\"".into(),
    };
    include_str!("setup/inventory.toml").replace("@SITE@", site.as_str()).replace("@KEYS@", &keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;

    #[test]
    fn reading_takes_the_public_half_wherever_it_is_but_never_one_that_is_malformed() {
        let temp = tempfile::tempdir().unwrap();
        let (dir, site) = (temp.path().to_owned(), SiteId::new("plant-a").unwrap());
        let keys = dir.join(KEY_DIR);
        let id = create(&dir, &site, None).unwrap().key_id();
        let found = || public_key(&dir, &keys, &site).map(|key| key.id());
        assert_eq!(found().unwrap(), id);
        std::fs::remove_file(keys.join(STATEMENT_KEY)).unwrap();
        assert_eq!(found().unwrap(), id);
        let pem = std::fs::read_to_string(keys.join(STATEMENT_PUBLIC)).unwrap();
        std::fs::write(keys.join(STATEMENT_PUBLIC), format!("mine:\n{pem}")).unwrap();
        assert!(matches!(found(), Err(SetupError::NoPublicKey { .. })));
        std::fs::remove_file(keys.join(STATEMENT_PUBLIC)).unwrap();
        assert_eq!(found().unwrap(), id);
        std::fs::remove_file(dir.join(STATEMENT_PUBLIC)).unwrap();
        assert!(matches!(found(), Err(SetupError::NoPublicKey { .. })));
    }

    #[test]
    fn a_new_state_directory_reads_back_and_is_never_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("apply");
        let site = SiteId::new("plant-a").unwrap();
        let key = create(&dir, &site, None).unwrap();
        let inventory = Inventory::read(&dir).unwrap();
        assert_eq!(open_key(&inventory.site_keys, &inventory.site).unwrap().key_id(), key.key_id());
        assert!(matches!(create(&dir, &site, None), Err(SetupError::Exists(_))));
        let other = SiteId::new("plant-b").unwrap();
        assert!(matches!(open_key(&inventory.site_keys, &other), Err(SetupError::OtherSite { .. })));
        let second = temp.path().join("second");
        create(&second, &site, Some(&inventory.site_keys)).unwrap();
        assert_eq!(Inventory::read(&second).unwrap().site_keys, inventory.site_keys);
    }
}
