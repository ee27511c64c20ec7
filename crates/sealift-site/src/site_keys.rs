//! Both keys of a site in one directory.

use std::path::Path;

use sealift_fs::{Mode, PathError, create_dir_all, list_dir, remove_file, sync_dir, write_new};
use sealift_model::{SiteId, Timestamp};

use crate::error::SiteKeyError;
use crate::repository_key::RepositoryKey;
use crate::statement_key::StatementKey;

/// File of the private repository key.
pub const REPOSITORY_KEY: &str = "repository.key";
/// File of the public repository key, for apt's `Signed-By`.
pub const REPOSITORY_PUBLIC: &str = "repository.asc";
/// File of the private statement key.
pub const STATEMENT_KEY: &str = "statement.key";
/// File of the public statement key, for openssl.
pub const STATEMENT_PUBLIC: &str = "statement.pub";

const FILES: [&str; 4] = [REPOSITORY_KEY, REPOSITORY_PUBLIC, STATEMENT_KEY, STATEMENT_PUBLIC];

/// The keys of a site, usable.
#[derive(Debug)]
pub struct SiteKeys {
    /// Signs what apt reads.
    pub repository: RepositoryKey,
    /// Signs what this site says.
    pub statement: StatementKey,
}

impl SiteKeys {
    /// Makes both keys for a site in `dir`, which is made if it is not there (mode 0700). All or nothing; keys that are
    /// there already are never touched.
    pub fn create(dir: &Path, site: &SiteId, now: Timestamp) -> Result<Self, SiteKeyError> {
        create_dir_all(dir, Mode::Private)?;
        if let Some(name) = list_dir(dir)?.iter().find(|name| FILES.contains(&name.as_str())) {
            return Err(SiteKeyError::Exists(sealift_model::escape::printable(&dir.join(name).to_string_lossy())));
        }
        let keys = Self {
            repository: RepositoryKey::generate(&format!("sealift site {site}"), now)?,
            statement: StatementKey::generate(site)?,
        };
        if let Err(error) = keys.write(dir) {
            for name in FILES {
                // The reason it failed matters more than a leftover.
                let _ = remove_file(&dir.join(name));
            }
            return Err(error);
        }
        Ok(keys)
    }

    /// Reads both keys.
    pub fn open(dir: &Path) -> Result<Self, SiteKeyError> {
        Ok(Self {
            repository: RepositoryKey::read(&dir.join(REPOSITORY_KEY))?,
            statement: StatementKey::read(&dir.join(STATEMENT_KEY))?,
        })
    }

    /// Returns the site whose keys these are.
    pub fn site(&self) -> &SiteId {
        self.statement.site()
    }

    fn write(&self, dir: &Path) -> Result<(), SiteKeyError> {
        let public =
            |name: &str, bytes: &[u8]| -> Result<(), PathError> { write_new(&dir.join(name), bytes, Mode::Public) };
        self.repository.write(&dir.join(REPOSITORY_KEY))?;
        public(REPOSITORY_PUBLIC, &self.repository.public_armored()?)?;
        self.statement.write(&dir.join(STATEMENT_KEY))?;
        public(STATEMENT_PUBLIC, self.statement.public_pem().as_bytes())?;
        Ok(sync_dir(dir)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> SiteId {
        SiteId::new("plant-a").unwrap()
    }

    #[test]
    fn created_keys_open_and_are_never_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("keys");
        let now = "2026-11-22T16:00:00Z".parse().unwrap();
        let made = SiteKeys::create(&dir, &site(), now).unwrap();
        let open = SiteKeys::open(&dir).unwrap();
        assert_eq!(open.site(), &site());
        assert_eq!(open.repository.fingerprint(), made.repository.fingerprint());
        assert_eq!(open.statement.key_id(), made.statement.key_id());
        assert!(matches!(SiteKeys::create(&dir, &site(), now), Err(SiteKeyError::Exists(_))));
        assert_eq!(SiteKeys::open(&dir).unwrap().statement.key_id(), made.statement.key_id());
    }

    #[test]
    fn refuses_keys_that_others_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        SiteKeys::create(temp.path(), &site(), Timestamp::from_unix(0)).unwrap();
        for name in [REPOSITORY_KEY, STATEMENT_KEY] {
            let path = temp.path().join(name);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(SiteKeys::open(temp.path()), Err(SiteKeyError::Private(_))), "{name}");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
