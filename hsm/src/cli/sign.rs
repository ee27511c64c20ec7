//! `sealift-hsm sign`: a signature of exported bytes, to be attached where the draft is.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, read_capped, write_new};
use sealift_keys::draft::changes;
use sealift_keys::metadata::document_of;
use sealift_keys::statement::statement_of;
use sealift_keys::summary::fingerprint;
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::metadata::Body as _;
use sealift_trust::{Role, Root, Signed, Targets};
use serde::Serialize;

use super::pin::PinArgs;
use super::{KeyArgs, error};

/// Sign what `sealift-keys export` wrote
///
/// Says what is signed, asks for the PIN, has the token sign, and checks the signature before it writes it. Of anything
/// but trust metadata and statements by people nothing is signed.
#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// What `sealift-keys export` wrote
    file: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    /// The signature file to write; must not exist
    #[arg(short, long, value_name = "NAME.sig")]
    out: PathBuf,
    #[command(flatten)]
    pin: PinArgs,
}

#[derive(Serialize)]
struct Answer {
    signature_file: PathBuf,
    key_id: Digest,
    /// What the metadata belongs to; absent for a statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    sha256: Digest,
    fingerprint: String,
}

pub(super) fn run(args: &SignArgs, term: Term) -> Result<ExitCode, CommandError> {
    let bytes =
        read_capped(&args.file, Targets::LIMIT as u64).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let what = args.file.display().to_string();
    let (role, story) = read(&what, &bytes)?;
    if args.out.symlink_metadata().is_ok() {
        return Err(CommandError::new(Exit::Failed, format!("{} is there already", args.out.display())));
    }
    let token = args.key.open()?;
    let sha256 = Digest::of(&bytes);
    term.say(&story);
    term.say(&format!("SHA-256, to be compared aloud:\n  {}", fingerprint(sha256)));
    if token.is_last_try() {
        term.warn("the next wrong PIN locks this token");
    }
    token.login(&args.pin.pin(&args.key.token_label)?).map_err(|e| error::token(&e))?;
    let (public, signature) = token.sign(&args.key.key_label, &bytes).map_err(|e| error::token(&e))?;
    write_new(&args.out, &signature, Mode::Public).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let (signature_file, key_id) = (args.out.clone(), public.id());
    let answer = Answer { signature_file, key_id, role, sha256, fingerprint: fingerprint(sha256) };
    term.answer(&answer, |answer| {
        let (file, key) = (answer.signature_file.display(), answer.key_id);
        let attach = if answer.role.is_some() { "attach DRAFT" } else { "statement attach FILE" };
        format!(
            "Wrote the signature to {file}, by key {key}.\n\
             Carry it back; there: sealift-keys {attach} --key PUB --signature {file}"
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// Recognises what is to be signed: metadata, or a statement by a person.
fn read(what: &str, bytes: &[u8]) -> Result<(Option<Role>, String), CommandError> {
    if let Ok(statement) = statement_of(bytes) {
        let (says, about) = (statement.describe(), statement.subject.sha256.tagged());
        return Ok((None, format!("{what} holds a statement: {says}\n  about: {about}")));
    }
    match document_of(bytes) {
        Ok((role, document)) => Ok((Some(role), story(what, role, &document))),
        Err(fault) => {
            let refused = format!("refused to sign {what}");
            Err(CommandError::with_cause(Exit::RefusedSignature, refused, &fault)
                .hint("only what `sealift-keys export` or `statement export` wrote is signed"))
        }
    }
}

fn story(what: &str, role: Role, document: &[u8]) -> String {
    let text = format!("{what} holds {role} metadata.");
    match Signed::<Root>::parse(document) {
        Ok(root) if role == Role::Root => {
            format!("{text} Version {} says:\n  {}", root.version(), changes(None, &root).join("\n  "))
        }
        _ => text,
    }
}
