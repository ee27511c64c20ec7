//! `root …`: ceremonies that change the root of trust, from a draft over its signatures to the next version.

use std::process::ExitCode;

use clap::Subcommand;
use sealift_term::{CommandError, Term};

mod answer;
mod draft;
mod edit;
mod publish;
mod show;

pub(super) use answer::DraftAnswer;
pub(super) use edit::KeyRole;

#[derive(Debug, Subcommand)]
pub(super) enum RootVerb {
    Draft(draft::DraftArgs),
    AddKey(edit::AddKeyArgs),
    RemoveKey(edit::RemoveKeyArgs),
    ReplaceKey(edit::ReplaceKeyArgs),
    Threshold(edit::ThresholdArgs),
    Renew(edit::RenewArgs),
    AddPerson(edit::AddPersonArgs),
    RemovePerson(edit::RemovePersonArgs),
    Policy(edit::PolicyArgs),
    Show(show::ShowArgs),
    Publish(publish::PublishArgs),
}

pub(super) fn run(verb: &RootVerb, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        RootVerb::Draft(args) => draft::run(args, term),
        RootVerb::AddKey(args) => edit::run(args, term),
        RootVerb::RemoveKey(args) => edit::run(args, term),
        RootVerb::ReplaceKey(args) => edit::run(args, term),
        RootVerb::Threshold(args) => edit::run(args, term),
        RootVerb::Renew(args) => edit::run(args, term),
        RootVerb::AddPerson(args) => edit::run(args, term),
        RootVerb::RemovePerson(args) => edit::run(args, term),
        RootVerb::Policy(args) => edit::run(args, term),
        RootVerb::Show(args) => show::run(args, term),
        RootVerb::Publish(args) => publish::run(args, term),
    }
}
