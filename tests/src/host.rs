//! Hosts that are plain directories: dpkg works on them from outside, so no root rights are needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::miniature::{self, Miniature};

/// Programs that a host of this kind cannot do without.
const NEEDS: [&str; 2] = ["/usr/bin/apt-get", "/usr/bin/dpkg"];

/// Returns the name of a program that is missing, if one is.
pub fn missing() -> Option<&'static str> {
    NEEDS.into_iter().find(|program| !Path::new(program).exists())
}

/// Makes a host in the new directory `root` with every package of the miniature as released.
pub fn install(root: &Path, upstream: &Miniature) -> anyhow::Result<()> {
    for sub in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc/apt", "tmp"] {
        fs::create_dir_all(root.join(sub))?;
    }
    for file in ["var/lib/dpkg/status", "var/lib/dpkg/available"] {
        fs::write(root.join(file), "")?;
    }
    fs::write(
        root.join("etc/os-release"),
        "NAME=\"Lighthouse\"\nID=lighthouse\nVERSION_ID=\"1\"\nVERSION_CODENAME=lighthouse\n",
    )?;
    let debs = miniature::names().map(|name| upstream.released_deb(name));
    let output = Command::new("/usr/bin/dpkg")
        .arg(format!("--root={}", root.display()))
        .arg(format!("--log={}", root.join("var/log/dpkg.log").display()))
        .args(["--force-not-root", "--force-script-chrootless", "--install"])
        .args(debs.into_iter().flatten())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", root)
        .stdin(Stdio::null())
        .output()
        .context("could not start dpkg")?;
    ensure!(output.status.success(), "dpkg failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Returns the installed version of a package, as the host's dpkg status has it.
pub fn version(root: &Path, package: &str) -> anyhow::Result<String> {
    let status = fs::read_to_string(root.join("var/lib/dpkg/status"))?;
    let wanted = format!("Package: {package}");
    let paragraph = status.split("\n\n").find(|paragraph| paragraph.lines().next() == Some(wanted.as_str()));
    let paragraph = paragraph.with_context(|| format!("{package} is not known to {}", root.display()))?;
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    Ok(format!("{} ({})", field("Version: "), field("Status: ")))
}
