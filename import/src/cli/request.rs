//! `sealift-import request`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term};

use super::DirArgs;
use super::receipt::{outbound_text, refused};
use crate::receipt::outbound;
use crate::repository::Writer;
use crate::request::{Asked, RequestError, request};

/// Write a signed request for what waiting bundles lack, to be carried back to the connected side
///
/// The connected side makes a repair medium from it: `sealift-mirror bundle repair --request FILE --to DIR`.
#[derive(Debug, Args)]
pub(super) struct RequestArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The bundle, as STREAM/NUMBER; every bundle that waits without it
    #[arg(value_name = "STREAM/NUMBER", value_parser = super::discard::place)]
    bundle: Option<(StreamId, Sequence)>,
    /// File to write, for one bundle; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Outbound medium to write a file for each bundle to, on which nothing but receipts and requests may lie
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    to: Option<PathBuf>,
}

pub(super) fn run(args: &RequestArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    if let Some(medium) = &args.to {
        // Asked before the ledger says that a request was made.
        outbound::check(medium).map_err(|e| refused(&e).state("Nothing was changed."))?;
    }
    let places = places(args, &writer)?;
    let mut asked = Vec::new();
    for (stream, sequence) in &places {
        asked.extend(request(&mut writer, (stream, *sequence)).map_err(|e| shown(&e))?);
    }
    if asked.is_empty() {
        term.say("No waiting bundle lacks content. Nothing to ask for.");
        return Ok(ExitCode::SUCCESS);
    }
    for one in &asked {
        for line in one.missing.lines() {
            term.say(&format!("{}/{}: asked for {line}", one.stream, one.sequence));
        }
    }
    hand_out(args, &asked, term)
}

/// Returns the bundles to ask for.
fn places(args: &RequestArgs, writer: &Writer) -> Result<Vec<(StreamId, Sequence)>, CommandError> {
    let waiting = crate::waiting::list(writer).map_err(|e| super::error::failed(&e))?;
    let hint = "`sealift-import waiting` lists the bundles that wait.";
    let places = match &args.bundle {
        Some(place) if waiting.contains(place) => vec![place.clone()],
        Some((stream, sequence)) => {
            let message = format!("no bundle {stream}/{sequence} waits here");
            return Err(CommandError::new(Exit::Failed, message).hint(hint));
        }
        None => waiting,
    };
    if places.len() > 1 && args.to.is_none() {
        let message = "more than one bundle waits, and each has a request of its own";
        return Err(CommandError::new(Exit::Usage, message).hint(hint).hint("Name one, or write all with --to DIR."));
    }
    Ok(places)
}

fn hand_out(args: &RequestArgs, asked: &[Asked], term: Term) -> Result<ExitCode, CommandError> {
    let recorded = "The ledger records a request; look at what was written before you carry it out.";
    if let Some(medium) = &args.to {
        for one in asked {
            outbound::write(medium, &one.file_name(), &one.text).map_err(|e| refused(&e).state(recorded))?;
        }
        let all = outbound::list(medium).map_err(|e| refused(&e).state(recorded))?;
        term.answer(&all, |all| outbound_text(medium, all));
    } else if let (Some(path), Some(one)) = (&args.out, asked.first()) {
        let written = sealift_fs::replace(path, one.text.as_bytes(), Mode::Public);
        written.map_err(|e| super::error::failed(&e).state("The ledger records a request; no file was written."))?;
        term.say(&format!("Wrote the request {}.", path.display()));
    } else {
        for one in asked {
            term.raw(one.text.as_bytes());
        }
    }
    term.say("Next, on the connected side: sealift-mirror bundle repair --request FILE --to DIR");
    Ok(ExitCode::SUCCESS)
}

fn shown(error: &RequestError) -> CommandError {
    match error {
        RequestError::Refused(decision) => super::error::refusal(decision).state("Nothing was changed."),
        RequestError::State(e) => super::error::state(e),
        RequestError::Waiting(_) => CommandError::from_error(Exit::Failed, error).hint(
            "Give it up with `sealift-import discard STREAM/NUMBER --reason TEXT`, then receive its media again.",
        ),
        _ => super::error::failed(error),
    }
}
