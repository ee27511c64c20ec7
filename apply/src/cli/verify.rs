//! `sealift-apply verify`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::error;
use super::state_dir::StateDir;
use crate::records::Records;

/// Check the signature of every state record, and that none was changed, left out or exchanged
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {}

#[derive(Serialize)]
struct Answer {
    records: u64,
    head: sealift_model::Digest,
    statement_key: String,
}

pub(super) fn run(_args: &VerifyArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let state = StateDir::open(dir)?;
    let records = Records::open(&state.path, &state.key);
    let (count, head) = records.verify().map_err(|e| error::records(&e))?;
    let answer = Answer { records: count, head, statement_key: state.key.public_hex() };
    term.answer(&answer, |a| {
        format!(
            "{} state record{} verified.\nhead: {}\nstatement key: ed25519:{}",
            a.records,
            if a.records == 1 { "" } else { "s" },
            a.head.tagged(),
            a.statement_key
        )
    });
    Ok(ExitCode::SUCCESS)
}
