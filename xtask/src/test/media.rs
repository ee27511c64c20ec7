//! What others read in our single file, and what the tools of the isolated side ask of the kernel.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, ensure};

use crate::journey::Journey;
use crate::shell::Shell;
use crate::system;

const NEEDS: &[&str] = &["tar", "libarchive-tools", "python3", "diffutils", "strace"];

/// Lists and unpacks with the tar of somebody else. Debian 12's Python has no filters yet, and the archive is our own.
const PYTHON: &str = "import sys, tarfile
with tarfile.open(sys.argv[1], 'r:') as archive:
    print('\\n'.join(archive.getnames()))
    archive.extractall(sys.argv[2])";

/// System calls that a tool of the isolated side has no use for.
const WATCHED: &str = "trace=%network,execve,execveat,io_uring_setup";

/// Packs the medium of a demo twice, and has GNU tar, libarchive and Python agree with us about what is in it.
pub fn archives(journey: &Journey) -> anyhow::Result<()> {
    system::require("reading our archives with others' tools", NEEDS)?;
    let shell = &journey.shell;
    shell.run("sealift-bundle", &["pack", "media", "one.sealift"])?;
    shell.run("sealift-bundle", &["unpack", "one.sealift", "unpacked"])?;
    shell.run("sealift-bundle", &["pack", "unpacked", "two.sealift"])?;
    shell.run("cmp", &["one.sealift", "two.sealift"])?;
    for dir in ["by-gnu", "by-libarchive", "by-python"] {
        fs::create_dir_all(shell.dir().join(dir))?;
    }
    let listings = [
        shell.answer("tar", &["--list", "--file", "one.sealift"])?,
        shell.answer("bsdtar", &["-tf", "one.sealift"])?,
        shell.answer("python3", &["-c", PYTHON, "one.sealift", "by-python"])?,
    ];
    ensure!(listings.iter().all(|listing| *listing == listings[0]), "three programs list three archives");
    shell.answer("tar", &["--extract", "--file", "one.sealift", "--directory", "by-gnu"])?;
    shell.answer("bsdtar", &["-xf", "one.sealift", "-C", "by-libarchive"])?;
    for other in ["by-libarchive", "by-python"] {
        shell.run("diff", &["--recursive", "by-gnu", other])?;
    }
    // Unpacking with sealift adds the files for people, and nothing else.
    let people = ["--exclude=SHA256SUMS", "--exclude=HOWTO-VERIFY.txt", "--exclude=verify.py"];
    shell.run("diff", &[&["--recursive"][..], &people, &["by-gnu", "unpacked/SEALIFT"]].concat())?;
    let entries = String::from_utf8_lossy(&listings[0]).lines().count();
    println!("{entries} entries, the same to GNU tar, libarchive, Python and sealift; packed twice, the same bytes");
    Ok(())
}

/// Watches the tools of the isolated side: no socket is made and no program started, not even one that was refused.
pub fn silence(journey: &Journey) -> anyhow::Result<()> {
    system::require("watching system calls", NEEDS)?;
    let shell = &journey.shell;
    shell.run("sealift-import", &["init", "watched", "--root", "root.json", "--site", "plant-w"])?;
    let commands: [(&str, &[&str]); 8] = [
        ("sealift-bundle", &["inspect", "media"]),
        ("sealift-bundle", &["verify", "media", "--root", "root.json"]),
        ("sealift-bundle", &["unpack", "one.sealift", "watched-medium"]),
        ("sealift-import", &["receive", "--dir", "watched", "media"]),
        ("sealift-import", &["promote", "--dir", "watched", "--channel", "testing", "1"]),
        ("sealift-import", &["publish", "--dir", "watched"]),
        ("sealift-import", &["ledger", "verify", "--dir", "watched"]),
        ("sealift-apply", &["verify", "--dir", "apply"]),
    ];
    for (tool, arguments) in commands {
        watch(shell, tool, arguments)?;
    }
    println!("{} commands, each one program and no socket", commands.len());
    Ok(())
}

fn watch(shell: &Shell, tool: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let program = shell.locate(tool);
    let strace = ["-f", "-qq", "-o", "calls.txt", "-e", WATCHED, program.as_str()];
    shell.run("strace", &[&strace[..], arguments].concat())?;
    let calls = fs::read_to_string(shell.dir().join("calls.txt")).context("strace wrote nothing")?;
    let asked: BTreeSet<&str> = calls.lines().filter_map(call).collect();
    ensure!(asked == BTreeSet::from(["execve"]), "{tool} asked the kernel for {asked:?}:\n{calls}");
    let started = calls.lines().filter(|line| call(line) == Some("execve")).count();
    ensure!(started == 1, "{tool} started {} programs:\n{calls}", started - 1);
    Ok(())
}

/// The name of the call in a line of strace (`1234 execve("…`); signals and exits have none.
fn call(line: &str) -> Option<&str> {
    let (before, _) = line.split_once('(')?;
    let name = before.rsplit(' ').next()?;
    (!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::call;

    #[test]
    fn finds_the_call_in_a_line_with_and_without_a_process_number() {
        assert_eq!(call("1234 socket(AF_INET, SOCK_STREAM, 0) = -1 EPERM"), Some("socket"));
        assert_eq!(call("execve(\"/bin/true\", [\"true\"], 0x7ffc /* 3 vars */) = 0"), Some("execve"));
        assert_eq!(call("1234 +++ exited with 0 +++"), None);
        assert_eq!(call("1234 --- SIGCHLD {si_signo=SIGCHLD} ---"), None);
    }
}
