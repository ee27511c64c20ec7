//! System packages that a task needs: named first, then installed by apt-get, and only those that are missing.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Makes sure that `packages` are installed, for the reason `purpose`.
pub fn require(purpose: &str, packages: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    println!("{purpose} needs system packages that are not installed: {list}");
    ensure!(is_root(), "install them as root and start again:\n  apt-get install --no-install-recommends {list}");
    println!("installing them by apt-get now");
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(missing);
    apt_get(&arguments)
}

/// Whether this process may do what needs root rights.
pub fn is_root() -> bool {
    let output = Command::new("id").arg("--user").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}

/// Refreshes apt's lists and says whether every repository of this machine answered as far as Debian's go.
pub fn apt_answers() -> bool {
    let update = Command::new("apt-get")
        .args(["--quiet=2", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20", "update"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    update.is_ok_and(|status| status.success())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    println!("$ apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get")
        .args(["--quiet=2", "-o", "Dpkg::Use-Pty=0"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("could not start apt-get; this task needs Debian")?;
    ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).output();
    output.is_ok_and(|output| output.stdout == b"installed")
}
