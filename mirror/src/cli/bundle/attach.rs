//! `bundle attach`: statements by people travel with a bundle.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_bundle::evidence::{Agreement, EvidenceReport};
use sealift_model::{PersonId, Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::people::MAX_ENVELOPE;
use serde::Serialize;

use super::medium::MediumArgs;
use super::seal::{chosen, write};
use crate::build::{self, Attached};
use crate::cli::{Place, failure};
use crate::state::State;
use crate::stream::Status;
use crate::trust::{RootChain, TrustDir};

/// Put statements of people (approvals, scans, waivers) beside a bundle
///
/// Every file is verified first: by whom it is signed, by the root of trust, and that it is about this bundle. The
/// bundle's signatures stay as they are, so a sealed bundle can be approved afterwards.
#[derive(Debug, Args)]
pub(in crate::cli) struct AttachArgs {
    /// The statements, .dsse.json files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The stream
    #[arg(long)]
    stream: StreamId,
    /// The bundle [default: the newest draft, else the newest sealed bundle]
    #[arg(long, value_name = "SEQ")]
    sequence: Option<Sequence>,
    /// Then write the bundle with them to SEALIFT in this directory
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    medium: MediumArgs,
    /// Directory with the root of trust [default: `keys` in mirror.toml]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    stream: StreamId,
    sequence: Sequence,
    evidence: Vec<EvidenceReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<Agreement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

pub(super) fn run(args: &AttachArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let (sequence, status) = chosen(&state, &args.stream, args.sequence).map_err(|e| failure::build(&e))?;
    let files = args.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let roots = roots(args, &state)?;
    let bundle = (&args.stream, sequence);
    let attached = build::attach(&state, &writer, bundle, &files, (&roots, sealift_term::now()));
    let Attached { reports, agreement } = attached.map_err(|e| failure::build(&e))?;
    let missing = agreement.as_ref().err().map(ToString::to_string);
    let answer =
        Answer { stream: args.stream.clone(), sequence, evidence: reports, agreement: agreement.ok(), missing };
    if let (Some(to), Status::Sealed) = (&args.to, status) {
        term.say(&human(&answer));
        return write(&state, &writer, bundle, (to, &args.medium), term);
    }
    term.answer(&answer, human);
    if args.to.is_some() {
        term.warn("The bundle is not sealed yet, so nothing was written; `bundle seal` writes it with its statements.");
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<(String, Vec<u8>), CommandError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let bytes = sealift_fs::read_capped(path, MAX_ENVELOPE as u64);
    Ok((name, bytes.map_err(|e| CommandError::from_error(Exit::Failed, &e))?))
}

/// The newest root decides who counts: that of the keys directory, or where there is none here, the mirror's own.
fn roots(args: &AttachArgs, state: &State) -> Result<RootChain, CommandError> {
    let configured = || state.config().mirror.keys.as_ref().map(|keys| state.resolve(keys));
    let trust = TrustDir::of(state.dir());
    if let Some(keys) = args.keys.clone().or_else(configured) {
        return trust.roots(&keys).map_err(|e| failure::trust(&e));
    }
    trust.kept_roots().map_err(|e| failure::trust(&e))?.ok_or_else(|| {
        CommandError::new(Exit::Usage, "there is no root of trust to judge statements by")
            .hint("give --keys DIR, or set `keys` under [mirror] in mirror.toml")
    })
}

fn human(answer: &Answer) -> String {
    let mut lines = vec![format!("Beside bundle {} of stream {} lie now:", answer.sequence, answer.stream)];
    for report in &answer.evidence {
        let people: Vec<&str> = report.people.iter().map(PersonId::as_str).collect();
        lines.push(match &report.says {
            Some(says) => format!("  {}: {says} (signed by {})", report.name, people.join(", ")),
            None => format!("  {} ({})", report.name, report.predicate_type),
        });
    }
    lines.push(match &answer.missing {
        Some(missing) => format!("Not enough yet for an import: {missing}."),
        None => format!(
            "Enough for an import. Next: sealift-mirror bundle seal --stream {} {} --to DIR",
            answer.stream, answer.sequence
        ),
    });
    lines.join("\n")
}
