//! `sealift-import scrub`

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Exit, Term, bytes, counted};

use super::DirArgs;
use crate::scrub::{Damage, ScrubReport, carriers, scrub};

/// Read everything again that is kept, and name what is no longer as it was accepted
///
/// Damaged blobs are set aside, so that nothing is published from them; receiving a medium that carries them puts them
/// back. Exit code 1 if anything is damaged or missing.
#[derive(Debug, Args)]
pub(super) struct ScrubArgs {
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn run(args: &ScrubArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let progress = term.progress();
    let report = scrub(&mut writer, &*progress).map_err(|e| super::error::state(&e))?;
    drop(progress);
    term.answer(&report, human);
    if report.is_clean() {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(damage) = report.damaged.iter().chain(&report.missing).find(|damage| damage.path.is_some()) {
        let media = carriers(&writer, &damage.sha256).map_err(|e| super::error::state(&e))?;
        let names: Vec<String> = media.iter().map(crate::index::BundleRow::name).collect();
        let on = if names.is_empty() { "no bundle held here".to_owned() } else { names.join(" or ") };
        term.say(&format!("Carried by {on}. Next: sealift-import receive{} MEDIUM", args.dir.repeated()));
    }
    if !report.documents.is_empty() {
        term.say("Documents are not on media: restore the whole state directory from one backup.");
    }
    Ok(Exit::Failed.into())
}

fn human(report: &ScrubReport) -> String {
    let mut out = format!(
        "Read {}, {}, of {}.\n",
        counted(report.blobs, "blob", "blobs"),
        bytes(report.bytes),
        counted(report.bundles, "bundle", "bundles")
    );
    for (what, list) in [("damaged, set aside", &report.damaged), ("missing", &report.missing)] {
        for damage in list {
            let _ = writeln!(out, "{what}: {}", line(damage));
        }
    }
    for document in &report.documents {
        let _ = writeln!(out, "damaged: {document}");
    }
    if report.is_clean() {
        out.push_str("Everything is as it was accepted.\n");
    }
    out
}

fn line(damage: &Damage) -> String {
    let Some(path) = &damage.path else {
        return format!("sha256:{} (no accepted bundle lists it): {}", damage.sha256, damage.reason);
    };
    format!("sha256:{} ({path} of {}): {}", damage.sha256, damage.bundles.join(" "), damage.reason)
}
