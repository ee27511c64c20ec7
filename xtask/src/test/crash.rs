//! Crash and fault tests (docs/crash-safety.md), and the proof that what they need is in no tool.

use anyhow::{Context as _, ensure};

use crate::workspace;

/// Every fault at every operation, power cuts, and faults from outside. Their figures are printed as they come.
pub const TESTS: [&str; 6] = ["--package", "sealift-crash-tests", "--features", "fault", "--", "--nocapture"];

/// Features that only these tests turn on.
const FOR_TESTS: [&str; 2] = ["sealift-fs feature \"fault\"", "sealift-term feature \"clock\""];

/// A build of the whole workspace, with which features of one package reach the others, leaves the seam out.
pub fn tools_have_no_seam() -> anyhow::Result<()> {
    let output = workspace::cargo()
        .args(["tree", "--workspace", "--edges", "features", "--prefix", "none"])
        .output()
        .context("could not start cargo")?;
    ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    ensure!(tree.contains("sealift-fs v"), "cargo tree does not show the workspace");
    for feature in FOR_TESTS {
        ensure!(!tree.contains(feature), "a plain build of the workspace turns on {feature}");
    }
    println!("neither {} is part of a plain build", FOR_TESTS.join(" nor "));
    Ok(())
}
