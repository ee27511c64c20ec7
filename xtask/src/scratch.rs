//! The directory a run works in: the one the caller names, or a private one that is named first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Returns `wanted`, which must be new or empty, or makes a scratch directory; absolute in both cases.
pub fn prepare(wanted: Option<&Path>, purpose: &str) -> anyhow::Result<PathBuf> {
    let Some(dir) = wanted else { return temporary(purpose) };
    fs::create_dir_all(dir).with_context(|| format!("could not create {}", dir.display()))?;
    ensure!(
        fs::read_dir(dir)?.next().is_none(),
        "{} is not empty; name a new or an empty directory. Nothing was changed.",
        dir.display()
    );
    Ok(dir.canonicalize()?)
}

fn temporary(purpose: &str) -> anyhow::Result<PathBuf> {
    // /var/tmp, not /tmp: host roots and a copy of the archive's indexes do not belong into memory.
    let output = Command::new("mktemp")
        .args(["--directory", &format!("/var/tmp/sealift-{purpose}.XXXXXX")])
        .output()
        .context("could not run mktemp")?;
    ensure!(output.status.success(), "mktemp failed: {}", String::from_utf8_lossy(&output.stderr));
    let dir = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    // apt drops its rights while it fetches: it must be able to enter.
    open_to_all(&dir)?;
    Ok(dir)
}

fn open_to_all(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?)
}
