//! `bundle build`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use sealift_fs::Lock;
use sealift_model::{Sequence, SiteId, StreamId};
use sealift_term::{CommandError, Term};

use super::answer::{BundleAnswer, PlanAnswer};
use super::medium::MediumArgs;
use super::narrow::{self, NarrowArgs};
use super::signing::{self, SigningArgs};
use crate::build::{self, Action, BaseChoice, BuildError, BuildPlan, Request};
use crate::cli::{Place, error, failure};
use crate::need;
use crate::site;
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
    /// Build for this site: on what it acknowledged last, or on every state it may be in where it sends no receipts
    #[arg(long = "for", value_name = "SITE")]
    site: Option<SiteId>,
    /// Build for a site that may hold any bundle from FIRST to LAST [FIRST.. is up to the newest]
    #[arg(long, value_name = "FIRST..LAST", conflicts_with_all = ["base", "full"])]
    possible: Option<Among>,
    #[command(flatten)]
    narrow: NarrowArgs,
    /// Write the bundle to SEALIFT in this directory, the top of the medium
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    medium: MediumArgs,
    /// Only show what would be built
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    signing: SigningArgs,
}

/// Numbers of bundles, `12..15`, `12..` or `12`.
#[derive(Debug, Clone, Copy)]
struct Among {
    first: Sequence,
    last: Option<Sequence>,
}

impl FromStr for Among {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<Sequence>().map_err(|e| e.to_string());
        let Some((first, last)) = text.split_once("..") else {
            let only = number(text)?;
            return Ok(Self { first: only, last: Some(only) });
        };
        let (first, last) = (number(first)?, if last.is_empty() { None } else { Some(number(last)?) });
        match last {
            Some(last) if last < first => Err(format!("{last} is below {first}")),
            last => Ok(Self { first, last }),
        }
    }
}

pub(super) fn run(args: &BuildArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let request = args.request(&state)?;
    if args.plan {
        let Some(plan) = planned(&state, &request, term)? else { return Ok(ExitCode::SUCCESS) };
        term.answer(&PlanAnswer::of(&plan), PlanAnswer::human);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(site) = args.site.as_ref().filter(|site| state.config().site(site).is_none()) {
        return Err(failure::build(&build::BuildError::UnknownSite(site.clone())));
    }
    let writer = state.lock().map_err(|e| error::lock(&e))?;
    let Some(plan) = planned(&state, &request, term)? else { return Ok(ExitCode::SUCCESS) };
    term.say(PlanAnswer::of(&plan).human().trim_end());
    if plan.action == Action::Nothing {
        return nothing(args, &state, &writer, &plan, term);
    }
    if let Some(to) = &args.to {
        args.medium.check(&state, &plan.manifest, to)?;
    }
    let signing = args.signing.open(&state)?;
    need::keep(&writer, state.dir(), &request.narrow.needs).map_err(|e| error::fs(&e))?;
    build::draft(&state, &writer, &plan, &signing).map_err(|e| failure::build(&e))?;
    let bundle = (&request.stream, plan.manifest.sequence);
    // Before it can lie on any medium.
    mark(args, &state, &writer, &plan)?;
    let kept = |failure: CommandError| failure.state(format!("Bundle {} is kept as a draft.", plan.manifest.sequence));
    let now = signing::moment(request.created).max(plan.manifest.created);
    let sealed = build::seal(&state, &writer, bundle, &signing, now).map_err(|e| kept(failure::build(&e)))?;
    super::seal::finish(&state, &writer, bundle, (&sealed, &signing), (args.to.as_deref(), &args.medium), term)
}

/// Plans; where no host lacks anything, says so.
fn planned(state: &State, request: &Request, term: Term) -> Result<Option<BuildPlan>, CommandError> {
    match build::plan(state, request) {
        Ok(plan) => Ok(Some(plan)),
        Err(BuildError::NothingNeeded { stream, hosts }) => {
            narrow::nothing_needed(&stream, hosts, term);
            Ok(None)
        }
        Err(fault) => Err(failure::build(&fault)),
    }
}

impl BuildArgs {
    fn request(&self, state: &State) -> Result<Request, CommandError> {
        let base = match (self.full, self.base, self.possible, &self.site) {
            (true, ..) => BaseChoice::Full,
            (false, Some(sequence), ..) => BaseChoice::Over(sequence),
            (false, None, Some(Among { first, last }), _) => BaseChoice::Among { first, last },
            (false, None, None, Some(site)) => BaseChoice::For(site.clone()),
            (false, None, None, None) => BaseChoice::Receipts,
        };
        Ok(Request {
            stream: self.stream.clone(),
            base,
            created: signing::created()?,
            narrow: self.narrow.read(state)?,
        })
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
    // For a site that does not hold it, it is written again: what was written before was another medium.
    let wanted = args.site.is_some() && plan.valid_from != [sequence];
    let to = args.to.as_deref().filter(|_| wanted || !dir.was_written(sequence));
    if let Some(to) = to {
        mark(args, state, writer, plan)?;
        return super::seal::write(state, writer, (&args.stream, sequence), (to, &args.medium), term);
    }
    let answer = BundleAnswer::nothing(state, &args.stream, sequence).map_err(|e| failure::build(&e))?;
    term.answer(&answer, BundleAnswer::human);
    Ok(ExitCode::SUCCESS)
}

/// Notes for which site a bundle is.
fn mark(args: &BuildArgs, state: &State, writer: &Lock, plan: &BuildPlan) -> Result<(), CommandError> {
    let Some(site) = &args.site else { return Ok(()) };
    let record = StreamDir::of(state.dir(), &args.stream).record(plan.manifest.sequence);
    let record = record.map_err(|e| failure::build(&e.into()))?;
    let now = sealift_term::now();
    site::sent::mark(writer, state.dir(), site, (&record, &plan.valid_from), now).map_err(|e| failure::site(&e.into()))
}
