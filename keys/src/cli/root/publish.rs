//! `sealift-keys root publish`: makes a signed draft the root of trust of a directory.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::{Digest, Timestamp};
use sealift_term::{CommandError, Term, now};
use serde::Serialize;

use crate::cli::error;
use crate::draft::{Draft, Event, publish};
use crate::summary::fingerprint;

/// Make a signed draft the root of trust of a directory
///
/// Needs the threshold of the old root's keys and of the new root's own. Writes N.root.json, then root.json. Of two
/// drafts of one version the second is refused.
#[derive(Debug, Args)]
pub(in crate::cli) struct PublishArgs {
    /// The draft
    draft: PathBuf,
    /// The directory with root.json, the one `sealift-keys init` made
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    root_file: PathBuf,
    version_file: PathBuf,
    version: u64,
    sha256: Digest,
    fingerprint: String,
    already: bool,
}

pub(super) fn run(args: &PublishArgs, term: Term) -> Result<ExitCode, CommandError> {
    let what = args.draft.display().to_string();
    let draft = Draft::read(&args.draft).map_err(|e| error::draft(&what, &e))?;
    let now = now();
    let done = publish(&draft, &args.to, now).map_err(|e| error::publish(&what, &e))?;
    note(&draft, args, now)?;
    let sha256 = Digest::of(draft.root().raw());
    let answer = Answer {
        root_file: done.root_file,
        version_file: done.version_file,
        version: draft.root().version(),
        sha256,
        fingerprint: fingerprint(sha256),
        already: done.already,
    };
    term.answer(&answer, human);
    Ok(ExitCode::SUCCESS)
}

/// Notes the publication in the draft's log, unless it is there; also after a run that was cut before it could.
fn note(draft: &Draft, args: &PublishArgs, now: Timestamp) -> Result<(), CommandError> {
    if draft.log().iter().any(|step| step.event == Event::Published) {
        return Ok(());
    }
    let noted = draft.note_published(now).and_then(|draft| draft.replace(&args.draft));
    noted.map_err(|e| {
        error::draft(&args.draft.display().to_string(), &e)
            .hint("type the same command again")
            .state("The root is published; only the draft's log does not say so.")
    })
}

fn human(answer: &Answer) -> String {
    let verb = if answer.already { "was published before" } else { "is the root of trust now" };
    let mut text = format!(
        "Version {} {verb}.\n  {}\n  {}\nFingerprint: {}\n",
        answer.version,
        answer.version_file.display(),
        answer.root_file.display(),
        answer.fingerprint
    );
    text += if answer.version == 1 {
        "Carry root.json to the isolated side, and read the fingerprint aloud there:\n  \
         sealift-import init DIR --root root.json"
    } else {
        "The next bundle carries it. To carry it alone, and make old keys worthless at once:\n  \
         sealift-mirror bundle revoke --to DIR"
    };
    text
}
