//! The whole line once, with a transcript: upstream, mirror, bundle, medium, import, hosts, records, receipt.
//!
//! Two scenes play on the same stage. The real one has Debian's own signed indexes and packages, fetched by this machine's
//! apt and served on loopback, and hosts built by mmdebstrap; the built-in one makes its upstream itself and needs neither
//! root nor a network.

mod builtin;
mod choose;
pub mod lists;
mod real;
pub mod server;

use std::path::{Path, PathBuf};

use crate::journey::{Journey, Scene};
use crate::shell::Shell;
use crate::workspace::{self, Profile};
use crate::{DemoArgs, scratch, system};

/// System packages of the real scene.
const REAL_NEEDS: &[&str] = &["mmdebstrap", "gpgv", "debian-archive-keyring", "util-linux"];

/// Plays the demo and returns what it left, for a test to look at.
pub fn run(args: &DemoArgs) -> anyhow::Result<Journey> {
    let real = !args.builtin && real_is_possible();
    if real {
        system::require("the demo", REAL_NEEDS)?;
    }
    let tools = workspace::build_tools(Profile::Debug)?;
    let dir = scratch::prepare(args.out.as_deref(), "demo")?;
    println!("Everything is made below {}", dir.display());
    let shell = Shell::new(&dir, &tools);
    let journey = if real { play(shell, real::Real::new)? } else { play(shell, builtin::Builtin::new)? };
    close(&dir);
    Ok(journey)
}

fn real_is_possible() -> bool {
    if !system::is_root() {
        println!("Not root: playing the built-in miniature upstream (real Debian hosts need root to be built).");
        return false;
    }
    if !system::apt_answers() {
        println!("This machine's apt does not answer: playing the built-in miniature upstream.");
        return false;
    }
    true
}

fn play<S: Scene>(shell: Shell, scene: impl FnOnce(&Shell) -> anyhow::Result<S>) -> anyhow::Result<Journey> {
    let mut scene = scene(&shell)?;
    let mut journey = Journey::new(shell);
    journey.play(&mut scene)?;
    Ok(journey)
}

fn close(dir: &Path) {
    let at = |name: &str| -> PathBuf { dir.join(name) };
    println!("\nEverything is left to look at:");
    for (path, what) in [
        ("root.json", "the trusted root"),
        ("connected", "the mirror: mirror.toml, snapshots, store"),
        ("media/SEALIFT", "the medium"),
        ("isolated", "the isolated repository; published/ is what apt reads"),
        ("hosts", "the hosts' roots"),
        ("records", "their state before and after, signed"),
    ] {
        println!("  {}  {what}", at(path).display());
    }
}
