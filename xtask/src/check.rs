//! What a change must pass before anybody reads it: formatting, lints, the dependency graph, the changelog's form.

use crate::{changelog, graph, workspace};

/// Runs all of it, stopping at the first failure.
pub fn run() -> anyhow::Result<()> {
    format()?;
    lint()?;
    graph::run(true)?;
    changelog::run(true, None)
}

/// Checks formatting.
pub fn format() -> anyhow::Result<()> {
    workspace::run_cargo(&["fmt", "--all", "--check"])
}

/// Checks lints; a warning is a failure.
pub fn lint() -> anyhow::Result<()> {
    workspace::run_cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])
}
