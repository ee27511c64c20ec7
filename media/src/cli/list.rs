//! `sealift-media list`: all media, a line each.

use std::process::ExitCode;

use clap::Args;
use sealift_model::{MediumId, PersonId, Timestamp};
use sealift_term::{CommandError, Exit, Table, Term};
use serde::Serialize;

use super::DirArgs;
use crate::register::{Held, Register};
use crate::state::Medium;

/// Show all media
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Serialize)]
struct Row {
    medium: MediumId,
    label: String,
    kind: &'static str,
    classification: String,
    condition: &'static str,
    owner: Option<PersonId>,
    holder: PersonId,
    place: String,
    seal: Option<String>,
    content: Vec<String>,
    records: u64,
    time: Timestamp,
}

impl Row {
    fn of(medium: &Medium, held: &Held) -> Self {
        Self {
            medium: medium.id.clone(),
            label: medium.details.label.to_string(),
            kind: medium.details.form.as_str(),
            classification: medium.details.classification.to_string(),
            // What the records before the bad one add up to is not what it is.
            condition: if held.is_whole() { medium.condition() } else { "damaged" },
            owner: medium.owner.clone(),
            holder: medium.holder.clone(),
            place: medium.place.to_string(),
            seal: medium.seal.as_ref().map(ToString::to_string),
            content: medium.loads.iter().map(ToString::to_string).collect(),
            records: medium.number,
            time: medium.time,
        }
    }
}

pub(super) fn run(args: &ListArgs, term: Term) -> Result<ExitCode, CommandError> {
    let register = args.dir.open()?;
    let whole = !warn(&register, args, term);
    let row = |held: &Held| held.medium.as_ref().map(|medium| Row::of(medium, held));
    let rows: Vec<Row> = register.media().filter_map(|(_, held)| row(held)).collect();
    term.answer(&rows, |rows| {
        let mut table = Table::new(&["MEDIUM", "KIND", "CONDITION", "WITH", "OWNER", "SEAL", "PLACE", "CONTENT"]);
        for row in rows {
            let owner = row.owner.as_ref().map_or("nobody", PersonId::as_str);
            let (seal, content) = (row.seal.as_deref().unwrap_or(""), row.content.join("; "));
            let cells =
                [row.medium.as_str(), row.kind, row.condition, row.holder.as_str(), owner, seal, &row.place, &content];
            table.row(cells);
        }
        table.to_string()
    });
    Ok(if whole { ExitCode::SUCCESS } else { Exit::RefusedSignature.into() })
}

/// A list must not look whole where it is not; tells whether it warned.
fn warn(register: &Register, args: &ListArgs, term: Term) -> bool {
    let problems = register.problems();
    if let Some(problem) = problems.first() {
        let hint = format!("see all that is wrong: sealift-media check{}", args.dir.repeated());
        term.warn(&format!("{}; {hint}", problem.refusal));
    }
    !problems.is_empty()
}
