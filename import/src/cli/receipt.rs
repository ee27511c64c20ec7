//! `sealift-import receipt`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term, counted};
use sealift_trust::code::ReceiptCode;
use sealift_trust::{Held, Receipt};
use serde::Serialize;

use super::DirArgs;
use crate::receipt::outbound::{self, OutboundError, OutboundFile};
use crate::receipt::receipt;

/// Write the signed receipt that is carried back to the connected side
#[derive(Debug, Args)]
pub(super) struct ReceiptArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// File to write; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Outbound medium to write receipt.txt to, on which nothing else may lie
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    to: Option<PathBuf>,
    /// Show a code of twenty characters for each stream instead, for sites that only paper may leave
    #[arg(long, conflicts_with_all = ["out", "to"])]
    code: bool,
}

/// The code of one stream.
#[derive(Debug, Serialize)]
struct Code {
    stream: StreamId,
    sequence: Sequence,
    code: String,
}

pub(super) fn run(args: &ReceiptArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    if let Some(medium) = &args.to {
        // Asked before the ledger says that a receipt was made.
        outbound::check(medium).map_err(|e| refused(&e).state("Nothing was changed."))?;
    }
    let text = receipt(&mut writer).map_err(|e| super::error::receipt(&e))?;
    if let Some(medium) = &args.to {
        return carry_out(medium, &text, term);
    }
    if args.code {
        return codes(&text, term);
    }
    match &args.out {
        None => term.raw(text.as_bytes()),
        Some(path) => {
            let written = sealift_fs::replace(path, text.as_bytes(), Mode::Public);
            written
                .map_err(|e| super::error::failed(&e).state("The ledger records a receipt; no file was written."))?;
            term.say(&format!("Wrote the receipt {}.", path.display()));
            term.say("Next, on the connected side: sealift-mirror receipt import FILE");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers with the codes of what the receipt holds.
fn codes(text: &str, term: Term) -> Result<ExitCode, CommandError> {
    let failed = |e: &(dyn std::error::Error + 'static)| CommandError::from_error(Exit::Failed, e);
    let Receipt { site, issued, holds, .. } =
        Receipt::parse_verified(text.as_bytes(), None).map_err(|e| failed(&e))?.receipt;
    let code = |held: &Held| {
        let code = ReceiptCode::of(&site, held, issued).map_err(|e| failed(&e))?;
        Ok(Code { stream: held.stream.clone(), sequence: held.sequence, code: code.to_string() })
    };
    let codes = holds.iter().map(code).collect::<Result<Vec<Code>, CommandError>>()?;
    term.answer(&codes, |codes| {
        let line = |code: &Code| format!("{}   ({} bundle {})\n", code.code, code.stream, code.sequence);
        codes.iter().map(line).collect::<String>()
    });
    if codes.is_empty() {
        term.say("Nothing is held yet, so there is no code.");
    } else {
        term.say("Next, on the connected side, for each: sealift-mirror receipt import --code CODE");
    }
    Ok(ExitCode::SUCCESS)
}

fn carry_out(medium: &Path, text: &str, term: Term) -> Result<ExitCode, CommandError> {
    let file = outbound::write(medium, outbound::RECEIPT, text).map_err(|e| {
        refused(&e).state("The ledger records a receipt. Do not carry this medium out before you have looked at it.")
    })?;
    let all = outbound::list(medium).map_err(|e| refused(&e))?;
    term.answer(&file, |_| outbound_text(medium, &all));
    term.say(&format!("Next, on the connected side: sealift-mirror receipt import {}", outbound::RECEIPT));
    Ok(ExitCode::SUCCESS)
}

/// Lists everything on an outbound medium: all of it leaves.
pub(super) fn outbound_text(medium: &Path, files: &[OutboundFile]) -> String {
    let mut text = format!("{} holds {}:", medium.display(), counted(files.len() as u64, "file", "files"));
    for file in files {
        let _ = writeln!(text, " {}, {} bytes, sha256:{}", file.name, file.size, file.sha256);
    }
    text
}

pub(super) fn refused(error: &OutboundError) -> CommandError {
    let shown = CommandError::from_error(Exit::Failed, error);
    match error {
        OutboundError::Foreign { .. } => shown.hint(
            "Whatever lies there would be carried out. Use a new medium, or wipe this one: deleting files is not enough.",
        ),
        _ => shown,
    }
}
