//! `import.toml`, the human-edited configuration of an isolated repository.

use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::{ChannelId, SiteId};
use serde::Deserialize;

use crate::mount::MountPolicy;
use crate::scan::{ScanConfig, Scanner};

const LIMIT: u64 = 1 << 20;

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the site, in receipts and published Release files.
    pub site: SiteId,
    /// The channels there are.
    #[serde(default = "default_channels")]
    pub channels: Vec<ChannelId>,
    /// How repositories are published.
    #[serde(default)]
    pub publish: PublishConfig,
    /// What is asked of media.
    #[serde(default)]
    pub medium: MediumConfig,
    /// What is asked of verdicts.
    #[serde(default)]
    pub scan: ScanConfig,
    /// Scanners that must find nothing in content before it is accepted.
    #[serde(default, rename = "scanner")]
    pub scanners: Vec<Scanner>,
}

/// Options of a mount that `medium.require` may name.
const MOUNT_OPTIONS: [&str; 5] = ["nosuid", "nodev", "noexec", "ro", "nosymfollow"];

/// What is asked of media.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediumConfig {
    /// Options a medium's mount must have besides `nosuid` and `nodev`.
    pub require: Vec<String>,
    /// Mount points of this machine's own disks, of which nothing is asked.
    pub own: Vec<PathBuf>,
}

impl MediumConfig {
    /// Returns the same as the rule that `receive` judges by.
    pub fn policy(&self) -> MountPolicy {
        MountPolicy { require: self.require.clone(), own: self.own.clone() }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(unknown) = self.require.iter().find(|o| !MOUNT_OPTIONS.contains(&o.as_str())) {
            let unknown = sealift_model::escape::printable(unknown);
            return Err(format!("medium.require: `{unknown}` is none of {}", MOUNT_OPTIONS.join(", ")));
        }
        match self.own.iter().find(|point| !point.is_absolute()) {
            None => Ok(()),
            Some(point) => Err(format!("medium.own: {} is not an absolute path", point.display())),
        }
    }
}

/// How repositories are published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishConfig {
    /// Days until a published Release file expires.
    pub valid_days: u64,
    /// `Origin` of published Release files.
    pub origin: String,
    /// `Label` of published Release files; the site's name if absent.
    pub label: Option<String>,
}

impl Default for PublishConfig {
    fn default() -> Self {
        Self { valid_days: 30, origin: "sealift".into(), label: None }
    }
}

fn default_channels() -> Vec<ChannelId> {
    ["testing", "production"].iter().filter_map(|name| name.parse().ok()).collect()
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not there: not a state directory.
    #[error("{} is not a state directory of sealift-import (it has no import.toml)", .0.display())]
    Missing(PathBuf),
    /// Cannot be read.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Not of the expected form; the text names line and column.
    #[error("{}: {reason}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        reason: String,
    },
}

impl Config {
    /// Reads the configuration at `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = match sealift_fs::read_capped(path, LIMIT) {
            Ok(bytes) => bytes,
            Err(e) if e.is_not_found() => {
                return Err(ConfigError::Missing(path.parent().unwrap_or(path).to_owned()));
            }
            Err(e) => return Err(e.into()),
        };
        let form = |reason: String| ConfigError::Form { path: path.to_owned(), reason };
        let text = std::str::from_utf8(&bytes).map_err(|e| form(e.to_string()))?;
        let config: Self = toml::from_str(text).map_err(|e| form(place(text, &e)))?;
        if !(1..=3650).contains(&config.publish.valid_days) {
            return Err(form("publish.valid_days must be 1 to 3650".into()));
        }
        config.medium.check().map_err(form)?;
        crate::scan::config::check(&config.scan, &config.scanners).map_err(form)?;
        Ok(config)
    }

    /// Returns the text of a new configuration.
    pub fn template(site: &SiteId) -> String {
        format!(
            "# Isolated repository of sealift. Read by every sealift-import command.\n\
             site = \"{site}\"\n\
             # channels = [\"testing\", \"production\"]\n\n\
             [publish]\n\
             # Hosts refuse a published repository that is older; publish again before that.\n\
             valid_days = 30\n\
             origin = \"sealift\"\n\
             # label = \"{site}\"\n\n\
             # [medium]\n\
             # Besides nosuid and nodev, which every medium must be mounted with.\n\
             # require = [\"noexec\", \"ro\"]\n\n\
             # Content waits until every scanner found nothing in it: `sealift-import scan`.\n\
             # [[scanner]]\n\
             # name = \"clamd\"\n\
             # kind = \"clamd\"\n\
             # socket = \"/run/clamav/clamd.ctl\"\n"
        )
    }

    /// Returns the label of published Release files.
    pub fn label(&self) -> &str {
        self.publish.label.as_deref().unwrap_or(self.site.as_str())
    }
}

fn place(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return error.message().to_owned();
    };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}: {}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("import.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn the_template_is_the_default_configuration() {
        let site: SiteId = "plant-a".parse().unwrap();
        let config = parse(&Config::template(&site)).unwrap();
        assert_eq!(config.publish, PublishConfig::default());
        assert_eq!(config.medium, MediumConfig::default());
        assert_eq!((config.label(), config.channels.len()), ("plant-a", 2));
        assert_eq!((config.scan, config.scanners.len()), (ScanConfig::default(), 0));
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (text, place) in [
            ("site = \"plant-a\"\n[publish]\nvalid-days = 3\n", "line 3, column 1"),
            ("site = \"Plant A\"\n", "line 1, column 8"),
            ("site = \"a\"\nchannels = [\"x\", 3]\n", "line 2, column 18"),
            ("site = \"a\"\n[publish]\nvalid_days = 0\n", "valid_days"),
            ("site = \"a\"\n[medium]\nrequire = [\"suid\"]\n", "medium.require: `suid`"),
            ("site = \"a\"\n[medium]\nown = [\"data\"]\n", "medium.own: data"),
            ("site = \"a\"\n[[scanner]]\nname = \"x\"\nkind = \"clam\"\n", "line 4, column 8"),
            ("site = \"a\"\n[[scanner]]\nname = \"X Y\"\nkind = \"kiosk\"\n", "scanner.name: `X Y`"),
            ("site = \"a\"\n[[scanner]]\nname = \"x\"\nkind = \"clamd\"\n", "scanner x: `socket`"),
            ("site = \"a\"\n[[scanner]]\nname = \"x\"\nkind = \"command\"\nargv = [\"scan\"]\n", "scanner x: `argv`"),
            (
                "site = \"a\"\n[[scanner]]\nname = \"x\"\nkind = \"command\"\nargv = [\"/bin/scan\", \"{path}\"]\nsignatures = \"1\"\nclean = [1]\n",
                "both `clean` and `infected`",
            ),
            ("site = \"a\"\n[scan]\nmax_age_days = 0\n", "scan.max_age_days"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
    }
}
