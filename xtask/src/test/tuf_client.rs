//! The conformance client against repositories that python-tuf made and serves on loopback.

use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::scratch;
use crate::workspace;

/// Runs every scenario of tests/tuf_client, each with a fresh repository.
pub fn scenarios() -> anyhow::Result<()> {
    workspace::run_cargo(&["build", "--quiet", "--package", "sealift-tests", "--bin", "sealift-tuf-client"])?;
    let dir = scratch::prepare(None, "tuf-client")?;
    let environment = dir.join("python");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
    ensure!(made.context("could not start python3")?.success(), "could not make a Python environment");
    let python = environment.join("bin/python3");
    println!("$ pip install tuf==7.0.1 securesystemslib[crypto]");
    let packages = ["-m", "pip", "install", "--quiet", "tuf==7.0.1", "securesystemslib[crypto]"];
    let installed = Command::new(&python).args(packages).status();
    ensure!(installed.context("could not start pip")?.success(), "pip could not install tuf");
    println!("$ tests/tuf_client/scenarios.py sealift-tuf-client");
    let status = Command::new(&python)
        .arg(workspace::root().join("tests/tuf_client/scenarios.py"))
        .arg(workspace::root().join("target/debug/sealift-tuf-client"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status();
    ensure!(status.context("could not start python3")?.success(), "the client does not do what it must");
    Ok(std::fs::remove_dir_all(dir)?)
}
