//! A root directory on this machine, entered by chroot in mount and process namespaces of its own (needs root).
//!
//! What is mounted for the command (/proc, a few devices, the repository) is seen by nobody else and gone with it, and
//! so is every process it leaves behind. Services are not started in such a host: a policy file that says so stands in
//! it while packages are changed.

use std::path::PathBuf;

use sealift_model::escape::printable;

use super::{Command, ENVIRONMENT, Host, HostError, Output, entered, process};

/// Where the repository's directory is mounted inside, read-only.
const REPOSITORY: &str = "/mnt";

const ENTER: &str = include_str!("enter.sh");
const NO_SERVICES: &str = include_str!("no-services.sh");

/// A host in a directory, entered by chroot.
#[derive(Debug, Clone)]
pub struct ChrootHost {
    root: PathBuf,
    /// The directory behind a `file:` repository.
    repository: Option<PathBuf>,
}

impl ChrootHost {
    /// Makes a host of the directory `root`; `uri` is the repository's.
    pub fn new(root: PathBuf, uri: &str) -> Self {
        Self { root, repository: uri.strip_prefix("file:").map(local_path) }
    }
}

/// `file:/a`, `file:///a` and `file://localhost/a` are the same place.
pub(crate) fn local_path(rest: &str) -> PathBuf {
    let path = rest.strip_prefix("//localhost/").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    PathBuf::from(format!("/{}", path.trim_start_matches('/')))
}

impl Host for ChrootHost {
    fn describe(&self) -> String {
        format!("root directory {}", self.root.display())
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mut unshare = std::process::Command::new("unshare");
        unshare.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c", ENTER, "sh"]);
        unshare.arg(&self.root).arg(self.repository.clone().unwrap_or_default());
        unshare.args(["env", "-i"]).args(ENVIRONMENT);
        if command.changes_packages {
            unshare.args(["sh", "-c", NO_SERVICES, "sh"]);
        }
        unshare.args(&command.argv);
        let output = process::run(unshare, &command.stdin, command.timeout).map_err(|source| HostError::Start {
            program: "unshare".into(),
            host: self.describe(),
            source,
        })?;
        // unshare itself failing says so in one line and exits 1 before our script could speak.
        if let (Some(1), [line]) = (output.code, output.lines.as_slice())
            && line.starts_with("unshare: ")
        {
            let words = printable(line.trim_start_matches("unshare: "));
            let reason = format!("{words}; chroot needs root, or set `enter = \"chrootless\"` (for trials)");
            return Err(HostError::Enter { host: self.describe(), reason });
        }
        entered(self, output)
    }

    fn repository_uri(&self, uri: &str) -> String {
        if self.repository.is_some() { format!("copy:{REPOSITORY}") } else { uri.to_owned() }
    }

    fn is_root_directory(&self) -> bool {
        true
    }
}
