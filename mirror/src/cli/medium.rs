//! `medium show|check`: what a medium is, and whether it is as large as it says. Needs no mirror.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_bundle::source::TOP;
use sealift_medium::probe::{Depth, ProbeError, Probed, probe};
use sealift_medium::{Places, Seen, look};
use sealift_term::{CommandError, Exit, Term, bytes};
use serde::Serialize;

use super::error;

#[derive(Debug, Subcommand)]
pub(super) enum MediumVerb {
    /// Show the device, the mount and the free room of a medium
    Show(ShowArgs),
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The top of the medium
    dir: PathBuf,
}

/// Check whether a medium is as large as it says
///
/// Writes marked blocks into the free room, syncs, reads them back past the page cache, and removes them. The quick check
/// spreads them over the free room, so that a medium that puts later blocks onto earlier ones is found whatever its real
/// size; single bad places it cannot find. --full writes and reads all of the free room. What is on the medium stays.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The top of the medium
    dir: PathBuf,
    /// Write and read back all of the free room
    #[arg(long)]
    full: bool,
}

#[derive(Debug, Serialize)]
struct ShowAnswer {
    path: String,
    free: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_file: Option<u64>,
    removable: bool,
    sealift: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mount: Option<sealift_medium::Mount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<sealift_medium::Device>,
}

#[derive(Debug, Serialize)]
struct CheckAnswer {
    path: String,
    depth: &'static str,
    #[serde(flatten)]
    probed: Probed,
}

pub(super) fn run(verb: &MediumVerb, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        MediumVerb::Show(args) => show(args, term),
        MediumVerb::Check(args) => check(args, term),
    }
}

fn show(args: &ShowArgs, term: Term) -> Result<ExitCode, CommandError> {
    let Seen { mount, device, removable } = look(&Places::default(), &args.dir).map_err(|e| error::fs(&e))?;
    let answer = ShowAnswer {
        path: args.dir.display().to_string(),
        free: sealift_fs::free_bytes(&args.dir).map_err(|e| error::fs(&e))?,
        largest_file: mount.as_ref().and_then(sealift_medium::Mount::largest_file),
        removable,
        sealift: args.dir.join(TOP).is_dir(),
        mount,
        device,
    };
    term.answer(&answer, human);
    Ok(ExitCode::SUCCESS)
}

fn human(answer: &ShowAnswer) -> String {
    let mut text = format!("medium: {}\n", answer.path);
    let _ = match &answer.mount {
        Some(mount) => writeln!(text, "mount:  {}", mount.describe()),
        None => writeln!(text, "mount:  unknown"),
    };
    let removable = if answer.removable { ", can be taken out" } else { "" };
    let _ = match &answer.device {
        Some(device) => writeln!(text, "device: {}{removable}", device.describe()),
        None => writeln!(text, "device: none"),
    };
    let _ = writeln!(text, "free:   {}", bytes(answer.free));
    if let Some(limit) = answer.largest_file {
        let _ = writeln!(text, "note:   takes no file of more than {}", bytes(limit));
    }
    let _ = writeln!(text, "{TOP}: {}", if answer.sealift { "there" } else { "not there" });
    text
}

fn check(args: &CheckArgs, term: Term) -> Result<ExitCode, CommandError> {
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    let probed = run_probe(&args.dir, depth, term)?;
    let answer =
        CheckAnswer { path: args.dir.display().to_string(), depth: if args.full { "full" } else { "quick" }, probed };
    term.answer(&answer, |answer| format!("{}\n", shown(&answer.probed, args.full)));
    Ok(ExitCode::SUCCESS)
}

fn shown(probed: &Probed, full: bool) -> String {
    let (written, free) = (bytes(probed.written), bytes(probed.free));
    let mut text = match (full, probed.spread) {
        (true, _) => format!("Good: all of {written} that were written into {free} of free room were read back."),
        (false, true) => format!(
            "Good: {written} spread over {free} of free room were read back. Single bad places are not found so: that is --full."
        ),
        (false, false) => format!(
            "Only the first {written} of {free} of free room were tried: this file system cannot reserve room without \
             writing it. Whether the rest is there shows: --full."
        ),
    };
    if !probed.past_cache {
        text += "\nNot shown: the page cache could not be passed by, so the blocks may have come from memory.";
    }
    text
}

/// Probes quickly, before something is written.
pub(super) fn quick_probe(dir: &Path, term: Term) -> Result<(), CommandError> {
    let probed = run_probe(dir, Depth::Quick, term)?;
    term.say(&shown(&probed, false));
    Ok(())
}

fn run_probe(dir: &Path, depth: Depth, term: Term) -> Result<Probed, CommandError> {
    let progress = term.progress();
    // New for each run: that is all that is asked of it.
    let run = sealift_term::now().unix() << 22 | u64::from(std::process::id());
    probe(dir, depth, run, progress.as_ref()).map_err(|error| {
        let failure =
            CommandError::from_error(Exit::Failed, &error).state("Nothing was written but the probe's own blocks.");
        match &error {
            ProbeError::Wraps { .. } | ProbeError::Loses { .. } | ProbeError::Unreadable(_) => {
                failure.hint("do not use this medium")
            }
            ProbeError::Fs(inner) if inner.is_read_only() => failure.hint("the medium is mounted read-only"),
            ProbeError::NoRoom { .. } => failure.hint("empty the medium, or leave the probe out with --no-probe"),
            _ => failure,
        }
    })
}
