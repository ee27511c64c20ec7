//! `sealift-import key`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_site::SiteKeys;
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::DirArgs;

/// The site's own public keys
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    Show(ShowArgs),
}

/// Show the keys that receipts and published repositories are signed with
#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Debug, Serialize)]
struct Keys {
    site: String,
    receipt_key: String,
    repository_key: String,
    keyring: String,
}

pub(super) fn run(args: &KeyArgs, term: Term) -> Result<ExitCode, CommandError> {
    let KeyVerb::Show(args) = &args.verb;
    let repository = args.dir.open(term)?;
    let keys = SiteKeys::open(&repository.layout().site()).map_err(|e| super::error::failed(&e))?;
    let shown = Keys {
        site: repository.config().site.to_string(),
        receipt_key: keys.statement.public_hex(),
        repository_key: keys.repository.fingerprint(),
        keyring: repository.layout().keyring().display().to_string(),
    };
    term.answer(&shown, |keys| {
        format!(
            "site: {}\nreceipt key: {}\nrepository key: {}\nrepository keyring: {}\n\
             For mirror.toml on the connected side:\n[[site]]\nname = \"{}\"\nreceipt_key = \"{}\"",
            keys.site, keys.receipt_key, keys.repository_key, keys.keyring, keys.site, keys.receipt_key
        )
    });
    Ok(ExitCode::SUCCESS)
}
