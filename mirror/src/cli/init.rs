//! `init`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};

use super::{Place, error};
use crate::state::State;

/// Make a mirror in a new or empty directory
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The directory; without it, the one of --dir
    #[arg(value_name = "DIR")]
    new: Option<PathBuf>,
}

pub(super) fn run(args: &InitArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let dir = args.new.as_deref().unwrap_or(place.dir());
    State::init(dir).map_err(|e| error::state(&e))?;
    let shown = dir.display().to_string();
    term.answer(&serde_json::json!({ "dir": shown }), |_| format!("Made a mirror in {shown}."));
    term.say(&format!("Next: sealift-mirror --dir {shown} upstream add --from-apt, or edit {shown}/mirror.toml"));
    Ok(ExitCode::SUCCESS)
}
