//! The Release file of a published suite, in the three forms apt reads.

use sealift_fs::Tree;
use sealift_model::Timestamp;
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::SiteKeys;

use super::PublishError;
use super::indexes::in_suite;
use super::plan::Suite;
use crate::config::Config;

/// What a Release file is signed with and says of this site.
#[derive(Debug)]
pub(super) struct Signing<'a> {
    /// Origin and label.
    pub(super) config: &'a Config,
    /// The site's keys.
    pub(super) keys: &'a SiteKeys,
    /// Its date.
    pub(super) date: Timestamp,
    /// When hosts begin to refuse it.
    pub(super) valid_until: Timestamp,
}

/// Writes Release, Release.gpg and InRelease of a suite.
pub(super) fn write(
    tree: &mut Tree,
    name: &str,
    suite: &Suite,
    files: &[ReleaseFile],
    signing: &Signing<'_>,
) -> Result<(), PublishError> {
    let config = signing.config;
    let text = ReleaseText {
        origin: config.publish.origin.clone(),
        label: config.label().to_owned(),
        suite: suite.suite.clone(),
        codename: suite.codename.clone(),
        date: signing.date,
        valid_until: Some(signing.valid_until),
        architectures: suite.architectures(),
        components: suite.components(),
        description: None,
        files: files.to_vec(),
    }
    .render();
    let key = &signing.keys.repository;
    tree.write(&in_suite(name, "Release")?, text.as_bytes())?;
    tree.write(&in_suite(name, "Release.gpg")?, &key.sign_detached(text.as_bytes(), signing.date)?)?;
    tree.write(&in_suite(name, "InRelease")?, &key.sign_cleartext(&text, signing.date)?)?;
    Ok(())
}
