//! The state of a host as it stands in a record (format/state-record §2).
//!
//! Plain values in canonical field order. What a host says becomes one of these only in [`facts`](crate::facts), which
//! sorts and counts; what a file says is held to the same rules by [`HostState::check`].

use sealift_model::Digest;
use serde::{Deserialize, Serialize};

/// What a host is at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostState {
    /// dpkg's architecture.
    pub architecture: String,
    /// Identifies the current boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Configuration files of packages, sorted by path.
    pub conffiles: Vec<Conffile>,
    /// Kernels.
    pub kernel: Kernel,
    /// Identifies the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// The operating system's release.
    pub os: OsRelease,
    /// Packages in the order of their lines (format/state-record §3).
    pub packages: Vec<PackageState>,
    /// How many there are.
    pub packages_count: u64,
    /// Digest of their lines.
    pub packages_digest: Digest,
    /// Sockets that wait for peers, sorted.
    pub ports: Vec<Port>,
    /// Whether a reboot is asked for.
    pub reboot: Reboot,
    /// systemd's services, where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Services>,
    /// Which of these belong to the machine we run on.
    pub shared: Vec<String>,
}

/// A configuration file of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conffile {
    /// Whether its content is not the package's.
    pub modified: bool,
    /// Its absolute path.
    pub path: String,
    /// Digest of its content; absent if it is not there or not readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// Kernels of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// The newest that is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// The one that runs.
    pub running: String,
}

/// What os-release says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OsRelease {
    /// `ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `PRETTY_NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<String>,
    /// `VERSION_CODENAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_codename: Option<String>,
    /// `VERSION_ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// A package as dpkg knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageState {
    /// Its architecture.
    pub architecture: String,
    /// Its name.
    pub name: String,
    /// `want flag status`.
    pub state: String,
    /// Its version.
    pub version: String,
}

/// A socket that waits for peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The local address.
    pub address: String,
    /// The port.
    pub port: u16,
    /// `tcp`, `tcp6`, `udp` or `udp6`.
    pub protocol: String,
}

/// Whether a reboot is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reboot {
    /// The packages that ask.
    pub packages: Vec<String>,
    /// Whether any does.
    pub required: bool,
}

/// systemd's services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// Those that failed.
    pub failed: Vec<String>,
    /// Those that run.
    pub running: Vec<String>,
}

impl PackageState {
    /// Returns the package's line, without its line feed.
    pub fn line(&self) -> String {
        format!("{}\t{}\t{}\t{}", self.name, self.architecture, self.version, self.state)
    }

    /// Tells whether the package is wholly installed, held or not.
    pub fn is_installed(&self) -> bool {
        self.state.ends_with(" ok installed")
    }

    /// Tells whether nobody may change the package.
    pub fn is_held(&self) -> bool {
        self.state.starts_with("hold ")
    }

    /// Tells whether dpkg was left in the middle of something with it.
    pub fn is_between(&self) -> bool {
        !self.is_installed() && !self.is_removed()
    }

    /// Tells whether at most its configuration is left.
    pub fn is_removed(&self) -> bool {
        self.state.ends_with(" ok config-files") || self.state.ends_with(" ok not-installed")
    }
}

/// Returns the digest of a package list in its order (format/state-record §3).
pub fn packages_digest(packages: &[PackageState]) -> Digest {
    let lines: String = packages.iter().map(|package| package.line() + "\n").collect();
    Digest::of(lines.as_bytes())
}

impl HostState {
    /// Finds a package by name and architecture.
    pub fn package(&self, name: &str, architecture: &str) -> Option<&PackageState> {
        self.packages.iter().find(|p| p.name == name && p.architecture == architecture)
    }

    /// Returns the names of packages dpkg was left in the middle of.
    pub fn between(&self) -> Vec<String> {
        self.packages.iter().filter(|p| p.is_between()).map(|p| p.name.clone()).collect()
    }

    /// Checks order, count and digest; says what is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        let lines: Vec<String> = self.packages.iter().map(PackageState::line).collect();
        if !lines.is_sorted_by(|a, b| a < b) {
            return Err("`packages` is not sorted");
        }
        if self.packages_count != self.packages.len() as u64 {
            return Err("`packages_count` is not the number of packages");
        }
        if self.packages_digest != packages_digest(&self.packages) {
            return Err("`packages_digest` is not the digest of the packages");
        }
        if !self.conffiles.is_sorted_by(|a, b| a.path < b.path) || !self.ports.is_sorted_by(|a, b| a < b) {
            return Err("`conffiles` or `ports` is not sorted");
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes a state with these packages (name, architecture, version, state).
    pub(crate) fn state_of(packages: &[(&str, &str, &str, &str)]) -> HostState {
        let mut packages: Vec<PackageState> = packages
            .iter()
            .map(|(name, architecture, version, state)| PackageState {
                architecture: (*architecture).into(),
                name: (*name).into(),
                state: (*state).into(),
                version: (*version).into(),
            })
            .collect();
        packages.sort_by_key(PackageState::line);
        HostState {
            architecture: "amd64".into(),
            boot_id: None,
            conffiles: Vec::new(),
            kernel: Kernel { newest: None, running: "6.1".into() },
            machine_id: None,
            os: OsRelease::default(),
            packages_count: packages.len() as u64,
            packages_digest: packages_digest(&packages),
            packages,
            ports: Vec::new(),
            reboot: Reboot::default(),
            services: None,
            shared: Vec::new(),
        }
    }

    #[test]
    fn a_list_that_does_not_fit_its_digest_is_found() {
        let good = state_of(&[("a", "all", "1", "install ok installed"), ("b", "all", "1", "install ok installed")]);
        assert!(good.check().is_ok());
        let mut bad = good.clone();
        bad.packages[0].version = "2".into();
        assert!(bad.check().is_err());
        let mut bad = good.clone();
        bad.packages_count = 3;
        assert!(bad.check().is_err());
        let mut bad = good;
        bad.packages.swap(0, 1);
        bad.packages_digest = packages_digest(&bad.packages);
        assert!(bad.check().is_err());
    }

    #[test]
    fn states_of_packages_are_told_apart() {
        let is = |state: &str| {
            let package = &state_of(&[("a", "all", "1", state)]).packages[0];
            (package.is_installed(), package.is_between(), package.is_held())
        };
        assert_eq!(is("install ok installed"), (true, false, false));
        assert_eq!(is("hold ok installed"), (true, false, true));
        assert_eq!(is("install ok half-configured"), (false, true, false));
        assert_eq!(is("install reinstreq half-installed"), (false, true, false));
        assert_eq!(is("install ok triggers-pending"), (false, true, false));
        assert_eq!(is("deinstall ok config-files"), (false, false, false));
    }
}
