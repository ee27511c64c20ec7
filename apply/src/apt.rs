//! Talks to a host's apt, with the published repository as the only thing it knows and trusts.
//!
//! Sources, keyring, lists and package files are private ones below `/var/lib/sealift`, named on each command line; the
//! host's own sources are neither used nor touched. What apt says is read by [`simulation`]; an exit code is never the
//! only evidence.

use std::time::Duration;

use sealift_model::Digest;
use sealift_model::escape::printable;
use sealift_pkg::deb822::{Deb822Error, Paragraphs};

use crate::host::{Command, Host, HostError, Output};
use crate::inventory::Repository;
use crate::plan::{Action, Change, ReleaseDigest};
use crate::state::HostState;

pub mod simulation;

use simulation::Simulation;

/// Our directory on the host.
pub const DIR: &str = "/var/lib/sealift";
/// The configuration file that a chrootless host reads first.
pub const CONFIG: &str = "/var/lib/sealift/apt.conf";

const UPDATE_TIMEOUT: Duration = Duration::from_mins(15);
const QUERY_TIMEOUT: Duration = Duration::from_mins(5);

const PREPARE: &str = r#"set -e; umask 022; d=$1
mkdir -p -- "$d/lists/partial" "$d/cache/archives/partial" "$2/var/log/apt" "$2/var/lib/apt" \
  "$2/etc/apt/apt.conf.d" "$2/etc/apt/preferences.d""#;
const RELEASES: &str = r#"cd -- "$1" && for f in *Release; do if [ -f "$f" ]; then sha256sum -b -- "$f"; fi; done"#;

/// Why apt did not do what was asked, before anything was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AptError {
    /// The host could not be asked.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Our files could not be written on the host.
    #[error("cannot prepare {DIR} on the host: {0}")]
    Prepare(String),
    /// The repository is refused or not there, in apt's words.
    #[error("apt refuses the repository: {}", words(.0))]
    Repository(Vec<String>),
    /// apt sees no way, in its words.
    #[error("apt finds no solution: {}", words(.0))]
    Unsolved(Vec<String>),
    /// apt said something we do not understand, so nothing may rest on it.
    #[error("apt's simulation has the line `{0}`, which sealift does not understand")]
    Simulation(String),
    /// A package's digest is not in the index.
    #[error("the repository's index does not give one digest for {0}")]
    Digest(String),
    /// apt's description of packages is malformed.
    #[error("apt describes packages in a malformed way")]
    Description(#[from] Deb822Error),
    /// apt took too long.
    #[error("`{0}` took too long and was ended")]
    Timeout(&'static str),
}

fn words(lines: &[String]) -> String {
    if lines.is_empty() { "it gave no reason".into() } else { lines.join("; ") }
}

/// Why apt refused a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryFault {
    /// A signature or a digest is not right.
    Signature,
    /// It has expired.
    Expired,
    /// It cannot be fetched, or anything else.
    Other,
}

impl AptError {
    /// Tells what kind of refusal apt's words mean; `None` if it is not about the repository.
    pub fn repository_fault(&self) -> Option<RepositoryFault> {
        let Self::Repository(lines) = self else { return None };
        let has = |needles: &[&str]| lines.iter().any(|line| needles.iter().any(|needle| line.contains(needle)));
        if has(&["NO_PUBKEY", "BADSIG", "EXPKEYSIG", "REVKEYSIG", "is not signed", "Hash Sum mismatch", "signatures"]) {
            Some(RepositoryFault::Signature)
        } else if has(&["is expired", "Valid-Until", "is not valid yet"]) {
            Some(RepositoryFault::Expired)
        } else {
            Some(RepositoryFault::Other)
        }
    }
}

/// A host's apt and the one repository it may use.
pub struct Apt<'a> {
    host: &'a dyn Host,
    repository: &'a Repository,
    armored: bool,
}

impl<'a> Apt<'a> {
    /// Writes our files on the host, `keyring` among them.
    pub fn prepare(host: &'a dyn Host, repository: &'a Repository, keyring: &[u8]) -> Result<Self, AptError> {
        let apt = Self { host, repository, armored: keyring.starts_with(b"-----BEGIN") };
        let command = Command::new(["sh", "-c", PREPARE, "sh", &host.path(DIR), &host.path("")], QUERY_TIMEOUT);
        written(&host.run(&command)?)?;
        written(&host.put(&format!("{DIR}/{}", apt.keyring_name()), keyring)?)?;
        written(&host.put(&format!("{DIR}/repository.sources"), apt.sources().as_bytes())?)?;
        if let Some(config) = host.apt_config() {
            written(&host.put(CONFIG, config.as_bytes())?)?;
        }
        Ok(apt)
    }

