//! Upstreams proposed from a machine's own apt sources.
//!
//! Only sources that name their keys are taken: the keys under `/etc/apt/trusted.gpg.d` may sign anything for apt, and
//! sealift trusts a key for one upstream. What is not taken is returned with the reason. Nothing is written here.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::UpstreamId;
use sealift_model::escape::printable;
use sealift_pkg::openpgp::Keyring;
use sealift_pkg::sources::{self, AptSource, SignedBy, SourcesError};
use sealift_pkg::status::{self, StatusError};

use super::KEYRING_LIMIT;
use crate::config::{Config, UpstreamConfig, Uri};

/// Largest source list read, in bytes.
const LIST_LIMIT: u64 = 16 << 20;
/// Where keyrings that stood in a source list are kept, below the state directory.
pub const KEYRINGS: &str = "keyrings";

/// What a machine's sources come to.
#[derive(Debug, Default)]
pub struct Proposal {
    /// Upstreams to add.
    pub upstreams: Vec<UpstreamConfig>,
    /// Keyrings to write first: path below the state directory, and content.
    pub keyrings: Vec<(PathBuf, String)>,
    /// Sources left out: where they stand and why.
    pub skipped: Vec<(String, String)>,
}

/// Where to look and what to take for granted.
#[derive(Debug)]
pub struct AptQuery<'a> {
    /// The root of the machine whose apt is asked.
    pub root: &'a Path,
    /// The keyring for sources that name none.
    pub signed_by: Option<&'a Path>,
    /// The configuration there is already.
    pub config: &'a Config,
}

/// Why a machine's sources cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AptError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A source list is not text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// A source list is malformed.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// dpkg's status file is malformed.
    #[error("cannot tell the machine's architecture")]
    Status(#[from] StatusError),
    /// dpkg itself is not among the installed packages.
    #[error("cannot tell the machine's architecture: dpkg is not in {0}")]
    NoArchitecture(String),
}

/// Reads the sources below `query.root` and proposes an upstream for each.
pub fn propose(query: &AptQuery<'_>) -> Result<Proposal, AptError> {
    let mut proposal = Proposal::default();
    let mut native = None;
    for (shown, text) in lists(query.root)? {
        let list = sources::parse(&shown, &text)?;
        proposal.skipped.extend(list.skipped.iter().map(|s| (s.place.to_string(), s.reason.to_string())));
        for source in &list.sources {
            if source.architectures.is_empty() && native.is_none() {
                native = Some(architecture(query.root)?);
            }
            if let Err(reason) = proposal.take(query, source, native.as_deref()) {
                proposal.skipped.push((source.place.to_string(), reason));
            }
        }
    }
    Ok(proposal)
}

