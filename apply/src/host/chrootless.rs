//! A root directory on this machine, changed from outside by this machine's own apt and dpkg.
//!
//! Needs no root rights and nothing installed inside, so an empty directory with a dpkg database can be a host. Only
//! packages whose maintainer scripts respect `DPKG_ROOT` work this way, so it is for trials and tests.

use std::path::PathBuf;

use super::{Command, Host, HostError, Output, PATH, chroot::local_path, copied_uri, entered, process};

const ENTER: &str = r#"root=$1; shift
[ -d "$root" ] || {
  echo "sealift-enter: there is no directory $root; check \`root\` of the host in inventory.toml" >&2; exit 97; }
[ -f "$root/var/lib/dpkg/status" ] && [ -d "$root/var/lib/dpkg/info" ] || {
  echo "sealift-enter: $root holds no dpkg database (var/lib/dpkg with status, info and updates)" >&2; exit 97; }
exec "$@""#;

/// A host in a directory, changed from outside.
#[derive(Debug, Clone)]
pub struct ChrootlessHost {
    root: PathBuf,
}

impl ChrootlessHost {
    /// Makes a host of the directory `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn root(&self) -> String {
        self.root.display().to_string()
    }
}

impl Host for ChrootlessHost {
    fn describe(&self) -> String {
        format!("root directory {} (chrootless)", self.root.display())
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mut sh = std::process::Command::new("sh");
        sh.env_clear().current_dir("/").args(["-c", ENTER, "sh"]).arg(&self.root);
        sh.args(["env", PATH, "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]);
        // Read before the machine's own configuration, which it thereby moves away from.
        sh.arg(format!("APT_CONFIG={}", self.path(crate::apt::CONFIG)));
        sh.args(&command.argv);
        let output = process::run(sh, &command.stdin, command.timeout).map_err(|source| HostError::Start {
            program: "sh".into(),
            host: self.describe(),
            source,
        })?;
        entered(self, output)
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.root())
    }

    fn repository_uri(&self, uri: &str) -> String {
        match uri.strip_prefix("file:") {
            Some(rest) => copied_uri(&format!("file:{}", local_path(rest).display())),
            None => uri.to_owned(),
        }
    }

    fn apt_options(&self) -> Vec<String> {
        let root = self.root();
        vec![
            format!("Dir::State::status={root}/var/lib/dpkg/status"),
            format!("DPkg::Options::=--root={root}"),
            format!("DPkg::Options::=--log={root}/var/log/dpkg.log"),
            "DPkg::Options::=--force-not-root".into(),
            "DPkg::Options::=--force-script-chrootless".into(),
            // The account apt would change to is one of the machine and may not reach the directory.
            "APT::Sandbox::User=root".into(),
        ]
    }

    fn apt_config(&self) -> Option<String> {
        Some(format!("Dir \"{}\";\n", self.root()))
    }

    fn is_root_directory(&self) -> bool {
        true
    }
}
