//! `sealift-keys attach`: puts a signature made elsewhere where it belongs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, read_capped, replace};
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Term, now};
use sealift_trust::metadata::Body;
use sealift_trust::{PublicKey, Targets};
use serde::Serialize;

use super::error;
use super::key_arg::public_key;
use super::root::DraftAnswer;
use super::show::read_root;
use crate::attach::{SIGNATURE_LIMIT, attach};
use crate::draft::Draft;
use crate::metadata::role_of;
use crate::tally::{Tally, tallies};

/// Attach a signature that was made elsewhere
///
/// The key must be named by the document's role, and the signature must be good; else nothing is changed. The order of
/// attaching does not matter.
#[derive(Debug, Args)]
pub(super) struct AttachArgs {
    /// A draft of a root, or a metadata document such as a bundle's draft targets.json
    draft: PathBuf,
    /// The public key (PEM) that signed, or its .key file
    #[arg(long, value_name = "PUB", required_unless_present = "from")]
    key: Option<PathBuf>,
    /// The signature and nothing else: 64 bytes for Ed25519, DER for ECDSA
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    signature: Option<PathBuf>,
    /// Another copy of the same draft: attach the signatures that it has and this one lacks
    #[arg(long, value_name = "COPY", conflicts_with_all = ["key", "signature", "root"])]
    from: Option<PathBuf>,
    /// The root of trust that says whose signatures count; for a metadata document only
    #[arg(long, value_name = "ROOT.json")]
    root: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    key: Digest,
    complete: bool,
    signatures: Vec<Tally>,
}

pub(super) fn run(args: &AttachArgs, term: Term) -> Result<ExitCode, CommandError> {
    let what = args.draft.display().to_string();
    let bytes = read_capped(&args.draft, Targets::LIMIT as u64).map_err(|e| error::fs(&e))?;
    if let Some(copy) = &args.from {
        return merge(args, copy, term);
    }
    let (Some(key), Some(signature)) = (&args.key, &args.signature) else {
        return Err(CommandError::new(Exit::Usage, "name the key and the signature file"));
    };
    let key = public_key(key)?;
    let signature = read_capped(signature, SIGNATURE_LIMIT).map_err(|e| {
        error::fs(&e).hint("a signature file holds the signature alone: 64 bytes for Ed25519, DER for ECDSA")
    })?;
    if role_of(&bytes).is_ok() {
        return to_document(args, &bytes, (&key, &signature), term);
    }
    let draft = Draft::parse(&bytes).map_err(|e| error::draft(&what, &e))?;
    let draft = draft.attach(&key, &signature, now()).map_err(|e| error::draft_attach(&what, &e))?;
    draft.replace(&args.draft).map_err(|e| error::draft(&what, &e))?;
    answer_draft(&args.draft, &draft, &format!("Attached the signature of key {}.\n", key.id()), term)
}

fn answer_draft(path: &Path, draft: &Draft, done: &str, term: Term) -> Result<ExitCode, CommandError> {
    let answer = DraftAnswer::of(path, draft).map_err(|e| error::metadata(&path.display().to_string(), &e))?;
    term.answer(&answer, |answer| format!("{done}{}", answer.signatures()));
    Ok(ExitCode::SUCCESS)
}

fn merge(args: &AttachArgs, copy: &Path, term: Term) -> Result<ExitCode, CommandError> {
    let read = |path: &Path| Draft::read(path).map_err(|e| error::draft(&path.display().to_string(), &e));
    let (draft, copy) = (read(&args.draft)?, read(copy)?);
    let what = args.draft.display().to_string();
    let (draft, added) = draft.merge(&copy, now()).map_err(|e| error::draft_attach(&what, &e))?;
    draft.replace(&args.draft).map_err(|e| error::draft(&what, &e))?;
    let count = sealift_term::counted(added as u64, "signature", "signatures");
    answer_draft(&args.draft, &draft, &format!("Attached {count} of the copy.\n"), term)
}

fn to_document(
    args: &AttachArgs,
    document: &[u8],
    (key, signature): (&PublicKey, &[u8]),
    term: Term,
) -> Result<ExitCode, CommandError> {
    let what = args.draft.display().to_string();
    let Some(root) = &args.root else {
        return Err(CommandError::new(Exit::Usage, format!("{what} is a metadata document: name the root of trust"))
            .hint("add --root ROOT.json, which says whose signatures count"));
    };
    let root = read_root(root)?;
    let signed = attach(document, &[&root], key, signature).map_err(|e| error::attach(&what, &e))?;
    let signatures = tallies(&signed, &root).map_err(|e| error::metadata(&what, &e))?;
    replace(&args.draft, &signed, Mode::Private).map_err(|e| error::fs(&e))?;
    let complete = signatures.iter().all(Tally::is_complete);
    let answer = Answer { file: args.draft.clone(), key: key.id(), complete, signatures };
    term.answer(&answer, |answer| {
        let mut text = format!("Attached the signature of key {}.\n", answer.key);
        for tally in &answer.signatures {
            let _ = writeln!(text, "{} of {} signatures for role `{}`.", tally.valid, tally.required, tally.role);
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}
