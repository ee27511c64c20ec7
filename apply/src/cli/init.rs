//! `sealift-apply init`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_model::SiteId;
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::error;
use crate::setup;

/// Make a state directory with a commented inventory.toml and the key that signs plans and records
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where [default: --dir, or the current directory]
    #[arg(value_name = "DIR")]
    path: Option<PathBuf>,
    /// Name of the site
    #[arg(long, default_value = "site")]
    site: SiteId,
    /// Sign with the statement key in this directory (sealift-import's `site`) instead of making one
    #[arg(long, value_name = "DIR")]
    site_keys: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    dir: String,
    site: String,
    statement_key: String,
}

pub(super) fn run(args: &InitArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let target = args.path.as_deref().or(dir).unwrap_or(Path::new("."));
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let target = absolute(target);
    let keys = args.site_keys.as_deref().map(absolute);
    let key = setup::create(&target, &args.site, keys.as_deref()).map_err(|e| error::setup(&e))?;
    let dir = target.display().to_string();
    let answer = Answer { dir, site: args.site.to_string(), statement_key: key.public_hex() };
    term.answer(&answer, |a| {
        format!(
            "Made {}.\nstatement key: ed25519:{}\nNext: describe groups and hosts in {}/inventory.toml, then\n  sealift-apply \
             --dir {} plan --group GROUP",
            a.dir, a.statement_key, a.dir, a.dir
        )
    });
    Ok(ExitCode::SUCCESS)
}
