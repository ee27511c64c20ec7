//! `sealift-bundle inspect`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::PersonId;
use sealift_term::{CommandError, Table, Term, bytes, counted};

use super::{confine, error};
use crate::evidence::EvidenceClaim;
use crate::inspect::{BundleLine, Inspection, inspect};
use crate::manifest::BundleKind;
use crate::source::open_source;

/// Show what a medium claims to hold, without verifying it
///
/// Needs no root of trust. What is shown may be forged; `verify` tells.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Medium or *.sealift file
    path: PathBuf,
}

pub(super) fn run(args: &InspectArgs, term: Term) -> Result<ExitCode, CommandError> {
    let confined = confine::to_reading(term)?;
    let source = open_source(&args.path).map_err(|e| error::source(&e))?;
    let inspection = inspect(source.as_ref()).map_err(|e| error::inspect(&e))?;
    term.answer(&confine::Answer::new(&inspection, confined), |answer| render(answer.found));
    Ok(ExitCode::SUCCESS)
}

fn render(inspection: &Inspection) -> String {
    let mut text = format!("{}\n\n", inspection.path);
    let mut table = Table::new(&["ROLE", "VERSION", "EXPIRES", "SIGNATURES"]).right(1).right(3);
    for line in &inspection.metadata {
        let (version, signatures) = (line.version.to_string(), line.signatures.to_string());
        table.row([line.role, &version, &line.expires.to_string(), &signatures]);
    }
    let _ = writeln!(text, "{table}");
    for bundle in &inspection.bundles {
        render_bundle(&mut text, bundle);
    }
    let _ = writeln!(
        text,
        "{}, {}, {}.\nNot verified. Next: sealift-bundle verify {} --root ROOT.json",
        counted(inspection.bundles.len() as u64, "bundle", "bundles"),
        counted(inspection.blobs, "blob", "blobs"),
        bytes(inspection.blob_bytes),
        inspection.path
    );
    text
}

fn claim_text(claim: &EvidenceClaim) -> String {
    let people: Vec<&str> = claim.people.iter().map(PersonId::as_str).collect();
    match &claim.says {
        Some(says) => format!("{}: {says} (claimed by {})", claim.name, people.join(", ")),
        None => format!("{} ({})", claim.name, claim.predicate_type),
    }
}

fn render_bundle(text: &mut String, bundle: &BundleLine) {
    let kind = match (bundle.kind, bundle.base) {
        (BundleKind::Complete, _) => "complete".to_owned(),
        (BundleKind::Incremental, base) => {
            format!("incremental over {}", base.map_or_else(String::new, |b| b.to_string()))
        }
    };
    let totals = bundle.totals;
    let (files, packages) = (counted(totals.files, "file", "files"), counted(bundle.packages, "package", "packages"));
    let _ = writeln!(text, "bundle:    {} {} ({kind})", bundle.stream, bundle.sequence);
    let _ = writeln!(text, "id:        {}", bundle.manifest.tagged());
    let _ = writeln!(text, "created:   {}", bundle.created);
    let _ = writeln!(text, "not after: {}", bundle.not_after);
    let _ = writeln!(text, "content:   {files}, {packages}, {}", bytes(totals.bytes));
    let _ = writeln!(text, "carried:   {}, {}", counted(totals.blobs, "blob", "blobs"), bytes(totals.stored_bytes));
    for content in &bundle.withdrawn {
        let _ = writeln!(text, "withdrawn: {content}");
    }
    for claim in &bundle.statements {
        let _ = writeln!(text, "evidence:  {}", claim_text(claim));
    }
    let mut table = Table::new(&["UPSTREAM", "SUITE", "COMPONENTS", "DATE", "PACKAGES", "URI"]).right(4);
    for upstream in &bundle.upstreams {
        table.row([
            upstream.name.clone(),
            upstream.suite.clone(),
            upstream.components.join(" "),
            upstream.date.to_string(),
            upstream.packages.to_string(),
            upstream.uri.clone(),
        ]);
    }
    let _ = writeln!(text, "{table}");
}
