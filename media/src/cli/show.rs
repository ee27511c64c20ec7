//! `sealift-media show`: one medium with its whole history.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use sealift_model::{Digest, MediumId, Timestamp};
use sealift_term::{CommandError, Table, Term, bytes};
use serde::Serialize;

use super::{DirArgs, error};
use crate::record::{Event, Record, Stored};
use crate::state::Medium;

/// Show a medium and all that was recorded about it
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Which medium
    id: MediumId,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Serialize)]
struct Answer {
    medium: MediumId,
    facts: Vec<(&'static str, String)>,
    remarks: Vec<String>,
    branches: Vec<String>,
    records: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    number: u64,
    time: Timestamp,
    event: &'static str,
    person: String,
    place: String,
    detail: String,
    digest: Digest,
}

pub(super) fn run(args: &ShowArgs, term: Term) -> Result<ExitCode, CommandError> {
    let register = args.dir.open()?;
    let (medium, held) = register.medium(&args.id).map_err(|e| error::register(&e, &args.dir))?;
    let answer = Answer {
        medium: args.id.clone(),
        facts: facts(medium),
        remarks: medium.remarks.iter().map(|remark| format!("record {}: {}", remark.number, remark.what)).collect(),
        branches: held.branches().iter().map(|tip| branch(tip)).collect(),
        records: held.records().iter().map(row).collect(),
    };
    term.answer(&answer, render);
    Ok(ExitCode::SUCCESS)
}

fn facts(medium: &Medium) -> Vec<(&'static str, String)> {
    let details = &medium.details;
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let mut facts = vec![
        ("label", details.label.to_string()),
        ("kind", details.form.as_str().to_owned()),
        ("write once", if details.write_once { "yes" } else { "no" }.to_owned()),
        ("serial", text(details.serial.as_ref().map(ToString::to_string))),
        ("capacity", text(details.capacity.map(bytes))),
        ("classification", details.classification.to_string()),
        ("owner", text(medium.owner.as_ref().map(ToString::to_string))),
        ("with", medium.holder.to_string()),
        ("condition", medium.condition().to_owned()),
        ("place", medium.place.to_string()),
        ("seal", text(medium.seal.as_ref().map(ToString::to_string))),
    ];
    facts.extend(medium.open.iter().map(|open| ("waits for", format!("{} ({})", open.waits_for, open.then.what()))));
    facts.extend(medium.loads.iter().map(|load| ("carries", format!("{load} {}", load.bundle.tagged()))));
    facts
}

fn branch(tip: &Stored) -> String {
    let record = &tip.link.record;
    format!("{} at number {}: {} by {}", tip.digest.short(), record.number, record.event.as_str(), record.person)
}

fn row(stored: &Stored) -> Row {
    let record = &stored.link.record;
    Row {
        number: record.number,
        time: record.time,
        event: record.event.as_str(),
        person: record.person.to_string(),
        place: record.place.to_string(),
        detail: detail(record),
        digest: stored.digest,
    }
}

fn detail(record: &Record) -> String {
    match &record.event {
        Event::HandedOver { from, to } => format!("from {from} to {to}"),
        Event::Sealed { seal } => format!("seal {seal}"),
        Event::Received { seal: Some(seal), intact, .. } => {
            format!("seal {seal}, {}", if *intact { "whole" } else { "broken" })
        }
        Event::Received { .. } => "no seal".to_owned(),
        Event::Sanitised { method } => method.to_string(),
        Event::Destroyed { method, witness } => format!("{method}; witness {witness}"),
        Event::Assigned { owner } => format!("owner {owner}"),
        Event::Joined { branch, holder } => format!("{}, with {holder}", branch.short()),
        Event::Verified { result, .. } | Event::Imported { result, .. } => {
            format!("{}: {}", result.as_str(), loads(&record.event))
        }
        _ => loads(&record.event),
    }
}

fn loads(event: &Event) -> String {
    event.loads().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn render(answer: &Answer) -> String {
    let mut text = format!("Medium {}\n", answer.medium);
    for (name, value) in &answer.facts {
        let _ = writeln!(text, "  {:16}{value}", format!("{name}:"));
    }
    for remark in &answer.remarks {
        let _ = writeln!(text, "  mind: {remark}");
    }
    for branch in &answer.branches {
        let _ = writeln!(text, "  another copy has: {branch}");
    }
    let mut table = Table::new(&["NO", "TIME", "EVENT", "SIGNED BY", "PLACE", "DETAIL", "DIGEST"]).right(0);
    for row in &answer.records {
        let (number, time, digest) = (row.number.to_string(), row.time.to_string(), row.digest.short());
        table.row([&number, &time, row.event, &row.person, &row.place, &row.detail, &digest]);
    }
    let _ = write!(text, "{table}");
    text
}
