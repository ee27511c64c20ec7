//! `sealift-media record …`: what happened to a medium.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use sealift_model::{Digest, MediumId, PersonId};
use sealift_term::{CommandError, Exit, Term};

use super::DirArgs;
use super::add::DeviceArgs;
use super::signing::RecordOptions;
use crate::record::{ChainName, Event, Load, Outcome, Writing};
use crate::report::{MAX_LEDGER_LINE, TakeError, Taken, imported, written};
use crate::text::Line;

/// Record what happened to a medium
///
/// Signs one record and puts it behind the last one. What a rule of the register forbids is refused, not recorded.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    #[command(subcommand)]
    event: EventVerb,
}

#[derive(Debug, Subcommand)]
enum EventVerb {
    /// A bundle, or a volume of it, was written to it
    Written(WrittenArgs),
    /// It was read and compared with what was signed
    Verified(ReadArgs),
    /// It was sealed
    Sealed(SealedArgs),
    /// It arrived, and the seal was looked at and opened
    Received(ReceivedArgs),
    /// It was given to an isolated repository
    Imported(ImportedArgs),
    /// It was seen at a stock-taking
    Seen(PlainArgs),
    /// What was on it was destroyed
    Sanitised(MethodArgs),
    /// It was destroyed; the witness has to countersign
    Destroyed(DestroyedArgs),
    /// Nobody knows where it is
    Lost(PlainArgs),
    /// Somebody else answers for it
    Assigned(AssignedArgs),
    /// The record that waits for a countersignature did not come to be
    Withdrawn(PlainArgs),
    /// Records of another copy are accounted for; keepers only
    Joined(JoinedArgs),
}

#[derive(Debug, Args)]
struct PlainArgs {
    /// Which medium
    id: MediumId,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    record: RecordOptions,
}

#[derive(Debug, Args)]
struct WrittenArgs {
    /// Take what was written from the report of `sealift-mirror bundle … --report`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "method"])]
    report: Option<PathBuf>,
    /// What: STREAM/NUMBER=BUNDLE-ID, with :K/N for volume K of N; can be repeated
    #[arg(long, value_name = "LOAD", requires = "method")]
    bundle: Vec<Load>,
    /// How it was written and read back
    #[arg(long, value_name = "TEXT", requires = "bundle")]
    method: Option<Line>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct ReadArgs {
    /// What: STREAM/NUMBER=BUNDLE-ID, with :K/N for volume K of N; can be repeated
    #[arg(long, value_name = "LOAD", required = true)]
    bundle: Vec<Load>,
    /// How it ended
    #[arg(long, value_name = "RESULT")]
    result: OutcomeArg,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct ImportedArgs {
    /// Take what was imported from a line of the isolated ledger
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "result"])]
    ledger_line: Option<PathBuf>,
    /// What: STREAM/NUMBER=BUNDLE-ID, with :K/N for volume K of N; can be repeated
    #[arg(long, value_name = "LOAD", requires = "result")]
    bundle: Vec<Load>,
    /// How it ended
    #[arg(long, value_name = "RESULT", requires = "bundle")]
    result: Option<OutcomeArg>,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutcomeArg {
    /// As it should
    Good,
    /// Not all of it is there yet
    Part,
    /// Refused, or damaged
    Bad,
}

impl From<OutcomeArg> for Outcome {
    fn from(outcome: OutcomeArg) -> Self {
        match outcome {
            OutcomeArg::Good => Self::Good,
            OutcomeArg::Part => Self::Part,
            OutcomeArg::Bad => Self::Bad,
        }
    }
}

