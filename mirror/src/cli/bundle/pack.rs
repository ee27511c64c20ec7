//! `bundle pack` and `bundle unpack`: the library of `sealift-bundle`, for those who have only the mirror's tool.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_bundle::pack::{self, PackError, PackReport};
use sealift_term::{CommandError, Term, bytes};
use serde::Serialize;

use crate::cli::failure;

#[derive(Debug, Args)]
pub(in crate::cli) struct PackArgs {
    /// What to read
    from: PathBuf,
    /// What to make; must not exist
    to: PathBuf,
}

#[derive(Debug, Serialize)]
struct Answer {
    path: PathBuf,
    files: u64,
    bytes: u64,
}

pub(super) fn pack(args: &PackArgs, term: Term) -> Result<ExitCode, CommandError> {
    let report = pack::pack(&args.from, &args.to, term.progress().as_ref());
    answer("Packed", report, term)
}

pub(super) fn unpack(args: &PackArgs, term: Term) -> Result<ExitCode, CommandError> {
    let report = pack::unpack(&args.from, &args.to, term.progress().as_ref());
    answer("Unpacked", report, term)
}

fn answer(done: &str, report: Result<PackReport, PackError>, term: Term) -> Result<ExitCode, CommandError> {
    let PackReport { path, files, bytes: size } = report.map_err(|e| failure::pack(&e))?;
    term.answer(&Answer { path, files, bytes: size }, |answer| {
        let (path, files) = (answer.path.display(), sealift_term::counted(files, "file", "files"));
        format!("{done} {files}, {}: {path}\nNext: sealift-bundle verify {path} --root ROOT.json", bytes(size))
    });
    Ok(ExitCode::SUCCESS)
}
