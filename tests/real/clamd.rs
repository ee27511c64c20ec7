//! A real clamd in front of the gate, with signatures of our own: it blocks what was planted and lets the rest through.
//!
//! clamd itself calls a Debian package clean whatever lies in it; that is shown here too, since the gate takes packages
//! apart because of it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sealift_model::Digest;

use crate::line::Line;

/// In a program of one package, packed by xz in its data.tar.
const PLANTED: &str = "echo 'beacon 1.0-1+sec1'";

/// A clamd in the foreground, ended with the test.
struct Clamd {
    child: Child,
}

impl Clamd {
    /// Starts it and waits until it listens; `None` if it ends instead.
    fn start(dir: &Path, more: &str) -> Option<Self> {
        let socket = dir.join("clamd.ctl");
        let _ = fs::remove_file(&socket);
        let config = format!(
            "LocalSocket {}\nDatabaseDirectory {}\nLogFile {}\nForeground yes\nOfficialDatabaseOnly no\nUser root\n{more}",
            socket.display(),
            dir.join("signatures").display(),
            dir.join("clamd.log").display()
        );
        fs::write(dir.join("clamd.conf"), config).unwrap();
        let mut command = Command::new("clamd");
        command.arg("--config-file").arg(dir.join("clamd.conf"));
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = spawned.expect("clamd is installed (package clamav-daemon)");
        let begun = Instant::now();
        while !socket.exists() {
            if child.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_mins(1) {
                let _ = child.kill();
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child })
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }
}

/// A line whose medium was received and waits for a clamd in `clamd/`.
fn waiting(more: &str) -> (Line, PathBuf) {
    let line = Line::with_bundle();
    let dir = line.path("clamd");
    fs::create_dir_all(dir.join("signatures")).unwrap();
    let socket = dir.join("clamd.ctl");
    let table = format!("\n[[scanner]]\nname = \"clamd\"\nkind = \"clamd\"\nsocket = \"{}\"\n{more}", socket.display());
    line.append("isolated/import.toml", &table);
    let said = line.import("receive", &["media"]).failed(3, &[]);
    assert!(said.contains("the verdict of: clamd"), "{said}");
    (line, dir)
}

/// One signature by content for what lies in a package, one by hash for a package as a whole.
fn signatures(line: &Line, dir: &Path) {
    let hex = PLANTED.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    fs::write(dir.join("signatures/own.ndb"), format!("Sealift.Test.Planted:0:*:{hex}\n")).unwrap();
    let package =
        fs::read(line.path("upstream/debian-security/pool/main/c/compass/compass_0.9-2+sec1_all.deb")).unwrap();
    let whole = format!("{}:{}:Sealift.Test.Whole\n", Digest::of(&package), package.len());
    fs::write(dir.join("signatures/own.hsb"), whole).unwrap();
}

#[test]
fn clamd_blocks_what_was_planted_and_lets_the_rest_through() {
    let (line, dir) = waiting("signatures = \"own rules 1\"\n");
    signatures(&line, &dir);
    let clamd = Clamd::start(&dir, "").expect("clamd listens");
    let said = line.import("scan", &[]).failed(12, &[]);
    assert_eq!(said.matches("INFECTED").count(), 2, "{said}");
    for found in [
        "beacon_1.0-1+sec1_all.deb: clamd says Sealift.Test.Planted.UNOFFICIAL (data.tar/usr/bin/beacon)",
        "compass_0.9-2+sec1_all.deb: clamd says Sealift.Test.Whole.UNOFFICIAL (the file itself)",
    ] {
        assert!(said.contains(found), "{said}");
    }
    // Asked about the package alone, clamd finds nothing: the gate looked inside.
    let pool = line.path("upstream/debian-security/pool/main/b/beacon/beacon_1.0-1+sec1_all.deb");
    let mut alone = Command::new("clamdscan");
    let alone = alone.arg("--config-file").arg(dir.join("clamd.conf")).arg("--stream").arg(pool).output();
    let alone = alone.expect("clamdscan is installed");
    assert_eq!(alone.status.code(), Some(0), "{}", String::from_utf8_lossy(&alone.stdout));
    let accept = ["patches/1", "--without-infected", "--reason", "planted for a test"];
    line.import("accept", &accept).done();
    line.import("promote", &["--channel", "production", "1"]).done();
    line.import("publish", &[]).done();
    let index = "isolated/published/production/dists/lighthouse-security/main/binary-amd64/Packages";
    let index = fs::read_to_string(line.path(index)).unwrap();
    for (package, published) in [("beacon", false), ("compass", false), ("libbeacon1", true), ("anchor", true)] {
        assert_eq!(index.contains(&format!("Package: {package}\n")), published, "{package} in {index}");
    }
    drop(clamd);
}

#[test]
fn a_clamd_that_is_gone_stopped_too_small_or_without_signatures_lets_nothing_in() {
    let (line, dir) = waiting("timeout_seconds = 2\n");
    line.import("scan", &[]).failed(3, &[]);
    assert!(Clamd::start(&dir, "").is_none(), "clamd does not start without a database");
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("nobody listens") && said.contains("database is missing"), "{said}");

    fs::write(dir.join("signatures/own.hsb"), format!("{}:5:Sealift.Test\n", Digest::of(b"other"))).unwrap();
    let clamd = Clamd::start(&dir, "").expect("clamd listens");
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("names no database of signatures"), "{said}");

    line.append("isolated/import.toml", "signatures = \"own rules 1\"\n");
    clamd.signal("-STOP");
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("gave no answer within 2 seconds"), "{said}");
    clamd.signal("-CONT");
    drop(clamd);

    let clamd = Clamd::start(&dir, "StreamMaxLength 1K\n").expect("clamd listens");
    let said = line.import("scan", &[]).failed(3, &[]);
    assert!(said.contains("larger than clamd takes: raise StreamMaxLength"), "{said}");
    drop(clamd);

    // Verdicts that were given are kept; with room enough the rest is scanned, and the bundle comes in.
    let clamd = Clamd::start(&dir, "").expect("clamd listens");
    let said = line.import("scan", &[]).done();
    assert!(said.contains("Accepted."), "{said}");
    drop(clamd);
}
