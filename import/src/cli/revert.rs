//! `sealift-import revert`

use std::process::ExitCode;

use clap::Args;
use sealift_model::ChannelId;
use sealift_term::{CommandError, Term};

use super::DirArgs;
use crate::channel::revert;

/// Point a channel back at what it held before
///
/// Can be repeated. Hosts see nothing of it before the channel is published.
#[derive(Debug, Args)]
pub(super) struct RevertArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The channel, such as testing or production
    #[arg(long, value_name = "NAME")]
    channel: ChannelId,
}

pub(super) fn run(args: &RevertArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let moved = revert(&mut writer, &args.channel).map_err(|e| super::error::channel(&e))?;
    term.answer(&moved, super::promote::human);
    term.say(&format!("Next: sealift-import publish{} --channel {}", args.dir.repeated(), moved.channel));
    Ok(ExitCode::SUCCESS)
}
