//! How the library's errors are shown, and which exit code each has.

use std::error::Error;

use sealift_term::{CommandError, Exit};
use sealift_trust::ExitClass;

use crate::bundles::FindError;
use crate::channel::ChannelError;
use crate::init::InitError;
use crate::publish::PublishError;
use crate::receipt::ReceiptError;
use crate::receive::ReceiveError;
use crate::recover::RecoverError;
use crate::refusal::Refusal;
use crate::repository::StateError;
use sealift_fs::LockError;

/// What to do about a verdict of a scanner that is not this site's.
pub(super) const VERDICTS: &str =
    "Restore the file from a backup, or take it out of the way: its contents are then scanned again.";

pub(super) fn state(error: &StateError) -> CommandError {
    let exit = match error {
        StateError::Config(_) => Exit::Usage,
        StateError::Lock(LockError::Held(_)) => Exit::Locked,
        StateError::Verdicts(verdicts) if verdicts.is_refusal() => Exit::RefusedOrder,
        e if e.is_trust_state() => Exit::RefusedOrder,
        _ => Exit::Failed,
    };
    let shown = CommandError::from_error(exit, error);
    match error {
        StateError::Config(crate::config::ConfigError::Missing(_)) => shown
            .hint("Name the state directory with --dir, or make one with `sealift-import init DIR --root ROOT.json`."),
        StateError::Lock(LockError::Held(_)) => shown.hint("Wait until the other command has ended, then try again."),
        StateError::Exposed(_) => shown.hint(
            "Nothing below it is used until it is this user's alone: set owner and mode, and put back directories that \
             became links. If somebody else could write there, run `sealift-import scrub` and `ledger verify` afterwards.",
        ),
        StateError::Unrecorded(_) => shown
            .hint("Run the same command again: the next command that writes completes the records first.")
            .state("The change was made, as `sealift-import status` shows; floors or ledger do not say so yet."),
        StateError::Verdicts(verdicts) if verdicts.is_refusal() => shown.hint(VERDICTS),
        StateError::Index(e) if e.is_full() => shown.hint("the disk is full: make room and run the same command again"),
        StateError::Index(e) if e.is_read_only() => shown
            .hint("Check the owner and mode of the state directory, and whether its disk has room and is writable."),
        StateError::Ledger(e) if e.is_damage() => {
            shown.hint("`sealift-import ledger verify` names the first bad line.")
        }
        e if e.is_trust_state() => shown.hint(
            "Part of the state directory was lost or set back, and nothing is decided on half of it. Restore the whole \
             directory from one backup; or, with the fingerprint of the root of trust at hand, `sealift-import trust \
             recover` puts together what is left and says what is lost.",
        ),
        _ => shown,
    }
}

