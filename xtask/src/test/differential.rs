//! sealift's trust decision against python-tuf's, and mutated bundles against the importer's reader.

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::scratch;
use crate::workspace;

/// Repositories judged by both.
const CASES: &str = "10000";
/// Mutated bundles; `cargo test` tries fewer.
const MUTATED: &str = "5000";

/// Judges the same repositories with both and fails if only sealift accepts one.
pub fn python_tuf() -> anyhow::Result<()> {
    workspace::run_cargo(&["build", "--quiet", "--package", "sealift-tests", "--bin", "trust-judge"])?;
    let dir = scratch::prepare(None, "differential")?;
    let environment = dir.join("python");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
    ensure!(made.context("could not start python3")?.success(), "could not make a Python environment");
    let python = environment.join("bin/python3");
    println!("$ pip install tuf==7.0.1 cryptography");
    let install =
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "tuf==7.0.1", "cryptography"]).status();
    ensure!(install.context("could not start pip")?.success(), "pip could not install tuf and cryptography");
    println!("$ tests/differential/differential.py --cases {CASES}");
    let judge = workspace::root().join("target/debug/trust-judge");
    let status = Command::new(&python)
        .arg(workspace::root().join("tests/differential/differential.py"))
        .args(["--cases", CASES, "--judge"])
        .arg(judge)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status();
    ensure!(status.context("could not start python3")?.success(), "the two do not agree as they must");
    Ok(std::fs::remove_dir_all(dir)?)
}

/// Runs the property test of mutated bundles with more cases than `cargo test` has time for.
pub fn mutated_bundles() -> anyhow::Result<()> {
    println!("$ SEALIFT_MUTATIONS={MUTATED} cargo test --package sealift-tests --test it mutated");
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--quiet", "--package", "sealift-tests", "--test", "it", "mutated", "--", "--nocapture"]);
    let status = cargo.env("SEALIFT_MUTATIONS", MUTATED).status().context("could not start cargo")?;
    ensure!(status.success(), "a mutated bundle was accepted");
    Ok(())
}
