//! `sealift-keys waive …`: people allow one exception, once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_model::{Digest, Timestamp};
use sealift_term::{CommandError, Exit, Term, now};
use sealift_trust::Said;
use sealift_trust::statement::{ClockOverride, FreshnessWaiver};

use super::statement::{SignerArgs, make, subject};
use crate::statement::Shown;

/// Allow one exception, once: an expired bundle, or a clock that is wrong
#[derive(Debug, Subcommand)]
pub(super) enum WaiveVerb {
    /// Allow one bundle to be imported although something about it has expired
    Expiry(ExpiryArgs),
    /// Tell a site what time it is, because its clock cannot
    Clock(ClockArgs),
}

#[derive(Debug, Args)]
pub(super) struct ExpiryArgs {
    /// A medium with one bundle, a bundle's directory, its manifest.json, or the bundle id
    subject: PathBuf,
    /// From when the waiver no longer holds, such as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME", required_unless_present = "days")]
    until: Option<Timestamp>,
    /// Instead: for how many days it holds
    #[arg(long, value_name = "N", conflicts_with = "until", value_parser = clap::value_parser!(u64).range(1..=365))]
    days: Option<u64>,
    /// Why; it is signed along
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    signer: SignerArgs,
}

#[derive(Debug, Args)]
pub(super) struct ClockArgs {
    /// The state digest that `sealift-import trust status` shows at the site
    #[arg(value_name = "STATE")]
    state: String,
    /// The time it is now [default: this machine's clock]
    #[arg(long, value_name = "TIME")]
    time: Option<Timestamp>,
    /// Why; it is signed along
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    signer: SignerArgs,
}

pub(super) fn run(verb: &WaiveVerb, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        WaiveVerb::Expiry(args) => expiry(args, term),
        WaiveVerb::Clock(args) => clock(args, term),
    }
}

fn expiry(args: &ExpiryArgs, term: Term) -> Result<ExitCode, CommandError> {
    let shown = subject(&args.subject)?;
    let issued = now();
    let until = match (args.until, args.days) {
        (Some(until), _) => until,
        (None, Some(days)) => issued.plus_days(days),
        (None, None) => return Err(CommandError::new(Exit::Usage, "say until when: --until TIME or --days N")),
    };
    if until <= issued {
        return Err(CommandError::new(Exit::Usage, format!("a waiver until {until} would be over already")));
    }
    make(Said::WaiveExpiry(FreshnessWaiver { issued, reason: args.reason.clone(), until }), &shown, &args.signer, term)
}

fn clock(args: &ClockArgs, term: Term) -> Result<ExitCode, CommandError> {
    let digits = args.state.strip_prefix("sha256:").unwrap_or(&args.state);
    let sha256: Digest = digits.parse().map_err(|e| {
        CommandError::with_cause(Exit::Usage, "the state digest is not 64 hexadecimal digits", &e)
            .hint("copy it from the site: sealift-import trust status")
    })?;
    let shown = Shown { sha256, name: "trust-state".into(), file: None, claims: Vec::new() };
    let time = args.time.unwrap_or_else(now);
    make(Said::OverrideClock(ClockOverride { reason: args.reason.clone(), time }), &shown, &args.signer, term)
}
