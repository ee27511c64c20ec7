//! `sealift-import need`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use sealift_fs::Mode;
use sealift_model::Digest;
use sealift_site::outbound;
use sealift_site::statement_key::read_public;
use sealift_term::{CommandError, Exit, Term, bytes, counted};
use sealift_trust::need::NeedRefusal;
use serde::Serialize;

use super::DirArgs;
use super::receipt::{outbound_text, refused};
use crate::need::{self, MergeRefusal, Merged, NeedError};

/// Merge need-lists of the site's machines into one that the site's key signs, to be carried out
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").args(["preview", "out", "to"]).required(true))]
pub(super) struct NeedArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// A need-list, as `sealift-apply need` wrote it; may be repeated
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    from: Vec<PathBuf>,
    /// The public statement key (statement.pub) of a machine whose lists are taken besides those of the site's key; may
    /// be repeated
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Print every byte that would leave, and write nothing
    #[arg(long)]
    preview: bool,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Outbound medium to write need.txt to, on which only what may leave lies
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Answer {
    written: Option<String>,
    sha256: String,
    size: u64,
    hosts: u64,
    left_out: u64,
    distributions: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    distribution: String,
    hosts: u64,
    packages: usize,
}

pub(super) fn run(args: &NeedArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    if let Some(medium) = &args.to {
        // Asked before the ledger says that a list left.
        outbound::check(medium).map_err(|e| refused(&e).state("Nothing was changed."))?;
    }
    let mut named = Vec::new();
    for file in &args.key {
        let key = read_public(file).map_err(|e| super::error::failed(&e).state("Nothing was changed."))?;
        named.extend(key.ed25519_bytes().copied());
    }
    let sources = need::read(&args.from).map_err(|e| super::error::failed(&e).state("Nothing was changed."))?;
    let merged = need::signed(&writer, &sources, &named).map_err(|e| failure(&e).state("Nothing was changed."))?;
    if args.preview {
        let answer = Answer::of(&merged, None, true);
        if term.is_json() {
            term.answer(&answer, Answer::human);
        } else {
            term.raw(merged.text.as_bytes());
            term.say(answer.human().trim_end());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let place =
        args.to.as_ref().map(|medium| medium.join(outbound::NEED)).or_else(|| args.out.clone()).unwrap_or_default();
    need::record(&mut writer, &merged, &place).map_err(|e| super::error::state(&e))?;
    let recorded = "The ledger records that a need-list left; it may not have.";
    let mut listing = String::new();
    if let Some(medium) = &args.to {
        outbound::write(medium, outbound::NEED, &merged.text).map_err(|e| refused(&e).state(recorded))?;
        listing = outbound_text(medium, &outbound::list(medium).map_err(|e| refused(&e).state(recorded))?);
    } else {
        let written = sealift_fs::replace(&place, merged.text.as_bytes(), Mode::Public);
        written.map_err(|e| super::error::failed(&e).state(recorded))?;
    }
    term.answer(&Answer::of(&merged, Some(place), false), |answer| answer.human() + &listing);
    term.say("Next, on the connected side: sealift-mirror bundle build --stream STREAM --need FILE");
    Ok(ExitCode::SUCCESS)
}

impl Answer {
    fn of(merged: &Merged, written: Option<PathBuf>, preview: bool) -> Self {
        let line = |one: &sealift_trust::need::Distribution| Line {
            distribution: one.to_string(),
            hosts: one.hosts,
            packages: one.have.len(),
        };
        Self {
            written: written.map(|path| path.display().to_string()),
            sha256: Digest::of(merged.text.as_bytes()).tagged(),
            size: merged.text.len() as u64,
            hosts: merged.list.hosts(),
            left_out: merged.list.left_out,
            distributions: merged.list.distributions.iter().map(line).collect(),
            text: preview.then(|| merged.text.clone()),
        }
    }

    fn human(&self) -> String {
        let mut text = match &self.written {
            Some(path) => format!("Wrote {path}: {}, {}.\n", bytes(self.size), self.sha256),
            None => format!("Nothing was written. This would leave: {}, every byte above.\n", bytes(self.size)),
        };
        for line in &self.distributions {
            let hosts = counted(line.hosts, "host", "hosts");
            let packages = counted(line.packages as u64, "package version", "package versions");
            let _ = writeln!(text, "  {}: {hosts}, {packages}", line.distribution);
        }
        if self.left_out > 0 {
            let count = counted(self.left_out, "host was", "hosts were");
            let _ = writeln!(text, "The lists say that {count} left out. Packages that only they have will not come.");
        }
        text
    }
}

fn failure(error: &NeedError) -> CommandError {
    match error {
        NeedError::Merge(refusal) => {
            let shown = CommandError::from_error(Exit::RefusedSignature, refusal);
            match refusal {
                MergeRefusal::List { source: NeedRefusal::OtherKey { .. }, .. } => shown.hint(
                    "if the machine is the site's, name its key: --key statement.pub, which lies in its state directory",
                ),
                MergeRefusal::Future { .. } => {
                    CommandError::from_error(Exit::RefusedOrder, refusal).hint("set the clock that is wrong")
                }
                MergeRefusal::TooLarge | MergeRefusal::Twice(_) => CommandError::from_error(Exit::Failed, refusal),
                _ => shown.hint("make it again where it came from: sealift-apply need"),
            }
        }
        NeedError::Refused(refusal) => super::error::refusal(refusal),
        NeedError::State(state) => super::error::state(state),
        NeedError::Keys(_) | NeedError::Fs(_) => super::error::failed(error),
    }
}
