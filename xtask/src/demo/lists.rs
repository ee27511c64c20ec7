//! This machine's apt lists, laid out again as the archive they came from.
//!
//! apt has verified them, but that is not relied upon: the InRelease files are copied byte for byte, so that the signature
//! our tools verify is Debian's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::shell::Shell;

/// One suite of the archive as apt holds it.
#[derive(Debug)]
pub struct Suite {
    /// Name below `dists`.
    pub name: String,
    /// Directory name of the archive in our layout.
    pub base: &'static str,
    /// Where the archive is.
    pub uri: String,
    /// Its packages by name, all versions.
    pub packages: BTreeMap<String, Vec<Entry>>,
}

/// What choosing and fetching need to know of a package version.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// `Version`.
    pub version: String,
    /// `Architecture`.
    pub architecture: String,
    /// `Filename`.
    pub filename: String,
    /// `Size`.
    pub size: u64,
    /// `Depends` and `Pre-Depends`, as names of the first alternatives.
    pub depends: Vec<String>,
    /// Required or important.
    pub base: bool,
}

/// Finds the suite with this codename in apt's lists and lays it out below `upstream/<base>`.
pub fn lay_out(shell: &Shell, codename: &str, base: &'static str) -> anyhow::Result<Suite> {
    let (uri, name, list) = find(shell, codename)?;
    let dists = shell.dir().join("upstream").join(base).join("dists").join(&name);
    let index = dists.join(format!("main/binary-{}/Packages", architecture(shell)?));
    let parent = index.parent().context("the index lies in a directory")?.to_owned();
    fs::create_dir_all(&parent)?;
    fs::copy(in_release(&list)?, dists.join("InRelease")).context("apt keeps no InRelease of this suite")?;
    let list = list.to_str().context("path is not UTF-8")?;
    fs::write(&index, shell.answer("/usr/lib/apt/apt-helper", &["cat-file", list])?)?;
    publish_by_hash(shell, &dists, &index, &parent)?;
    Ok(Suite { name, base, uri, packages: read(&index)? })
}

/// Returns this machine's architecture as dpkg names it.
pub fn architecture(shell: &Shell) -> anyhow::Result<String> {
    Ok(String::from_utf8(shell.answer("dpkg", &["--print-architecture"])?)?.trim().to_owned())
}

fn find(shell: &Shell, codename: &str) -> anyhow::Result<(String, String, PathBuf)> {
    let format = "$(CODENAME)|$(COMPONENT)|$(ARCHITECTURE)|$(REPO_URI)|$(RELEASE)|$(FILENAME)";
    let answer = shell.answer("apt-get", &["indextargets", "--format", format, "Created-By: Packages"])?;
    let wanted = format!("{codename}|main|{}|", architecture(shell)?);
    let answer = String::from_utf8(answer)?;
    let line = answer.lines().find_map(|line| line.strip_prefix(&wanted));
    let line = line.with_context(|| format!("this machine's apt has no lists of {codename} main"))?;
    let mut fields = line.splitn(3, '|').map(str::to_owned);
    let mut next = || fields.next().context("apt-get indextargets gave a short line");
    Ok((next()?, next()?, PathBuf::from(next()?)))
}

fn in_release(list: &Path) -> anyhow::Result<PathBuf> {
    let text = list.to_str().context("path is not UTF-8")?;
    let (prefix, _) = text.split_once("_main_binary-").context("unexpected name of a list")?;
    Ok(PathBuf::from(format!("{prefix}_InRelease")))
}

/// Links the index under its digest, which must be one that the signed file names.
fn publish_by_hash(shell: &Shell, dists: &Path, index: &Path, parent: &Path) -> anyhow::Result<()> {
    let sum = shell.answer("sha256sum", &[index.to_str().context("path is not UTF-8")?])?;
    let digest = String::from_utf8(sum)?.chars().take(64).collect::<String>();
    let release = fs::read_to_string(dists.join("InRelease"))?;
    ensure!(release.contains(&digest), "apt's list does not match its InRelease; run apt-get update");
    fs::create_dir_all(parent.join("by-hash/SHA256"))?;
    fs::hard_link(index, parent.join("by-hash/SHA256").join(digest))?;
    Ok(())
}

fn read(index: &Path) -> anyhow::Result<BTreeMap<String, Vec<Entry>>> {
    let text = fs::read_to_string(index).with_context(|| format!("could not read {}", index.display()))?;
    let mut packages: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let (name, entry) = entry(paragraph);
        packages.entry(name).or_default().push(entry);
    }
    Ok(packages)
}

fn entry(paragraph: &str) -> (String, Entry) {
    let (mut name, mut entry) = (String::new(), Entry::default());
    for (field, value) in paragraph.lines().filter_map(|line| line.split_once(": ")) {
        match field {
            "Package" => value.clone_into(&mut name),
            "Version" => value.clone_into(&mut entry.version),
            "Architecture" => value.clone_into(&mut entry.architecture),
            "Filename" => value.clone_into(&mut entry.filename),
            "Size" => entry.size = value.parse().unwrap_or(u64::MAX),
            "Depends" | "Pre-Depends" => entry.depends.extend(value.split(',').filter_map(first_alternative)),
            "Essential" | "Protected" => entry.base = true,
            "Priority" => entry.base |= matches!(value, "required" | "important"),
            _ => {}
        }
    }
    (name, entry)
}

fn first_alternative(relation: &str) -> Option<String> {
    let name = relation.trim().split(|c: char| c.is_whitespace() || c == ':' || c == '(').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}
