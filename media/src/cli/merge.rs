//! `sealift-media merge`: what another copy of the register has.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::MediumId;
use sealift_term::{CommandError, Exit, Term, counted};
use serde::Serialize;

use super::{DirArgs, error};
use crate::merge::{Came, Merged, merge, merge_record};
use crate::record::{ChainName, LIMIT};

/// Take over what another copy of the register has
///
/// The copy is only read. Where both copies wrote after the same record, the other's records are kept beside and the exit
/// code is 3: a keeper looks, and says who has the medium by `record joined`.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Directory of the other copy, or a single record file
    other: PathBuf,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Serialize)]
struct Answer {
    people: usize,
    checks: usize,
    media: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    medium: MediumId,
    came: &'static str,
    records: usize,
    branch: Option<String>,
}

pub(super) fn run(args: &MergeArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write()?;
    let merged = if args.other.is_dir() {
        merge(&mut writer, &args.other).map_err(|e| error::register(&e, &args.dir))?
    } else {
        one(&mut writer, args)?
    };
    let answer = Answer {
        people: merged.people,
        checks: merged.checks,
        media: merged.media.iter().map(|(id, came)| row(id, *came)).collect(),
    };
    term.answer(&answer, |answer| render(answer, args));
    Ok(if merged.is_open() { Exit::Partial.into() } else { ExitCode::SUCCESS })
}

fn one(writer: &mut crate::register::Writer, args: &MergeArgs) -> Result<Merged, CommandError> {
    let bytes =
        sealift_fs::read_capped(&args.other, LIMIT as u64).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let (chain, came) = merge_record(writer, &bytes).map_err(|e| error::carried(&e, &args.other, &args.dir))?;
    let mut merged = Merged::default();
    match chain {
        ChainName::Medium(id) => merged.media.push((id, came)),
        ChainName::People => merged.people = usize::from(came != Came::Nothing),
    }
    Ok(merged)
}

fn row(id: &MediumId, came: Came) -> Row {
    let (word, records, branch) = match came {
        Came::New(count) => ("new", count, None),
        Came::Forward(count) => ("forward", count, None),
        Came::Nothing => ("nothing", 0, None),
        Came::Beside(digest) => ("beside", 0, Some(digest.short())),
        Came::Settled => ("settled", 0, None),
    };
    Row { medium: id.clone(), came: word, records, branch }
}

fn render(answer: &Answer, args: &MergeArgs) -> String {
    let repeated = args.dir.repeated();
    let mut lines = Vec::new();
    for row in &answer.media {
        let (id, count) = (&row.medium, counted(row.records as u64, "record", "records"));
        match (row.came, &row.branch) {
            ("new", _) => lines.push(format!("{id}: new, {count}")),
            ("forward", _) => lines.push(format!("{id}: {count} more")),
            ("settled", _) => lines.push(format!("{id}: the other copy accounts for what was written here")),
            (_, Some(branch)) => lines.push(format!(
                "{id}: both copies wrote; the other's records are kept beside, ending with {branch}\n  \
                 Look who has it, then: sealift-media record joined {id} --branch {branch} --holder NAME{repeated}"
            )),
            _ => {}
        }
    }
    let (people, checks) = (answer.people as u64, answer.checks as u64);
    lines.push(format!(
        "Took over {} of people, {}.",
        counted(people, "record", "records"),
        counted(checks, "signed check", "signed checks")
    ));
    lines.join("\n")
}
