//! `sealift-import discard`

use std::process::ExitCode;

use clap::Args;
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term, counted};
use serde::Serialize;

use super::DirArgs;
use crate::waiting::{DiscardError, discard};

/// Give up a bundle that waits: remove what came of it from the quarantine
///
/// Accepted bundles are not touched. The same media can be received again as if they had never come.
#[derive(Debug, Args)]
pub(super) struct DiscardArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The bundle, as STREAM/NUMBER
    #[arg(value_name = "STREAM/NUMBER", value_parser = place)]
    bundle: (StreamId, Sequence),
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Reads `STREAM/NUMBER`.
pub(super) fn place(text: &str) -> Result<(StreamId, Sequence), String> {
    let parts = text.split_once('/');
    let place = parts.and_then(|(stream, number)| Some((stream.parse().ok()?, number.parse().ok()?)));
    place.ok_or_else(|| "expected STREAM/NUMBER, as `sealift-import waiting` shows it".into())
}

#[derive(Serialize)]
struct Discarded {
    bundle: String,
    blobs: u64,
}

pub(super) fn run(args: &DiscardArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let (stream, sequence) = &args.bundle;
    let blobs = discard(&mut writer, (stream, *sequence), &args.reason).map_err(|e| match &e {
        DiscardError::Unknown(_) => {
            CommandError::from_error(Exit::Failed, &e).hint("`sealift-import waiting` lists the bundles that wait.")
        }
        DiscardError::State(error) => super::error::state(error),
    })?;
    let done = Discarded { bundle: format!("{stream}/{sequence}"), blobs };
    term.answer(&done, |done| {
        let blobs = counted(done.blobs, "blob", "blobs");
        format!("Bundle {} does not wait any more; {blobs} removed from the quarantine.\n", done.bundle)
    });
    Ok(ExitCode::SUCCESS)
}
