//! Which exit code and which hint belong to which error of the library.

use sealift_fs::{LockError, PathError, PrivateError};
use sealift_site::SiteKeyError;
use sealift_site::outbound::OutboundError;
use sealift_term::{CommandError, Exit};

use crate::apt::{AptError, RepositoryFault};
use crate::inventory::{FILE, InventoryError};
use crate::planner::PlannerError;
use crate::plans::{PlanRefusal, PlansError};
use crate::records::{RecordRefusal, RecordsError};
use crate::runner::{RunRefusal, RunnerError};
use crate::setup::SetupError;

pub(super) fn fs(error: &PathError) -> CommandError {
    CommandError::from_error(Exit::Failed, error)
}

pub(super) fn outbound(error: &OutboundError) -> CommandError {
    let failure = CommandError::from_error(Exit::Failed, error);
    match error {
        OutboundError::Foreign { .. } => failure
            .hint("whatever lies there would be carried out: use a new medium, or wipe this one")
            .state("Nothing was written."),
        _ => failure.state("Do not carry this medium out before you have looked at it."),
    }
}

pub(super) fn lock(error: &LockError) -> CommandError {
    match error {
        LockError::Held(_) => {
            CommandError::from_error(Exit::Locked, error).hint("wait until the other command has ended")
        }
        _ => CommandError::from_error(Exit::Failed, error),
    }
}

pub(super) fn inventory(error: &InventoryError) -> CommandError {
    let failure = CommandError::from_error(Exit::Usage, error);
    match error {
        InventoryError::Fs(fault) if fault.is_not_found() && fault.path().ends_with(FILE) => {
            failure.hint("name the state directory with --dir DIR, or make one: sealift-apply init DIR")
        }
        InventoryError::Fs(fault) => fs(fault),
        InventoryError::UnknownGroup { meant: Some(meant), .. }
        | InventoryError::UnknownHost { meant: Some(meant), .. } => failure.hint(format!("did you mean `{meant}`?")),
        InventoryError::UnknownGroup { known, .. } | InventoryError::UnknownHost { known, .. } if known.is_empty() => {
            failure.hint("describe groups and hosts in inventory.toml")
        }
        InventoryError::Form { .. } => failure
            .hint("mend that line; an inventory with explanations to compare with: sealift-apply init SOME-OTHER-DIR"),
        _ => failure,
    }
}

pub(super) fn setup(error: &SetupError) -> CommandError {
    let failure = CommandError::from_error(Exit::Failed, error);
    match error {
        SetupError::Exists(_) => failure.hint("edit it, or name another directory"),
        SetupError::OtherSite { .. } => failure.hint("set `name` or `statement_key` under [site] in inventory.toml"),
        SetupError::Key(key) => match key_hint(key) {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
        SetupError::Fs(_) | SetupError::NoPublicKey { .. } => failure,
    }
}

fn key_hint(error: &SiteKeyError) -> Option<&'static str> {
    match error {
        SiteKeyError::Private(PrivateError::Fs(fault)) if fault.is_not_found() => {
            Some("`statement_key` under [site] in inventory.toml names the directory with the site's keys")
        }
        SiteKeyError::Private(PrivateError::Fs(_) | PrivateError::Owner { .. }) => Some(
            "making and running plans takes the private key: run this as its owner; records can be read without it",
        ),
        _ => None,
    }
}

/// The public key that `--key` names.
pub(super) fn public_key(error: &SiteKeyError) -> CommandError {
    CommandError::with_cause(Exit::Failed, "the public statement key cannot be read", error)
        .hint("--key takes the statement.pub that lies beside the site's statement.key")
}

/// The key of the state directory, for commands that only read.
pub(super) fn reading_key(error: &SetupError) -> CommandError {
    match error {
        SetupError::NoPublicKey { .. } => CommandError::from_error(Exit::Failed, error)
            .hint("reading records takes the public key alone; name it: --key statement.pub"),
        _ => setup(error),
    }
}

