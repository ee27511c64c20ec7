//! `sealift-keys approve`: a person approves a bundle.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term, now};
use sealift_trust::Said;
use sealift_trust::statement::Remark;

use super::statement::{SignerArgs, make, subject};

/// Approve a bundle
///
/// Shows what is to be signed, asks for the passphrase, and writes approve-NAME-DIGITS.dsse.json. How many people must
/// approve stands in the root of trust. Verify the bundle first: sealift-bundle verify.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    /// A medium with one bundle, a bundle's directory, its manifest.json, or the bundle id
    subject: PathBuf,
    /// A remark that is signed along, such as the number of a change
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    signer: SignerArgs,
}

pub(super) fn run(args: &ApproveArgs, term: Term) -> Result<ExitCode, CommandError> {
    let shown = subject(&args.subject)?;
    make(Said::Approve(Remark { issued: now(), note: args.note.clone() }), &shown, &args.signer, term)
}
