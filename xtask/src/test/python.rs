//! The medium's own verify.py, with python-tuf from PyPI in a throwaway environment.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::journey::Journey;

/// Runs verify.py on the medium, then on a copy with one flipped bit, which it must refuse.
pub fn verify(journey: &Journey) -> anyhow::Result<()> {
    let shell = &journey.shell;
    shell.run("python3", &["-m", "venv", "python"])?;
    let python = shell.dir().join("python/bin/python3");
    install(&python)?;
    let (python, root) = (text(&python)?, text(&shell.dir().join("root.json"))?);
    let medium = shell.within(&shell.dir().join("media/SEALIFT"));
    medium.run(&python, &["verify.py", "--root", &root])?;
    shell.tell("The same with one bit flipped in the largest blob:");
    shell.answer("cp", &["--archive", "media", "flipped"])?;
    super::real::flip_largest(&shell.dir().join("flipped/SEALIFT/blobs/sha256"))?;
    let flipped = shell.within(&shell.dir().join("flipped/SEALIFT"));
    let finished = flipped.try_run(&python, &["verify.py", "--root", &root])?;
    ensure!(finished.code == 1, "verify.py accepted a flipped bit (exit code {})", finished.code);
    Ok(())
}

fn install(python: &Path) -> anyhow::Result<()> {
    println!("\n$ pip install tuf");
    // With the caller's environment: which index and proxy to use is the machine's affair.
    let status = Command::new(python).args(["-m", "pip", "install", "--quiet", "tuf"]).status();
    ensure!(status.context("could not start pip")?.success(), "pip could not install tuf");
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path.to_str().context("path is not UTF-8")?.to_owned())
}
