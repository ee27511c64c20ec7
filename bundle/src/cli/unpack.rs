//! `sealift-bundle unpack`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};

use super::error;
use super::pack::Answer;
use crate::pack::unpack;
use crate::source::shown;

/// Unpack a single file into a medium's directory
///
/// Makes DIR/SEALIFT, which must not exist. Checks the file's structure and each blob's digest, not signatures.
#[derive(Debug, Args)]
pub(super) struct UnpackArgs {
    /// The *.sealift file
    file: PathBuf,
    /// The directory that will hold SEALIFT
    dir: PathBuf,
}

pub(super) fn run(args: &UnpackArgs, term: Term) -> Result<ExitCode, CommandError> {
    let progress = term.progress();
    let report = unpack(&args.file, &args.dir, progress.as_ref())
        .map_err(|e| error::pack(&e, &format!("could not unpack {}", shown(&args.file))))?;
    drop(progress);
    term.answer(&Answer::from(report), |answer| answer.render("Unpacked"));
    Ok(ExitCode::SUCCESS)
}
