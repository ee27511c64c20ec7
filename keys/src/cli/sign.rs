//! `sealift-keys sign`: signs a metadata document, a draft, or the bytes that were exported of one.

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
use crate::draft::Draft;
use crate::key_file::KeyFile;
use crate::metadata::{document_of, sign_metadata};
use crate::secret::SecretKey;
use crate::tally::{Tally, tallies};

mod draft;
mod exported;

/// Sign a metadata document, a draft of a root, or exported bytes, and say what is signed
///
/// A document or draft is replaced by itself with the added signatures, and how many are missing is said. Of exported
/// bytes the signature alone is written, to be carried back and attached. The order of signing does not matter. A key
/// that the role does not name is refused, and so are bytes that are not metadata of the key's role.
#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The metadata document, the draft, or what `export` wrote
    file: PathBuf,
    /// The root of trust that says whose signatures count; needed for a metadata document
    #[arg(long, value_name = "ROOT.json")]
    root: Option<PathBuf>,
    /// Where to write the signature of exported bytes; must not exist
    #[arg(short, long, value_name = "NAME.sig")]
    out: Option<PathBuf>,
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
    let bytes = read_capped(&args.file, Targets::LIMIT as u64).map_err(|e| error::fs(&e))?;
    if let Ok((role, document)) = document_of(&bytes) {
        return exported::run(args, (role, &bytes, &document), term);
    }
    if Draft::has_schema(&bytes) {
        return draft::run(args, &bytes, term);
    }
    sign_document(args, bytes, term)
}

fn sign_document(args: &SignArgs, document: Vec<u8>, term: Term) -> Result<ExitCode, CommandError> {
    let what = args.file.display().to_string();
    if args.out.is_some() {
        return Err(CommandError::new(Exit::Usage, format!("{what} is no exported file: it is signed in place"))
            .hint("leave --out away, or export the bytes to sign first: sealift-keys export"));
    }
    let Some(path) = &args.root else {
        return Err(CommandError::new(Exit::Usage, format!("{what} is signed under a root of trust: name it"))
            .hint("add --root ROOT.json, which says whose signatures count"));
    };
    let root = read_root(path)?;
    let before = tallies(&document, &root).map_err(|e| error::metadata(&what, &e))?;
    let files = named_keys(&args.key, &before, path)?;
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
fn named_keys(keys: &[PathBuf], before: &[Tally], root: &Path) -> Result<Vec<KeyFile>, CommandError> {
    let mut files = Vec::new();
    for path in keys {
        let file = KeyFile::read(path).map_err(|e| error::key_file(&e))?;
        let id = file.public().id();
        if !before.iter().any(|tally| tally.names(id)) {
            let role = before.first().map(|tally| tally.role.to_string()).unwrap_or_default();
            let message = format!("refused {}: role `{role}` does not name key {id}", path.display());
            return Err(CommandError::new(Exit::RefusedSignature, message)
                .hint(format!("see who may sign: sealift-keys show {}", root.display())));
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
