//! Where the workspace is, and Cargo run in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The tools, in the order in which a patch meets them.
pub const TOOLS: [&str; 6] =
    ["sealift-keys", "sealift-mirror", "sealift-bundle", "sealift-media", "sealift-import", "sealift-apply"];

/// Returns the root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Returns Cargo, to be run in the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs Cargo with `arguments` and the terminal's output.
pub fn run_cargo(arguments: &[&str]) -> anyhow::Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let status = cargo().args(arguments).status().context("could not start cargo")?;
    ensure!(status.success(), "cargo {} failed", arguments.join(" "));
    Ok(())
}

/// Which optimisation the tools are built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Debug,
    /// What is measured.
    Release,
}

/// Programs of the tests that the demo and the bench start. The tools' wrappers are not among them: each would be linked,
/// with LTO in a release build, for nothing.
const HELPERS: [&str; 3] = ["miniature-upstream", "loopback-server", "bare-sha2"];

/// Builds the six tools and the programs the demo needs, and returns the directory they lie in.
pub fn build_tools(profile: Profile) -> anyhow::Result<PathBuf> {
    let mut arguments = vec!["build", "--quiet"];
    for tool in TOOLS {
        arguments.extend(["--package", tool, "--bin", tool]);
    }
    arguments.extend(["--package", "sealift-tests"]);
    for helper in HELPERS {
        arguments.extend(["--bin", helper]);
    }
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            arguments.push("--release");
            "release"
        }
    };
    run_cargo(&arguments)?;
    Ok(target_dir()?.join(folder))
}

/// Returns the target directory, which a developer may have moved.
pub fn target_dir() -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// Returns how the tracked files differ from the last commit.
pub fn git_diff() -> anyhow::Result<String> {
    let output = Command::new("git").args(["--no-pager", "diff", "--no-color", "HEAD"]).current_dir(root()).output();
    let output = output.context("could not start git")?;
    ensure!(output.status.success(), "git diff failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
