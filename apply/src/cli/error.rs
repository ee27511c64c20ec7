//! Which exit code and which hint belong to which error of the library.

use sealift_fs::{LockError, PathError};
use sealift_site::SiteKeyError;
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
        _ => failure,
    }
}

pub(super) fn setup(error: &SetupError) -> CommandError {
    let failure = CommandError::from_error(Exit::Failed, error);
    match error {
        SetupError::Exists(_) => failure.hint("edit it, or name another directory"),
        SetupError::OtherSite { .. } => failure.hint("set `name` or `statement_key` under [site] in inventory.toml"),
        SetupError::Key(_) => failure.hint("`statement_key` under [site] in inventory.toml names the keys' directory"),
        SetupError::Fs(_) | SetupError::NoPublicKey { .. } => failure,
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
        PlannerError::Package(_) | PlannerError::NotInGroup { .. } | PlannerError::Empty(_) => {
            CommandError::from_error(Exit::Usage, error)
        }
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

pub(super) fn plans(error: &PlansError) -> CommandError {
    match error {
        PlansError::Refused(refusal) => {
            let failure = CommandError::with_cause(Exit::RefusedSignature, "refused the plan", refusal);
            match refusal {
                PlanRefusal::Digest { .. } | PlanRefusal::Unsigned(_) | PlanRefusal::Signature { .. } => {
                    failure.hint("make a new one: sealift-apply plan --group GROUP")
                }
                PlanRefusal::Form { .. } => failure,
            }
        }
        PlansError::Unknown(_) | PlansError::Ambiguous(_) => CommandError::from_error(Exit::Usage, error)
            .hint("a plan is named by its id, or by at least 4 digits of it"),
        PlansError::Fs(_) | PlansError::Form(_) => CommandError::from_error(Exit::Failed, error),
    }
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
                RunRefusal::Site { .. } => failure,
                RunRefusal::Repository(group) | RunRefusal::Member { group, .. } => {
                    failure.hint(format!("make a new one: sealift-apply plan --group {group}"))
                }
            }
        }
        RunnerError::Planner(inner) => planner(inner),
        RunnerError::NotPlanned { .. } => CommandError::from_error(Exit::Usage, error),
        RunnerError::Records { source, .. } => CommandError::from_error(records(source).exit, error)
            .state("The run ended here. Hosts before this one are as their records say.")
            .hint("see what was done: sealift-apply records"),
    }
}
