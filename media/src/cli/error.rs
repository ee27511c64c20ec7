//! Which exit code and which hint belong to which error of the library.

use std::path::Path;

use sealift_fs::LockError;
use sealift_term::{CommandError, Exit};

use super::DirArgs;
use crate::refusal::{Refusal, Rule};
use crate::register::RegisterError;

pub(super) fn register(error: &RegisterError, dir: &DirArgs) -> CommandError {
    match error {
        RegisterError::Fs(fault) => CommandError::from_error(Exit::Failed, fault)
            .state("The register has the record or has it not, whole; the same command finishes it."),
        RegisterError::Lock(LockError::Held(_)) => CommandError::from_error(Exit::Locked, error),
        RegisterError::Lock(fault) => CommandError::from_error(Exit::Failed, fault),
        RegisterError::Refused(refusal) => refused(refusal, dir),
        RegisterError::Rule(broken) => rule(broken, dir),
        RegisterError::Record(_) => CommandError::from_error(Exit::Usage, error),
        RegisterError::None(_) => CommandError::from_error(Exit::Usage, error)
            .hint("name it by --dir DIR; a new one is made by: sealift-media init DIR"),
        RegisterError::NotEmpty(_) => {
            CommandError::from_error(Exit::Failed, error).hint("name a directory that does not exist yet")
        }
    }
}

/// Shows why a record that came as a file was not taken over.
pub(super) fn carried(error: &RegisterError, path: &Path, dir: &DirArgs) -> CommandError {
    match error {
        RegisterError::Record(_) => {
            CommandError::with_cause(Exit::RefusedSignature, format!("{} is no record", path.display()), error)
                .hint("take the file that --out wrote for the other person")
        }
        error => register(error, dir),
    }
}

pub(super) fn refused(refusal: &Refusal, dir: &DirArgs) -> CommandError {
    let failure = CommandError::from_error(Exit::RefusedSignature, refusal);
    let repeated = dir.repeated();
    match refusal {
        Refusal::Damaged { .. } | Refusal::Missing { .. } | Refusal::Heads | Refusal::Forgotten { .. } => failure
            .hint(format!("see all that is wrong: sealift-media check{repeated}"))
            .hint("bring the file again from a backup, or from another copy of the register"),
        Refusal::Stray { .. } => failure.hint("find out who put it there, and take it away"),
        Refusal::Signature { .. } | Refusal::People { .. } | Refusal::Broken { .. } => {
            failure.hint("no tool of sealift wrote this; find out who did, and take the register from a backup")
        }
        Refusal::OtherRegister { .. } => failure.hint("the id of a register is shown by: sealift-media person list"),
        Refusal::TwoPeople { .. } => {
            failure.hint("people are changed on one copy only; make the changes of one of them again on the other")
        }
        Refusal::Gap { .. } => {
            failure.hint("merge the other copy of the register as a whole: sealift-media merge OTHER-DIR")
        }
    }
}

pub(super) fn rule(rule: &Rule, dir: &DirArgs) -> CommandError {
    let failure = CommandError::from_error(exit_of(rule), rule);
    let repeated = dir.repeated();
    match rule {
        Rule::Unknown(_) => failure.hint(format!("see which there are: sealift-media list{repeated}")),
        Rule::Sealed { id, .. } => failure
            .hint(format!("look at the seal, then record what you found: sealift-media record received {id} --seal NUMBER{repeated}")),
        Rule::Open { id, waits_for, .. } => failure
            .hint(format!("{waits_for} types: sealift-media countersign {id}{repeated}"))
            .hint(format!("if it did not come to be: sealift-media record withdrawn {id}{repeated}")),
        Rule::NotHolder { id, holder, person } => failure
            .hint(format!("{holder} records it, or hands it over first: sealift-media handover {id} --from {holder} --to {person}{repeated}")),
        Rule::NotSanitised(id) | Rule::FirstUse(id) => failure
            .hint(format!("sanitise it, then record how: sealift-media record sanitised {id} --method TEXT{repeated}"))
            .hint(format!("the rule is changed by a keeper: sealift-media policy{repeated}")),
        Rule::WriteOnce(_) => failure.hint("use another medium; this one keeps what it has until it is destroyed"),
        Rule::NotErasable(id) => {
            failure.hint(format!("sealift-media record destroyed {id} --method TEXT --witness NAME{repeated}"))
        }
        Rule::Serial { .. } => failure
            .hint("put the right medium in; if this is another one, register it under an id of its own: sealift-media add"),
        Rule::Nobody(_) | Rule::Power { .. } | Rule::Appointment { .. } | Rule::Key(_) => failure
            .hint(format!("see who may sign: sealift-media person list{repeated}"))
            .hint(format!("a keeper changes it: sealift-media person add NAME --public NAME.pub{repeated}")),
        _ => failure,
    }
}

fn exit_of(rule: &Rule) -> Exit {
    match rule {
        Rule::Unknown(_) | Rule::Future(_) | Rule::NoBranch(_) => Exit::Usage,
        _ => Exit::RefusedPolicy,
    }
}
