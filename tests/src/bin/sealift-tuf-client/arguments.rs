//! The command line of the conformance protocol: options in any order, then one command.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};

use crate::http::Base;

/// What to do.
pub enum Command {
    /// Trust a root from now on.
    Init {
        /// Its file.
        root: PathBuf,
    },
    /// Bring the metadata up to date.
    Refresh {
        /// Where it is served.
        metadata: Base,
    },
    /// Bring the metadata up to date and fetch targets.
    Download {
        /// Where metadata is served.
        metadata: Base,
        /// Where targets are served.
        targets: Base,
        /// Which targets.
        names: Vec<String>,
        /// Where they go.
        dir: PathBuf,
    },
}

/// A parsed command line.
pub struct Arguments {
    /// Where trusted metadata is kept.
    pub metadata_dir: PathBuf,
    /// What to do.
    pub command: Command,
}

impl Arguments {
    /// Parses what follows the program's name.
    pub fn parse(words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut plain = Vec::new();
        let mut words = words;
        while let Some(word) = words.next() {
            if let Some(name) = word.strip_prefix("--") {
                let value = words.next().with_context(|| format!("{word} needs a value"))?;
                options.entry(name.to_owned()).or_default().push(value);
            } else {
                plain.push(word);
            }
        }
        let mut one = |name: &str| {
            let values = options.remove(name).with_context(|| format!("--{name} is missing"))?;
            <[String; 1]>::try_from(values)
                .map(|[value]| value)
                .ok()
                .with_context(|| format!("--{name} is there twice"))
        };
        let metadata_dir = PathBuf::from(one("metadata-dir")?);
        let words: Vec<&str> = plain.iter().map(String::as_str).collect();
        let command = match words.as_slice() {
            ["init", root] => Command::Init { root: PathBuf::from(root) },
            ["refresh"] => Command::Refresh { metadata: Base::parse(&one("metadata-url")?)? },
            ["download"] => Command::Download {
                metadata: Base::parse(&one("metadata-url")?)?,
                targets: Base::parse(&one("target-base-url")?)?,
                dir: PathBuf::from(one("target-dir")?),
                names: options.remove("target-name").context("--target-name is missing")?,
            },
            _ => bail!("the command is none of init ROOT, refresh, download"),
        };
        ensure!(options.is_empty(), "unknown options: {:?}", options.keys());
        Ok(Self { metadata_dir, command })
    }
}
