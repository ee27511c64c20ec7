//! `sealift-keys countersign`: a person stands behind what another one signed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term, now};
use sealift_trust::Said;
use sealift_trust::statement::Remark;

use super::statement::{SignerArgs, make, subject_error};
use crate::statement::read_envelope;

/// Stand behind another person's statement
///
/// The countersignature counts as your signature on that statement, where both are. To put your signature into the same
/// file instead: sealift-keys statement sign.
#[derive(Debug, Args)]
pub(super) struct CountersignArgs {
    /// The other person's statement, a .dsse.json file
    statement: PathBuf,
    /// A remark that is signed along
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    signer: SignerArgs,
}

pub(super) fn run(args: &CountersignArgs, term: Term) -> Result<ExitCode, CommandError> {
    let shown = read_envelope(&args.statement).map_err(|e| subject_error(&e))?;
    make(Said::Countersign(Remark { issued: now(), note: args.note.clone() }), &shown, &args.signer, term)
}
