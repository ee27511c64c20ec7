//! `sealift-keys export`: exactly the bytes to sign, and what they say.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, read_capped, write_new};
use sealift_model::Digest;
use sealift_term::{CommandError, Term};
use sealift_trust::metadata::Body;
use sealift_trust::{Role, Targets};
use serde::Serialize;

use super::error;
use super::root::DraftAnswer;
use crate::draft::Draft;
use crate::metadata::{bytes_to_sign, role_of};
use crate::summary::fingerprint;

/// Write exactly the bytes that each holder signs
///
/// FILE is signed where the key is: by `sealift-keys sign`, by openssl, or by a token with `sealift-hsm sign`. The
/// digest shown is for reading aloud: every holder compares it with what their own machine shows. The draft is not
/// changed.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// A draft of a root, or a metadata document such as a bundle's draft targets.json
    draft: PathBuf,
    /// The file to write; must not exist
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    bytes: usize,
    role: Role,
    sha256: Digest,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<DraftAnswer>,
}

pub(super) fn run(args: &ExportArgs, term: Term) -> Result<ExitCode, CommandError> {
    let (role, to_sign, draft) = read(&args.draft)?;
    write_new(&args.out, &to_sign, Mode::Public).map_err(|e| error::fs(&e))?;
    let sha256 = Digest::of(&to_sign);
    let (file, bytes, fingerprint) = (args.out.clone(), to_sign.len(), fingerprint(sha256));
    let answer = Answer { file, bytes, role, sha256, fingerprint, draft };
    term.answer(&answer, |answer| human(answer, &args.draft));
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<(Role, Vec<u8>, Option<DraftAnswer>), CommandError> {
    let what = path.display().to_string();
    let bytes = read_capped(path, Targets::LIMIT as u64).map_err(|e| error::fs(&e))?;
    // A document that names a role is metadata; everything else is judged as a draft.
    if let Ok(role) = role_of(&bytes) {
        let to_sign = bytes_to_sign(&bytes).map_err(|e| error::metadata(&what, &e))?;
        return Ok((role, to_sign, None));
    }
    let draft = Draft::parse(&bytes).map_err(|e| error::draft(&what, &e))?;
    let answer = DraftAnswer::of(path, &draft).map_err(|e| error::metadata(&what, &e))?;
    Ok((Role::Root, draft.to_sign().to_vec(), Some(answer)))
}

fn human(answer: &Answer, draft: &Path) -> String {
    let (file, draft) = (answer.file.display(), draft.display());
    let mut text = answer.draft.as_ref().map(DraftAnswer::content).unwrap_or_default();
    let _ = writeln!(text, "Wrote {} bytes of {} metadata to {file}.", answer.bytes, answer.role);
    let _ = writeln!(text, "SHA-256, to be read aloud:\n  {}", answer.fingerprint);
    let _ = writeln!(
        text,
        "Each holder types one of these, where the key is:\n  sealift-keys sign {file} --key KEY -o NAME.sig\n  \
         openssl pkeyutl -sign -rawin -inkey PRIVATE.pem -in {file} -out NAME.sig\n  \
         sealift-hsm sign {file} --module LIB.so --token-label TOKEN --key-label KEY -o NAME.sig"
    );
    let root = if answer.draft.is_some() { "" } else { " --root ROOT.json" };
    let _ = writeln!(text, "Then, here:\n  sealift-keys attach {draft}{root} --key PUB --signature NAME.sig");
    text
}
