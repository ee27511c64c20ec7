//! `bundle repair`: a medium with exactly what sites asked for.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_medium::Volume;
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term, bytes, counted};
use sealift_trust::Request;
use sealift_trust::request::LIMIT;
use serde::Serialize;

use super::medium::MediumArgs;
use super::signing::SigningArgs;
use crate::build::{BuildError, Repair, repair};
use crate::cli::{Place, error, failure};
use crate::state::State;
use crate::trust::{RootChain, TrustDir};

/// Write a repair medium: exactly the blobs that sites asked for, under their bundles' manifests
#[derive(Debug, Args)]
pub(in crate::cli) struct RepairArgs {
    /// A request, as `sealift-import request` wrote it; repeat for more
    #[arg(long = "request", value_name = "FILE", required = true)]
    requests: Vec<PathBuf>,
    /// Write to SEALIFT in this directory, the top of the medium
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    to: Option<PathBuf>,
    /// Only show what would be written
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    medium: MediumArgs,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Serialize)]
struct Answer {
    written: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    bundles: Vec<BundleAnswer>,
    blobs: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct BundleAnswer {
    stream: StreamId,
    sequence: Sequence,
    bundle: String,
    blobs: u64,
    bytes: u64,
}

pub(super) fn run(args: &RepairArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let requests = args.requests.iter().map(|file| {
        let bytes = sealift_fs::read_capped(file, LIMIT as u64).map_err(|e| error::fs(&e))?;
        repair::read_request(state.config(), &bytes).map_err(|e| failure::build(&BuildError::from(e)))
    });
    let requests = requests.collect::<Result<Vec<Request>, CommandError>>()?;
    // A look asks for no passphrase.
    let kept = TrustDir::of(state.dir()).kept_roots().map_err(|e| failure::trust(&e))?;
    if let Some(roots) = kept.filter(|_| args.plan) {
        let repairs = planned(&state, &requests, &roots)?;
        term.answer(&Answer::of(&repairs, None), Answer::human);
        return Ok(ExitCode::SUCCESS);
    }
    let signing = args.signing.open(&state)?;
    let repairs = planned(&state, &requests, &signing.roots)?;
    let Some(to) = args.to.as_ref().filter(|_| !args.plan) else {
        term.answer(&Answer::of(&repairs, None), Answer::human);
        return Ok(ExitCode::SUCCESS);
    };
    let mut path = None;
    for repair in &repairs {
        let target = args.medium.prepare(to, term)?;
        let options = target.options(None, args.medium.beside_other_files);
        let progress = term.progress();
        let written = repair::write(&state, repair, &signing, (to, &options), progress.as_ref());
        drop(progress);
        let written = written.map_err(|e| {
            failure::build(&e).hint("then run the same command again: what is on the medium is not written twice")
        })?;
        let bundle = (&repair.record.stream, repair.record.sequence, Some(Volume { number: 1, of: 1 }));
        args.medium.finish((&state, &writer), &target, bundle, &written, term)?;
        path = Some(written.path.display().to_string());
    }
    term.answer(&Answer::of(&repairs, path), Answer::human);
    Ok(ExitCode::SUCCESS)
}

fn planned(state: &State, requests: &[Request], roots: &RootChain) -> Result<Vec<Repair>, CommandError> {
    let repairs = repair::plan(state, requests, roots).map_err(|e| failure::build(&e))?;
    if repairs.is_empty() {
        return Err(CommandError::new(Exit::Failed, "the requests ask for nothing that a repair medium could carry")
            .hint("of a volume that held parity only, nothing is needed once all other volumes arrived"));
    }
    Ok(repairs)
}

impl Answer {
    fn of(repairs: &[Repair], path: Option<String>) -> Self {
        let bundle = |repair: &Repair| BundleAnswer {
            stream: repair.record.stream.clone(),
            sequence: repair.record.sequence,
            bundle: repair.record.manifest.tagged(),
            blobs: repair.blobs.len() as u64,
            bytes: repair.size(),
        };
        let bundles: Vec<BundleAnswer> = repairs.iter().map(bundle).collect();
        let sum = |of: fn(&BundleAnswer) -> u64| bundles.iter().map(of).fold(0, u64::saturating_add);
        Self { written: path.is_some(), path, blobs: sum(|b| b.blobs), bytes: sum(|b| b.bytes), bundles }
    }

    fn human(&self) -> String {
        let blobs = counted(self.blobs, "blob", "blobs");
        let mut text = match &self.path {
            Some(path) => format!("Wrote a repair medium to {path}: {blobs}, {}.\n", bytes(self.bytes)),
            None => format!("A repair medium would carry {blobs}, {}.\n", bytes(self.bytes)),
        };
        for bundle in &self.bundles {
            let blobs = counted(bundle.blobs, "blob", "blobs");
            let _ = writeln!(text, "  {} bundle {}: {blobs}, {}", bundle.stream, bundle.sequence, bytes(bundle.bytes));
        }
        match &self.path {
            Some(path) => text + &format!("Next: sealift-bundle verify {path} --root ROOT.json\n"),
            None => text,
        }
    }
}
