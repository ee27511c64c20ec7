//! A site in a temporary directory: a published repository, one chrootless host, the command to run.

use std::path::{Path, PathBuf};
use std::process::Command;

use sealift_model::{Digest, RelPath, SiteId, Timestamp};
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::{SiteKeys, TrustNote};

/// Tells whether the tools are there; says loudly if not.
pub fn tools_are_here() -> bool {
    let there = |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    let missing: Vec<&str> =
        ["apt-get", "apt-cache", "dpkg", "dpkg-deb", "gpgv"].into_iter().filter(|t| !there(t)).collect();
    if !missing.is_empty() {
        not_checked(&missing.join(", "));
    }
    missing.is_empty()
}

/// Says that a test did not check anything.
pub fn not_checked(missing: &str) {
    eprintln!("NOT CHECKED: {missing} cannot be run on this machine");
}

/// Waits until something is so.
pub fn until(mut so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !so() {
        assert!(std::time::Instant::now() < deadline, "waited too long");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A package to be built.
pub struct Deb {
    name: String,
    version: String,
    postinst: Option<String>,
    fields: String,
}

impl Deb {
    pub fn new(name: &str, version: &str) -> Self {
        Self { name: name.into(), version: version.into(), postinst: None, fields: String::new() }
    }

    pub fn postinst(mut self, script: &str) -> Self {
        self.postinst = Some(script.into());
        self
    }

    pub fn field(mut self, line: &str) -> Self {
        self.fields.push_str(line);
        self.fields.push('\n');
        self
    }

    fn control(&self) -> String {
        let Self { name, version, fields, .. } = self;
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: t <t@example.org>\n{fields}Description: test\n"
        )
    }

    fn file(&self) -> String {
        format!("{}_{}_all.deb", self.name, self.version.replace(':', "%3a"))
    }

    fn build(&self, scratch: &Path, pool: &Path) {
        let tree = scratch.join("deb");
        write(&tree.join("DEBIAN/control"), &self.control());
        write(&tree.join("DEBIAN/conffiles"), &format!("/etc/{}.conf\n", self.name));
        write(&tree.join(format!("etc/{}.conf", self.name)), &format!("setting = {}\n", self.version));
        write(&tree.join(format!("usr/share/{}/version", self.name)), &self.version);
        if let Some(script) = &self.postinst {
            use std::os::unix::fs::PermissionsExt;
            let path = tree.join("DEBIAN/postinst");
            write(&path, &format!("#!/bin/sh\n{script}\n"));
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = Command::new("dpkg-deb");
        command.args(["--root-owner-group", "-Zgzip", "--build"]).arg(&tree).arg(pool.join(self.file()));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_dir_all(tree).unwrap();
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// What the command said and ended with.
pub struct Said {
    code: Option<i32>,
    pub stdout: String,
    stderr: String,
}

impl Said {
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "no `{text}` in:\n{}{}", self.stdout, self.stderr);
        self
    }

    pub fn complains(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "no `{text}` in:\n{}{}", self.stdout, self.stderr);
        self
    }
}

/// The site.
pub struct Site {
    dir: tempfile::TempDir,
    keys: SiteKeys,
}

impl Site {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = SiteKeys::create(&dir.path().join("site"), &SiteId::new("plant-a").unwrap(), now()).unwrap();
        let site = Self { dir, keys };
        for part in ["info", "updates"] {
            std::fs::create_dir_all(site.path("roots/web1/var/lib/dpkg").join(part)).unwrap();
        }
        write(&site.path("roots/web1/var/lib/dpkg/status"), "");
        write(
            &site.path("inventory.toml"),
            "[site]\nname = \"plant-a\"\nkeyring = \"site/repository.asc\"\n[[group]]\nname = \"web\"\n\
             repository = \"file:repository\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nhosts = [\"web1\"]\n\
             [[host]]\nname = \"web1\"\nroot = \"roots/web1\"\nenter = \"chrootless\"\n",
        );
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Publishes alpha 1.0 and runs it on the host, which leaves two records.
    pub fn two_records(&self) {
        self.publish(&[Deb::new("alpha", "1.0")]);
        self.apply(&["plan", "--group", "web", "--package", "alpha", "--out", "plan.json"]).exits(0);
        self.apply(&["run", "plan.json"]).exits(0);
    }

    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{text}");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    pub fn apply(&self, arguments: &[&str]) -> Said {
        self.apply_in("", arguments)
    }

    /// Runs the command in a directory of the site.
    pub fn apply_in(&self, dir: &str, arguments: &[&str]) -> Said {
        let output = self.command(dir, arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Returns the command, to be started.
    pub fn command(&self, dir: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-apply"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(self.path(dir)).args(arguments);
        command
    }

    /// Publishes exactly these packages, signed by the site's key.
    pub fn publish(&self, debs: &[Deb]) {
        let _ = std::fs::remove_dir_all(self.path("repository"));
        std::fs::create_dir_all(self.path("repository/pool")).unwrap();
        let mut packages = String::new();
        for deb in debs {
            deb.build(self.dir.path(), &self.path("repository/pool"));
            let bytes = std::fs::read(self.path("repository/pool").join(deb.file())).unwrap();
            packages.push_str(&deb.control());
            packages.push_str(&format!(
                "Filename: pool/{}\nSize: {}\nSHA256: {}\n\n",
                deb.file(),
                bytes.len(),
                Digest::of(&bytes)
            ));
        }
        let name = "main/binary-all/Packages";
        write(&self.path("repository/dists/stable").join(name), &packages);
        let file = ReleaseFile {
            name: RelPath::new(name).unwrap(),
            size: packages.len() as u64,
            sha256: Digest::of(packages.as_bytes()),
        };
        let release = ReleaseText {
            origin: "site".into(),
            label: "site".into(),
            suite: "stable".into(),
            codename: "stable".into(),
            date: now(),
            valid_until: None,
            architectures: vec!["all".into(), "amd64".into()],
            components: vec!["main".into()],
            description: None,
            files: vec![file],
        };
        let signed = self.keys.repository.sign_cleartext(&release.render(), now()).unwrap();
        std::fs::write(self.path("repository/dists/stable/InRelease"), signed).unwrap();
    }
}

impl Site {
    /// Lays a note beside the keyring that says when trust was refreshed and when it expires, in days from now.
    pub fn trust_note(&self, refreshed_before: u64, expires_after: i64, signed_by: &SiteKeys) {
        let now = now();
        let expires = Timestamp::from_unix(now.unix().saturating_add_signed(expires_after * 86_400));
        let refreshed = Some(now.minus_seconds(refreshed_before * 86_400));
        let note = TrustNote { expires, issued: now, refreshed, site: SiteId::new("plant-a").unwrap() };
        let signed = note.sign(Digest::of(b"root"), &signed_by.statement);
        std::fs::write(self.path("site").join(sealift_site::trust_note::FILE), signed).unwrap();
    }

    pub fn keys(&self) -> &SiteKeys {
        &self.keys
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_unix(since.as_secs())
}
