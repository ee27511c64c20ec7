//! `sealift-keys init`: a new root of trust.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::Timestamp;
use sealift_term::{CommandError, Exit, Term, now};
use sealift_trust::{Role, Signed};
use serde::Serialize;

use super::error;
use super::passphrase::PassphraseArgs;
use crate::ceremony::{self, Ceremony, Quorum};
use crate::key_file::KdfParams;
use crate::summary::RootSummary;

/// Make a new root of trust: keys for every role and the root.json that names them
///
/// Each role gets the number of keys its quorum names ("2-of-3": three keys, two must sign). Without quorums every role
/// has one key, which is right for a first look only. Every private key lies in its own file, sealed with the
/// passphrase, in DIR/keys; hand the files to their holders and keep no two of one role in one place.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Directory to make; it must not exist or be empty
    dir: PathBuf,
    /// Quorum of the root role, which names all keys
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    root: Quorum,
    /// Quorum of the targets role, which lists the bundles
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    targets: Quorum,
    /// Quorum of the snapshot role
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    snapshot: Quorum,
    /// Quorum of the timestamp role
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    timestamp: Quorum,
    /// Days until the root expires
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    expires_days: u64,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Answer {
    root_file: PathBuf,
    key_files: Vec<PathBuf>,
    #[serde(flatten)]
    root: RootSummary,
}

pub(super) fn run(args: &InitArgs, term: Term) -> Result<ExitCode, CommandError> {
    ceremony::check_target(&args.dir).map_err(|e| error::ceremony(&e))?;
    let passphrase = args.passphrase.for_new_keys()?;
    let ceremony = ceremony_of(args, now());
    let made = ceremony::create(&args.dir, &ceremony, &passphrase).map_err(|e| error::ceremony(&e))?;
    let root = Signed::parse(&made.root).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let answer = Answer { root_file: made.root_file, key_files: made.key_files, root: RootSummary::of(&root) };
    term.answer(&answer, human);
    if Role::ALL.into_iter().all(|role| ceremony.quorum(role) == Quorum::SINGLE) {
        term.say("Every role has a single key: good for a first look, not for production.");
        term.say("For production: sealift-keys init DIR --root 3-of-5 --targets 2-of-3");
    }
    Ok(ExitCode::SUCCESS)
}

fn ceremony_of(args: &InitArgs, now: Timestamp) -> Ceremony {
    let quorums = [
        (Role::Root, args.root),
        (Role::Targets, args.targets),
        (Role::Snapshot, args.snapshot),
        (Role::Timestamp, args.timestamp),
    ];
    let expires = now.plus_days(args.expires_days);
    Ceremony { quorums: quorums.into(), expires, now, cost: KdfParams::default() }
}

fn human(answer: &Answer) -> String {
    let mut lines = vec![format!("Made a root of trust, valid until {}.", answer.root.expires), String::new()];
    lines.push(format!("  {}", answer.root_file.display()));
    for path in &answer.key_files {
        lines.push(format!("  {}", path.display()));
    }
    lines.extend([
        String::new(),
        format!("Fingerprint of the root: {}", answer.root.fingerprint),
        "Read it aloud, or print it, when root.json reaches the isolated side:".into(),
        "  sealift-import init DIR --root root.json".into(),
    ]);
    lines.join("\n")
}
