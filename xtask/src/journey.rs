//! The line itself, played by the real tools: from `sealift-keys init` to the receipt that comes back.
//!
//! What differs between scenes is behind [`Scene`]; the commands, their order and what must have changed at the end are the
//! same. Each command is run in the directory everything is made in, so that the transcript can be followed by hand.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::shell::Shell;

/// The stream that crosses the gap.
pub const STREAM: &str = "patches";
/// The isolated site.
pub const SITE: &str = "plant-a";
/// Packages that must have changed on each host.
const MUST_CHANGE: usize = 3;
const PASSPHRASE: &str = "passphrase";

/// An upstream as `sealift-mirror upstream add` takes it.
#[derive(Debug, Clone)]
pub struct UpstreamSpec {
    /// Name in mirror.toml.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// Suite.
    pub suite: String,
    /// Keyring file.
    pub keyring: String,
    /// Architecture.
    pub architecture: String,
}

/// A group of one host.
#[derive(Debug, Clone)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Its host.
    pub host: String,
}

/// How apply reaches the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enter {
    /// By chroot.
    Chroot,
    /// From outside, without root rights.
    Chrootless,
}

/// A package that `select plan` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPackage {
    /// `Package`.
    pub package: String,
    /// `Version`.
    pub version: String,
    /// `Architecture`.
    pub architecture: String,
}

/// What a scene brings to the line.
pub trait Scene {
    /// The release's suite and the security suite.
    fn upstreams(&self) -> Vec<UpstreamSpec>;
    /// The groups, each with a host.
    fn groups(&self) -> Vec<Group>;
    /// What the stream selects.
    fn packages(&self) -> Vec<String>;
    /// How the hosts are entered.
    fn enter(&self) -> Enter;
    /// Builds the root of a host at the release's versions, in `hosts/<host>`.
    fn build_host(&mut self, shell: &Shell, group: &Group) -> anyhow::Result<()>;
    /// Makes the upstream offer the planned packages.
    fn stock(&mut self, shell: &Shell, plan: &[PlannedPackage]) -> anyhow::Result<()>;
}

/// A run of the line.
pub struct Journey {
    /// Where it ran.
    pub shell: Shell,
    /// The groups it patched.
    pub groups: Vec<Group>,
}

impl Journey {
    /// Returns a run that has not begun, in the shell's directory.
    pub fn new(shell: Shell) -> Self {
        Self { shell, groups: Vec::new() }
    }

    /// Plays the whole line.
    pub fn play(&mut self, scene: &mut impl Scene) -> anyhow::Result<()> {
        self.groups = scene.groups();
        self.hosts(scene)?;
        self.keys()?;
        self.mirror(scene)?;
        self.medium()?;
        self.isolated()?;
        self.apply(scene)?;
        self.receipt()?;
        self.differences()
    }

    fn hosts(&self, scene: &mut impl Scene) -> anyhow::Result<()> {
        self.shell.tell("Two hosts, as they were released.");
        self.groups.clone().iter().try_for_each(|group| scene.build_host(&self.shell, group))
    }

    fn keys(&self) -> anyhow::Result<()> {
        self.shell.tell("Key desk: the root of trust. The passphrase file is random and readable by its owner only.");
        write_private(&self.shell.dir().join(PASSPHRASE), &random_passphrase()?)?;
        let thresholds = ["--root", "2-of-3", "--targets", "2-of-2", "--passphrase-file", PASSPHRASE];
        self.shell.run("sealift-keys", &[&["init", "keys"][..], &thresholds].concat())?;
        self.shell.run("cp", &["keys/root.json", "root.json"])?;
        self.shell.run("sealift-keys", &["fingerprint", "root.json"]).map(drop)
    }