pub(super) fn planner(error: &PlannerError) -> CommandError {
    match error {
        PlannerError::Inventory(inner) => inventory(inner),
        PlannerError::Repository { source, .. } => repository(error, source),
        PlannerError::Keyring(_) => CommandError::from_error(Exit::Failed, error)
            .hint("`keyring` under [site] in inventory.toml names the key that sealift-import publishes"),
        PlannerError::Package(_) => {
            CommandError::from_error(Exit::Usage, error).hint("name packages as apt does: openssl")
        }
        PlannerError::NotInGroup { .. } | PlannerError::Empty(_) => CommandError::from_error(Exit::Usage, error)
            .hint("`hosts` of the [[group]] in inventory.toml says which hosts are in it"),
    }
}

fn repository(error: &PlannerError, source: &AptError) -> CommandError {
    let (exit, hint) = match source.repository_fault() {
        Some(RepositoryFault::Signature) => {
            (Exit::RefusedSignature, "check that `keyring` in inventory.toml is the key of this repository")
        }
        Some(RepositoryFault::Expired) => (Exit::RefusedOrder, "publish it again: sealift-import publish"),
        _ => (Exit::Failed, "check `repository`, `suites` and `components` of the group in inventory.toml"),
    };
    CommandError::from_error(exit, error).hint(hint).state("No plan was made. Nothing was changed.")
}

/// The plan that was asked for as `text`.
pub(super) fn plan(text: &str, error: &PlansError) -> CommandError {
    match error {
        PlansError::Refused(refusal) => {
            let failure = CommandError::with_cause(Exit::RefusedSignature, format!("refused the plan {text}"), refusal);
            match refusal {
                PlanRefusal::Digest { .. } | PlanRefusal::Unsigned(_) | PlanRefusal::Signature { .. } => {
                    failure.hint("make a new one: sealift-apply plan --group GROUP")
                }
                PlanRefusal::Form { .. } => failure,
            }
        }
        PlansError::Unknown(_) | PlansError::Ambiguous(_) => CommandError::from_error(Exit::Usage, error)
            .hint("a plan is named by its file, its id, or at least 4 digits of its id; make one: sealift-apply plan"),
        PlansError::Fs(_) | PlansError::Form(_) => CommandError::from_error(Exit::Failed, error)
            .hint("a plan is named by its file, its id, or at least 4 digits of its id"),
    }
}

/// A plan that was made and could not be kept.
pub(super) fn keep(error: &PlansError) -> CommandError {
    CommandError::from_error(Exit::Failed, error).state("No plan was made. Nothing was changed.")
}

pub(super) fn records(error: &RecordsError) -> CommandError {
    match error {
        RecordsError::Refused(refusal) => {
            let failure = CommandError::with_cause(Exit::RefusedSignature, "refused the state records", refusal);
            match refusal {
                RecordRefusal::Signature { sequence: 1, .. } => {
                    failure.hint("the key may be another site's; the site shows its own: sealift-import key show")
                }
                _ => failure.hint("keep these files as they are and compare them with a copy made earlier"),
            }
        }
        RecordsError::Unknown(_) => {
            CommandError::from_error(Exit::Usage, error).hint("list them: sealift-apply records")
        }
        RecordsError::Fs(_) | RecordsError::Form(_) => CommandError::from_error(Exit::Failed, error),
    }
}

pub(super) fn runner(error: &RunnerError) -> CommandError {
    match error {
        RunnerError::Refused(refusal) => {
            let failure = CommandError::with_cause(Exit::RefusedPolicy, "refused to run the plan", refusal);
            match refusal {
                RunRefusal::Site { .. } => failure.hint("make one here: sealift-apply plan --group GROUP"),
                RunRefusal::Repository(group) | RunRefusal::Member { group, .. } => {
                    failure.hint(format!("make a new one: sealift-apply plan --group {group}"))
                }
            }
        }
        RunnerError::Planner(inner) => planner(inner),
        RunnerError::NotPlanned { .. } => CommandError::from_error(Exit::Usage, error)
            .hint("name hosts of the plan, or make a plan that has this one: sealift-apply plan --group GROUP"),
        RunnerError::Records { source, .. } => CommandError::from_error(records(source).exit, error)
            .state("The run ended here. Hosts before this one are as their records say.")
            .hint("see what was done: sealift-apply records"),
    }
}
