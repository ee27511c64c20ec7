//! `sealift-media person …`: who may sign.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use sealift_keys::person::read_public;
use sealift_model::{Digest, PersonId, Timestamp};
use sealift_term::{CommandError, Exit, Table, Term};
use serde::Serialize;

use super::DirArgs;
use super::signing::RecordOptions;
use crate::record::{ChainName, Event, KeyHex, Power};

#[derive(Debug, Subcommand)]
pub(super) enum PersonVerb {
    Add(AddPersonArgs),
    Retire(RetireArgs),
    List(ListPeopleArgs),
}

/// Let a person sign, or give them a new key; keepers only
#[derive(Debug, Args)]
pub(super) struct AddPersonArgs {
    /// Their name
    name: PersonId,
    /// Their public key, the NAME.pub of `sealift-keys person new`
    #[arg(long, value_name = "FILE")]
    public: PathBuf,
    /// What they may do: carry (have media), keep (the register)
    #[arg(long, value_name = "WORDS", value_delimiter = ',', default_value = "carry")]
    may: Vec<PowerArg>,
    /// When the appointment ends, in UTC
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    record: RecordOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PowerArg {
    Carry,
    Keep,
}

/// Let a person sign no more; keepers only
#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    /// Their name
    name: PersonId,
    #[command(flatten)]
    dir: DirArgs,
    #[command(flatten)]
    record: RecordOptions,
}

/// Show who may sign, and the register's id
#[derive(Debug, Args)]
pub(super) struct ListPeopleArgs {
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn run(verb: &PersonVerb, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        PersonVerb::Add(args) => add(args, term),
        PersonVerb::Retire(args) => retire(args, term),
        PersonVerb::List(args) => list(args, term),
    }
}

fn add(args: &AddPersonArgs, term: Term) -> Result<ExitCode, CommandError> {
    let begins = args.record.circumstances()?.time;
    if let Some(until) = args.until.filter(|until| *until <= begins) {
        return Err(CommandError::new(Exit::Usage, format!("the appointment would have ended already, at {until}")));
    }
    let key = read_public(&args.public).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let mut may: Vec<Power> = args
        .may
        .iter()
        .map(|power| match power {
            PowerArg::Carry => Power::Carry,
            PowerArg::Keep => Power::Keep,
        })
        .collect();
    may.sort_unstable();
    may.dedup();
    let event = Event::PersonAdded { key: KeyHex::of(&key), may, name: args.name.clone(), until: args.until };
    args.record.sign(&args.dir, &ChainName::People, event, None, term)?;
    Ok(ExitCode::SUCCESS)
}

fn retire(args: &RetireArgs, term: Term) -> Result<ExitCode, CommandError> {
    let event = Event::PersonRetired { name: args.name.clone() };
    args.record.sign(&args.dir, &ChainName::People, event, None, term)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Answer {
    name: String,
    register: Digest,
    people: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    person: PersonId,
    may: Vec<Power>,
    until: Option<Timestamp>,
    key_id: Digest,
}

fn list(args: &ListPeopleArgs, term: Term) -> Result<ExitCode, CommandError> {
    let register = args.dir.open()?;
    let roster = register.roster();
    let row = |(person, member): (&PersonId, &crate::roster::Member)| Row {
        person: person.clone(),
        may: member.may.iter().copied().collect(),
        until: member.until,
        key_id: member.key.id(),
    };
    let people = roster.now().people.iter().map(row).collect();
    let answer = Answer { name: roster.name.to_string(), register: roster.id(), people };
    term.answer(&answer, |answer| {
        let mut table = Table::new(&["PERSON", "MAY", "UNTIL", "KEY ID"]);
        for row in &answer.people {
            let words = row.may.iter().map(|power| match power {
                Power::Carry => "carry",
                Power::Keep => "keep",
            });
            let until = row.until.map_or_else(String::new, |until| until.to_string());
            let may = words.collect::<Vec<_>>().join(",");
            table.row([row.person.to_string(), may, until, row.key_id.short()]);
        }
        format!("{}\nid: {}\n{table}", answer.name, answer.register.tagged())
    });
    Ok(ExitCode::SUCCESS)
}
