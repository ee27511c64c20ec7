//! `bundle seal`, and what `bundle build` ends in: signatures counted, medium written, next command named.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Lock;
use sealift_model::{Sequence, SiteId, StreamId};
use sealift_term::{CommandError, Term};

use super::answer::BundleAnswer;
use super::medium::MediumArgs;
use super::signing::{self, SigningArgs};
use crate::build::{self, BuildError, Sealed, Signing};
use crate::cli::{Place, failure};
use crate::state::State;
use crate::stream::{Status, StreamDir};

#[derive(Debug, Args)]
pub(in crate::cli) struct SealArgs {
    /// The stream
    #[arg(long)]
    stream: StreamId,
    /// The bundle [default: the newest draft, else the newest sealed bundle]
    #[arg(value_name = "SEQ")]
    sequence: Option<Sequence>,
    /// Write the bundle to SEALIFT in this directory, the top of the medium
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Note the bundle as made for this site, which may hold it from now on
    #[arg(long = "for", value_name = "SITE")]
    site: Option<SiteId>,
    #[command(flatten)]
    medium: MediumArgs,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(super) fn run(args: &SealArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let (sequence, status) = chosen(&state, &args.stream, args.sequence).map_err(|e| failure::build(&e))?;
    let bundle = (&args.stream, sequence);
    super::mark_for((&state, &writer), args.site.as_ref(), bundle)?;
    // A sealed bundle needs no key to be written again.
    if let (Status::Sealed, Some(to)) = (status, &args.to) {
        // A run that was cut right after publishing left the draft.
        StreamDir::of(state.dir(), &args.stream)
            .close_draft(&writer, sequence)
            .map_err(|e| failure::build(&e.into()))?;
        return write(&state, &writer, bundle, (to, &args.medium), term);
    }
    if let (Status::Draft, Some(to)) = (status, &args.to) {
        let dir = StreamDir::of(state.dir(), &args.stream);
        let (manifest, _) =
            dir.record(sequence).and_then(|record| dir.manifest(&record)).map_err(|e| failure::build(&e.into()))?;
        args.medium.check(&state, &manifest, to)?;
    }
    let signing = args.signing.open(&state)?;
    let now = signing::moment(signing::created()?);
    let sealed = build::seal(&state, &writer, bundle, &signing, now).map_err(|e| failure::build(&e))?;
    finish(&state, &writer, bundle, (&sealed, &signing), (args.to.as_deref(), &args.medium), term)
}

/// Returns the bundle that is meant: the named one, else the newest draft, else the newest sealed one.
pub(super) fn chosen(
    state: &State,
    stream: &StreamId,
    sequence: Option<Sequence>,
) -> Result<(Sequence, Status), BuildError> {
    let bundles = build::list(state, Some(stream))?;
    let newest = |status| bundles.iter().rev().find(move |b| b.status == status);
    let found = sequence.map_or_else(
        || newest(Status::Draft).or_else(|| newest(Status::Sealed)),
        |sequence| bundles.iter().find(|b| b.record.sequence == sequence),
    );
    match (found, sequence) {
        (Some(found), _) => Ok((found.record.sequence, found.status)),
        (None, Some(sequence)) => Err(crate::stream::StreamError::Unknown { stream: stream.clone(), sequence }.into()),
        (None, None) => Err(no_bundle(state, stream)),
    }
}

/// Returns the newest sealed bundle of a stream.
pub(super) fn newest_sealed(state: &State, stream: &StreamId) -> Result<Sequence, BuildError> {
    let bundles = build::list(state, Some(stream))?;
    let sealed = bundles.iter().rev().find(|bundle| bundle.status == Status::Sealed);
    sealed.map(|bundle| bundle.record.sequence).ok_or_else(|| no_bundle(state, stream))
}

/// A misspelt stream has no bundle either.
fn no_bundle(state: &State, stream: &StreamId) -> BuildError {
    let known = state.config().stream(stream).is_some();
    if known { BuildError::NoBundle(stream.clone()) } else { BuildError::UnknownStream(stream.clone()) }
}

/// Answers for a bundle after its signatures were counted.
pub(super) fn finish(
    state: &State,
    writer: &Lock,
    bundle: (&StreamId, Sequence),
    (sealed, signing): (&Sealed, &Signing),
    (to, medium): (Option<&Path>, &MediumArgs),
    term: Term,
) -> Result<ExitCode, CommandError> {
    let answer = match (sealed, to) {
        (Sealed::Complete, Some(to)) => return write(state, writer, bundle, (to, medium), term),
        (Sealed::Complete, None) => BundleAnswer::sealed(state, bundle),
        (Sealed::Waiting(waiting), to) => BundleAnswer::waiting(state, bundle, waiting, (&signing.dir, to)),
    };
    term.answer(&answer.map_err(|e| failure::build(&e))?, BundleAnswer::human);
    Ok(ExitCode::SUCCESS)
}

/// Writes a sealed bundle and answers with the command that verifies it.
pub(super) fn write(
    state: &State,
    writer: &Lock,
    bundle: (&StreamId, Sequence),
    (to, medium): (&Path, &MediumArgs),
    term: Term,
) -> Result<ExitCode, CommandError> {
    let target = medium.prepare(to, term)?;
    let options = target.options(None, medium.beside_other_files);
    let progress = term.progress();
    let report = build::write_to(state, writer, bundle, (to, &options), progress.as_ref());
    drop(progress);
    let report = report.map_err(|e| failure::build(&e))?;
    medium.finish((state, writer), &target, (bundle.0, bundle.1, None), &report, term)?;
    let answer = BundleAnswer::written(state, bundle, &report).map_err(|e| failure::build(&e))?;
    term.answer(&answer, BundleAnswer::human);
    Ok(ExitCode::SUCCESS)
}
