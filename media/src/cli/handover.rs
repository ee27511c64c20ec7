//! `sealift-media handover` and `countersign`: two people, two signatures, one after the other.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::{MediumId, PersonId};
use sealift_term::{CommandError, Exit, Term};

use super::signing::RecordOptions;
use super::{DirArgs, error};
use crate::merge::merge_record;
use crate::record::{ChainName, Event, LIMIT};
use crate::state::Then;

/// Hand a medium over to another person
///
/// The one of the two who types this signs first; the medium changes hands when the other one has countersigned, here or
/// on another copy of the register.
#[derive(Debug, Args)]
pub(super) struct HandoverArgs {
    /// Which medium
    id: MediumId,
    /// Who gets it
    #[arg(long, value_name = "NAME")]
    to: PersonId,
    /// Who has it [the register says]
    #[arg(long, value_name = "NAME")]
    from: Option<PersonId>,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    record: RecordOptions,
}

/// Stand behind the hand-over or destruction that waits for you
#[derive(Debug, Args)]
pub(super) struct CountersignArgs {
    /// Which medium
    id: MediumId,
    /// Take over the record to countersign from a file that came from another copy of the register
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    options: RecordOptions,
}

pub(super) fn run(args: &HandoverArgs, term: Term) -> Result<ExitCode, CommandError> {
    let from = if let Some(from) = &args.from {
        from.clone()
    } else {
        let register = args.dir.open()?;
        register.medium(&args.id).map_err(|e| error::register(&e, &args.dir))?.0.holder.clone()
    };
    let event = Event::HandedOver { from, to: args.to.clone() };
    let (id, repeated) = (&args.id, args.dir.repeated());
    let next = format!("the other person types: sealift-media countersign {id}{repeated}");
    let strange = args.record.sign(&args.dir, &ChainName::Medium(id.clone()), event, Some(next), term)?;
    Ok(if strange { Exit::Partial.into() } else { ExitCode::SUCCESS })
}

pub(super) fn countersign(args: &CountersignArgs, term: Term) -> Result<ExitCode, CommandError> {
    if let Some(path) = &args.record {
        let bytes =
            sealift_fs::read_capped(path, LIMIT as u64).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
        let mut writer = args.dir.write()?;
        merge_record(&mut writer, &bytes).map_err(|e| error::carried(&e, path, &args.dir))?;
    }
    let (id, repeated) = (&args.id, args.dir.repeated());
    let register = args.dir.open()?;
    let open = register.medium(id).ok().and_then(|(medium, _)| medium.open.as_ref());
    let handed = open.is_some_and(|open| matches!(open.then, Then::With(_)));
    let next = handed.then(|| format!("sealift-media handover-sheet {id} --html FILE{repeated}"));
    let chain = ChainName::Medium(id.clone());
    let strange = args.options.sign(&args.dir, &chain, Event::Countersigned {}, next, term)?;
    Ok(if strange { Exit::Partial.into() } else { ExitCode::SUCCESS })
}
