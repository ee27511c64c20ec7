//! `mirror.toml`: what the operator wants mirrored.
//!
//! The file belongs to the operator. It is read strictly (an unknown key is an error with its line and column) and never
//! written anew from values: `upstream add` appends text, so comments stay. This module knows the file's shape and the
//! references within it; whether an upstream exists or a keyring parses is found out by those who use them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::{SiteId, StreamId, UpstreamId};
use serde::{Deserialize, Serialize};

mod check;
mod uri;

pub use uri::{Uri, UriError};

/// Name of the file in the state directory.
pub const FILE: &str = "mirror.toml";
/// Largest configuration file read, in bytes.
pub const LIMIT: u64 = 16 * 1024 * 1024;

/// Everything `mirror.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[mirror]`.
    #[serde(default)]
    pub mirror: MirrorConfig,
    /// `[expiry]`.
    #[serde(default)]
    pub expiry: ExpiryConfig,
    /// Each `[[upstream]]`, in the file's order, which is the order of preference.
    #[serde(default, rename = "upstream")]
    pub upstreams: Vec<UpstreamConfig>,
    /// Each `[[stream]]`.
    #[serde(default, rename = "stream")]
    pub streams: Vec<StreamConfig>,
    /// Each `[[site]]`.
    #[serde(default, rename = "site")]
    pub sites: Vec<SiteConfig>,
}

/// Where the keys for building bundles are. Paths are relative to the state directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorConfig {
    /// Directory with role keys and `root.json`.
    pub keys: Option<PathBuf>,
    /// File (0600) with the passphrase of the role keys.
    pub passphrase_file: Option<PathBuf>,
}

/// Days until what is built today is refused as expired.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpiryConfig {
    /// The manifest's `not_after`.
    pub bundle: Days,
    /// Role targets.
    pub targets: Days,
    /// Role snapshot.
    pub snapshot: Days,
    /// Role timestamp.
    pub timestamp: Days,
}

/// A number of days from 1 to 3650.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Days(u64);

/// One upstream to follow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Its name here.
    pub name: UpstreamId,
    /// Where its `dists` and `pool` are.
    pub uri: Uri,
    /// The suite, as in a line of apt's sources.
    #[serde(deserialize_with = "check::suite")]
    pub suite: String,
    /// Components, at least one, sorted.
    #[serde(deserialize_with = "check::components")]
    pub components: Vec<String>,
    /// Architectures, at least one, sorted.
    #[serde(deserialize_with = "check::architectures")]
    pub architectures: Vec<String>,
    /// The keyring whose keys alone may sign it. Relative to the state directory.
    pub signed_by: PathBuf,
}

/// One stream: what crosses the gap under one series of sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are the switches of the file, one key each")]
pub struct StreamConfig {
    /// Its name.
    pub name: StreamId,
    /// The upstreams it selects from, the preferred first.
    #[serde(deserialize_with = "check::stream_upstreams")]
    pub upstreams: Vec<UpstreamId>,
    /// Whether everything in the upstreams' components is selected.
    #[serde(default)]
    pub all: bool,
    /// Globs over package names.
    #[serde(default, deserialize_with = "check::patterns")]
    pub packages: Vec<String>,
    /// Globs over sections.
    #[serde(default, deserialize_with = "check::patterns")]
    pub sections: Vec<String>,
    /// Globs over source package names.
    #[serde(default, deserialize_with = "check::patterns")]
    pub source_packages: Vec<String>,
    /// How many versions of each package a rule takes.
    #[serde(default = "one", deserialize_with = "check::newest")]
    pub newest: NonZeroUsize,
    /// Whether dependencies are added.
    #[serde(default = "yes")]
    pub closure: bool,
    /// Whether recommended packages are added too.
    #[serde(default)]
    pub recommends: bool,
    /// Whether a dependency that no upstream offers is an error.
    #[serde(default)]
    pub strict: bool,
}

/// An isolated site that bundles are built for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// Its name.
    pub name: SiteId,
    /// The Ed25519 key it signs receipts and requests with: 64 lower-case hexadecimal digits. Without one nothing it
    /// signed is accepted.
    #[serde(default, deserialize_with = "check::receipt_key")]
    pub receipt_key: Option<[u8; 32]>,
    /// Whether receipts come back from it.
    #[serde(default)]
    pub receipts: Receipts,
    /// Whether a receipt typed in as a code, which nobody signed, acknowledges what it says.
    #[serde(default)]
    pub believe_codes: bool,
}

/// Whether receipts come back from a site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipts {
    /// They do, signed: a bundle builds on what the last one acknowledged.
    #[default]
    Signed,
    /// Nothing may leave the site: a bundle builds on every state it may be in.
    Never,
}

/// Why `mirror.toml` is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] PathError),
    /// Something in it is wrong, at this place.
    #[error("{}:{line}:{column}: {message}", .file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The line itself.
        text: String,
    },
}

impl Config {
    /// Reads and checks the file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let bytes = sealift_fs::read_capped(file, LIMIT)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, file),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let text = String::from_utf8_lossy(valid);
                Err(check::invalid(file, &text, text.len(), "the file is not UTF-8 text here".into()))
            }
        }
    }

    /// Checks the text of a file; `file` is for messages.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|e| check::malformed(file, text, &e))?;
        check::references(&config, text, file)?;
        Ok(config)
    }

    /// Returns the upstream of this name.
    pub fn upstream(&self, name: &UpstreamId) -> Option<&UpstreamConfig> {
        self.upstreams.iter().find(|u| u.name == *name)
    }

    /// Returns the stream of this name.
    pub fn stream(&self, name: &StreamId) -> Option<&StreamConfig> {
        self.streams.iter().find(|s| s.name == *name)
    }

    /// Returns the site of this name.
    pub fn site(&self, name: &SiteId) -> Option<&SiteConfig> {
        self.sites.iter().find(|s| s.name == *name)
    }
}

impl Days {
    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Days {
    type Error = &'static str;

    fn try_from(days: u64) -> Result<Self, Self::Error> {
        if (1..=3650).contains(&days) { Ok(Self(days)) } else { Err("use a number of days from 1 to 3650") }
    }
}

impl Default for ExpiryConfig {
    fn default() -> Self {
        Self { bundle: Days(90), targets: Days(90), snapshot: Days(90), timestamp: Days(30) }
    }
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