    fn keyring_name(&self) -> &'static str {
        // apt goes by the ending.
        if self.armored { "keyring.asc" } else { "keyring.gpg" }
    }

    fn sources(&self) -> String {
        let Repository { components, suites, uri } = self.repository;
        format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\nSigned-By: {}\n",
            self.host.repository_uri(uri),
            suites.join(" "),
            components.join(" "),
            self.host.path(&format!("{DIR}/{}", self.keyring_name())),
        )
    }

    fn command(&self, tool: &str, arguments: &[&str], timeout: Duration) -> Command {
        let dir = self.host.path(DIR);
        let mut options = vec![
            format!("Dir::Etc::SourceList={dir}/repository.sources"),
            "Dir::Etc::SourceParts=/dev/null".into(),
            format!("Dir::State::Lists={dir}/lists"),
            format!("Dir::Cache={dir}/cache"),
        ];
        // Whatever the host's own configuration says, nothing unsigned is accepted and no error is passed over.
        options.extend(
            [
                "APT::Get::AllowUnauthenticated=false",
                "Acquire::AllowInsecureRepositories=false",
                "Acquire::AllowWeakRepositories=false",
                "Acquire::AllowDowngradeToInsecureRepositories=false",
                "Acquire::Check-Valid-Until=true",
                "APT::Update::Error-Mode=any",
                "Acquire::Retries=0",
                "Acquire::Languages=none",
                "APT::Install-Recommends=false",
                "APT::Get::AutomaticRemove=false",
                "APT::Color=0",
                "DPkg::Use-Pty=0",
                "DPkg::Lock::Timeout=60",
                "DPkg::Options::=--force-confdef",
                "DPkg::Options::=--force-confold",
            ]
            .map(str::to_owned),
        );
        options.extend(self.host.apt_options());
        let mut argv = vec![tool.to_owned()];
        argv.extend(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
        argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        Command::new(argv, timeout)
    }

    fn run(&self, tool: &str, arguments: &[&str], timeout: Duration) -> Result<Output, AptError> {
        Ok(self.host.run(&self.command(tool, arguments, timeout))?)
    }

    /// Fetches the repository's indexes; returns the Release files apt accepted.
    pub fn update(&self) -> Result<Vec<ReleaseDigest>, AptError> {
        let output = self.run("apt-get", &["update"], UPDATE_TIMEOUT)?;
        if output.timed_out {
            return Err(AptError::Timeout("apt-get update"));
        }
        let mut faults = complaints(&output.lines, &["E: ", "Err:"]);
        // To apt a component that is not there is an empty one, and a plan against it would be "nothing to do".
        let absent = complaints(&output.lines, &["W: Skipping acquire"]);
        faults.extend(absent.into_iter().filter(|line| line.contains("have the component")));
        if !output.success() || !faults.is_empty() {
            let warnings = complaints(&output.lines, &["E: ", "W: "]);
            return Err(AptError::Repository(if warnings.is_empty() { faults } else { warnings }));
        }
        self.releases()
    }

    fn releases(&self) -> Result<Vec<ReleaseDigest>, AptError> {
        let lists = self.host.path(&format!("{DIR}/lists"));
        let output = self.host.run(&Command::new(["sh", "-c", RELEASES, "sh", &lists], QUERY_TIMEOUT))?;
        let entry = |line: &String| {
            let (digest, file) = line.split_once(" *")?;
            Some(ReleaseDigest { file: printable(file), sha256: digest.parse().ok()? })
        };
        let mut releases: Vec<_> = output.lines.iter().filter_map(entry).collect();
        releases.sort();
        if releases.is_empty() {
            return Err(AptError::Repository(vec!["no signed Release file was accepted".into()]));
        }
        Ok(releases)
    }

    /// Simulates what was asked for: all upgrades, or these packages.
    pub fn simulate(&self, request: &[String], state: &HostState) -> Result<Simulation, AptError> {
        let mut arguments = vec!["-s", "-y"];
        if request.is_empty() {
            arguments.push("dist-upgrade");
        } else {
            arguments.extend(["install", "--"]);
            arguments.extend(request.iter().map(String::as_str));
        }
        self.simulation(&arguments, state)
    }

    /// Simulates exactly these changes.
    pub fn simulate_exact(&self, changes: &[Change], state: &HostState) -> Result<Simulation, AptError> {
        let list: Vec<String> = changes.iter().map(Change::argument).collect();
        let mut arguments = vec!["-s"];
        arguments.extend(exact(changes));
        arguments.extend(list.iter().map(String::as_str));
        self.simulation(&arguments, state)
    }

    fn simulation(&self, arguments: &[&str], state: &HostState) -> Result<Simulation, AptError> {
        let output = self.run("apt-get", arguments, QUERY_TIMEOUT)?;
        if output.timed_out {
            return Err(AptError::Timeout("apt-get -s"));
        }
        if !output.success() {
            return Err(AptError::Unsolved(simulation::reasons(&output.lines)));
        }
        let mut simulation = simulation::parse(&output.lines, state)?;
        self.add_digests(&mut simulation.changes)?;
        Ok(simulation)
    }

    /// Adds digest and size of each package file from the signed index.
    fn add_digests(&self, changes: &mut [Change]) -> Result<(), AptError> {
        let wanted: Vec<String> = changes.iter().filter(|c| c.action != Action::Remove).map(Change::argument).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut arguments = vec!["show", "--no-all-versions", "--"];
        arguments.extend(wanted.iter().map(String::as_str));
        let output = self.run("apt-cache", &arguments, QUERY_TIMEOUT)?;
        let described = describe(&output.lines)?;
        for change in changes.iter_mut().filter(|change| change.action != Action::Remove) {
            let mut found: Vec<_> = described.iter().filter(|d| d.is(change)).map(|d| (d.sha256, d.size)).collect();
            found.dedup();
            let &[(sha256, size)] = found.as_slice() else { return Err(AptError::Digest(change.qualified())) };
            (change.sha256, change.size) = (Some(sha256), Some(size));
        }
        Ok(())
    }

    /// Makes exactly these changes. What came of it is to be read from the host's state, not from the output.
    pub fn install(&self, changes: &[Change], timeout: Duration) -> Result<Output, AptError> {
        let list: Vec<String> = changes.iter().map(Change::argument).collect();
        let mut arguments = exact(changes);
        arguments.extend(list.iter().map(String::as_str));
        let mut command = self.command("apt-get", &arguments, timeout);
        command.changes_packages = true;
        Ok(self.host.run(&command)?)
    }

    /// Returns the names apt has as installed automatically.
    pub fn automatic(&self) -> Result<Vec<String>, AptError> {
        let output = self.run("apt-mark", &["showauto"], QUERY_TIMEOUT)?;
        Ok(output.lines.into_iter().filter(|line| !line.contains(": ")).collect())
    }

    /// Marks packages as installed automatically: naming them to apt-get has marked them as wanted by a person.
    pub fn mark_automatic(&self, names: &[String]) -> Result<Output, AptError> {
        let mut arguments = vec!["auto", "--"];
        arguments.extend(names.iter().map(String::as_str));
        self.run("apt-mark", &arguments, QUERY_TIMEOUT)
    }

    /// Removes the package files apt copied.
    pub fn clean(&self) -> Result<Output, AptError> {
        self.run("apt-get", &["clean"], QUERY_TIMEOUT)
    }
}

