//! `sealift-bundle diff`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_model::{Digest, Sequence, StreamId};
use sealift_term::{CommandError, Exit, Table, Term, bytes};

use super::{confine, error};
use crate::diff::{Diff, PackageLine, diff};
use crate::inspect::{Pick, pick_manifest};
use crate::manifest::Manifest;
use crate::source::{open_source, shown};

/// Show what the second of two bundles has that the first has not
///
/// Compares what the manifests list; verifies nothing. Of each path the newest bundle of the stream is taken unless a
/// sequence is named. A and B may be the same medium.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Medium or *.sealift file with the first bundle
    a: PathBuf,
    /// Medium or *.sealift file with the second bundle
    b: PathBuf,
    /// The stream, where a path has several
    #[arg(long)]
    stream: Option<StreamId>,
    /// The sequence to take from A
    #[arg(long, value_name = "SEQUENCE")]
    from: Option<Sequence>,
    /// The sequence to take from B
    #[arg(long, value_name = "SEQUENCE")]
    to: Option<Sequence>,
}

pub(super) fn run(args: &DiffArgs, term: Term) -> Result<ExitCode, CommandError> {
    let confined = confine::to_reading(term)?;
    let (a_id, a) = read(&args.a, args.stream.as_ref(), args.from)?;
    // The same stream on both sides, also where only one path has several.
    let (b_id, b) = read(&args.b, Some(args.stream.as_ref().unwrap_or(&a.stream)), args.to)?;
    let found = diff((&a, a_id), (&b, b_id));
    term.answer(&confine::Answer::new(&found, confined), |answer| render(answer.found));
    Ok(ExitCode::SUCCESS)
}

fn read(
    path: &Path,
    stream: Option<&StreamId>,
    sequence: Option<Sequence>,
) -> Result<(Digest, Manifest), CommandError> {
    let source = open_source(path).map_err(|e| error::source(&e))?;
    match pick_manifest(source.as_ref(), stream, sequence).map_err(|e| error::inspect(&e))? {
        Pick::Found(id, manifest) => Ok((id, *manifest)),
        Pick::None => Err(CommandError::new(Exit::Failed, format!("no such bundle in {}", shown(path)))
            .hint(format!("sealift-bundle inspect {}", shown(path)))),
        Pick::Several(streams) => Err(CommandError::new(
            Exit::Usage,
            format!("{} has bundles of several streams: {}", shown(path), streams.join(", ")),
        )
        .hint("name one with --stream")),
    }
}

fn render(diff: &Diff) -> String {
    let name = |n: &crate::diff::BundleName| format!("{} {} ({})", n.stream, n.sequence, n.manifest.short());
    let mut text = format!("from: {}\nto:   {}\n\n", name(&diff.from), name(&diff.to));
    render_lines(&mut text, "Added", &diff.added);
    render_lines(&mut text, "Removed", &diff.removed);
    render_lines(&mut text, "Same version, other content", &diff.changed);
    if !diff.updated.is_empty() {
        let mut table = Table::new(&["PACKAGE", "ARCH", "OLD", "NEW", "UPSTREAM", "SIZE"]).right(5);
        for line in &diff.updated {
            let mark = if line.downgrade { " (downgrade)" } else { "" };
            table.row([
                line.package.clone(),
                line.architecture.clone(),
                line.old_version.clone(),
                format!("{}{mark}", line.new_version),
                line.upstream.clone(),
                bytes(line.size),
            ]);
        }
        let _ = writeln!(text, "Updated ({}):\n{table}", diff.updated.len());
    }
    for upstream in &diff.upstreams {
        let date = |date: Option<sealift_model::Timestamp>| date.map_or("none".to_owned(), |d| d.to_string());
        let _ =
            writeln!(text, "upstream {}: Release of {} -> {}", upstream.name, date(upstream.from), date(upstream.to));
    }
    let _ = writeln!(
        text,
        "{} added, {} removed, {} updated, {} unchanged; {} of content more, {} less.",
        diff.added.len(),
        diff.removed.len(),
        diff.updated.len(),
        diff.unchanged,
        bytes(diff.bytes_added),
        bytes(diff.bytes_removed)
    );
    text
}

fn render_lines(text: &mut String, title: &str, lines: &[PackageLine]) {
    if lines.is_empty() {
        return;
    }
    let mut table = Table::new(&["PACKAGE", "ARCH", "VERSION", "UPSTREAM", "SIZE"]).right(4);
    for line in lines {
        table.row([&line.package, &line.architecture, &line.version, &line.upstream, &bytes(line.size)]);
    }
    let _ = writeln!(text, "{title} ({}):\n{table}", lines.len());
}
