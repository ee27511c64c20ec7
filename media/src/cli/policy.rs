//! `sealift-media policy`: how the register is kept from here on.

use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};

use super::DirArgs;
use super::init::PolicyFlags;
use super::signing::RecordOptions;
use crate::record::{ChainName, Event};

/// Change how the register is kept; keepers only
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(flatten)]
    policy: PolicyFlags,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    record: RecordOptions,
}

pub(super) fn run(args: &PolicyArgs, term: Term) -> Result<ExitCode, CommandError> {
    let before = args.dir.open()?.roster().now().policy;
    let event = Event::PolicySet { policy: args.policy.over(before) };
    args.record.sign(&args.dir, &ChainName::People, event, None, term)?;
    Ok(ExitCode::SUCCESS)
}
