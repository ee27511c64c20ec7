//! `sealift-hsm list`: tokens, or the keys on one.

use std::process::ExitCode;

use clap::Args;
use sealift_model::Digest;
use sealift_term::{CommandError, Table, Term};
use serde::Serialize;

use super::{ModuleArgs, error};
use crate::token::{Module, TokenSummary};

/// List the tokens that are there, or the public keys on one
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    module: ModuleArgs,
    /// List the keys on the token with this label
    #[arg(long, value_name = "TOKEN")]
    token_label: Option<String>,
}

#[derive(Serialize)]
struct KeyLine {
    label: String,
    kind: String,
    key_id: Digest,
}

pub(super) fn run(args: &ListArgs, term: Term) -> Result<ExitCode, CommandError> {
    let module = Module::load(&args.module.module).map_err(|e| error::token(&e))?;
    match &args.token_label {
        None => {
            let tokens = module.tokens().map_err(|e| error::token(&e))?;
            term.answer(&tokens, |tokens| token_table(tokens));
        }
        Some(label) => {
            let keys = module.open(label).and_then(|token| token.keys()).map_err(|e| error::token(&e))?;
            let line = |key: crate::token::KeyOnToken| KeyLine {
                kind: key.public.to_object()["keytype"].as_str().unwrap_or_default().to_owned(),
                key_id: key.public.id(),
                label: key.label,
            };
            let lines: Vec<KeyLine> = keys.into_iter().map(line).collect();
            term.answer(&lines, |lines| key_table(lines));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn token_table(tokens: &[TokenSummary]) -> String {
    if tokens.is_empty() {
        return "There is no token.".into();
    }
    let mut table = Table::new(&["TOKEN", "MODEL", "SERIAL"]);
    for token in tokens {
        table.row([token.label.clone(), token.model.clone(), token.serial.clone()]);
    }
    table.to_string()
}

fn key_table(keys: &[KeyLine]) -> String {
    if keys.is_empty() {
        return "There is no Ed25519 or P-256 key on it that can be read without the PIN.".into();
    }
    let mut table = Table::new(&["KEY", "KIND", "KEY ID"]);
    for key in keys {
        table.row([key.label.clone(), key.kind.clone(), key.key_id.to_string()]);
    }
    table.to_string()
}
