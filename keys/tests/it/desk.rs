//! A key desk in a temporary directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        sealift_fs::write_new(&desk.path("passphrase"), b"insecure-test\n", sealift_fs::Mode::Private).unwrap();
        desk
    }

    /// A desk with a root of trust in `trust`.
    pub fn with_trust(options: &[&str]) -> Self {
        let desk = Self::new();
        let output = desk.run(&[&["init", "trust", "--passphrase-file", "passphrase"], options].concat());
        assert_eq!(output.code, 0, "{}", output.stderr);
        desk
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-keys"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        Ran::of(&command.output().unwrap())
    }
}

pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Asserts a failure that names `what` and changed nothing.
    #[track_caller]
    pub fn refused(&self, code: i32, what: &str) {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(self.stderr.contains(what), "{}", self.stderr);
        assert!(self.stderr.contains("Nothing was changed."), "{}", self.stderr);
        assert_eq!(self.stdout, "");
    }
}
