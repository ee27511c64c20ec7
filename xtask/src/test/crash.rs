//! Crash and fault tests (docs/crash-safety.md), and the proof that what they need is in no tool.

use anyhow::{Context as _, ensure};

use crate::workspace;

/// Every fault at every operation, power cuts, and faults from outside. Their figures are printed as they come.
pub const TESTS: [&str; 6] = ["--package", "sealift-crash-tests", "--features", "fault", "--", "--nocapture"];

/// Crates, and the feature of each that only these tests turn on.
const FOR_TESTS: [(&str, &str); 2] = [("sealift-fs", "fault"), ("sealift-term", "clock")];

/// A build of the whole workspace, in which features of one package reach the others, leaves the seam out.
pub fn tools_have_no_seam() -> anyhow::Result<()> {
    let plain = features(&["--workspace"])?;
    let armed = features(&["--package", "sealift-crash-tests", "--features", "fault"])?;
    for (package, feature) in FOR_TESTS {
        let turned_on = |tree: &str| {
            let start = format!("{package} v");
            let mut lines = tree.lines().filter(|line| line.starts_with(&start));
            lines.any(|line| line.contains(&format!("[{feature}]")))
        };
        ensure!(turned_on(&armed), "the crash tests do not turn on `{feature}` of {package}: nothing is shown here");
        ensure!(!turned_on(&plain), "a plain build of the workspace turns on `{feature}` of {package}");
        println!("{package}: `{feature}` is on in the crash tests only");
    }
    Ok(())
}

/// Returns every package of a build with its features in brackets.
fn features(selection: &[&str]) -> anyhow::Result<String> {
    let format = ["--prefix", "none", "--format", "{p} [{f}]"];
    let output = workspace::cargo().arg("tree").args(selection).args(format).output();
    let output = output.context("could not start cargo")?;
    ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
