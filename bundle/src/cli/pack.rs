//! `sealift-bundle pack`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_confine::Allowance;
use sealift_term::{CommandError, Term, bytes, counted};
use serde::Serialize;

use super::{confine, error};
use crate::pack::{PackReport, pack};
use crate::source::shown;

/// Pack a medium into a single file
///
/// The same medium always gives the same bytes. FILE must not exist.
#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// The directory that holds SEALIFT, or SEALIFT itself
    dir: PathBuf,
    /// The file to make (*.sealift)
    file: PathBuf,
}

/// The answer of `pack` and `unpack`.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    path: String,
    files: u64,
    bytes: u64,
}

impl From<PackReport> for Answer {
    fn from(report: PackReport) -> Self {
        Self { path: shown(&report.path), files: report.files, bytes: report.bytes }
    }
}

impl Answer {
    pub(super) fn render(&self, done: &str) -> String {
        let next = format!("sealift-bundle verify {} --root ROOT.json", self.path);
        format!("{done} {}, {}: {}\nNext: {next}", counted(self.files, "file", "files"), bytes(self.bytes), self.path)
    }
}

pub(super) fn run(args: &PackArgs, term: Term) -> Result<ExitCode, CommandError> {
    let parent = args.file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    confine::to(&Allowance::nothing().writing_below(parent), term)?;
    let progress = term.progress();
    let report = pack(&args.dir, &args.file, progress.as_ref())
        .map_err(|e| error::pack(&e, &format!("could not pack {}", shown(&args.dir))))?;
    drop(progress);
    term.answer(&Answer::from(report), |answer| answer.render("Packed"));
    Ok(ExitCode::SUCCESS)
}
