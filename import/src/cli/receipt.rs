//! `sealift-import receipt`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_term::{CommandError, Term};

use super::DirArgs;
use crate::receipt::receipt;

/// Write the signed receipt that is carried back to the connected side
#[derive(Debug, Args)]
pub(super) struct ReceiptArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// File to write; standard output without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &ReceiptArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write()?;
    let text = receipt(&mut writer).map_err(|e| super::error::receipt(&e))?;
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
