//! One line from upstream to hosts in a private directory, and the operators' commands on it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sealift_keys::ceremony;
use sealift_keys::{Ceremony, KdfParams, Passphrase};
use sealift_tests::host;
use sealift_tests::miniature::{Miniature, Variant};
use sealift_tests::serve::Server;
use tempfile::TempDir;

const PASSPHRASE: &str = "insecure-test-passphrase\n";

/// What a command said and how it ended.
#[derive(Debug)]
#[must_use = "either look at the output or assert the exit code"]
pub struct Said {
    pub command: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Asserts that the command did what it was asked, and returns its answer and its story.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout + &self.stderr
    }

    /// Asserts the exit code, and that the failure names each of `words`.
    #[track_caller]
    pub fn failed(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, code, "{self}");
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in\n{self}");
        }
        assert!(!self.stderr.contains("panicked"), "{self}");
        self.stdout + &self.stderr
    }

    /// Asserts a refusal: the exit code, the named things, and that nothing was changed.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> String {
        let text = self.failed(code, words);
        assert!(text.contains("Nothing was changed."), "does not say what was changed:\n{text}");
        text
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ {}\n{}{}[exit code {}]", self.command, self.stdout, self.stderr, self.code)
    }
}

/// The whole line in a private directory.
pub struct Line {
    temp: TempDir,
    pub upstream: Miniature,
    pub server: Server,
}

impl Line {
    /// Makes the upstream, the keys, and a mirror that follows both suites with one stream.
    pub fn new() -> Self {
        Self::with(Variant::Sound)
    }

    pub fn with(variant: Variant) -> Self {
        let temp = tempfile::tempdir().unwrap();
        // An hour ago, so that there is room for later Release files that are not in the future.
        let date = sealift_term::now().minus_seconds(3600);
        let upstream = Miniature::create(&temp.path().join("upstream"), date, variant).unwrap();
        let server = Server::start(upstream.dir()).unwrap();
        let line = Self { temp, upstream, server };
        copy_tree(keys(), &line.path("keys"));
        private_file(&line.path("passphrase"), PASSPHRASE);
        line.mirror("init", &["connected"]).done();
        line.follow("debian", "lighthouse");
        line.follow("debian-security", "lighthouse-security");
        let stream = "\n[[stream]]\nname = \"patches\"\nupstreams = [\"debian\", \"debian-security\"]\n\
                      packages = [\"beacon\", \"compass\", \"anchor\"]\nclosure = true\n";
        line.append("connected/mirror.toml", stream);
        line
    }

    /// The same with a first bundle on `media`, and an isolated side that has not seen it.
    pub fn with_bundle() -> Self {
        Self::with_bundle_of(Variant::Sound)
    }

    pub fn with_bundle_of(variant: Variant) -> Self {
        let line = Self::with(variant);
        line.mirror("sync", &[]).done();
        line.build("media", &[]).done();
        line.site("isolated");
        line
    }

