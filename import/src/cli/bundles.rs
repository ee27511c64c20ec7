//! `sealift-import bundles`

use std::process::ExitCode;

use clap::Args;
use sealift_model::StreamId;
use sealift_term::{CommandError, Table, Term, bytes};

use super::DirArgs;

/// List the accepted bundles
#[derive(Debug, Args)]
pub(super) struct BundlesArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Of this stream only
    #[arg(long, value_name = "NAME")]
    stream: Option<StreamId>,
}

pub(super) fn run(args: &BundlesArgs, term: Term) -> Result<ExitCode, CommandError> {
    let repository = args.dir.open(term)?;
    let rows = repository.index().bundles(args.stream.as_ref()).map_err(|e| super::error::failed(&e))?;
    term.answer(&rows, |rows| {
        if rows.is_empty() {
            return args.stream.as_ref().map_or_else(
                || "No bundle was accepted yet.".into(),
                |stream| format!("No bundle of stream {stream} was accepted yet."),
            );
        }
        let header = ["BUNDLE", "KIND", "BUILT", "NOT AFTER", "FILES", "SIZE", "ID"];
        let mut table = Table::new(&header).right(4).right(5);
        for row in rows {
            table.row([
                row.name(),
                row.kind.clone(),
                row.created.to_string(),
                row.not_after.to_string(),
                row.files.to_string(),
                bytes(row.bytes),
                row.manifest.short(),
            ]);
        }
        table.to_string()
    });
    Ok(ExitCode::SUCCESS)
}
