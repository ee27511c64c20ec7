//! `sealift-apply verify`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_model::{Digest, SiteId};
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use super::error;
use super::reading::Reading;
use crate::records::Unfinished;

/// Check the signature of every state record, and that none was changed, left out or exchanged
///
/// Needs no private key. A copy of a records directory is checked alone, by the public key that --key names. Records
/// missing at the end of a copy show only by comparing the head with the site's.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// A copy of a records directory, or a directory that has one as `records` [default: the state directory]
    #[arg(value_name = "RECORDS_DIR")]
    copy: Option<PathBuf>,
    /// Check by this public statement key (statement.pub) [default: the site's own]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    records: u64,
    head: Digest,
    site: Option<SiteId>,
    statement_key: String,
    unfinished: Vec<Unfinished>,
}

pub(super) fn run(args: &VerifyArgs, dir: Option<&Path>, term: Term) -> Result<ExitCode, CommandError> {
    let reading = Reading::open(args.key.as_deref(), args.copy.as_deref(), dir)?;
    let verified = reading.records().verify().map_err(|e| error::records(&e))?;
    if let (0, Some(copy)) = (verified.count, reading.copy()) {
        return Err(CommandError::new(Exit::Failed, format!("{} holds no state records", copy.display()))
            .hint("name a directory with files like 000001-HOST-before.json"));
    }
    let answer = Answer {
        records: verified.count,
        head: verified.head,
        site: verified.site,
        statement_key: reading.key().to_hex(),
        unfinished: verified.unfinished,
    };
    term.answer(&answer, render);
    Ok(ExitCode::SUCCESS)
}

fn render(answer: &Answer) -> String {
    let mut out = match answer.records {
        0 => "There are no state records yet.\n".to_owned(),
        1 => "1 state record verified.\n".to_owned(),
        count => format!("{count} state records verified.\n"),
    };
    if let Some(site) = &answer.site {
        let _ = writeln!(out, "site: {site}\nhead: {}", answer.head.tagged());
    }
    let _ = writeln!(out, "statement key: ed25519:{}", answer.statement_key);
    for left in &answer.unfinished {
        let Unfinished { host, run, before, .. } = left;
        let _ = writeln!(out, "unfinished: {host}: run {run} has no record after record {before}");
    }
    out
}
