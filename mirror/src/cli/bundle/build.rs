//! `bundle build`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Lock;
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Term};

use super::answer::{BundleAnswer, PlanAnswer};
use super::signing::{self, SigningArgs};
use crate::build::{self, Action, BaseChoice, BuildPlan, Request};
use crate::cli::{Place, error, failure};
use crate::state::State;
use crate::stream::StreamDir;

#[derive(Debug, Args)]
pub(in crate::cli) struct BuildArgs {
    /// The stream
    #[arg(long)]
    stream: StreamId,
    /// Carry only what bundle SEQ does not list [default: what the sites' receipts acknowledge]
    #[arg(long, value_name = "SEQ", conflicts_with = "full")]
    base: Option<Sequence>,
    /// Carry everything, even if nothing is new
    #[arg(long)]
    full: bool,
    /// Write the bundle to SEALIFT in this directory, the top of the medium
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Only show what would be built
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(super) fn run(args: &BuildArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let request = args.request()?;
    if args.plan {
        let plan = build::plan(&state, &request).map_err(|e| failure::build(&e))?;
        term.answer(&PlanAnswer::of(&plan), PlanAnswer::human);
        return Ok(ExitCode::SUCCESS);
    }
    let writer = state.lock().map_err(|e| error::lock(&e))?;
    let plan = build::plan(&state, &request).map_err(|e| failure::build(&e))?;
    term.say(PlanAnswer::of(&plan).human().trim_end());
    if plan.action == Action::Nothing {
        return nothing(args, &state, &writer, &plan, term);
    }
    if let Some(to) = &args.to {
        build::check_target(&state, &plan.manifest, to).map_err(|e| failure::build(&e))?;
    }
    let signing = args.signing.open(&state)?;
    build::draft(&state, &writer, &plan, &signing).map_err(|e| failure::build(&e))?;
    let bundle = (&request.stream, plan.manifest.sequence);
    let kept = |failure: CommandError| failure.state(format!("Bundle {} is kept as a draft.", plan.manifest.sequence));
    let now = signing::moment(request.created).max(plan.manifest.created);
    let sealed = build::seal(&state, &writer, bundle, &signing, now).map_err(|e| kept(failure::build(&e)))?;
    super::seal::finish(&state, &writer, bundle, (&sealed, &signing), args.to.as_deref(), term)
}

impl BuildArgs {
    fn request(&self) -> Result<Request, CommandError> {
        let base = match (self.full, self.base) {
            (true, _) => BaseChoice::Full,
            (false, Some(sequence)) => BaseChoice::Over(sequence),
            (false, None) => BaseChoice::Receipts,
        };
        Ok(Request { stream: self.stream.clone(), base, created: signing::created()? })
    }
}

/// Says that nothing is new; a sealed bundle that never reached a medium, because a run was cut, is written now.
fn nothing(
    args: &BuildArgs,
    state: &State,
    writer: &Lock,
    plan: &BuildPlan,
    term: Term,
) -> Result<ExitCode, CommandError> {
    let sequence = plan.manifest.sequence;
    let dir = StreamDir::of(state.dir(), &args.stream);
    // A run that was cut right after sealing left it.
    dir.close_draft(writer, sequence).map_err(|e| failure::build(&e.into()))?;
    let to = args.to.as_deref().filter(|_| !dir.was_written(sequence));
    if let Some(to) = to {
        return super::seal::write(state, writer, (&args.stream, sequence), to, term);
    }
    let answer = BundleAnswer::nothing(state, &args.stream, sequence).map_err(|e| failure::build(&e))?;
    term.answer(&answer, BundleAnswer::human);
    Ok(ExitCode::SUCCESS)
}
