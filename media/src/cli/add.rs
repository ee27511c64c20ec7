//! `sealift-media add`: a medium begins.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sealift_medium::{Places, look};
use sealift_model::{MediumId, PersonId};
use sealift_term::{CommandError, Exit, Term};

use super::DirArgs;
use super::signing::RecordOptions;
use crate::record::{ChainName, Details, Event, MediumKind};
use crate::text::Line;

/// Register a medium; keepers only
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Its id, the control number on the label
    id: MediumId,
    /// What is written on it
    #[arg(long, value_name = "TEXT")]
    label: Line,
    /// What it is
    #[arg(long, value_name = "KIND")]
    kind: KindArg,
    /// Marking, as it stands on the label
    #[arg(long, value_name = "TEXT")]
    classification: Line,
    /// It can be written once only
    #[arg(long)]
    write_once: bool,
    /// Who answers for it; nobody yet, if left out
    #[arg(long, value_name = "NAME")]
    owner: Option<PersonId>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Bytes it holds
    #[arg(long, value_name = "BYTES")]
    capacity: Option<u64>,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    record: RecordOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    Stick,
    Disc,
    Disk,
}

/// What the device says of itself.
#[derive(Debug, Args)]
pub(super) struct DeviceArgs {
    /// Its serial number, as the device itself says
    #[arg(long, value_name = "TEXT", conflicts_with = "at")]
    serial: Option<Line>,
    /// Ask the device that DIR lies on
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
}

impl DeviceArgs {
    /// Returns serial number and size.
    pub(super) fn get(&self) -> Result<(Option<Line>, Option<u64>), CommandError> {
        let Some(at) = &self.at else { return Ok((self.serial.clone(), None)) };
        let seen = look(&Places::default(), at).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
        let shown = at.display();
        // Asked of a stick that is not mounted, the machine would name its own disk.
        if seen.mount.as_ref().is_some_and(|mount| mount.point == Path::new("/")) {
            let own = format!("{shown} lies on this machine's own disk, not on a medium");
            return Err(CommandError::new(Exit::Failed, own)
                .hint("mount the medium there; or give the number that stands on it: --serial TEXT"));
        }
        let serial = seen.device.as_ref().and_then(|device| device.serial.as_deref());
        let serial = serial.and_then(|serial| serial.trim().parse::<Line>().ok());
        if serial.is_none() {
            return Err(CommandError::new(Exit::Failed, format!("the device below {shown} says no serial number"))
                .hint("give the number that stands on it: --serial TEXT"));
        }
        Ok((serial, seen.device.and_then(|device| device.bytes)))
    }
}

pub(super) fn run(args: &AddArgs, term: Term) -> Result<ExitCode, CommandError> {
    let (serial, bytes) = args.device.get()?;
    let form = match args.kind {
        KindArg::Stick => MediumKind::Stick,
        KindArg::Disc => MediumKind::Disc,
        KindArg::Disk => MediumKind::Disk,
    };
    let details = Details {
        capacity: args.capacity.or(bytes),
        classification: args.classification.clone(),
        form,
        label: args.label.clone(),
        owner: args.owner.clone(),
        serial,
        write_once: args.write_once,
    };
    let next = format!("sealift-media label {} --html FILE{}", args.id, args.dir.repeated());
    let chain = ChainName::Medium(args.id.clone());
    args.record.sign(&args.dir, &chain, Event::Registered(Box::new(details)), Some(next), term)?;
    Ok(ExitCode::SUCCESS)
}
