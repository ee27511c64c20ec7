//! `sealift-bundle unpack`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_confine::Allowance;
use sealift_fs::Mode;
use sealift_term::{CommandError, Exit, Term};

use super::pack::Answer;
use super::{confine, error};
use crate::pack::{PackReport, unpack};
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
    let made = !args.dir.exists();
    // Made before anything is read: only a directory that is there can be the one that stays writable.
    sealift_fs::create_dir_all(&args.dir, Mode::Public).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let unpacked = unpack_confined(args, made, term);
    if unpacked.is_err() && made {
        // Nothing else was in it; one that was filled meanwhile by somebody else stays.
        let _ = sealift_fs::medium::remove_empty_dir(&args.dir);
    }
    term.answer(&Answer::from(unpacked?), |answer| answer.render("Unpacked"));
    Ok(ExitCode::SUCCESS)
}

fn unpack_confined(args: &UnpackArgs, made: bool, term: Term) -> Result<PackReport, CommandError> {
    let mut allowance = Allowance::nothing().writing_below(&args.dir);
    if made {
        let parent = args.dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        allowance = allowance.removing_dirs_below(parent);
    }
    confine::to(&allowance, term)?;
    let progress = term.progress();
    unpack(&args.file, &args.dir, progress.as_ref())
        .map_err(|e| error::pack(&e, &format!("could not unpack {}", shown(&args.file))))
}
