//! `sealift-keys init`: a new root of trust.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_model::Timestamp;
use sealift_term::{CommandError, Exit, Term, counted, now};
use sealift_trust::{Role, Signed};
use serde::Serialize;

use super::error;
use super::key_arg::public_key;
use super::passphrase::PassphraseArgs;
use super::person::person_error;
use crate::ceremony::{self, Ceremony, Given, Quorum};
use crate::key_file::KdfParams;
use crate::lint;
use crate::person::{self, PersonSpec, PolicySpec};
use crate::summary::RootSummary;

/// Make a new root of trust: keys for every role and the root.json that names them
///
/// Each role gets the number of keys its quorum names ("2-of-3": three keys, two must sign). Without quorums every role
/// has one key, which is right for a first look only. Every private key lies in its own file, sealed with the
/// passphrase, in DIR/keys; hand the files to their holders and keep no two of one role in one place.
///
/// Better, each holder makes a key with `generate` and gives its public half: `--root-key`, `--targets-key`. They count
/// towards the quorum, and nobody ever holds all keys. The root then begins as the draft DIR/1.root.draft.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Directory to make; it must not exist or be empty
    dir: PathBuf,
    /// Quorum of the root role, which names all keys
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    root: Quorum,
    /// Public key (PEM) of a holder of the root role; may be given several times
    #[arg(long, value_name = "PUB")]
    root_key: Vec<PathBuf>,
    /// Quorum of the targets role, which lists the bundles
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    targets: Quorum,
    /// Public key (PEM) of a holder of the targets role; may be given several times
    #[arg(long, value_name = "PUB")]
    targets_key: Vec<PathBuf>,
    /// Quorum of the snapshot role
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    snapshot: Quorum,
    /// Public key (PEM) of a holder of the snapshot role; may be given several times
    #[arg(long, value_name = "PUB")]
    snapshot_key: Vec<PathBuf>,
    /// Quorum of the timestamp role
    #[arg(long, value_name = "M-of-N", default_value = "1-of-1")]
    timestamp: Quorum,
    /// Public key (PEM) of a holder of the timestamp role; may be given several times
    #[arg(long, value_name = "PUB")]
    timestamp_key: Vec<PathBuf>,
    /// A person who may make statements, such as alice=alice.pub:approve,waive; may be given several times
    #[arg(long, value_name = "NAME=PUB:POWERS")]
    person: Vec<PersonSpec>,
    /// How many people each kind of statement takes, such as approve=2,scan=1,waive=2 [default: nobody is asked]
    #[arg(long, value_name = "POWER=N,...", default_value = "")]
    policy: PolicySpec,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<PathBuf>,
    #[serde(flatten)]
    root: RootSummary,
}

pub(super) fn run(args: &InitArgs, term: Term) -> Result<ExitCode, CommandError> {
    ceremony::check_target(&args.dir).map_err(|e| error::ceremony(&e))?;
    let given = given_keys(args)?;
    let passphrase = args.passphrase.for_new_keys()?;
    let ceremony = ceremony_of(args, now());
    let made = ceremony::create_with(&args.dir, &ceremony, &given, &passphrase).map_err(|e| error::ceremony(&e))?;
    let root = Signed::parse(&made.root).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    if made.swept > 0 {
        term.say(&format!("Removed {} of an interrupted run.", counted(made.swept, "leftover", "leftovers")));
    }
    let (key_files, draft) = (made.key_files, made.draft);
    let answer = Answer { root_file: made.root_file, key_files, draft, root: RootSummary::of(&root) };
    term.answer(&answer, human);
    if Role::ALL.into_iter().all(|role| ceremony.quorum(role) == Quorum::SINGLE) {
        term.say("Every role has a single key: good for a first look, not for production.");
        term.say("For production: sealift-keys init DIR --root 3-of-5 --targets 2-of-3");
    } else {
        for warning in lint::warnings(&root) {
            term.say(&warning);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn given_keys(args: &InitArgs) -> Result<Given, CommandError> {
    let lists = [
        (Role::Root, &args.root_key),
        (Role::Targets, &args.targets_key),
        (Role::Snapshot, &args.snapshot_key),
        (Role::Timestamp, &args.timestamp_key),
    ];
    let read = |(role, paths): (Role, &Vec<PathBuf>)| {
        let keys = paths.iter().map(|path| public_key(path)).collect::<Result<Vec<_>, _>>()?;
        Ok((role, keys))
    };
    let keys = lists.into_iter().map(read).collect::<Result<_, CommandError>>()?;
    Ok(Given { keys, people: person::people(&args.person).map_err(|e| person_error(&e))?, policy: args.policy.0 })
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
    let done = match &answer.draft {
        Some(_) => "Made keys and the draft of a root of trust, which its holders must sign.".to_owned(),
        None => format!("Made a root of trust, valid until {}.", answer.root.expires),
    };
    let mut lines = vec![done, String::new()];
    lines.push(format!("  {}", answer.draft.as_ref().unwrap_or(&answer.root_file).display()));
    for path in &answer.key_files {
        lines.push(format!("  {}", path.display()));
    }
    if let Some(draft) = &answer.draft {
        let (draft, dir) = (draft.display(), answer.root_file.parent().unwrap_or(Path::new(".")).display());
        lines.extend([
            String::new(),
            format!("Next: sealift-keys export {draft} -o FILE, have it signed, attach, and then"),
            format!("  sealift-keys root publish {draft} --to {dir}"),
        ]);
        return lines.join("\n");
    }
    lines.extend([
        String::new(),
        format!("Fingerprint of the root: {}", answer.root.fingerprint),
        "Read it aloud, or print it, when root.json reaches the isolated side:".into(),
        "  sealift-import init DIR --root root.json".into(),
    ]);
    lines.join("\n")
}
