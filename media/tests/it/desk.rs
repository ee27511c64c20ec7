//! People with keys, and registers of media, in a private directory; and what a command said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sealift_keys::{KdfParams, Passphrase, SecretKey, key_file};
use sealift_trust::Purpose;
use serde_json::Value;
use tempfile::TempDir;

const MEDIA: &str = env!("CARGO_BIN_EXE_sealift-media");
pub const BUNDLE: &str = "patches/12=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3/5";
pub const WHY: [&str; 4] = ["--place", "plant A, gate 2", "--purpose", "monthly updates"];

/// People with keys, and registers, in a private directory.
pub struct Desk {
    temp: TempDir,
}

impl Desk {
    /// A register `reg` that alice keeps, in which bob and carol may have media, and a stick `s1`.
    pub fn new() -> Self {
        let desk = Self { temp: tempfile::tempdir().unwrap() };
        desk.private("passphrase", "insecure-test-passphrase\n");
        for (n, name) in (1..).zip(["alice", "bob", "carol", "mallory"]) {
            let passphrase = Passphrase::from_file(&desk.path("passphrase")).unwrap();
            let secret = SecretKey::from_seed(Purpose::Person, &[n; 32]);
            let cheap = KdfParams { m_kib: 64, t: 1, p: 1 };
            key_file::write(&desk.path(&format!("{name}.key")), &secret, &passphrase, cheap).unwrap();
            fs::write(desk.path(&format!("{name}.pub")), secret.public().to_pem()).unwrap();
        }
        let begin = ["init", "reg", "--name", "media of plant A", "--keeper", "alice", "--key", "alice.key"];
        desk.run(&[&begin[..], &WHY, &["--passphrase-file", "passphrase"]].concat()).done();
        for name in ["bob", "carol"] {
            desk.sign("reg", "alice", &["person", "add", name, "--public", &format!("{name}.pub")]).done();
        }
        desk.add("s1", &["--kind", "stick", "--serial", "4C530001", "--owner", "alice"]).done();
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub fn private(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(MEDIA);
        command.args(arguments).current_dir(self.temp.path()).env_clear().stdin(Stdio::null());
        let output = command.output().unwrap();
        Said {
            command: format!("sealift-media {}", arguments.join(" ")),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a verb that signs, as `who`, on the register `dir`.
    pub fn sign(&self, dir: &str, who: &str, arguments: &[&str]) -> Said {
        let key = format!("{who}.key");
        let signing = ["--dir", dir, "--key", &key, "--passphrase-file", "passphrase"];
        self.run(&[arguments, &signing, &WHY].concat())
    }

    pub fn add(&self, id: &str, more: &[&str]) -> Said {
        let what = ["add", id, "--label", "updates", "--classification", "INTERNAL"];
        self.sign("reg", "alice", &[&what[..], more].concat())
    }

    pub fn record(&self, who: &str, event: &str, more: &[&str]) -> Said {
        self.record_at("reg", who, event, more)
    }

    pub fn record_at(&self, dir: &str, who: &str, event: &str, more: &[&str]) -> Said {
        let mut words = vec!["record", event];
        words.extend(more);
        self.sign(dir, who, &words)
    }

    pub fn write(&self, who: &str, id: &str) -> Said {
        self.record(who, "written", &[id, "--bundle", BUNDLE, "--method", "read back past the cache"])
    }

    pub fn copy(&self, from: &str, to: &str) {
        let status = Command::new("cp").arg("-a").arg(self.path(from)).arg(self.path(to)).status().unwrap();
        assert!(status.success());
    }

    pub fn merge(&self, into: &str, from: &str) -> Said {
        self.run(&["merge", from, "--dir", into])
    }

    pub fn check(&self, dir: &str) -> Said {
        self.run(&["check", "--dir", dir])
    }

    pub fn condition(&self, dir: &str, id: &str) -> (String, String) {
        let list: Value = serde_json::from_str(&self.run(&["list", "--json", "--dir", dir]).stdout).unwrap();
        let row = list.as_array().unwrap().iter().find(|row| row["medium"] == id).unwrap();
        (row["condition"].as_str().unwrap().to_owned(), row["holder"].as_str().unwrap().to_owned())
    }

    /// The record files of a chain, first to last.
    pub fn records(&self, chain: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(self.path(chain)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort_by_key(|path| number(path));
        files
    }
}

pub fn number(path: &Path) -> u64 {
    path.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().parse().unwrap()
}

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

/// Flips one bit in the middle of a file.
pub fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}
