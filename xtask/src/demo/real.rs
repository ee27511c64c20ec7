//! The real scene: Debian's signed indexes, Debian's packages, hosts built by mmdebstrap at the release's versions.
//!
//! Our own client never talks to a public archive here: apt fetches, a loopback server offers what it fetched.

use std::fs;

use anyhow::{Context as _, ensure};

use super::choose;
use super::lists::{self, Suite};
use super::server::Server;
use crate::journey::{Enter, Group, PlannedPackage, Scene, UpstreamSpec};
use crate::shell::Shell;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const GROUPS: [(&str, &str); 2] = [("web", "web1"), ("db", "db1")];

/// The real scene.
pub struct Real {
    suites: Vec<Suite>,
    chosen: Vec<Vec<String>>,
    architecture: String,
    server: Server,
}

impl Real {
    /// Lays out apt's lists as an upstream, chooses packages and serves.
    pub fn new(shell: &Shell) -> anyhow::Result<Self> {
        let codename = codename()?;
        shell.tell(&format!("Debian's own signed indexes of {codename}, from this machine's apt, served on loopback."));
        let release = lists::lay_out(shell, &codename, "debian")?;
        let security = lists::lay_out(shell, &format!("{codename}-security"), "debian-security")?;
        let chosen = choose::choose(shell, &release, &security, GROUPS.len())?;
        for ((_, host), packages) in GROUPS.iter().zip(&chosen) {
            shell.tell(&format!(
                "{} has newer versions of these, which {host} will start without: {}",
                security.name,
                packages.join(" ")
            ));
        }
        let server = Server::start(shell, &shell.dir().join("upstream"))?;
        Ok(Self { architecture: lists::architecture(shell)?, suites: vec![release, security], chosen, server })
    }

    fn release(&self) -> anyhow::Result<&Suite> {
        self.suites.first().context("the release suite is laid out first")
    }
}

impl Scene for Real {
    fn upstreams(&self) -> Vec<UpstreamSpec> {
        let spec = |suite: &Suite| UpstreamSpec {
            name: suite.base.to_owned(),
            uri: format!("{}/{}", self.server.uri(), suite.base),
            suite: suite.name.clone(),
            keyring: KEYRING.to_owned(),
            architecture: self.architecture.clone(),
        };
        self.suites.iter().map(spec).collect()
    }

    fn groups(&self) -> Vec<Group> {
        let group = |(name, host): &(&str, &str)| Group { name: (*name).to_owned(), host: (*host).to_owned() };
        GROUPS.iter().map(group).collect()
    }

    fn packages(&self) -> Vec<String> {
        self.chosen.concat()
    }

    fn enter(&self) -> Enter {
        Enter::Chroot
    }

    fn build_host(&mut self, shell: &Shell, group: &Group) -> anyhow::Result<()> {
        let place = GROUPS.iter().position(|(name, _)| *name == group.name).context("a group of this scene")?;
        let chosen = self.chosen.get(place).context("each group has packages")?.join(",");
        let suite = self.release()?;
        let include = format!("--include=usr-is-merged,{chosen}");
        let source = format!("deb [signed-by={KEYRING}] {} {} main", suite.uri, suite.name);
        let root = format!("hosts/{}", group.host);
        fs::create_dir_all(shell.dir().join("hosts"))?;
        let mut arguments = vec!["--variant=minbase", "--mode=root", "--quiet", &include];
        let proxy = proxy_option(shell);
        arguments.extend(proxy.iter().map(String::as_str));
        arguments.extend([suite.name.as_str(), &root, &source]);
        fs::write(shell.dir().join(format!("{root}.mmdebstrap")), arguments.join("\n"))?;
        shell.with_proxy().run("mmdebstrap", &arguments)?;
        // A host in an isolated network knows no public archive.
        fs::write(shell.dir().join(&root).join("etc/apt/sources.list"), "")?;
        Ok(fs::write(shell.dir().join(&root).join("etc/hostname"), format!("{}\n", group.host))?)
    }

    fn stock(&mut self, shell: &Shell, plan: &[PlannedPackage]) -> anyhow::Result<()> {
        shell.tell("apt fetches the planned packages from the archive; they become the pool of the loopback upstream.");
        let fetched = shell.dir().join("upstream/fetched");
        fs::create_dir_all(&fetched)?;
        let wanted: Vec<String> =
            plan.iter().map(|it| format!("{}:{}={}", it.package, self.qualifier(it), it.version)).collect();
        let mut arguments = vec!["--quiet=2", "-o", "APT::Sandbox::User=root", "download"];
        arguments.extend(wanted.iter().map(String::as_str));
        shell.with_proxy().within(&fetched).run("apt-get", &arguments)?;
        for planned in plan {
            let name =
                format!("{}_{}_{}.deb", planned.package, planned.version.replace(':', "%3a"), planned.architecture);
            self.shelve(shell, planned, &fetched.join(&name)).with_context(|| format!("apt fetched no {name}"))?;
        }
        Ok(())
    }
}

impl Real {
    /// apt takes `name:all` for nothing; such a package is asked for under the machine's architecture.
    fn qualifier<'a>(&'a self, planned: &'a PlannedPackage) -> &'a str {
        if planned.architecture == "all" { &self.architecture } else { &planned.architecture }
    }

    /// Puts a fetched package where each index that lists it says it lies.
    fn shelve(&self, shell: &Shell, planned: &PlannedPackage, file: &std::path::Path) -> anyhow::Result<()> {
        let mut shelves = 0;
        for suite in &self.suites {
            let entries = suite.packages.get(&planned.package).into_iter().flatten();
            for entry in entries.filter(|entry| entry.version == planned.version) {
                let target = shell.dir().join("upstream").join(suite.base).join(&entry.filename);
                fs::create_dir_all(target.parent().context("a package lies in a directory")?)?;
                fs::hard_link(file, target)?;
                shelves += 1;
            }
        }
        ensure!(shelves > 0, "no index lists {} {}", planned.package, planned.version);
        Ok(())
    }
}

/// Returns the proxy that this machine's apt is told to use, as an option for mmdebstrap's apt.
fn proxy_option(shell: &Shell) -> Vec<String> {
    let answer = shell.answer("apt-config", &["shell", "P", "Acquire::http::Proxy"]).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let proxy = answer.trim().strip_prefix("P='").and_then(|rest| rest.strip_suffix('\''));
    proxy.map(|proxy| format!("--aptopt=Acquire::http::Proxy \"{proxy}\"")).into_iter().collect()
}

fn codename() -> anyhow::Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("could not read /etc/os-release")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(line.context("this system's release has no codename")?.trim_matches('"').to_owned())
}
