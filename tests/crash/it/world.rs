//! Directories with everything before each command in them, and the commands.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sealift_model::Timestamp;
use sealift_tests::host;
use sealift_tests::miniature::{Miniature, Variant};
use tempfile::TempDir;

/// The time at which every command of this run believes to run. Hosts' apt asks the machine's own clock.
pub fn clock() -> u64 {
    static CLOCK: OnceLock<u64> = OnceLock::new();
    *CLOCK.get_or_init(|| sealift_term::now().unix() - 600)
}

const PASSPHRASE: &str = "insecure-test-passphrase\n";

/// A tool's command line, run in the directory of a world.
#[derive(Debug, Clone)]
pub struct Line {
    pub tool: &'static str,
    pub arguments: Vec<String>,
}

impl Line {
    pub fn new(tool: &'static str, arguments: &str) -> Self {
        Self { tool, arguments: arguments.split(' ').map(str::to_owned).collect() }
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub text: String,
}

impl Said {
    pub fn done(&self) -> bool {
        self.code == Some(0)
    }
}

/// The directories before each command, made once.
pub struct Worlds {
    temp: TempDir,
}

pub fn worlds() -> &'static Worlds {
    static WORLDS: OnceLock<Worlds> = OnceLock::new();
    WORLDS.get_or_init(Worlds::make)
}

/// A place in memory where there is one: every fault copies a few hundred small files.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("sealift-crash-");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.unwrap()
}

impl Worlds {
    fn make() -> Self {
        let worlds = Self { temp: scratch() };
        fs::create_dir(worlds.path("step")).unwrap();
        worlds.make_upstream();
        crate::cases::make_steps(&worlds, &worlds.path("first"), &worlds.path("second"));
        worlds
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn make_upstream(&self) {
        let date = Timestamp::from_unix(clock() - 7200);
        let mut upstream = Miniature::create(&self.path("upstream"), date, Variant::Sound).unwrap();
        copy(&self.path("upstream"), &self.path("first"));
        for host in ["web1", "db1"] {
            host::install(&self.path("hosts").join(host), &upstream).unwrap();
        }
        upstream.advance(1800).unwrap();
        copy(&self.path("upstream"), &self.path("second"));
    }

    /// Returns the directory in which commands find everything that the steps before `name` made.
    pub fn before(&self, name: &str) -> PathBuf {
        self.path("step").join(name)
    }

    /// Makes the directory `name` out of the directory `from`, or an empty one, by `lines`.
    pub fn derive(&self, name: &str, from: Option<&str>, prepare: &dyn Fn(&Path), lines: &[Line]) {
        let dir = self.before(name);
        if let Some(from) = from {
            copy(&self.before(from), &dir);
        } else {
            fs::create_dir(&dir).unwrap();
            private_file(&dir.join("passphrase"), PASSPHRASE);
        }
        prepare(&dir);
        for line in lines {
            let said = run(&dir, line, "");
            assert!(said.done(), "{line:?}: {}", said.text);
        }
    }

    pub fn hosts(&self) -> PathBuf {
        self.path("hosts")
    }

    /// Returns the upstream in its `first` or `second` state.
    pub fn upstream(&self, state: &str) -> PathBuf {
        self.path(state)
    }
}

/// Runs a command in `dir`; `fault` is what the faulty disk is told besides.
pub fn run(dir: &Path, line: &Line, fault: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faulty"));
    command.args(&line.arguments);
    command.env_clear().env("SEALIFT_FAULTY", format!("tool={} clock={} {fault}", line.tool, clock()));
    finish(dir, command)
}

pub fn finish(dir: &Path, mut command: Command) -> Said {
    command.current_dir(dir).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", dir).env("LC_ALL", "C.UTF-8");
    let output = command.stdin(Stdio::null()).output().unwrap();
    Said {
        code: output.status.code(),
        signal: output.status.signal(),
        text: String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    }
}

pub fn private_file(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Copies a directory with its modes, symbolic links and hard links.
pub fn copy(from: &Path, to: &Path) {
    copy_below(from, to, &mut std::collections::HashMap::new());
}

fn copy_below(from: &Path, to: &Path, linked: &mut std::collections::HashMap<u64, PathBuf>) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let metadata = fs::symlink_metadata(&source).unwrap();
        if metadata.is_dir() {
            copy_below(&source, &target, linked);
        } else if metadata.is_symlink() {
            symlink(fs::read_link(&source).unwrap(), &target).unwrap();
        } else if let Some(first) = linked.get(&metadata.ino()).filter(|_| metadata.nlink() > 1) {
            fs::hard_link(first, &target).unwrap();
        } else {
            fs::copy(&source, &target).unwrap();
            linked.insert(metadata.ino(), target);
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

/// Empties a directory of a worker.
pub fn clear(dir: &Path) {
    if dir.exists() {
        fs::remove_dir_all(dir).unwrap();
    }
}
