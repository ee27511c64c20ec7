//! `inventory.toml`: the site, its groups and hosts, written by people.
//!
//! Everything is checked when it is read, with line and column in every complaint; what comes out refers only to hosts
//! that exist. Relative paths are relative to the directory the file is in.

use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::escape::printable;
use sealift_model::{GroupId, HostId, SiteId};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::host::{ChrootHost, ChrootlessHost, Host, SshHost};

/// Name of the file in the state directory.
pub const FILE: &str = "inventory.toml";
const LIMIT: u64 = 4 << 20;

/// The checked inventory.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The site's name.
    pub site: SiteId,
    /// The only key the hosts' apt will trust.
    pub keyring: PathBuf,
    /// The directory with the site's keys.
    pub site_keys: PathBuf,
    /// Groups, in the order of the file.
    pub groups: Vec<Group>,
    /// Hosts, in the order of the file.
    pub hosts: Vec<HostConfig>,
}

/// Hosts that get the same packages from the same repository.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: GroupId,
    /// Where its packages are published.
    pub repository: Repository,
    /// Its hosts; each is in [`Inventory::hosts`].
    pub hosts: Vec<HostId>,
}

/// A published apt repository, as apt is told about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Components.
    pub components: Vec<String>,
    /// Suites.
    pub suites: Vec<String>,
    /// `file:`, `http:` or `https:` URI.
    pub uri: String,
}

/// A host and the way to it.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Its name.
    pub name: HostId,
    /// The way to it.
    pub way: Way,
}

/// How a host is entered.
#[derive(Debug, Clone)]
pub enum Way {
    /// A root directory, by chroot.
    Chroot(PathBuf),
    /// A root directory, from outside.
    Chrootless(PathBuf),
    /// By ssh, with more `-o` options.
    Ssh(String, Vec<String>),
}

/// What is wrong with an inventory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// It cannot be read.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// It is not what it should be.
    #[error("{}, line {line}, column {column}: {reason}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// There is no such group.
    #[error("there is no group `{name}`; the inventory has {}", some(.known, "no groups"))]
    UnknownGroup {
        /// What was asked for.
        name: String,
        /// The groups there are.
        known: String,
        /// The one that was probably meant.
        meant: Option<String>,
    },
    /// There is no such host.
    #[error("there is no host `{name}`; the inventory has {}", some(.known, "no hosts"))]
    UnknownHost {
        /// What was asked for.
        name: String,
        /// The hosts there are.
        known: String,
        /// The one that was probably meant.
        meant: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    site: WireSite,
    #[serde(default)]
    group: Vec<WireGroup>,
    #[serde(default)]
    host: Vec<WireHost>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSite {
    name: SiteId,
    keyring: PathBuf,
    statement_key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireGroup {
    name: Spanned<GroupId>,
    repository: Spanned<String>,
    suites: Spanned<Vec<String>>,
    components: Spanned<Vec<String>>,
    hosts: Vec<Spanned<HostId>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHost {
    name: Spanned<HostId>,
    root: Option<Spanned<PathBuf>>,
    enter: Option<Enter>,
    ssh: Option<Spanned<String>>,
    #[serde(default)]
    ssh_options: Vec<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Enter {
    Chroot,
    Chrootless,
}

/// A complaint and the bytes of the file it is about.
type Complaint = (std::ops::Range<usize>, String);

impl Inventory {
    /// Reads the inventory of a state directory.
    pub fn read(dir: &Path) -> Result<Self, InventoryError> {
        let path = dir.join(FILE);
        let bytes = sealift_fs::read_capped(&path, LIMIT)?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text, dir).map_err(|(span, reason)| {
            let before = text.get(..span.start.min(text.len())).unwrap_or(&text);
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
            InventoryError::Form { path, line: before.matches('\n').count() + 1, column, reason }
        })
    }

    fn parse(text: &str, dir: &Path) -> Result<Self, Complaint> {
        let wire: Wire = toml::from_str(text)
            .map_err(|error| (error.span().unwrap_or(0..0), printable(&in_words(error.message()))))?;
        let hosts = wire.host.into_iter().map(|host| host_config(host, dir)).collect::<Result<Vec<_>, _>>()?;
        if let Some((span, name)) = repeated(hosts.iter().map(|(span, host)| (span, host.name.as_str()))) {
            return Err((span, format!("host `{name}` is there twice")));
        }
        let hosts: Vec<HostConfig> = hosts.into_iter().map(|(_, host)| host).collect();
        let names: Vec<_> = wire.group.iter().map(|g| (g.name.span(), g.name.get_ref().to_string())).collect();
        if let Some((span, name)) = repeated(names.iter().map(|(span, name)| (span, name.as_str()))) {
            return Err((span, format!("group `{name}` is there twice")));
        }
        let groups = wire.group.into_iter().map(|g| group(g, dir, &hosts)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            site: wire.site.name,
            keyring: dir.join(wire.site.keyring),
            site_keys: dir.join(wire.site.statement_key.unwrap_or_else(|| "site".into())),
            groups,
            hosts,
        })
    }

    /// Finds a group by name.
    pub fn group(&self, name: &str) -> Result<&Group, InventoryError> {
        self.groups.iter().find(|group| group.name.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
            InventoryError::UnknownGroup { name: printable(name), known: known.join(", "), meant: meant(name, &known) }
        })
    }

    /// Finds a host by name.
    pub fn host(&self, name: &str) -> Result<&HostConfig, InventoryError> {
        self.hosts.iter().find(|host| host.name.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = self.hosts.iter().map(|host| host.name.as_str()).collect();
            InventoryError::UnknownHost { name: printable(name), known: known.join(", "), meant: meant(name, &known) }
        })
    }
}

