//! The built-in scene: a miniature upstream that this workspace writes and signs, hosts that are directories operated on
//! from outside. No root, no network.

use std::fs;

use anyhow::Context as _;

use super::server::Server;
use crate::journey::{Enter, Group, PlannedPackage, Scene, UpstreamSpec};
use crate::shell::Shell;

/// Packages that every miniature host starts with, by the order dpkg needs.
const START: [&str; 4] = ["libbeacon1", "beacon", "compass", "anchor"];

/// The built-in scene.
pub struct Builtin {
    server: Server,
}

impl Builtin {
    /// Writes the miniature upstream and serves it.
    pub fn new(shell: &Shell) -> anyhow::Result<Self> {
        shell.tell("A miniature upstream, written and signed on the spot; its key is trusted by nobody else.");
        shell.run("miniature-upstream", &["upstream"])?;
        Ok(Self { server: Server::start(shell, &shell.dir().join("upstream"))? })
    }
}

impl Scene for Builtin {
    fn upstreams(&self) -> Vec<UpstreamSpec> {
        let spec = |name: &str, suite: &str| UpstreamSpec {
            name: name.to_owned(),
            uri: format!("{}/{name}", self.server.uri()),
            suite: suite.to_owned(),
            keyring: "upstream/keyring.asc".to_owned(),
            architecture: "amd64".to_owned(),
        };
        vec![spec("debian", "lighthouse"), spec("debian-security", "lighthouse-security")]
    }

    fn groups(&self) -> Vec<Group> {
        let group = |name: &str, host: &str| Group { name: name.to_owned(), host: host.to_owned() };
        vec![group("web", "web1"), group("db", "db1")]
    }

    fn packages(&self) -> Vec<String> {
        ["beacon", "compass", "anchor"].map(str::to_owned).to_vec()
    }

    fn enter(&self) -> Enter {
        Enter::Chrootless
    }

    fn build_host(&mut self, shell: &Shell, group: &Group) -> anyhow::Result<()> {
        let root = shell.dir().join("hosts").join(&group.host);
        for sub in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc/apt", "tmp"] {
            fs::create_dir_all(root.join(sub))?;
        }
        for file in ["var/lib/dpkg/status", "var/lib/dpkg/available"] {
            fs::write(root.join(file), "")?;
        }
        fs::write(root.join("etc/os-release"), "NAME=\"Lighthouse\"\nID=lighthouse\nVERSION_ID=\"1\"\n")?;
        let log = format!("--log={}", root.join("var/log/dpkg.log").display());
        // Absolute, because maintainer scripts run elsewhere.
        let root = format!("--root={}", root.display());
        let mut arguments = vec![root.as_str(), &log, "--force-not-root", "--force-script-chrootless", "--install"];
        let debs = START.map(released);
        arguments.extend(debs.iter().map(String::as_str));
        shell.run("dpkg", &arguments).map(drop).context("could not build a miniature host")
    }

    fn stock(&mut self, _shell: &Shell, _plan: &[PlannedPackage]) -> anyhow::Result<()> {
        Ok(()) // The miniature's pool is whole from the start.
    }
}

fn released(name: &str) -> String {
    let (version, shelf) = match name {
        "libbeacon1" => ("1.0-1", "libb"),
        "beacon" => ("1.0-1", "b"),
        "compass" => ("0.9-2", "c"),
        _ => ("2.4-1", "a"),
    };
    format!("upstream/debian/pool/main/{shelf}/{name}/{name}_{version}_all.deb")
}