/// Returns the source lists as apt reads them: name as on that machine, and text.
fn lists(root: &Path) -> Result<Vec<(String, String)>, AptError> {
    let mut names = vec!["etc/apt/sources.list".to_owned()];
    match sealift_fs::list_dir(&root.join("etc/apt/sources.list.d")) {
        Ok(found) => {
            let read = |name: &&String| {
                matches!(Path::new(name).extension().and_then(|e| e.to_str()), Some("list" | "sources"))
            };
            names.extend(found.iter().filter(read).map(|name| format!("etc/apt/sources.list.d/{name}")));
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    let mut lists = Vec::new();
    for name in names {
        let shown = format!("/{name}");
        match sealift_fs::read_capped(&root.join(&name), LIST_LIMIT) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => lists.push((shown, text)),
                Err(_) => return Err(AptError::NotText(printable(&shown))),
            },
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(lists)
}

/// Returns dpkg's own architecture, which is the machine's.
fn architecture(root: &Path) -> Result<String, AptError> {
    let path = root.join("var/lib/dpkg/status");
    let (file, _) = sealift_fs::open_file(&path)?;
    let entries = status::parse(BufReader::new(file))?;
    let dpkg = entries.into_iter().find(|entry| entry.package == "dpkg");
    dpkg.map(|entry| entry.architecture).ok_or_else(|| AptError::NoArchitecture(path.display().to_string()))
}

impl Proposal {
    /// Adds the upstream of one source, or says why not.
    fn take(&mut self, query: &AptQuery<'_>, source: &AptSource, native: Option<&str>) -> Result<(), String> {
        let uri = Uri::new(&source.uri).map_err(|e| e.to_string())?;
        if uri.has_credentials() {
            return Err(format!("{uri} is written with a user name: add it to mirror.toml by hand"));
        }
        let suite = source.suite.clone();
        let architectures = match native {
            Some(native) if source.architectures.is_empty() => vec![native.to_owned()],
            _ => source.architectures.clone(),
        };
        let here = |u: &&UpstreamConfig| u.uri == uri && u.suite == suite;
        if let Some(known) = query.config.upstreams.iter().find(here) {
            return Err(format!("{uri} {suite} is already followed as `{}`", known.name));
        }
        let name = self.free_name(query.config, &uri, &suite);
        let (signed_by, inline) = keys(query, source, &name)?;
        // Two entries for one suite, such as main and contrib in lines of their own, are one upstream.
        let twin = |u: &&mut UpstreamConfig| u.uri == uri && u.suite == suite;
        if let Some(known) = self.upstreams.iter_mut().find(twin) {
            let same_key = inline.is_none() && known.signed_by == signed_by;
            if !same_key || known.architectures != sorted(architectures) {
                return Err(format!("{uri} {suite} stands twice, with other keys or architectures"));
            }
            known.components = sorted([known.components.clone(), source.components.clone()].concat());
            return Ok(());
        }
        let components = sorted(source.components.clone());
        let upstream = UpstreamConfig { name, uri, suite, components, architectures: sorted(architectures), signed_by };
        // The file's own rules decide, so that one odd source does not keep the others out.
        Config::parse(&super::add::block(&upstream), Path::new("")).map_err(|e| match e {
            crate::config::ConfigError::Invalid { message, .. } => message,
            other @ crate::config::ConfigError::Read(_) => other.to_string(),
        })?;
        self.keyrings.extend(inline);
        self.upstreams.push(upstream);
        Ok(())
    }

    /// Returns a name made of the last part of the address and the suite that nothing has yet.
    fn free_name(&self, config: &Config, uri: &Uri, suite: &str) -> UpstreamId {
        let base = proposed_name(&uri.to_string(), suite);
        let taken = |name: &UpstreamId| {
            config.upstream(name).is_some() || self.upstreams.iter().any(|upstream| upstream.name == *name)
        };
        let numbered = (2..).map(|n| format!("{base}-{n}"));
        let mut names = std::iter::once(base.clone()).chain(numbered).filter_map(|name| UpstreamId::new(&name).ok());
        names.find(|name| !taken(name)).expect("there are more numbers than upstreams")
    }
}

/// Joins `debian-security` and `bookworm-security` to `debian-bookworm-security`.
fn proposed_name(uri: &str, suite: &str) -> String {
    let path = uri.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let base = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("upstream");
    let tail = suite.rfind('-').and_then(|at| suite.get(at..)).unwrap_or("-");
    let base = base.strip_suffix(tail).filter(|base| !base.is_empty()).unwrap_or(base);
    let word = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c) { c } else { '-' };
    let name: String = format!("{base}-{suite}").to_ascii_lowercase().chars().map(word).take(56).collect();
    name.trim_start_matches(['.', '-', '_']).to_owned()
}

/// A keyring's path and, if it is to be written first, its content.
type Keys = (PathBuf, Option<(PathBuf, String)>);

fn keys(query: &AptQuery<'_>, source: &AptSource, name: &UpstreamId) -> Result<Keys, String> {
    let checked = |file: PathBuf| match sealift_fs::read_capped(&file, KEYRING_LIMIT) {
        Ok(bytes) => {
            Keyring::parse(&bytes).map(|_| (file.clone(), None)).map_err(|e| format!("{}: {e}", file.display()))
        }
        Err(error) => Err(error.to_string()),
    };
    match (source.signed_by.as_slice(), query.signed_by) {
        ([SignedBy::Keyring(path)], _) => checked(query.root.join(path.trim_start_matches('/'))),
        ([SignedBy::Inline(text)], _) => {
            Keyring::parse(text.as_bytes()).map_err(|e| format!("the key in the source list: {e}"))?;
            let path = Path::new(KEYRINGS).join(format!("{name}.asc"));
            Ok((path.clone(), Some((path, text.clone()))))
        }
        ([], Some(default)) => checked(default.to_owned()),
        ([], None) => Err("it names no keys (Signed-By), and apt's global keyrings are not trusted here; \
             say which with --signed-by KEYRING"
            .into()),
        ([SignedBy::Fingerprint(key)], _) => {
            Err(format!("its key {} is one of apt's global keyrings, which are not trusted here", printable(key)))
        }
        _ => Err("it names several keyrings; add it by hand with one".into()),
    }
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list.dedup();
    list
}

#[cfg(test)]
mod tests;
