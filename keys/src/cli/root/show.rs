//! `sealift-keys root show`: how a draft stands.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Term};

use super::answer::DraftAnswer;
use crate::cli::error;
use crate::draft::{Draft, Event};

/// Show what a draft changes, who signed it, and everything that happened to it
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The draft
    draft: PathBuf,
}

pub(super) fn run(args: &ShowArgs, term: Term) -> Result<ExitCode, CommandError> {
    let what = args.draft.display().to_string();
    let draft = Draft::read(&args.draft).map_err(|e| error::draft(&what, &e))?;
    let answer = DraftAnswer::of(&args.draft, &draft).map_err(|e| error::metadata(&what, &e))?;
    term.answer(&answer, |answer| {
        let log = log(&draft);
        format!(
            "{}\n{}\n{}\nLog, by the clocks of the machines:\n{log}",
            answer.content(),
            answer.aloud(),
            answer.signatures()
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn log(draft: &Draft) -> String {
    let mut text = String::new();
    for step in draft.log() {
        let event = match step.event {
            Event::Drafted => "drafted",
            Event::Changed => "changed",
            Event::Signed => "signed by",
            Event::Dropped => "dropped the signature of",
            Event::Published => "published",
        };
        let key = step.key.map(|key| format!(" {key}")).unwrap_or_default();
        let words = step.text.as_deref().map(sealift_model::escape::printable);
        let _ = writeln!(text, "  {}  {event}{key}{}", step.at, words.map(|w| format!(" {w}")).unwrap_or_default());
    }
    text
}