impl HostConfig {
    /// Opens the way to the host; `repository` is mounted into it where that is needed.
    pub fn open(&self, repository: Option<&Repository>) -> Box<dyn Host> {
        let uri = repository.map(|r| r.uri.as_str()).unwrap_or_default();
        match &self.way {
            Way::Chroot(root) => Box::new(ChrootHost::new(root.clone(), uri)),
            Way::Chrootless(root) => Box::new(ChrootlessHost::new(root.clone())),
            Way::Ssh(destination, options) => Box::new(SshHost::new(destination.clone(), options.clone())),
        }
    }
}

fn repeated<'a>(
    names: impl Iterator<Item = (&'a std::ops::Range<usize>, &'a str)>,
) -> Option<(std::ops::Range<usize>, String)> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|(_, name)| !seen.insert(*name)).map(|(span, name)| (span.clone(), name.to_owned()))
}

fn host_config(wire: WireHost, dir: &Path) -> Result<(std::ops::Range<usize>, HostConfig), Complaint> {
    let span = wire.name.span();
    let name = wire.name.into_inner();
    let way = match (wire.root, wire.ssh) {
        (Some(root), None) => {
            if !wire.ssh_options.is_empty() {
                return Err((span, format!("host `{name}` has `ssh_options` but is not reached by ssh")));
            }
            let path = dir.join(root.get_ref());
            if !path.to_str().is_some_and(is_plain_path) {
                let reason = "the path of a root directory may hold no spaces, quotes, backslashes or semicolons";
                return Err((root.span(), reason.into()));
            }
            match wire.enter {
                Some(Enter::Chrootless) => Way::Chrootless(path),
                _ => Way::Chroot(path),
            }
        }
        (None, Some(ssh)) => {
            if wire.enter.is_some() {
                return Err((span, format!("host `{name}` has `enter`, which goes with `root`, not with `ssh`")));
            }
            if !is_destination(ssh.get_ref()) {
                return Err((ssh.span(), "not an ssh destination like root@web1.example.org".into()));
            }
            Way::Ssh(ssh.into_inner(), wire.ssh_options)
        }
        _ => return Err((span, format!("host `{name}` needs either `root` or `ssh`"))),
    };
    Ok((span, HostConfig { name, way }))
}

fn group(wire: WireGroup, dir: &Path, hosts: &[HostConfig]) -> Result<Group, Complaint> {
    let known: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let mut members = Vec::new();
    for host in wire.hosts {
        if !known.contains(&host.get_ref().as_str()) {
            let hint = meant(host.get_ref().as_str(), &known).map(|m| format!("; did you mean `{m}`?"));
            let reason = format!("there is no [[host]] `{}`{}", host.get_ref(), hint.unwrap_or_default());
            return Err((host.span(), reason));
        }
        if members.contains(host.get_ref()) {
            return Err((host.span(), format!("host `{}` is in the group twice", host.get_ref())));
        }
        members.push(host.into_inner());
    }
    for list in [&wire.suites, &wire.components] {
        if list.get_ref().is_empty() || !list.get_ref().iter().all(|word| is_archive_word(word)) {
            return Err((list.span(), "needs at least one name of a-z, 0-9, `.`, `_`, `-`, `/`".into()));
        }
    }
    let uri = repository_uri(wire.repository.get_ref(), dir).map_err(|reason| (wire.repository.span(), reason))?;
    let repository = Repository { components: wire.components.into_inner(), suites: wire.suites.into_inner(), uri };
    Ok(Group { name: wire.name.into_inner(), repository, hosts: members })
}

/// `file:` with a relative path is relative to the inventory; what comes out is absolute.
fn repository_uri(text: &str, dir: &Path) -> Result<String, String> {
    if text.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'[' | b']' | b'"' | b'\\')) {
        return Err("a repository URI may hold no spaces, quotes, brackets or control characters".into());
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) else {
        return Err("a repository URI begins with `file:`, `http://` or `https://`".into());
    };
    if path.starts_with('/') {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    let absolute = dir.join(path);
    match absolute.to_str().filter(|path| is_plain_path(path)) {
        Some(path) => Ok(format!("file:{}", path.trim_end_matches('/'))),
        None => Err("the path of a repository may hold no spaces, quotes, backslashes or semicolons".into()),
    }
}

/// Says what a person would call it.
fn in_words(message: &str) -> String {
    message
        .replace("expected a sequence", "expected a list like [\"one\", \"two\"]")
        .replace("expected struct", "expected")
}

fn is_plain_path(path: &str) -> bool {
    path.starts_with('/') && !path.chars().any(|c| c.is_whitespace() || c.is_control() || "\"'\\;{}".contains(c))
}

fn is_destination(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"@._-:[]%/".contains(&b);
    !text.is_empty() && !text.starts_with('-') && text.len() <= 255 && text.bytes().all(good)
}

fn is_archive_word(word: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    !word.is_empty() && !word.starts_with(['-', '/', '.']) && word.bytes().all(good)
}

fn some<'a>(known: &'a str, none: &'a str) -> &'a str {
    if known.is_empty() { none } else { known }
}

/// Returns the name that needs the fewest changes to become `name`, if they are few.
pub fn meant(name: &str, known: &[&str]) -> Option<String> {
    let limit = name.chars().count() / 3 + 1;
    // People rarely miss the first letter, so among equals the one that shares it was meant.
    let other_start = |candidate: &str| candidate.chars().next() != name.chars().next();
    let close = known.iter().map(|candidate| (changes(name, candidate), other_start(candidate), *candidate)).min()?;
    (close.0 <= limit).then(|| close.2.to_owned())
}

/// Counts insertions, removals and replacements between two words (Levenshtein).
fn changes(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, diagonal), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(i + 1);
            next.push((diagonal + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
