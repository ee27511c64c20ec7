//! `sealift-import receipt`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_term::{CommandError, Exit, Term, counted};

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
        let _ = write!(text, " {}, {} bytes, sha256:{}\n", file.name, file.size, file.sha256);
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
