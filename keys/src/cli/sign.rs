//! `sealift-keys sign`: adds signatures to a metadata document.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, read_capped, replace};
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::Targets;
use sealift_trust::metadata::Body;
use serde::Serialize;

use super::error;
use super::passphrase::PassphraseArgs;
use super::show::read_root;
use crate::key_file::KeyFile;
use crate::metadata::sign_metadata;
use crate::secret::SecretKey;
use crate::tally::{Tally, tallies};

/// Add signatures to a metadata document, and say how many are still missing
///
/// FILE is replaced by the document with the added signatures; the order of signing does not matter. A key that the
/// document's role does not name is refused.
#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The metadata document
    file: PathBuf,
    /// The root of trust that says whose signatures count
    #[arg(long, value_name = "ROOT.json")]
    root: PathBuf,
    /// A key file to sign with; may be given several times
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    file: &'a Path,
    added: Vec<Digest>,
    already: Vec<Digest>,
    complete: bool,
    signatures: Vec<Tally>,
}

pub(super) fn run(args: &SignArgs, term: Term) -> Result<ExitCode, CommandError> {
    let what = args.file.display().to_string();
    let root = read_root(&args.root)?;
    let document = read_capped(&args.file, Targets::LIMIT as u64).map_err(|e| error::fs(&e))?;
    let before = tallies(&document, &root).map_err(|e| error::metadata(&what, &e))?;
    let files = named_keys(args, &before)?;
    let mut signed = document;
    let (mut added, mut already) = (Vec::new(), Vec::new());
    for secret in open_keys(args, &files)? {
        signed = sign_metadata(&signed, &secret).map_err(|e| error::metadata(&what, &e))?;
        let known = before.iter().all(|tally| tally.signed.contains(&secret.id()));
        if known { &mut already } else { &mut added }.push(secret.id());
    }
    let signatures = tallies(&signed, &root).map_err(|e| error::metadata(&what, &e))?;
    replace(&args.file, &signed, Mode::Private).map_err(|e| error::fs(&e))?;
    let complete = signatures.iter().all(Tally::is_complete);
    term.answer(&Answer { file: &args.file, added, already, complete, signatures }, human);
    Ok(ExitCode::SUCCESS)
}

/// Reads the key files and refuses those the role does not name, before any passphrase is asked for.
fn named_keys(args: &SignArgs, before: &[Tally]) -> Result<Vec<KeyFile>, CommandError> {
    let mut files = Vec::new();
    for path in &args.key {
        let file = KeyFile::read(path).map_err(|e| error::key_file(&e))?;
        let id = file.public().id();
        if !before.iter().any(|tally| tally.names(id)) {
            let role = before.first().map(|tally| tally.role.to_string()).unwrap_or_default();
            let message = format!("refused {}: role `{role}` does not name key {id}", path.display());
            return Err(CommandError::new(Exit::RefusedSignature, message)
                .hint(format!("see who may sign: sealift-keys show {}", args.root.display())));
        }
        files.push(file);
    }
    Ok(files)
}

fn open_keys(args: &SignArgs, files: &[KeyFile]) -> Result<Vec<SecretKey>, CommandError> {
    let open = |file: &KeyFile, passphrase: &_| file.open(passphrase).map_err(|e| error::key_file(&e));
    if args.passphrase.is_given() {
        // One passphrase for all: a descriptor can be read only once.
        let passphrase = args.passphrase.for_key("the keys")?;
        return files.iter().map(|file| open(file, &passphrase)).collect();
    }
    let ask = |file: &KeyFile| args.passphrase.for_key(&file.path().display().to_string());
    files.iter().map(|file| open(file, &ask(file)?)).collect()
}

fn human(answer: &Answer<'_>) -> String {
    let mut lines = vec![format!("Added {} to {}.", count(answer.added.len()), answer.file.display())];
    lines.extend(answer.already.iter().map(|id| format!("Key {id} had signed it before.")));
    for tally in &answer.signatures {
        let (role, version) = (tally.role, tally.root_version);
        lines.push(format!(
            "{} of {} signatures for role `{role}` of root version {version}.",
            tally.valid, tally.required
        ));
        if !tally.is_complete() {
            lines.push("Still missing; these keys may sign:".into());
            lines.extend(tally.waiting.iter().map(|id| format!("  {id}")));
        }
    }
    lines.push(if answer.complete {
        "The document is complete and can be published.".into()
    } else {
        format!("Next: hand {} to a holder of one of these keys and sign it there.", answer.file.display())
    });
    lines.join("\n")
}

fn count(signatures: usize) -> String {
    match signatures {
        0 => "no signature".into(),
        1 => "1 signature".into(),
        more => format!("{more} signatures"),
    }
}
