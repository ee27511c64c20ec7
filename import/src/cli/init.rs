//! `sealift-import init`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_model::SiteId;
use sealift_term::{CommandError, Term};

use crate::init::{InitOptions, InitReport, init};

/// Make a state directory that trusts one root
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Directory to make; it must not exist or be empty
    dir: PathBuf,
    /// Root of trust, carried here from the key desk
    #[arg(long, value_name = "ROOT.json")]
    root: PathBuf,
    /// Name of this site, in receipts and published repositories
    #[arg(long, value_name = "NAME", default_value = "isolated")]
    site: SiteId,
    /// Fingerprint told by the key desk; another root is refused
    #[arg(long, value_name = "8 GROUPS")]
    fingerprint: Option<String>,
}

pub(super) fn run(args: InitArgs, term: Term) -> Result<ExitCode, CommandError> {
    let InitArgs { dir, root, site, fingerprint } = args;
    let options = InitOptions { dir, root, site, fingerprint };
    let report = init(&options, &super::caller()).map_err(|e| super::error::init(&e))?;
    term.answer(&report, |report| human(report, &options));
    Ok(ExitCode::SUCCESS)
}

fn human(report: &InitReport, options: &InitOptions) -> String {
    let dir = options.dir.display();
    let compare = if report.compared {
        "It is the one given."
    } else {
        "Compare it with what the key desk reads out (`sealift-keys fingerprint ROOT.json` prints it there)."
    };
    format!(
        "Made the isolated repository {dir} for site {}.\n\
         root of trust: version {}, expires {}\n\
         fingerprint: {}\n\
         {compare}\n\
         receipt key: {}\n\
         repository key: {}\n\
         Next: sealift-import receive --dir {dir} MEDIUM",
        report.site,
        report.root_version,
        report.root_expires,
        report.fingerprint,
        report.receipt_key,
        report.repository_key
    )
}