/// The arguments for an exact list: what the list does not ask for, apt must not be allowed to do.
fn exact(changes: &[Change]) -> Vec<&'static str> {
    let has = |action: Action| changes.iter().any(|change| change.action == action);
    let mut arguments = vec!["-y"];
    if !has(Action::Remove) {
        arguments.push("--no-remove");
    }
    if has(Action::Downgrade) {
        arguments.push("--allow-downgrades");
    }
    if has(Action::Reinstall) {
        arguments.push("--reinstall");
    }
    arguments.extend(["install", "--"]);
    arguments
}

fn written(output: &Output) -> Result<(), AptError> {
    if output.success() {
        return Ok(());
    }
    Err(AptError::Prepare(output.lines.last().map_or_else(|| "no reason given".into(), |line| printable(line))))
}

/// Returns apt's complaints that begin in one of these ways, made printable, each once.
fn complaints(lines: &[String], prefixes: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| prefixes.iter().any(|prefix| line.starts_with(prefix))) {
        let text = printable(line.trim_end());
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

struct Described {
    package: String,
    version: String,
    architecture: String,
    sha256: Digest,
    size: u64,
}

impl Described {
    fn is(&self, change: &Change) -> bool {
        self.package == change.package
            && Some(&self.version) == change.to.as_ref()
            && self.architecture == change.architecture
    }
}

fn describe(lines: &[String]) -> Result<Vec<Described>, AptError> {
    let text = lines.iter().filter(|l| !l.starts_with("W: ") && !l.starts_with("N: ")).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    );
    let mut paragraphs = Paragraphs::new(text.as_bytes());
    let mut described = Vec::new();
    while let Some(paragraph) = paragraphs.next()? {
        let field = |name: &str| paragraph.get(name).ok().flatten().map(str::trim);
        let entry = || {
            Some(Described {
                package: field("Package")?.to_owned(),
                version: field("Version")?.to_owned(),
                architecture: field("Architecture")?.to_owned(),
                sha256: field("SHA256")?.parse().ok()?,
                size: field("Size")?.parse().ok()?,
            })
        };
        described.extend(entry());
    }
    Ok(described)
}
