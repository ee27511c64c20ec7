//! The seam between what is decided here and where it happens.
//!
//! A [`Host`] runs one command and hands back what it said. It decides nothing and knows nothing of plans; how a host is
//! entered (chroot, from outside, ssh) stays behind this trait. Commands are argument lists, never shell text: where a
//! shell is unavoidable (ssh), [`quote`] is the only way into it.

use std::time::Duration;

pub mod chroot;
pub mod chrootless;
#[cfg(test)]
pub mod fake;
pub mod process;
pub mod quote;
pub mod ssh;

pub use chroot::ChrootHost;
pub use chrootless::ChrootlessHost;
pub use ssh::SshHost;

/// Exit code of our own entering script, told apart from the command's by [`ENTER_MARK`].
pub(crate) const ENTER_FAILED: i32 = 97;
/// Begins the line with which the entering script says why it did not start the command.
pub(crate) const ENTER_MARK: &str = "sealift-enter: ";
/// Where commands are looked up on every kind of host.
pub(crate) const PATH: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
/// The whole environment of a command, besides what a kind of host adds.
pub(crate) const ENVIRONMENT: [&str; 4] = [PATH, "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "HOME=/root"];

/// A command to run on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// After this long its whole process group is ended.
    pub timeout: Duration,
    /// Whether packages are changed, so that services must be kept from starting where they must not.
    pub changes_packages: bool,
}

impl Command {
    /// Makes a command that reads nothing and changes no packages.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, timeout: Duration) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { argv, stdin: Vec::new(), timeout, changes_packages: false }
    }
}

/// What a command said and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit code; `None` if it was ended by a signal or timed out.
    pub code: Option<i32>,
    /// Standard output and error together, in the order they arrived; not made printable.
    pub lines: Vec<String>,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
    /// Whether it said more than is kept.
    pub truncated: bool,
}

impl Output {
    /// Tells whether the command ended by itself with exit code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0) && !self.timed_out
    }
}

/// Why a command could not be run on a host at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The host does not answer, or refuses us.
    #[error("{host} is not reachable: {reason}")]
    Unreachable {
        /// The host, as [`Host::describe`] names it.
        host: String,
        /// What ssh said, made printable.
        reason: String,
    },
    /// The host is there but cannot be entered.
    #[error("cannot enter {host}: {reason}")]
    Enter {
        /// The host.
        host: String,
        /// Why, made printable.
        reason: String,
    },
    /// A program of this machine (unshare, ssh, sh) cannot be started.
    #[error("cannot start `{program}` to reach {host}")]
    Start {
        /// The program.
        program: String,
        /// The host.
        host: String,
        /// The fault.
        #[source]
        source: std::io::Error,
    },
}

/// A place where packages are installed.
pub trait Host {
    /// Names the host and the way to it, for messages.
    fn describe(&self) -> String;

    /// Runs a command to its end.
    fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// Returns the path by which commands on this host reach `path` of the host.
    fn path(&self, path: &str) -> String {
        path.to_owned()
    }

    /// Returns the repository's URI as this host's apt must be told.
    fn repository_uri(&self, uri: &str) -> String;

    /// Returns options that apt's tools need on this kind of host.
    fn apt_options(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the content of an apt configuration file to be read before the host's own, if this kind needs one.
    fn apt_config(&self) -> Option<String> {
        None
    }

    /// Tells whether kernel, ports and services are those of the machine we run on.
    fn is_root_directory(&self) -> bool;

    /// Writes a file whole, mode 0644, making its directory.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<Output, HostError> {
        let mut command = Command::new(["sh", "-c", PUT, "sh", &self.path(path)], Duration::from_mins(1));
        command.stdin = bytes.to_vec();
        self.run(&command)
    }
}

const PUT: &str = r#"set -e; umask 022; mkdir -p -- "$(dirname -- "$1")"; cat > "$1.new"; chmod 0644 -- "$1.new"; mv -f -- "$1.new" "$1""#;

/// Turns the entering script's own failure into an error.
pub(crate) fn entered(host: &dyn Host, output: Output) -> Result<Output, HostError> {
    if output.code != Some(ENTER_FAILED) {
        return Ok(output);
    }
    let reason = output.lines.iter().find_map(|line| line.strip_prefix(ENTER_MARK));
    match reason {
        Some(reason) => {
            Err(HostError::Enter { host: host.describe(), reason: sealift_model::escape::printable(reason) })
        }
        None => Ok(output),
    }
}

/// Returns the URI with `file:` replaced: apt then copies each file into its own directory before it hashes it, so the
/// bytes dpkg reads are the bytes that were checked.
pub(crate) fn copied_uri(uri: &str) -> String {
    uri.strip_prefix("file:").map_or_else(|| uri.to_owned(), |path| format!("copy:{path}"))
}
