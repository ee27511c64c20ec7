//! `sealift-import promote`

use std::process::ExitCode;

use clap::Args;
use sealift_model::ChannelId;
use sealift_term::{CommandError, Term};

use super::DirArgs;
use crate::channel::{Moved, promote};

/// Point a channel at an accepted bundle
///
/// A channel holds one bundle of each stream. Hosts see nothing of it before the channel is published.
#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The channel, such as testing or production
    #[arg(long, value_name = "NAME")]
    channel: ChannelId,
    /// STREAM/SEQUENCE, SEQUENCE if there is one stream only, or the first 8 or more digits of the id
    bundle: String,
}

pub(super) fn run(args: &PromoteArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let moved = promote(&mut writer, &args.channel, &args.bundle).map_err(|e| super::error::channel(&e))?;
    term.answer(&moved, human);
    if moved.changed {
        term.say(&format!("Next: sealift-import publish{} --channel {}", args.dir.repeated(), moved.channel));
    }
    Ok(ExitCode::SUCCESS)
}

/// Renders a channel before and after.
pub(super) fn human(moved: &Moved) -> String {
    let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
    if moved.changed {
        format!("Channel {} holds {} now (before: {}).", moved.channel, list(&moved.after), list(&moved.before))
    } else {
        format!("Channel {} holds {} already. Nothing was changed.", moved.channel, list(&moved.after))
    }
}