#[derive(Debug, Args)]
struct SealedArgs {
    /// Number of the seal
    #[arg(long, value_name = "NUMBER")]
    seal: Line,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct ReceivedArgs {
    /// Number of the seal that was on it; leave out if there was none
    #[arg(long, value_name = "NUMBER")]
    seal: Option<Line>,
    /// The seal was broken
    #[arg(long, requires = "seal")]
    seal_broken: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct MethodArgs {
    /// How
    #[arg(long, value_name = "TEXT")]
    method: Line,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct DestroyedArgs {
    /// How
    #[arg(long, value_name = "TEXT")]
    method: Line,
    /// Who saw it, and countersigns
    #[arg(long, value_name = "NAME")]
    witness: PersonId,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct AssignedArgs {
    /// Who answers for it from now on
    #[arg(long, value_name = "NAME")]
    owner: PersonId,
    #[command(flatten)]
    plain: PlainArgs,
}

#[derive(Debug, Args)]
struct JoinedArgs {
    /// First digits of the last record of the other copy, as `show` has them
    #[arg(long, value_name = "DIGITS")]
    branch: String,
    /// Who has the medium
    #[arg(long, value_name = "NAME")]
    holder: PersonId,
    #[command(flatten)]
    plain: PlainArgs,
}

pub(super) fn run(args: &RecordArgs, term: Term) -> Result<ExitCode, CommandError> {
    let (plain, event) = match &args.event {
        EventVerb::Written(args) => return run_written(args, term),
        EventVerb::Imported(args) => return run_imported(args, term),
        EventVerb::Verified(args) => {
            let (loads, serial) = (sorted(&args.bundle), args.device.get()?.0);
            (&args.plain, Event::Verified { loads, result: args.result.into(), serial })
        }
        EventVerb::Sealed(args) => (&args.plain, Event::Sealed { seal: args.seal.clone() }),
        EventVerb::Received(args) => {
            let (seal, serial) = (args.seal.clone(), args.device.get()?.0);
            (&args.plain, Event::Received { intact: !args.seal_broken, seal, serial })
        }
        EventVerb::Seen(args) => (args, Event::Seen {}),
        EventVerb::Sanitised(args) => (&args.plain, Event::Sanitised { method: args.method.clone() }),
        EventVerb::Destroyed(args) => {
            (&args.plain, Event::Destroyed { method: args.method.clone(), witness: args.witness.clone() })
        }
        EventVerb::Lost(args) => (args, Event::Lost {}),
        EventVerb::Assigned(args) => (&args.plain, Event::Assigned { owner: args.owner.clone() }),
        EventVerb::Withdrawn(args) => (args, Event::Withdrawn {}),
        EventVerb::Joined(args) => {
            let branch = branch(&args.plain, &args.branch)?;
            (&args.plain, Event::Joined { branch, holder: args.holder.clone() })
        }
    };
    plain.sign(event, term)
}

impl PlainArgs {
    fn sign(&self, event: Event, term: Term) -> Result<ExitCode, CommandError> {
        let (id, repeated) = (&self.id, self.dir.repeated());
        let next = match &event {
            Event::Destroyed { witness, .. } => {
                Some(format!("{witness} types: sealift-media countersign {id}{repeated}"))
            }
            Event::Written(_) => Some(format!("sealift-media record sealed {id} --seal NUMBER{repeated}")),
            _ => None,
        };
        let chain = ChainName::Medium(self.id.clone());
        let strange = self.record.sign(&self.dir, &chain, event, next, term)?;
        // What is strange is recorded, because it is true; whoever waits for the exit code must look at it.
        Ok(if strange { Exit::Partial.into() } else { ExitCode::SUCCESS })
    }
}

fn run_written(args: &WrittenArgs, term: Term) -> Result<ExitCode, CommandError> {
    let found = args.device.get()?.0;
    let mut event = match (&args.report, &args.method) {
        (Some(path), _) => take(path, sealift_medium::MAX_REPORT_BYTES, written, term)?,
        (None, Some(method)) => Event::Written(Box::new(Writing {
            bytes: None,
            loads: sorted(&args.bundle),
            method: method.clone(),
            report: None,
            serial: None,
            sums: None,
        })),
        (None, None) => return Err(CommandError::new(Exit::Usage, "give --report FILE, or --bundle and --method")),
    };
    if let Event::Written(writing) = &mut event
        && let Some(found) = found
    {
        writing.serial = Some(found);
    }
    args.plain.sign(event, term)
}

fn run_imported(args: &ImportedArgs, term: Term) -> Result<ExitCode, CommandError> {
    let event = match (&args.ledger_line, args.result) {
        (Some(path), _) => take(path, MAX_LEDGER_LINE, imported, term)?,
        (None, Some(result)) => Event::Imported { ledger: None, loads: sorted(&args.bundle), result: result.into() },
        (None, None) => {
            return Err(CommandError::new(Exit::Usage, "give --ledger-line FILE, or --bundle and --result"));
        }
    };
    args.plain.sign(event, term)
}

fn take(
    path: &Path,
    limit: u64,
    read: impl Fn(&[u8]) -> Result<Taken, TakeError>,
    term: Term,
) -> Result<Event, CommandError> {
    let bytes = sealift_fs::read_capped(path, limit).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let shown = path.display();
    let taken =
        read(&bytes).map_err(|e| CommandError::with_cause(Exit::RefusedSignature, format!("refused {shown}"), &e))?;
    term.say(&format!("{shown} is of {}.", taken.time));
    if let Some(warning) = &taken.warning {
        term.warn(&format!("{warning}."));
    }
    Ok(taken.event)
}

fn sorted(loads: &[Load]) -> Vec<Load> {
    let mut loads = loads.to_vec();
    loads.sort();
    loads.dedup();
    loads
}

fn branch(args: &PlainArgs, digits: &str) -> Result<Digest, CommandError> {
    let register = args.dir.open()?;
    let tips = register.media().find(|(id, _)| **id == args.id).map(|(_, held)| held.branches()).unwrap_or_default();
    let mut fitting = tips.iter().filter(|tip| digits.len() >= 8 && tip.digest.to_hex().starts_with(digits));
    if let (Some(tip), None) = (fitting.next(), fitting.next()) {
        return Ok(tip.digest);
    }
    let (id, shown) = (&args.id, sealift_model::escape::printable(digits));
    let hint = format!("give 8 or more of the digits that this shows: sealift-media show {id}{}", args.dir.repeated());
    Err(CommandError::new(Exit::Usage, format!("no branch of medium {id} ends with a record {shown}")).hint(hint))
}
