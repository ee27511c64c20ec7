//! Adding a site to `mirror.toml` without touching what the operator wrote there.
//!
//! The block is appended as text; the whole is read again as configuration before it replaces the file.

use std::fmt::Write as _;
use std::path::Path;

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::SiteId;
use sealift_model::digest::hex;

use crate::config::{self, Config, ConfigError, Receipts, SiteConfig};

/// Why a site was not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddSiteError {
    /// The name is taken.
    #[error("there is already a site `{0}`")]
    Exists(SiteId),
    /// What would be written is not valid.
    #[error("the site cannot be added")]
    Config(#[from] ConfigError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// Appends `site` to the configuration of the mirror in `dir`. A site that is there exactly so is left as it is, and the
/// answer is false.
///
/// # Errors
/// That the name is taken by another, that the file would not be valid, or that the disk fails.
pub fn append(dir: &Path, _writer: &Lock, site: &SiteConfig) -> Result<bool, AddSiteError> {
    let file = dir.join(config::FILE);
    let bytes = sealift_fs::read_capped(&file, config::LIMIT)?;
    match Config::load(&file)?.site(&site.name) {
        Some(there) if there == site => return Ok(false),
        Some(_) => return Err(AddSiteError::Exists(site.name.clone())),
        None => {}
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&block(site));
    Config::parse(&text, &file)?;
    sealift_fs::replace(&file, text.as_bytes(), Mode::Private)?;
    Ok(true)
}

/// Returns the block of one site, as an operator would write it.
pub fn block(site: &SiteConfig) -> String {
    let mut block = format!("\n[[site]]\nname = \"{}\"\n", site.name);
    if let Some(key) = &site.receipt_key {
        let _ = writeln!(block, "receipt_key = \"{}\"", hex(key));
    }
    if site.receipts == Receipts::Never {
        block.push_str("receipts = \"never\"\n");
    }
    if site.believe_codes {
        block.push_str("believe_codes = true\n");
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    fn site(name: &str) -> SiteConfig {
        let receipt_key = Some([0xab; 32]);
        SiteConfig { name: name.parse().unwrap(), receipt_key, receipts: Receipts::Signed, believe_codes: false }
    }

    #[test]
    fn an_added_site_reads_back_beside_the_operators_own_remarks() {
        let dir = tempfile::tempdir().unwrap();
        State::init(dir.path()).unwrap();
        let file = dir.path().join(config::FILE);
        let before = std::fs::read_to_string(&file).unwrap() + "# my own remark";
        std::fs::write(&file, &before).unwrap();
        let lock = State::open(dir.path()).unwrap().lock().unwrap();
        let silent = SiteConfig { receipt_key: None, receipts: Receipts::Never, believe_codes: true, ..site("b") };
        for added in [&site("a"), &silent] {
            assert!(append(dir.path(), &lock, added).unwrap());
            assert!(!append(dir.path(), &lock, added).unwrap(), "the same again changes nothing");
        }
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(&before));
        assert_eq!(State::open(dir.path()).unwrap().config().sites, [site("a"), silent]);
    }

    #[test]
    fn refuses_another_key_for_a_site_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        State::init(dir.path()).unwrap();
        let lock = State::open(dir.path()).unwrap().lock().unwrap();
        append(dir.path(), &lock, &site("a")).unwrap();
        let before = std::fs::read(dir.path().join(config::FILE)).unwrap();
        let other = SiteConfig { receipt_key: Some([0xcd; 32]), ..site("a") };
        assert!(matches!(append(dir.path(), &lock, &other), Err(AddSiteError::Exists(_))));
        let keyless = SiteConfig { receipt_key: None, ..site("c") };
        assert!(matches!(append(dir.path(), &lock, &keyless), Err(AddSiteError::Config(_))));
        assert_eq!(std::fs::read(dir.path().join(config::FILE)).unwrap(), before);
    }
}