/// Shows a decision: its word, its sentence, why, and what to do.
pub(super) fn refusal(refusal: &Refusal) -> CommandError {
    let exit = match refusal.exit_class() {
        ExitClass::Signature => Exit::RefusedSignature,
        ExitClass::Order => Exit::RefusedOrder,
        ExitClass::Policy => Exit::RefusedPolicy,
    };
    let mut shown = CommandError::from_error(exit, refusal);
    shown.message = format!("refused ({}): {}", refusal.code(), shown.message);
    let shown = shown.state("Nothing was changed. One line in the ledger records the refusal.");
    match refusal.hint() {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}

pub(super) fn receive(error: &ReceiveError) -> CommandError {
    match error {
        ReceiveError::Refused { refusal: decision, accepted } => {
            let shown = refusal(decision);
            let waits = matches!(decision.code(), "blob" | "gap");
            let kept = if waits { " What came whole waits in the quarantine." } else { "" };
            match accepted.as_slice() {
                [] if waits => shown.state(format!("No bundle was accepted.{kept} The ledger records it.")),
                [] => shown,
                accepted => shown.state(format!(
                    "Accepted, from the same medium: {}. Nothing else was accepted.{kept} The ledger records the refusal.",
                    accepted.join(", ")
                )),
            }
        }
        ReceiveError::Medium { source, accepted } => {
            let kept = "Blobs that came over whole are kept; the same command goes on from there.";
            let state = if accepted.is_empty() {
                format!("No bundle was accepted. {kept}")
            } else {
                format!("Accepted before: {}. {kept}", accepted.join(", "))
            };
            CommandError::with_cause(Exit::Failed, "the medium cannot be read", &**source)
                .hint("Check that the medium is still there and readable, then run the same command again.")
                .state(state)
        }
        ReceiveError::Pulled { part, .. } => CommandError::from_error(Exit::Failed, error)
            .hint(format!("Put {part} back in, or another copy of it, and run the same command again: it goes on from there."))
            .state("No bundle was accepted. Blobs that came over whole are kept; `sealift-import waiting` shows what is missing."),
        ReceiveError::After { source, accepted } => receive(source).state(format!(
            "Accepted before, from the same medium: {}. Nothing else was accepted; the same command goes on from there.",
            accepted.join(", ")
        )),
        ReceiveError::Open(_) => CommandError::from_error(Exit::Failed, error)
            .hint("Give the path of the mounted medium, of its SEALIFT directory, or of a .sealift file."),
        ReceiveError::Full { .. } => {
            CommandError::from_error(Exit::Failed, error).hint("Free some space or give the store a larger disk.")
        }
        ReceiveError::Store(_) | ReceiveError::Rebuild(_) => CommandError::from_error(Exit::Failed, error)
            .state("No bundle was accepted. Blobs that came over whole are kept; the same command goes on from there."),
        ReceiveError::Waiting(_) => CommandError::from_error(Exit::Failed, error)
            .hint("Give it up with `sealift-import discard STREAM/NUMBER --reason TEXT`, then receive its media again."),
        ReceiveError::Content(_) => CommandError::from_error(Exit::Failed, error)
            .hint("Restore the store from a backup, or receive a complete bundle of the stream."),
        ReceiveError::State(e) => state(e),
    }
}

fn find(error: &FindError) -> CommandError {
    CommandError::from_error(Exit::Failed, error).hint("`sealift-import bundles` lists the accepted bundles.")
}

pub(super) fn channel(error: &ChannelError) -> CommandError {
    match error {
        ChannelError::Unknown { .. } => CommandError::from_error(Exit::Usage, error),
        ChannelError::Find(e) => find(e),
        ChannelError::NothingEarlier(_) => CommandError::from_error(Exit::Failed, error)
            .hint("Promote another bundle: `sealift-import promote --channel CHANNEL BUNDLE`."),
        ChannelError::Refused(decision) => refusal(decision),
        ChannelError::State(e) => state(e),
    }
}

pub(super) fn publish(error: &PublishError) -> CommandError {
    match error {
        PublishError::Channel(e) => channel(e),
        PublishError::Refused(decision) => refusal(decision)
            .state("Nothing was changed. What was published before stays. One line in the ledger records the refusal."),
        PublishError::State(e) => state(e),
        PublishError::Live { .. } => CommandError::from_error(Exit::Failed, error)
            .hint("Run the same command again: it publishes once more and records it.")
            .state("Hosts see the new tree, which is whole and signed; index or ledger do not say so yet."),
        PublishError::Empty(name) => CommandError::from_error(Exit::Failed, error)
            .hint(format!("Promote one first: `sealift-import promote --channel {name} BUNDLE`.")),
        PublishError::Lost { .. } => CommandError::from_error(Exit::Failed, error)
            .hint("Restore the store from a backup, or receive a complete bundle of the stream.")
            .state("Nothing was changed. What was published before stays."),
        _ => failed(error).state("Nothing was changed. What was published before stays."),
    }
}

pub(super) fn receipt(error: &ReceiptError) -> CommandError {
    match error {
        ReceiptError::Refused(decision) => refusal(decision).state("Nothing was changed."),
        ReceiptError::State(e) => state(e),
        _ => failed(error),
    }
}

pub(super) fn init(error: &InitError) -> CommandError {
    match error {
        InitError::Occupied(_) => CommandError::from_error(Exit::Failed, error).hint("Name a new directory."),
        InitError::Root { source, .. } => {
            let exit =
                if source.exit_class() == ExitClass::Order { Exit::RefusedOrder } else { Exit::RefusedSignature };
            CommandError::from_error(exit, error)
        }
        InitError::FingerprintForm(_) => CommandError::from_error(Exit::Usage, error)
            .hint("give all of it, as the key desk read it out, in quotation marks"),
        InitError::Fingerprint { .. } => CommandError::from_error(Exit::RefusedSignature, error)
            .hint("Ask the key desk for the fingerprint again; `sealift-keys fingerprint ROOT.json` prints it there."),
        _ => failed(error),
    }
}

pub(super) fn recover(error: &RecoverError) -> CommandError {
    match error {
        RecoverError::State(e) => state(e),
        RecoverError::Whole => CommandError::from_error(Exit::Failed, error)
            .hint("There is nothing to recover; `sealift-import trust status` shows what is trusted."),
        RecoverError::Fingerprint { .. } | RecoverError::OtherRoot { .. } => {
            CommandError::from_error(Exit::RefusedSignature, error).hint(
                "Ask the key desk which root this site trusts: `sealift-keys fingerprint ROOT.json` prints the \
                 fingerprint there. If it is another one, make the repository anew with `sealift-import init`.",
            )
        }
        RecoverError::Document { .. } | RecoverError::Nothing => CommandError::from_error(Exit::RefusedOrder, error)
            .hint(
                "Restore the whole directory from one backup, or make the repository anew with `sealift-import init`.",
            ),
        _ => failed(error),
    }
}

pub(super) fn failed(error: &(dyn Error + 'static)) -> CommandError {
    CommandError::from_error(Exit::Failed, error)
}
