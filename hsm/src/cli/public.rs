//! `sealift-hsm public`: the public key, for the key desk.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::{Mode, write_new};
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use super::{KeyArgs, error};

/// Write a key's public half as PEM, which is what the key desk gets
#[derive(Debug, Args)]
pub(super) struct PublicArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// The file to write; must not exist
    #[arg(short, long, value_name = "PUB")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    key_id: Digest,
}

pub(super) fn run(args: &PublicArgs, term: Term) -> Result<ExitCode, CommandError> {
    let public = args.key.open()?.public(&args.key.key_label).map_err(|e| error::token(&e))?;
    write_new(&args.out, public.to_pem().as_bytes(), Mode::Public)
        .map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let answer = Answer { file: args.out.clone(), key_id: public.id() };
    term.answer(&answer, |answer| {
        format!("Wrote the public key to {}.\nkey id: {}", answer.file.display(), answer.key_id)
    });
    Ok(ExitCode::SUCCESS)
}
