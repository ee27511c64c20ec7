//! What the real demo left, looked at by other people's programs: coreutils, and stock apt inside a real Debian root.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::journey::Journey;
use crate::shell::{Finished, Shell};

/// A private place for one apt run inside the host: nothing of the host's own configuration takes part.
const APT: [&str; 12] = [
    "-o",
    "Dir::Etc::SourceList=/mnt/trial/sources.list",
    "-o",
    "Dir::Etc::SourceParts=/dev/null",
    "-o",
    "Dir::State::Lists=/mnt/trial/lists",
    "-o",
    "Dir::Cache=/mnt/trial/cache",
    "-o",
    "APT::Update::Error-Mode=any",
    "-o",
    "APT::Sandbox::User=root",
];

/// Checks the medium by coreutils alone.
pub fn sha256sum(journey: &Journey) -> anyhow::Result<()> {
    let medium = journey.shell.within(&journey.shell.dir().join("media/SEALIFT"));
    medium.run("sha256sum", &["--quiet", "--check", "SHA256SUMS"]).map(drop)
}

/// Debian's apt reads the published repository with nothing but the site's key.
pub fn stock_apt_accepts(journey: &Journey) -> anyhow::Result<()> {
    let trial = Trial::prepare(journey, "accept")?;
    let update = trial.apt(&["update"])?;
    ensure!(update.code == 0, "apt refused the published repository");
    let package = changed_package(journey)?;
    let download = trial.apt(&["--download-only", "--yes", "--reinstall", "install", &package])?;
    ensure!(download.code == 0, "apt did not take {package} from the published repository");
    Ok(())
}

/// Debian's apt refuses a published tree in which one bit differs, wherever it is.
pub fn stock_apt_refuses(journey: &Journey) -> anyhow::Result<()> {
    for what in ["InRelease", "Packages"] {
        let trial = Trial::prepare(journey, what)?;
        for file in trial.files(what)? {
            flip(&file)?;
        }
        let update = trial.apt(&["update"])?;
        ensure!(update.code != 0, "apt accepted a repository with a flipped bit in {what}");
    }
    let (trial, package) = (Trial::prepare(journey, "deb")?, changed_package(journey)?);
    for file in trial.files(&format!("{package}_"))? {
        flip(&file)?;
    }
    ensure!(trial.apt(&["update"])?.code == 0, "apt refused the published repository");
    let download = trial.apt(&["--download-only", "--yes", "--reinstall", "install", &package])?;
    ensure!(download.code != 0, "apt accepted {package} with a flipped bit");
    Ok(())
}

/// A repository that Debian itself signed is refused by apply: the hosts' apt is given the site's key and no other.
pub fn apply_trusts_one_key(journey: &Journey) -> anyhow::Result<()> {
    let shell = &journey.shell;
    shell.answer("cp", &["--archive", "apply", "apply-stranger"])?;
    let path = shell.dir().join("apply-stranger/inventory.toml");
    let inventory = fs::read_to_string(&path)?;
    let published = shell.dir().join("isolated/published/production");
    let debian = shell.dir().join("upstream/debian-security");
    let (published, debian) = (text(&published)?, text(&debian)?);
    let security = fs::read_dir(Path::new(&debian).join("dists"))?.next().context("upstream has a suite")??;
    let suite = security.file_name().to_string_lossy().into_owned();
    let mut changed = String::new();
    for line in inventory.lines() {
        let line = if line.starts_with("suites") { format!("suites = [\"{suite}\"]") } else { line.to_owned() };
        changed.push_str(&(line.replace(&published, &debian) + "\n"));
    }
    fs::write(&path, changed)?;
    let group = journey.groups.first().context("the demo has a group")?;
    let plan = shell.try_run("sealift-apply", &["plan", "--dir", "apply-stranger", "--group", &group.name])?;
    ensure!(plan.code != 0, "apply made a plan from a repository signed by Debian, not by the site");
    Ok(())
}

/// A copy of the published tree inside a host, and apt run there on it.
struct Trial {
    shell: Shell,
    host: PathBuf,
}

impl Trial {
    fn prepare(journey: &Journey, name: &str) -> anyhow::Result<Self> {
        let shell = journey.shell.clone();
        let group = journey.groups.first().context("the demo has a group")?;
        let host = shell.dir().join("hosts").join(&group.host);
        let place = host.join("mnt/trial");
        shell.tell(&format!("Trial `{name}`: a copy of the published tree inside {}.", group.host));
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        for sub in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(place.join(sub))?;
        }
        // -L: production is a symbolic link to the tree; the copy is flipped, never the original's hard links.
        let repository = place.join("repository");
        shell.answer("cp", &["-rL", "isolated/published/production", &text(&repository)?])?;
        fs::copy(shell.dir().join("isolated/published/sealift-archive-keyring.asc"), place.join("site.asc"))?;
        let mut sources = String::new();
        for suite in fs::read_dir(repository.join("dists"))? {
            let suite = suite?.file_name().to_string_lossy().into_owned();
            writeln!(sources, "deb [signed-by=/mnt/trial/site.asc] file:/mnt/trial/repository {suite} main")?;
        }
        fs::write(place.join("sources.list"), sources)?;
        Ok(Self { shell, host })
    }

    fn apt(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        let host = text(&self.host)?;
        self.shell.try_run("chroot", &[&[host.as_str(), "apt-get"][..], &APT, arguments].concat())
    }

    /// Returns the files of the copy whose names begin with `prefix`, and what by-hash offers instead of them.
    fn files(&self, prefix: &str) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        walk(&self.host.join("mnt/trial/repository"), &mut |path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let by_hash = prefix == "Packages" && path.to_string_lossy().contains("/by-hash/");
            if name.starts_with(prefix) || by_hash {
                found.push(path.to_owned());
            }
        })?;
        ensure!(!found.is_empty(), "the published tree has no {prefix}");
        Ok(found)
    }
}

/// Returns a package that the demo changed on the first host.
fn changed_package(journey: &Journey) -> anyhow::Result<String> {
    let group = journey.groups.first().context("the demo has a group")?;
    let (before, after) = journey.records_of(&group.host)?;
    let difference = journey.json("sealift-apply", &["diff", "--dir", "apply", &before, &after, "--json"])?;
    let names = crate::journey::changed_names(&difference);
    names.into_iter().next().context("the demo changed no package")
}

/// Flips one bit in the middle of the largest file of a directory.
pub fn flip_largest(dir: &Path) -> anyhow::Result<()> {
    let mut largest = (0, PathBuf::new());
    walk(dir, &mut |path| {
        let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
        if size > largest.0 {
            largest = (size, path.to_owned());
        }
    })?;
    flip(&largest.1)
}

fn flip(path: &Path) -> anyhow::Result<()> {
    let mut bytes = fs::read(path)?;
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).context("an empty file has no bit to flip")? ^= 1;
    fs::remove_file(path)?;
    Ok(fs::write(path, bytes)?)
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path)) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("could not list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() { walk(&path, visit)? } else { visit(&path) }
    }
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path.to_str().context("path is not UTF-8")?.to_owned())
}
