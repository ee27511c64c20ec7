//! The tool against an upstream made and signed here, over a web server of its own on loopback.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails by panicking")]

mod archive;
mod failures;
mod refusals;
mod server;
mod syncing;
mod upstreams;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use archive::Archive;
use server::Server;

/// A mirror in a temporary directory that follows one archive.
struct Mirror {
    root: tempfile::TempDir,
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Mirror {
    /// Makes a mirror of `uri` with the archive's keyring and a stream of everything.
    fn of(archive: &Archive, uri: &str) -> Self {
        Self::with_config(archive, &config(uri, "all = true"))
    }

    fn with_config(archive: &Archive, config: &str) -> Self {
        let mirror = Self { root: tempfile::tempdir().unwrap() };
        assert_eq!(mirror.run(&["init", mirror.dir().to_str().unwrap()]).code, 0);
        std::fs::write(mirror.root.path().join("key.asc"), archive.public_key()).unwrap();
        mirror.configure(config);
        mirror
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.dir().join("mirror.toml"), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Run {
        run(&self.dir(), args)
    }

    fn sync(&self) -> Run {
        self.run(&["sync", "--retries", "0"])
    }

    fn store_has(&self, content: &[u8]) -> bool {
        let digest = sealift_model::Digest::of(content);
        sealift_fs::Store::open(&self.dir().join("store")).unwrap().has(&digest, content.len() as u64)
    }

    fn snapshots(&self) -> usize {
        std::fs::read_dir(self.dir().join("snapshots/up")).map_or(0, Iterator::count)
    }

    /// Asserts that no snapshot was made and that the head is what it was.
    fn assert_no_snapshot(&self) {
        assert_eq!(self.snapshots(), 0);
        assert!(!self.dir().join("upstreams/up.json").exists());
    }
}

fn run(dir: &Path, args: &[&str]) -> Run {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_sealift-mirror"))
        .args(["--dir", dir.to_str().unwrap()])
        .args(args)
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env_remove("all_proxy")
        .env_remove("ALL_PROXY")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Run {
    #[track_caller]
    fn expect(&self, code: i32, words: &[&str]) {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{all}");
        for word in words {
            assert!(all.contains(word), "`{word}` is not in:\n{all}");
        }
    }
}

fn config(uri: &str, rules: &str) -> String {
    format!(
        "# the operator's remark\n\
         [[upstream]]\nname = \"up\"\nuri = \"{uri}\"\nsuite = \"lighthouse\"\ncomponents = [\"main\"]\n\
         architectures = [\"amd64\"]\nsigned_by = \"../key.asc\"\n\n\
         [[stream]]\nname = \"s\"\nupstreams = [\"up\"]\n{rules}\n"
    )
}