    fn mirror(&self, scene: &mut impl Scene) -> anyhow::Result<()> {
        self.shell.tell("Connected side: follow the upstreams, choose, fetch, build a bundle.");
        self.on_mirror(&["init", "connected"])?;
        for upstream in scene.upstreams() {
            self.on_mirror(&[
                "upstream",
                "add",
                "--dir",
                "connected",
                "--name",
                &upstream.name,
                "--uri",
                &upstream.uri,
                "--suite",
                &upstream.suite,
                "--component",
                "main",
                "--arch",
                &upstream.architecture,
                "--signed-by",
                &self.absolute(&upstream.keyring)?,
            ])?;
        }
        self.edit("connected/mirror.toml", &stream_block(scene))?;
        self.on_mirror(&["sync", "--dir", "connected", "--metadata-only"])?;
        self.on_mirror(&["select", "plan", "--dir", "connected"])?;
        let plan = self.json("sealift-mirror", &["select", "plan", "--dir", "connected", "--json"])?;
        scene.stock(&self.shell, &planned(&plan))?;
        self.on_mirror(&["sync", "--dir", "connected"])?;
        self.on_mirror(&["sync", "--dir", "connected"])?;
        fs::create_dir_all(self.shell.dir().join("media"))?;
        let keys = ["--to", "media", "--keys", "keys", "--passphrase-file", PASSPHRASE];
        self.on_mirror(&[&["bundle", "build", "--dir", "connected", "--stream", STREAM][..], &keys].concat())
    }

    fn medium(&self) -> anyhow::Result<()> {
        self.shell.tell("Anybody, with or without sealift: is the medium whole, and is it what was signed?");
        let medium = self.shell.within(&self.shell.dir().join("media/SEALIFT"));
        medium.run("sha256sum", &["--quiet", "--check", "SHA256SUMS"])?;
        self.shell.run("sealift-bundle", &["verify", "media/SEALIFT", "--root", "root.json"]).map(drop)
    }

    fn isolated(&self) -> anyhow::Result<()> {
        self.shell
            .tell("Isolated side: receive, promote, publish. Only root.json came by another way than the medium.");
        self.on_import(&["init", "isolated", "--root", "root.json", "--site", SITE])?;
        self.on_import(&["receive", "--dir", "isolated", "media"])?;
        self.on_import(&["promote", "--dir", "isolated", "--channel", "testing", "1"])?;
        self.on_import(&["promote", "--dir", "isolated", "--channel", "production", "1"])?;
        self.on_import(&["publish", "--dir", "isolated"])?;
        self.on_import(&["status", "--dir", "isolated"])
    }

    fn apply(&self, scene: &impl Scene) -> anyhow::Result<()> {
        self.shell.tell("Hosts: plan, run, record, group by group.");
        self.on_apply(&["init", "apply", "--site", SITE, "--site-keys", "isolated/site"])?;
        let inventory = self.inventory(scene)?;
        fs::write(self.shell.dir().join("apply/inventory.toml"), &inventory)?;
        self.shell.tell(&format!("apply/inventory.toml:\n{}", inventory.trim_end()));
        symlink("apply/records", self.shell.dir().join("records"))?;
        for group in &self.groups {
            let plan = format!("plan-{}.json", group.name);
            self.on_apply(&["plan", "--dir", "apply", "--group", &group.name, "--out", &plan])?;
            self.on_apply(&["run", "--dir", "apply", &plan])?;
        }
        self.on_apply(&["records", "--dir", "apply"])?;
        self.on_apply(&["verify", "--dir", "apply"])
    }

    fn receipt(&self) -> anyhow::Result<()> {
        self.shell.tell("The way back: a signed receipt of what the isolated side holds.");
        self.on_import(&["receipt", "--dir", "isolated", "--out", "media/receipt.txt"])?;
        self.shell.run("cat", &["media/receipt.txt"])?;
        let keys = self.json("sealift-import", &["key", "show", "--dir", "isolated", "--json"])?;
        let key = keys.get("receipt_key").and_then(Value::as_str).context("key show names no receipt_key")?;
        self.edit("connected/mirror.toml", &format!("[[site]]\nname = \"{SITE}\"\nreceipt_key = \"{key}\"\n"))?;
        self.on_mirror(&["receipt", "import", "--dir", "connected", "media/receipt.txt"])?;
        self.on_import(&["ledger", "verify", "--dir", "isolated"])
    }

    fn differences(&self) -> anyhow::Result<()> {
        for group in &self.groups {
            self.shell.tell(&format!("{}, before and after.", group.host));
            let (before, after) = self.records_of(&group.host)?;
            let arguments = ["diff", "--dir", "apply", before.as_str(), after.as_str()];
            self.on_apply(&arguments)?;
            let difference = self.json("sealift-apply", &[&arguments[..], &["--json"]].concat())?;
            let changed = changed_names(&difference).len();
            ensure!(
                changed >= MUST_CHANGE,
                "{changed} packages changed on {}, at least {MUST_CHANGE} should have",
                group.host
            );
        }
        Ok(())
    }