    /// Returns a path in the private directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub fn append(&self, file: &str, text: &str) {
        let path = self.path(file);
        let old = fs::read_to_string(&path).unwrap();
        fs::write(&path, old + text).unwrap();
    }

    fn follow(&self, name: &str, suite: &str) {
        let (uri, keyring) = (format!("{}/{name}", self.server.uri()), self.path("upstream/keyring.asc"));
        let keyring = keyring.to_str().unwrap();
        self.add_upstream(name, &uri, suite, keyring).done();
    }

    pub fn add_upstream(&self, name: &str, uri: &str, suite: &str, keyring: &str) -> Said {
        let place = ["--name", name, "--uri", uri, "--suite", suite];
        let scope = ["--component", "main", "--arch", "amd64", "--signed-by", keyring];
        let verb = ["upstream", "add", "--dir", "connected"];
        self.run(env!("CARGO_BIN_EXE_t-sealift-mirror"), &[&verb[..], &place, &scope].concat())
    }

    /// Makes an isolated side that trusts our root.
    pub fn site(&self, dir: &str) {
        let arguments = ["init", dir, "--root", "keys/root.json", "--site", "plant-a"];
        self.run(env!("CARGO_BIN_EXE_t-sealift-import"), &arguments).done();
    }

    /// Builds a bundle of the stream onto the medium `to`.
    pub fn build(&self, to: &str, more: &[&str]) -> Said {
        fs::create_dir_all(self.path(to)).unwrap();
        let arguments = ["--stream", "patches", "--to", to, "--keys", "keys", "--passphrase-file", "passphrase"];
        self.mirror("bundle build", &[&arguments[..], more].concat())
    }

    pub fn mirror(&self, verb: &str, arguments: &[&str]) -> Said {
        self.verb(env!("CARGO_BIN_EXE_t-sealift-mirror"), verb, "connected", arguments)
    }

    pub fn import(&self, verb: &str, arguments: &[&str]) -> Said {
        self.import_at("isolated", verb, arguments)
    }

    pub fn import_at(&self, dir: &str, verb: &str, arguments: &[&str]) -> Said {
        self.verb(env!("CARGO_BIN_EXE_t-sealift-import"), verb, dir, arguments)
    }

    pub fn apply(&self, verb: &str, arguments: &[&str]) -> Said {
        self.verb(env!("CARGO_BIN_EXE_t-sealift-apply"), verb, "apply", arguments)
    }

    pub fn verify(&self, medium: &str) -> Said {
        self.run(env!("CARGO_BIN_EXE_t-sealift-bundle"), &["verify", medium, "--root", "keys/root.json"])
    }

    /// Starts `receive` and does not wait for it.
    pub fn start_receive(&self, medium: &str) -> Child {
        let tool = env!("CARGO_BIN_EXE_t-sealift-import");
        let mut command = self.command(tool, &["receive", "--dir", "isolated", medium]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Publishes production from bundle 1 and makes hosts `web1` and `db1` that read it.
    pub fn hosts(&self) {
        self.import("receive", &["media"]).done();
        self.import("promote", &["--channel", "production", "1"]).done();
        self.import("publish", &[]).done();
        self.apply("init", &["apply", "--site", "plant-a", "--site-keys", "isolated/site"]).done();
        let mut inventory = "[site]\nname = \"plant-a\"\n\
             keyring = \"../isolated/published/sealift-archive-keyring.asc\"\nstatement_key = \"../isolated/site\"\n"
            .to_owned();
        for (group, host) in [("web", "web1"), ("db", "db1")] {
            host::install(&self.path("hosts").join(host), &self.upstream).unwrap();
            write!(
                inventory,
                "\n[[group]]\nname = \"{group}\"\nrepository = \"file:{}\"\n\
                 suites = [\"lighthouse\", \"lighthouse-security\"]\ncomponents = [\"main\"]\nhosts = [\"{host}\"]\n\
                 \n[[host]]\nname = \"{host}\"\nroot = \"../hosts/{host}\"\nenter = \"chrootless\"\n",
                self.path("isolated/published/production").display()
            )
            .unwrap();
        }
        fs::write(self.path("apply/inventory.toml"), inventory).unwrap();
    }

    /// Returns a package's version and dpkg state on a host.
    pub fn installed(&self, host: &str, package: &str) -> String {
        host::version(&self.path("hosts").join(host), package).unwrap()
    }

    /// Returns every file below a directory, as paths relative to it, sorted.
    pub fn files(&self, dir: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path(dir), &mut |path| found.push(path.strip_prefix(self.path(dir)).unwrap().to_owned()));
        let mut found: Vec<String> = found.into_iter().map(|path| path.to_str().unwrap().to_owned()).collect();
        found.sort();
        found
    }

    pub fn copy(&self, from: &str, to: &str) {
        copy_tree(&self.path(from), &self.path(to));
    }

    /// Runs a tool; a verb of two words is two arguments, and `--dir` goes to all but `init`.
    fn verb(&self, tool: &str, verb: &str, dir: &str, arguments: &[&str]) -> Said {
        let mut all: Vec<&str> = verb.split(' ').collect();
        if verb != "init" {
            all.extend(["--dir", dir]);
        }
        all.extend(arguments);
        self.run(tool, &all)
    }

    pub fn run(&self, tool: &str, arguments: &[&str]) -> Said {
        let output = self.command(tool, arguments).stdin(Stdio::null()).output().unwrap();
        Said {
            command: format!("{} {}", tool.rsplit('/').next().unwrap(), arguments.join(" ")),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self, tool: &str, arguments: &[&str]) -> Command {
        command(tool, arguments, self.temp.path())
    }
}

fn command(tool: &str, arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(tool);
    command.args(arguments).current_dir(dir).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", dir).env("LC_ALL", "C.UTF-8");
    command
}

/// The keys of all journeys: making them anew each time would cost a key derivation for each key.
fn keys() -> &'static Path {
    static KEYS: OnceLock<TempDir> = OnceLock::new();
    let temp = KEYS.get_or_init(|| make_keys("keys"));
    Box::leak(temp.path().join("keys").into_boxed_path())
}

/// Makes a set of keys in a directory of its own, cheap to open: journeys are not about key derivation.
pub fn make_keys(name: &str) -> TempDir {
    let temp = tempfile::tempdir().unwrap();
    let now = sealift_term::now();
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    let ceremony = Ceremony { quorums: BTreeMap::new(), expires: now.plus_days(365), now, cost };
    private_file(&temp.path().join("passphrase"), PASSPHRASE);
    let passphrase = Passphrase::from_file(&temp.path().join("passphrase")).unwrap();
    ceremony::create(&temp.path().join(name), &ceremony, &passphrase).unwrap();
    temp
}

/// Flips one bit in the middle of a file.
pub fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // Stores and media hold read-only files and hard links: replace the name, not the bytes behind it.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn private_file(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("--archive").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "could not copy {}", from.display());
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { walk(&path, visit) } else { visit(&path) }
    }
}
