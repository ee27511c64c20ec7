//! The verbs of `root` that change a draft's content: the same steps with different changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sealift_term::{CommandError, Term, now};
use sealift_trust::{Purpose, Role};

use super::answer::DraftAnswer;
use crate::cli::error;
use crate::cli::key_arg::{key_ref, public_key};
use crate::draft::{Change, Draft};

/// What a key is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum KeyRole {
    /// Names all keys, its own included
    Root,
    /// Lists the bundles
    Targets,
    /// Fixes what belongs together
    Snapshot,
    /// Says what is newest
    Timestamp,
    /// Signs build provenance
    Evidence,
}

/// A role with a threshold.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum SigningRole {
    /// Names all keys, its own included
    Root,
    /// Lists the bundles
    Targets,
    /// Fixes what belongs together
    Snapshot,
    /// Says what is newest
    Timestamp,
}

impl From<KeyRole> for Purpose {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Root => Self::Root,
            KeyRole::Targets => Self::Targets,
            KeyRole::Snapshot => Self::Snapshot,
            KeyRole::Timestamp => Self::Timestamp,
            KeyRole::Evidence => Self::Evidence,
        }
    }
}

impl From<SigningRole> for Role {
    fn from(role: SigningRole) -> Self {
        match role {
            SigningRole::Root => Self::Root,
            SigningRole::Targets => Self::Targets,
            SigningRole::Snapshot => Self::Snapshot,
            SigningRole::Timestamp => Self::Timestamp,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DraftPath {
    /// The draft
    draft: PathBuf,
    /// Change it although holders have signed it; their signatures are dropped
    #[arg(long)]
    drop_signatures: bool,
}

/// Let one more key sign for a role
#[derive(Debug, Args)]
pub(in crate::cli) struct AddKeyArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// What the key is for
    #[arg(long)]
    role: KeyRole,
    /// The public key (PEM, Ed25519 or ECDSA P-256), or a .key file
    #[arg(long, value_name = "PUB")]
    key: PathBuf,
}

/// Let a key no longer sign for a role
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveKeyArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// What the key was for
    #[arg(long)]
    role: KeyRole,
    /// The key's file, or at least 8 digits of its id
    #[arg(long, value_name = "KEY")]
    key: String,
}

/// Put one key of a role in another's place
#[derive(Debug, Args)]
pub(in crate::cli) struct ReplaceKeyArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// What the keys are for
    #[arg(long)]
    role: KeyRole,
    /// The old key's file, or at least 8 digits of its id
    #[arg(long, value_name = "KEY")]
    old: String,
    /// The new public key (PEM), or a .key file
    #[arg(long, value_name = "PUB")]
    new: PathBuf,
}

/// Change how many keys must sign for a role
#[derive(Debug, Args)]
pub(in crate::cli) struct ThresholdArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// The role
    #[arg(long)]
    role: SigningRole,
    /// How many keys must sign
    #[arg(value_parser = clap::value_parser!(u64).range(1..=32))]
    required: u64,
}

/// Change when the new root expires
#[derive(Debug, Args)]
pub(in crate::cli) struct RenewArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// Days from now until it expires
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    expires_days: u64,
}

/// Name a person whose statements count, or give one another key or other rights
#[derive(Debug, Args)]
pub(in crate::cli) struct AddPersonArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// The person's name
    name: String,
    /// The person's public key (PEM), or a .key file
    #[arg(long, value_name = "PUB")]
    key: PathBuf,
    /// What the person may sign
    #[arg(long, value_name = "KIND", required = true, value_delimiter = ',', value_parser = ["approve", "scan", "waive"])]
    may: Vec<String>,
}

/// Let a person's statements no longer count
#[derive(Debug, Args)]
pub(in crate::cli) struct RemovePersonArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// The person's name
    name: String,
}

/// Change how many people a kind of statement needs
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyArgs {
    #[command(flatten)]
    draft: DraftPath,
    /// The kind of statement
    #[arg(long, value_parser = ["approve", "scan", "waive"])]
    kind: String,
    /// How many people
    #[arg(value_parser = clap::value_parser!(u64).range(0..=32))]
    required: u64,
}

/// A verb that changes a draft.
pub(super) trait Edit {
    /// Returns the draft it is about.
    fn target(&self) -> &DraftPath;
    /// Returns what it changes.
    fn changes(&self) -> Result<Vec<Change>, CommandError>;
}

macro_rules! edit {
    ($args:ty, $this:ident => $changes:expr) => {
        impl Edit for $args {
            fn target(&self) -> &DraftPath {
                &self.draft
            }

            fn changes(&self) -> Result<Vec<Change>, CommandError> {
                let $this = self;
                Ok($changes)
            }
        }
    };
}

edit!(AddKeyArgs, this => vec![Change::AddKey { purpose: this.role.into(), key: public_key(&this.key)? }]);
edit!(RemoveKeyArgs, this => vec![Change::RemoveKey { purpose: this.role.into(), key: key_ref(&this.key)? }]);
edit!(ReplaceKeyArgs, this => vec![
    Change::RemoveKey { purpose: this.role.into(), key: key_ref(&this.old)? },
    Change::AddKey { purpose: this.role.into(), key: public_key(&this.new)? },
]);
edit!(ThresholdArgs, this => vec![Change::Threshold { role: this.role.into(), required: this.required }]);
edit!(RenewArgs, this => vec![Change::Expires(now().plus_days(this.expires_days))]);
edit!(AddPersonArgs, this => vec![Change::AddPerson {
    name: this.name.clone(), key: public_key(&this.key)?, may: this.may.clone(),
}]);
edit!(RemovePersonArgs, this => vec![Change::RemovePerson { name: this.name.clone() }]);
edit!(PolicyArgs, this => vec![Change::Policy { kind: this.kind.clone(), required: this.required }]);

pub(super) fn run(args: &impl Edit, term: Term) -> Result<ExitCode, CommandError> {
    let target = args.target();
    let path: &Path = &target.draft;
    let what = path.display().to_string();
    let failed = |e| error::draft(&what, &e);
    let changes = args.changes()?;
    let draft = Draft::read(path).map_err(failed)?;
    let signed = draft.signers().len();
    let draft = draft.change(&changes, target.drop_signatures, now()).map_err(failed)?;
    draft.replace(path).map_err(failed)?;
    let dropped = signed.saturating_sub(draft.signers().len()) as u64;
    if dropped > 0 {
        let count = sealift_term::counted(dropped, "signature", "signatures");
        term.warn(&format!("{count} dropped: everybody who signed the draft must sign it again"));
    }
    let answer = DraftAnswer::of(path, &draft).map_err(|e| error::metadata(&what, &e))?;
    term.answer(&answer, DraftAnswer::content);
    Ok(ExitCode::SUCCESS)
}