    /// Returns the ids of a host's first and last record.
    pub fn records_of(&self, host: &str) -> anyhow::Result<(String, String)> {
        let records = self.json("sealift-apply", &["records", "--dir", "apply", "--host", host, "--json"])?;
        let list = records.as_array().context("records --json is no list")?;
        let id = |record: Option<&Value>| {
            let id = record?.get("sequence")?;
            Some(id.to_string())
        };
        let (first, last) = (id(list.first()), id(list.last()));
        Ok((first.context("no record before")?, last.context("no record after")?))
    }

    /// Runs a query with `--json` unseen and returns its document.
    pub fn json(&self, tool: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let answer = self.shell.answer(tool, arguments)?;
        serde_json::from_slice(&answer).with_context(|| format!("{tool} {} gave no JSON", arguments.join(" ")))
    }

    fn on_mirror(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.shell.run("sealift-mirror", arguments).map(drop)
    }

    fn on_import(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.shell.run("sealift-import", arguments).map(drop)
    }

    fn on_apply(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.shell.run("sealift-apply", arguments).map(drop)
    }

    fn edit(&self, file: &str, block: &str) -> anyhow::Result<()> {
        self.shell.tell(&format!("{file}, added by hand:\n{}", block.trim_end()));
        let mut file = OpenOptions::new().append(true).open(self.shell.dir().join(file))?;
        Ok(write!(file, "\n{block}")?)
    }

    fn absolute(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.shell.dir().join(path).to_str().context("path is not UTF-8")?.to_owned())
    }

    fn inventory(&self, scene: &impl Scene) -> anyhow::Result<String> {
        let suites: Vec<String> = scene.upstreams().iter().map(|upstream| format!("\"{}\"", upstream.suite)).collect();
        let mut text = format!(
            "[site]\nname = \"{SITE}\"\nkeyring = \"../isolated/published/sealift-archive-keyring.asc\"\n\
             statement_key = \"../isolated/site\"\n"
        );
        for group in &self.groups {
            write!(
                text,
                "\n[[group]]\nname = \"{}\"\nrepository = \"file:{}\"\nsuites = [{}]\ncomponents = [\"main\"]\n\
                 hosts = [\"{host}\"]\n\n[[host]]\nname = \"{host}\"\nroot = \"../hosts/{host}\"\n",
                group.name,
                self.absolute("isolated/published/production")?,
                suites.join(", "),
                host = group.host
            )?;
            if scene.enter() == Enter::Chrootless {
                text.push_str("enter = \"chrootless\"\n");
            }
        }
        Ok(text)
    }
}

fn stream_block(scene: &impl Scene) -> String {
    let quoted = |names: Vec<String>| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let upstreams = scene.upstreams().into_iter().map(|upstream| upstream.name).collect();
    format!(
        "[[stream]]\nname = \"{STREAM}\"\nupstreams = [{}]\npackages = [{}]\nclosure = true\n",
        quoted(upstreams),
        quoted(scene.packages())
    )
}

/// Finds every package version in a document of `select plan --json`, wherever it stands.
fn planned(document: &Value) -> Vec<PlannedPackage> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let here = text(document, "package").zip(text(document, "version")).zip(text(document, "architecture"));
    let mut found: Vec<PlannedPackage> = here
        .map(|((package, version), architecture)| PlannedPackage { package, version, architecture })
        .into_iter()
        .collect();
    match document {
        Value::Array(values) => found.extend(values.iter().flat_map(planned)),
        Value::Object(fields) => found.extend(fields.values().flat_map(planned)),
        _ => {}
    }
    found
}

/// Returns the names of the packages whose version differs in a document of `diff --json`.
pub fn changed_names(difference: &Value) -> Vec<String> {
    let changed = difference.get("changed").and_then(Value::as_array).into_iter().flatten();
    changed.filter_map(|entry| Some(entry.get("name")?.as_str()?.to_owned())).collect()
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

fn random_passphrase() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 24];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text + "\n")
}
