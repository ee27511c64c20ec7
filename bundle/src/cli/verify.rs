//! `sealift-bundle verify`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Args;
use sealift_fs::{Bypass, read_capped};
use sealift_model::PersonId;
use sealift_term::{CommandError, Exit, Term, bytes, counted};

use super::{confine, error};
use crate::evidence::{Agreement, EvidenceReport};
use crate::source::{DirectDirectory, Source, open_source};
use crate::verify::{BundleReport, VerifyOptions, VerifyReport, VolumesReport, verify};
use crate::volumes::SetPurpose;

const MAX_ROOT_BYTES: u64 = 512_000;

/// Verify everything on a medium, offline
///
/// Follows the chain from the root of trust over the trust metadata and each manifest to every blob, and each upstream's
/// own chain from its signature over its indexes to every package. Writes nothing.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Medium or *.sealift file
    path: PathBuf,
    /// The root of trust; it must have come by another way than the medium
    #[arg(long, value_name = "ROOT.json")]
    root: PathBuf,
    /// How many threads hash [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: Option<u8>,
    /// Read past the page cache: what the medium holds, not what memory remembers of it. For directories
    #[arg(long)]
    direct: bool,
}

pub(super) fn run(args: &VerifyArgs, term: Term) -> Result<ExitCode, CommandError> {
    let confined = confine::to_reading(term)?;
    let root = read_capped(&args.root, MAX_ROOT_BYTES).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let direct = args.direct.then(|| DirectDirectory::open(&args.path)).transpose().map_err(|e| error::source(&e))?;
    let opened = direct.is_none().then(|| open_source(&args.path)).transpose().map_err(|e| error::source(&e))?;
    let source = direct.as_ref().map(|direct| direct as &dyn Source).or(opened.as_deref());
    let Some(source) = source else { return Err(CommandError::new(Exit::Failed, "no medium was opened")) };
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let options = VerifyOptions { root: &root, now: sealift_term::now(), threads };
    let progress = term.progress();
    let report = verify(source, &options, progress.as_ref()).map_err(|e| error::verify(&e, &args.path))?;
    progress.done(&format!("Verified {}, {}.", counted(report.blobs, "blob", "blobs"), bytes(report.bytes)));
    if let Some(direct) = &direct {
        tell(direct.bypass(), term);
    }
    term.answer(&confine::Answer::new(&report, confined), |answer| render(answer.found));
    Ok(ExitCode::SUCCESS)
}

fn tell(bypass: Option<Bypass>, term: Term) {
    match bypass {
        Some(Bypass::Direct) => term.say("Everything was read past the page cache (O_DIRECT)."),
        Some(Bypass::Dropped) => term.say("Everything was read after the page cache was dropped."),
        Some(Bypass::Cached) => {
            term.warn("the page cache could not be dropped: take the medium out, insert it again and verify it then.");
        }
        None => {}
    }
}

fn render(report: &VerifyReport) -> String {
    let mut text = String::new();
    let trust = &report.trust;
    let _ = writeln!(text, "root: {} (version {} now)", trust.pinned_root.tagged(), trust.root_version);
    let _ = writeln!(text, "targets: version {}", trust.targets_version);
    let _ = writeln!(text, "metadata expires: {}\n", trust.expires);
    for bundle in &report.bundles {
        render_bundle(&mut text, bundle);
    }
    let blobs = counted(report.blobs, "blob", "blobs");
    let _ = match report.bundles.len() {
        0 => writeln!(text, "Good, but there is no bundle on it: trust metadata only."),
        1 if report.bundles.iter().any(|bundle| bundle.volumes.is_some()) => {
            writeln!(text, "Good: the manifest, this part of the bundle and its {blobs} are as signed.")
        }
        1 => writeln!(text, "Good: the bundle, its {blobs} and its upstream chain are as signed."),
        n => writeln!(text, "Good: {n} bundles, their {blobs} and upstream chains are as signed."),
    };
    text
}

fn evidence_text(evidence: &EvidenceReport) -> String {
    let people: Vec<&str> = evidence.people.iter().map(PersonId::as_str).collect();
    match &evidence.says {
        Some(says) => format!("{}: {says} (signed by {})", evidence.name, people.join(", ")),
        None if evidence.ignored => format!("{} ({}), ignored", evidence.name, evidence.predicate_type),
        None => format!("{} ({})", evidence.name, evidence.predicate_type),
    }
}

fn volumes_text(volumes: &VolumesReport) -> String {
    let numbers: Vec<String> = volumes.here.iter().map(u16::to_string).collect();
    let held = format!("{}, {}", counted(volumes.blobs, "blob", "blobs"), bytes(volumes.bytes));
    if volumes.purpose == SetPurpose::Repair {
        return format!("repair medium, {held}");
    }
    let word = if numbers.len() == 1 { "volume" } else { "volumes" };
    let first_parity = volumes.of.saturating_sub(volumes.parity);
    let parity = if volumes.here.iter().all(|volume| *volume > first_parity) { " (parity)" } else { "" };
    format!("{word} {} of {}{parity}, {held}", numbers.join(", "), volumes.of)
}

fn agreement_text(text: &mut String, agreement: &Agreement) {
    let lines = [
        ("approved:", &agreement.approved, agreement.approvals_required),
        ("scanned:", &agreement.scanned, agreement.scans_required),
    ];
    for (label, people, required) in lines.into_iter().filter(|(_, people, n)| *n > 0 || !people.is_empty()) {
        let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
        let _ = writeln!(text, "  {label:<9} by {} ({required} required)", names.join(", "));
    }
}

fn render_bundle(text: &mut String, bundle: &BundleReport) {
    let totals = bundle.totals;
    let _ = writeln!(text, "bundle {} {}: good", bundle.stream, bundle.sequence);
    let _ = writeln!(text, "  id:       {}", bundle.manifest.tagged());
    let _ = writeln!(text, "  content:  {}, {}", counted(totals.files, "file", "files"), bytes(totals.bytes));
    let _ = writeln!(text, "  carried:  {}, {}", counted(totals.blobs, "blob", "blobs"), bytes(totals.stored_bytes));
    if let Some(volumes) = &bundle.volumes {
        let _ = writeln!(text, "  here:     {}", volumes_text(volumes));
    }
    if let Some(base) = bundle.base {
        let place = if base.on_medium { "verified along" } else { "not on this medium" };
        let _ = writeln!(text, "  base:     {} ({place})", base.sequence);
    }
    for evidence in &bundle.evidence {
        let _ = writeln!(text, "  evidence: {}", evidence_text(evidence));
    }
    agreement_text(text, &bundle.agreement);
    for upstream in bundle.upstreams.iter().filter(|u| u.signature_verified) {
        let _ = writeln!(
            text,
            "  upstream: {} ({}, {}): signed by {}; {}, {}",
            upstream.name,
            upstream.suite,
            upstream.date,
            upstream.signers.join(", "),
            counted(upstream.indexes, "index", "indexes"),
            counted(upstream.packages, "package", "packages")
        );
    }
    if let Some(caveat) = bundle.caveat() {
        let _ = writeln!(text, "  note:     {caveat}");
    }
    text.push('\n');
}
