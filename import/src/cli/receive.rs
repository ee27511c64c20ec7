//! `sealift-import receive`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Exit, Term, bytes, counted};

use super::{DirArgs, confine};
use crate::receive::{Accepted, ReceiveOptions, ReceiveReport, Waits, Waived, hand_over, receive_with};

/// Take the bundles on a medium into the repository, or refuse them
///
/// Everything is copied first and verified as copied. A bundle is accepted whole or not at all; what was accepted
/// already is left as it is, and an interrupted run goes on when the same command is typed again.
#[derive(Debug, Args)]
pub(super) struct ReceiveArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The mounted medium, its SEALIFT directory, or a .sealift file
    #[arg(required_unless_present = "statement")]
    path: Option<PathBuf>,
    /// A statement by people beside the medium: a late approval, a freshness waiver, a clock override; can be repeated.
    /// Without a medium, waivers for bundles that are held
    #[arg(long, value_name = "FILE")]
    statement: Vec<PathBuf>,
    /// Read it although it is mounted without nosuid, nodev or what import.toml asks for; the ledger says so
    #[arg(long)]
    allow_mount: bool,
}

pub(super) fn run(args: &ReceiveArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let confined = confine::to_state(&args.dir.dir, term)?;
    let Some(path) = &args.path else { return statements(&mut writer, args, term) };
    let progress = term.progress();
    let options = ReceiveOptions {
        path: path.clone(),
        allow_mount: args.allow_mount,
        statements: args.statement.clone(),
        ..ReceiveOptions::default()
    };
    let report = receive_with(&mut writer, &options, &*progress).map_err(|e| super::error::receive(&e))?;
    drop(progress);
    if report.allowed_mount {
        term.warn(&format!("Read {} although it is not mounted as a medium should be.", path.display()));
    }
    if report.swept > 0 {
        term.say(&format!("Removed {} of an interrupted run.", counted(report.swept, "leftover", "leftovers")));
    }
    term.answer(&confine::Answer::new(&report, confined), |answer| human(answer.found));
    if let Some(last) = report.accepted.last() {
        term.say(&format!("Next: sealift-import promote{} --channel testing {}", args.dir.repeated(), last.name()));
    }
    Ok(next_of_waiting(&report, &args.dir, term))
}

/// Says what to do for the bundles that this medium has a part of, and returns the exit code.
fn next_of_waiting(report: &ReceiveReport, dir: &DirArgs, term: Term) -> ExitCode {
    let came = |bundle: &&Waits| bundle.from_medium;
    let Some(bundle) = report.waiting.iter().find(came) else { return ExitCode::SUCCESS };
    let dir = dir.repeated();
    if bundle.missing.has_all_content() {
        term.say(&format!("Next: sealift-import scan{dir} {}", bundle.name));
    } else {
        term.say("Next: receive the media named above, in any order.");
        term.say(&format!("If one is lost or damaged: sealift-import request{dir} --to OUTBOUND {}", bundle.name));
    }
    Exit::Partial.into()
}

/// Takes statements alone.
fn statements(writer: &mut crate::Writer, args: &ReceiveArgs, term: Term) -> Result<ExitCode, CommandError> {
    let waived = hand_over(writer, &args.statement).map_err(|e| super::error::receive(&e))?;
    term.answer(&waived, |waived| {
        if waived.is_empty() {
            return "No statement was needed: none is about a bundle that is held. Nothing was changed.".into();
        }
        waived.iter().map(describe).collect()
    });
    Ok(ExitCode::SUCCESS)
}

fn describe(waived: &Waived) -> String {
    format!("Bundle {}: {}.\n", waived.name, waived.waiver.describe())
}

fn human(report: &ReceiveReport) -> String {
    let mut out: String = report.waived.iter().map(describe).collect();
    for bundle in &report.accepted {
        let _ = writeln!(out, "{}", accepted(bundle));
    }
    for name in &report.already {
        let _ = writeln!(out, "Bundle {name}: already imported.");
    }
    for name in &report.passed_over {
        let _ = writeln!(out, "Bundle {name}: older than what is held, not taken.");
    }
    if let Some(trust) = &report.trust {
        let _ = writeln!(out, "Newer trust metadata accepted: {trust}.");
    }
    if report.older_metadata {
        let _ =
            writeln!(out, "The trust metadata of this medium is older than what was trusted already, which decided.");
    }
    if report.healed > 0 {
        let _ = writeln!(out, "Brought {} again that the store had lost.", counted(report.healed, "blob", "blobs"));
    }
    report.waiting.iter().for_each(|bundle| out.push_str(&waits(bundle)));
    for (name, why) in &report.held_up {
        let _ = writeln!(out, "Bundle {name}, which waited before, is not accepted as things stand: {why}.");
    }
    let nothing =
        report.accepted.is_empty() && report.trust.is_none() && report.healed == 0 && report.waived.is_empty();
    if nothing && report.waiting.iter().all(|bundle| bundle.blobs == 0) {
        let _ = writeln!(out, "Nothing new on this medium. Nothing was changed.");
    }
    out
}

/// Most damaged files that are named.
const NAMED: usize = 20;

fn waits(bundle: &Waits) -> String {
    let part = bundle.part.as_ref().map_or_else(String::new, |part| format!(" ({part})"));
    let came = match bundle.blobs {
        0 => String::new(),
        count => format!(", {} came, {}", counted(count, "blob", "blobs"), bytes(bundle.bytes)),
    };
    let mut out = format!("Bundle {}{part}{came}. It waits for\n", bundle.name);
    for line in bundle.missing.lines() {
        let _ = writeln!(out, "  {line}");
    }
    for bad in bundle.damaged.iter().take(NAMED) {
        let word = if bad.other_bytes { "damaged" } else { "unreadable" };
        let _ = writeln!(out, "  {word} on this medium: {} ({})", bad.path, bad.reason);
    }
    if bundle.damaged.len() > NAMED {
        let _ = writeln!(out, "  and {} more on this medium", bundle.damaged.len() - NAMED);
    }
    out
}

fn accepted(bundle: &Accepted) -> String {
    let waiver = bundle.waiver.as_ref().map_or_else(String::new, |waiver| format!("\n  {}", waiver.describe()));
    let agreed = crate::receive::agreed(&bundle.agreement).trim_start_matches("; ").to_owned();
    let agreed = if agreed.is_empty() { agreed } else { format!("\n  {agreed}") };
    format!(
        "Accepted bundle {} ({}; {} copied, {}; {} there already).\n  id: sha256:{}{waiver}{agreed}",
        bundle.name(),
        counted(bundle.files, "file", "files"),
        counted(bundle.blobs, "blob", "blobs"),
        bytes(bundle.bytes),
        bundle.present,
        bundle.manifest
    )
}
