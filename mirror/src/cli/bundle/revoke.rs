//! `bundle revoke`: the newest trust metadata alone, on a medium that makes revoked keys worthless.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::Digest;
use sealift_term::{CommandError, Term, bytes};
use serde::Serialize;

use super::signing::{self, SigningArgs};
use crate::build::Waiting;
use crate::cli::{Place, failure};
use crate::trust::medium::{MetadataMedium, SMALL};
use crate::trust::renew::{Renewed, renew};
use crate::trust::{RootChain, TrustDir};

/// Write the trust metadata alone, newly signed, so that a site learns of a new root or a later expiry at once
///
/// The medium has the whole root chain and no bundle. After a site has received it, keys that the newest root does not
/// name count for nothing, whatever they signed and however new it is. The same command renews a timestamp that is about
/// to expire.
#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArgs {
    /// Write it to SEALIFT in this directory, the top of an empty medium [default: only renew what the mirror hands out]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    root: u64,
    roots: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    awaiting: Option<Awaiting>,
}

#[derive(Serialize)]
struct Awaiting {
    file: PathBuf,
    have: usize,
    need: usize,
    may_sign: Vec<Digest>,
    redrafted: bool,
}

pub(super) fn run(args: &RevokeArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let signing = args.signing.open(&state)?;
    let now = signing::moment(signing::created()?);
    if let Renewed::Waiting(waiting) = renew(&state, &writer, &signing, now).map_err(|e| failure::build(&e))? {
        let keys = signing.dir.join("root.json");
        term.answer(&Answer::waiting(&signing.roots, waiting), |answer| answer.human_waiting(&keys));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(to) = &args.to else {
        term.answer(&Answer::of("renewed", &signing.roots), |answer| {
            format!("The mirror hands out new trust metadata now; its root is version {}.", answer.root)
        });
        return Ok(ExitCode::SUCCESS);
    };
    let written = TrustDir::of(state.dir()).write_medium(&writer, &signing.roots, to, now).map_err(|e| {
        failure::trust(&e).state("The mirror hands out the new metadata; use of the medium only what verifies.")
    })?;
    if written.bytes > SMALL {
        term.warn(&format!("{} do not fit in {}", bytes(written.bytes), bytes(SMALL)));
    }
    let (path, size) = (Some(written.path.clone()), Some(written.bytes));
    let answer = Answer { path, bytes: size, ..Answer::of("written", &signing.roots) };
    term.answer(&answer, |_| human(&written));
    Ok(ExitCode::SUCCESS)
}

impl Answer {
    fn of(status: &'static str, roots: &RootChain) -> Self {
        let (root, count) = (roots.newest().version(), roots.files().len());
        Self { status, path: None, bytes: None, root, roots: count, awaiting: None }
    }

    fn waiting(roots: &RootChain, waiting: Waiting) -> Self {
        let Waiting { file, have, need, may_sign, redrafted } = waiting;
        let awaiting = Some(Awaiting { file, have, need, may_sign, redrafted });
        Self { awaiting, ..Self::of("awaiting signatures", roots) }
    }

    fn human_waiting(&self, root: &std::path::Path) -> String {
        let Some(awaiting) = &self.awaiting else { return String::new() };
        let mut text = format!(
            "The list of bundles must be signed by the keys of root version {}: {} of {} signatures are there.\n",
            self.root, awaiting.have, awaiting.need
        );
        if awaiting.redrafted {
            text += "The list changed meanwhile, so the document is a new one; earlier signatures are void.\n";
        }
        text += "These keys may sign:\n";
        for key in &awaiting.may_sign {
            let _ = writeln!(text, "  {key}");
        }
        let (file, root) = (awaiting.file.display(), root.display());
        let _ = writeln!(
            text,
            "Each holder types, where the key is:\n  sealift-keys sign {file} --key KEYFILE --root {root}"
        );
        text += "Then type the same command again.\n";
        text
    }
}

fn human(written: &MetadataMedium) -> String {
    let [root, timestamp, snapshot, targets] = written.versions;
    let path = written.path.display();
    format!(
        "Wrote trust metadata alone to {path}, {}.\n\
         root: version {root}; timestamp {timestamp}, snapshot {snapshot}, targets {targets}\n\
         Keys that root version {root} does not name count for nothing once a site has received this.\n\
         Next: sealift-import receive {path}",
        bytes(written.bytes)
    )
}
