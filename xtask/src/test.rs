//! All that CI runs, stage by stage; a failed stage is counted and the rest still runs.
//!
//! The miniature needs nothing; the real journey needs root on a Debian machine whose apt answers. What cannot run is counted
//! as failed, never left out silently.

mod python;
mod real;
mod ssh;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use crate::journey::Journey;
use crate::stage::Tally;
use crate::{DemoArgs, changelog, check, demo, graph, system, workspace};

/// What the stages need beyond Rust.
const NEEDS: &[&str] = &[
    "gcc",
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
];

/// Runs everything; true if nothing failed.
pub fn run() -> bool {
    let mut tally = Tally::default();
    tally.stage("system packages", || system::require("cargo xtask test", NEEDS));
    tally.stage("formatting", check::format);
    tally.stage("lints", check::lint);
    tally.stage("dependency graph", || graph::run(true));
    tally.stage("changelog fragments", || changelog::run(true, None));
    if let Some((passed, failed)) = tally.stage("unit tests and journeys", cargo_test) {
        tally.add(passed, failed);
    }
    tally.stage("demo on the built-in upstream", || demo::run(&DemoArgs { builtin: true, out: None }).map(drop));
    match tally.stage("demo on real Debian packages and hosts", real_demo) {
        Some(journey) => after_real(&mut tally, &journey),
        None => tally.skipped("checks on real hosts", "the demo before them failed"),
    }
    tally.stage("working tree unchanged", unchanged);
    tally.close()
}

fn after_real(tally: &mut Tally, journey: &Journey) {
    tally.stage("medium checks with sha256sum", || real::sha256sum(journey));
    tally.stage("medium checks with verify.py and python-tuf", || python::verify(journey));
    tally.stage("stock apt accepts the published repository", || real::stock_apt_accepts(journey));
    tally.stage("stock apt refuses tampered repositories", || real::stock_apt_refuses(journey));
    tally.stage("apply trusts no other key, not even Debian's", || real::apply_trusts_one_key(journey));
    tally.stage("a host reached over ssh", || ssh::host(journey));
}

fn real_demo() -> anyhow::Result<Journey> {
    ensure!(system::is_root(), "real hosts need root");
    ensure!(system::apt_answers(), "this machine's apt does not answer");
    demo::run(&DemoArgs { builtin: false, out: None })
}

/// Runs the workspace's tests and counts them.
fn cargo_test() -> anyhow::Result<(u64, u64)> {
    println!("$ cargo test --workspace");
    let mut child = workspace::cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start cargo")?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(child.stdout.take().context("cargo has an output")?).lines() {
        let line = line?;
        if let Some(result) = line.strip_prefix("test result: ") {
            passed += count(result, " passed");
            failed += count(result, " failed");
        }
        // Thousands of lines saying "ok" hide the one that does not.
        if !line.ends_with("... ok") && !line.is_empty() {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    println!("{passed} tests passed, {failed} failed");
    ensure!(status.success(), "cargo test failed: {failed} tests of {}", passed + failed);
    Ok((passed, failed))
}

fn count(result: &str, what: &str) -> u64 {
    let before = result.split(what).next().unwrap_or_default();
    before.rsplit([' ', '.']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn unchanged() -> anyhow::Result<()> {
    workspace::run_git(&["diff", "--exit-code", "--stat"])
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
