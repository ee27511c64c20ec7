//! `bundle list` and `bundle show`.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use sealift_bundle::manifest::{BundleKind, FileRole, Manifest};
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Table, Term, bytes};
use serde::Serialize;

use crate::build::{self, BuildError, Listed};
use crate::cli::{Place, failure};
use crate::state::State;
use crate::stream::{Status, StreamDir, StreamError};

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Only this stream
    #[arg(long)]
    stream: Option<StreamId>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The bundle
    #[arg(value_name = "SEQ")]
    sequence: Sequence,
    /// The stream
    #[arg(long)]
    stream: StreamId,
}

#[derive(Debug, Serialize)]
struct Row {
    stream: StreamId,
    sequence: u64,
    kind: BundleKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<u64>,
    created: String,
    not_after: String,
    status: Status,
    written: bool,
    bundle: String,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    upstreams: Vec<UpstreamRow>,
    packages: Vec<PackageRow>,
    withdrawn: Vec<String>,
    evidence: Vec<String>,
    files: u64,
    bytes: u64,
    carried_blobs: u64,
    carried_bytes: u64,
}

#[derive(Debug, Serialize)]
struct UpstreamRow {
    name: String,
    uri: String,
    suite: String,
    date: String,
    signers: Vec<String>,
    snapshot: String,
}

#[derive(Debug, Serialize)]
struct PackageRow {
    package: String,
    version: String,
    architecture: String,
    size: u64,
    carried: bool,
    sha256: String,
}

pub(super) fn run(args: &ListArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let listed = build::list(&state, args.stream.as_ref()).map_err(|e| failure::build(&e))?;
    let rows: Vec<Row> = listed.iter().map(Row::of).collect();
    term.answer(&rows, |rows| {
        if rows.is_empty() {
            return "No bundle yet.\nNext: sealift-mirror bundle build --stream STREAM --to DIR".to_owned();
        }
        let header = ["STREAM", "SEQUENCE", "KIND", "BASE", "CREATED", "NOT AFTER", "STATUS", "BUNDLE"];
        let mut table = Table::new(&header).right(1).right(3);
        for row in rows {
            let base = row.base.map_or_else(|| "-".to_owned(), |base| base.to_string());
            let id = row.bundle.trim_start_matches("sha256:").chars().take(12).collect::<String>();
            let cells = [
                row.stream.to_string(),
                row.sequence.to_string(),
                kind(row.kind).to_owned(),
                base,
                row.created.clone(),
                row.not_after.clone(),
                status(row.status).to_owned(),
                id,
            ];
            table.row(cells);
        }
        table.to_string()
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(args: &ShowArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let shown = read(&state, args).map_err(|e| failure::build(&e))?;
    term.answer(&shown, Shown::human);
    Ok(ExitCode::SUCCESS)
}

fn read(state: &State, args: &ShowArgs) -> Result<Shown, BuildError> {
    let listed = build::list(state, Some(&args.stream))?;
    let found = listed.iter().find(|bundle| bundle.record.sequence == args.sequence);
    let unknown = || StreamError::Unknown { stream: args.stream.clone(), sequence: args.sequence };
    let found = found.ok_or_else(unknown)?;
    let dir = StreamDir::of(state.dir(), &args.stream);
    let (manifest, _) = dir.manifest(&found.record)?;
    let evidence = dir.evidence(args.sequence)?.into_iter().map(|(name, _)| name).collect();
    Ok(Shown::of(Row::of(found), &manifest, evidence))
}

impl Row {
    fn of(listed: &Listed) -> Self {
        let record = &listed.record;
        Self {
            stream: record.stream.clone(),
            sequence: record.sequence.get(),
            kind: record.kind,
            base: record.base.map(Sequence::get),
            created: record.created.to_string(),
            not_after: record.not_after.to_string(),
            status: listed.status,
            written: listed.written,
            bundle: record.manifest.tagged(),
        }
    }
}

impl Shown {
    fn of(row: Row, manifest: &Manifest, evidence: Vec<String>) -> Self {
        let upstream = |u: &sealift_bundle::manifest::UpstreamEntry| UpstreamRow {
            name: u.name.to_string(),
            uri: u.uri.clone(),
            suite: u.suite.clone(),
            date: u.date.to_string(),
            signers: u.signers.clone(),
            snapshot: u.snapshot.tagged(),
        };
        let package = |file: &sealift_bundle::manifest::FileEntry| {
            let deb = file.deb.as_ref()?;
            Some(PackageRow {
                package: deb.package.clone(),
                version: deb.version.clone(),
                architecture: deb.architecture.clone(),
                size: file.size,
                carried: file.stored.is_some(),
                sha256: file.sha256.tagged(),
            })
        };
        let packages = manifest.files.iter().filter(|file| file.role == FileRole::Package);
        Self {
            row,
            upstreams: manifest.upstreams.iter().map(upstream).collect(),
            packages: packages.filter_map(package).collect(),
            withdrawn: manifest.withdrawn.iter().map(|digest| digest.tagged()).collect(),
            evidence,
            files: manifest.totals.files,
            bytes: manifest.totals.bytes,
            carried_blobs: manifest.totals.blobs,
            carried_bytes: manifest.totals.stored_bytes,
        }
    }

    fn human(&self) -> String {
        let row = &self.row;
        let over = row.base.map_or_else(String::new, |base| format!(" over bundle {base}"));
        let mut text = format!(
            "stream: {}\nsequence: {}\nkind: {}{over}\nstatus: {}\nbundle: {}\ncreated: {}\nnot after: {}\n",
            row.stream,
            row.sequence,
            kind(row.kind),
            status(row.status),
            row.bundle,
            row.created,
            row.not_after
        );
        for u in &self.upstreams {
            let _ = writeln!(text, "upstream: {} ({} {}, of {})", u.name, u.uri, u.suite, u.date);
        }
        for content in &self.withdrawn {
            let _ = writeln!(text, "withdrawn: {content}");
        }
        let _ = writeln!(text, "evidence: {}", self.evidence.join(", "));
        let (carried, whole) = (bytes(self.carried_bytes), bytes(self.bytes));
        let blobs = sealift_term::counted(self.carried_blobs, "blob", "blobs");
        let files = sealift_term::counted(self.files, "file", "files");
        let _ = writeln!(text, "carries: {blobs}, {carried}, of {files}, {whole}");
        let mut table = Table::new(&["PACKAGE", "VERSION", "ARCH", "SIZE", "CARRIED"]).right(3);
        for p in &self.packages {
            let carried = if p.carried { "yes" } else { "in the base" };
            table.row([&p.package, &p.version, &p.architecture, &bytes(p.size), carried]);
        }
        text + &table.to_string()
    }
}

fn kind(kind: BundleKind) -> &'static str {
    match kind {
        BundleKind::Complete => "complete",
        BundleKind::Incremental => "incremental",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Sealed => "sealed",
        Status::Draft => "awaiting signatures",
        Status::Discarded => "discarded",
    }
}
