//! All that CI runs, stage by stage; a failed stage is counted and the rest still runs.
//!
//! The miniature needs nothing; the real journey needs root on a Debian machine whose apt answers. What cannot run is counted
//! as failed, never left out silently.

mod ceremony;
mod crash;
pub mod delta;
mod differential;
mod fuzz;
mod media;
mod python;
mod real;
pub mod sneakernet;
mod ssh;
mod tuf_client;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::journey::Journey;
use crate::stage::Tally;
use crate::{DemoArgs, changelog, check, demo, graph, system, workspace};

/// What the stages need beyond Rust.
const NEEDS: &[&str] = &[
    "gcc",
    "g++",
    "libc6-dev",
    "git",
    "gpgv",
    "mmdebstrap",
    "debian-archive-keyring",
    "util-linux",
    "python3",
    "python3-venv",
    "openssh-server",
    "openssh-client",
    "strace",
    "xorriso",
    "clamav-daemon",
    "clamdscan",
    "nbdkit",
    "nbdkit-plugin-python",
    "libnbd-bin",
    "fuse3",
    "fusefat",
    "dosfstools",
    "chromium",
    "zbar-tools",
    "jq",
    "openssl",
];

/// Tests that need root and mounts of their own, or a daemon: full disks, read-only media, the scan gate; paper as a browser
/// prints it.
const REAL_FAULTS: [&str; 6] = ["--package", "sealift-tests", "--features", "real", "--test", "real"];

/// Runs everything, or only the real journey; true if nothing failed.
pub fn run(only_real: bool) -> bool {
    let mut tally = Tally::default();
    tally.stage("system packages", || system::require("cargo xtask test", NEEDS));
    let before = workspace::git_diff();
    if !only_real {
        before_real(&mut tally);
    }
    cargo_test(&mut tally, "faults of real machines", &REAL_FAULTS);
    tally.stage("three gigabytes on small media, one lost and one damaged", sneakernet::run);
    tally.stage("an incremental bundle of real security updates is weighed", delta::run);
    match tally.stage("demo on real Debian packages and hosts", real_demo) {
        Some(journey) if after_real(&mut tally, &journey) => remove(&journey),
        Some(journey) => println!("left to look at: {}", journey.shell.dir().display()),
        None => tally.skipped("checks on real hosts", "the demo before them failed"),
    }
    tally.stage("git diff: nothing in the tree was changed by all this", || unchanged(before));
    tally.close()
}

fn before_real(tally: &mut Tally) {
    tally.stage("formatting", check::format);
    tally.stage("lints", check::lint);
    tally.stage("dependency graph", || graph::run(true));
    tally.stage("changelog fragments", || changelog::run(true, None));
    cargo_test(tally, "unit tests and journeys", &["--workspace"]);
    tally.stage("no tool can be told to fail", crash::tools_have_no_seam);
    cargo_test(tally, "crash and fault tests", &crash::TESTS);
    tally.stage("fuzz targets, a short run of each", fuzz::short);
    tally.stage("mutated bundles are never accepted", differential::mutated_bundles);
    tally.stage("what sealift accepts, python-tuf accepts", differential::python_tuf);
    tally.stage("a TUF repository served on loopback", tuf_client::scenarios);
    let builtin = || demo::run(&DemoArgs { builtin: true, out: None });
    if let Some(journey) = tally.stage("demo on the built-in upstream", builtin) {
        tally.stage("single files read by the tars of others", || media::archives(&journey));
        tally.stage("system calls of the isolated side", || media::silence(&journey));
        tally.stage("key ceremony with openssl and a token", || ceremony::run(&journey));
        remove(&journey);
    }
}

/// Looks at what the real demo left; true if all of it is as it should be.
fn after_real(tally: &mut Tally, journey: &Journey) -> bool {
    let done = [
        tally.stage("medium checks with sha256sum", || real::sha256sum(journey)),
        tally.stage("medium checks with verify.py and python-tuf", || python::verify(journey)),
        tally.stage("stock apt accepts the published repository", || real::stock_apt_accepts(journey)),
        tally.stage("stock apt refuses tampered repositories", || real::stock_apt_refuses(journey)),
        tally.stage("apply trusts no other key, not even Debian's", || real::apply_trusts_one_key(journey)),
        tally.stage("a host reached over ssh", || ssh::host(journey)),
    ];
    done.iter().all(Option::is_some)
}

fn real_demo() -> anyhow::Result<Journey> {
    ensure!(system::is_root(), "real hosts need root");
    ensure!(system::apt_answers(), "this machine's apt does not answer");
    demo::run(&DemoArgs { builtin: false, out: None })
}

/// Runs a stage of Cargo's tests and counts each of them.
fn cargo_test(tally: &mut Tally, name: &str, selection: &[&str]) {
    let (mut passed, mut failed) = (0, 0);
    tally.stage(name, || run_tests(selection, &mut passed, &mut failed));
    tally.add(passed, failed);
}

fn run_tests(selection: &[&str], passed: &mut u64, failed: &mut u64) -> anyhow::Result<()> {
    println!("$ cargo test {}", selection.join(" "));
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast"]).args(selection).stdout(Stdio::piped());
    let mut child = cargo.spawn().context("could not start cargo")?;
    for line in BufReader::new(child.stdout.take().context("cargo has an output")?).lines() {
        let line = line?;
        if let Some(result) = line.strip_prefix("test result: ") {
            *passed += count(result, " passed");
            *failed += count(result, " failed");
        }
        // Thousands of lines saying "ok" hide the one that does not.
        if !line.ends_with("... ok") && !line.is_empty() {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    println!("{passed} tests passed, {failed} failed");
    ensure!(status.success(), "cargo test failed");
    Ok(())
}

fn count(result: &str, what: &str) -> u64 {
    let before = result.split(what).next().unwrap_or_default();
    before.rsplit([' ', '.']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Compares with the difference there was before: what a developer has not committed yet is no failure.
fn unchanged(before: anyhow::Result<String>) -> anyhow::Result<()> {
    let (before, after) = (before?, workspace::git_diff()?);
    ensure!(before == after, "files of the tree were changed:\n{after}");
    Ok(())
}

/// Removes what a run left, once nothing in it has to be looked at any more.
fn remove(journey: &Journey) {
    let removed =
        Command::new("rm").args(["--recursive", "--force", "--one-file-system"]).arg(journey.shell.dir()).status();
    if !removed.is_ok_and(|status| status.success()) {
        println!("could not remove {}", journey.shell.dir().display());
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn counts_tests_in_cargos_closing_line() {
        let line = "FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!((count(line, " passed"), count(line, " failed")), (12, 3));
    }
}
