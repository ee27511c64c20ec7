//! What every verb that writes to a medium has in common: its options, the look before, the report after.

use std::path::{Path, PathBuf};

use clap::Args;
use sealift_bundle::manifest::Manifest;
use sealift_bundle::write::WriteReport;
use sealift_fs::Lock;
use sealift_medium::{MediumReport, Method, ReportedBundle, Volume};
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term, bytes, counted};

use crate::build;
use crate::cli::{error, failure};
use crate::medium::{KeepError, Target, keep_report};
use crate::state::State;
use crate::stream::StreamDir;

/// How the medium is treated.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct MediumArgs {
    /// Write although files of others lie beside SEALIFT
    #[arg(long, requires = "to")]
    pub(in crate::cli) beside_other_files: bool,
    /// Write a report of the medium and of what was written to it to FILE
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(in crate::cli) report: Option<PathBuf>,
    /// Probe first whether the medium is as large as it says [default: if the device can be taken out]
    #[arg(long, requires = "to", conflicts_with = "no_probe")]
    pub(in crate::cli) probe: bool,
    /// Do not probe first; everything is read back all the same
    #[arg(long, requires = "to")]
    pub(in crate::cli) no_probe: bool,
}

impl MediumArgs {
    /// Looks at the directory that is to be written to, and probes it if that is asked for or the device can be taken out.
    pub(in crate::cli) fn prepare(&self, to: &Path, term: Term) -> Result<Target, CommandError> {
        let target = look(to)?;
        if self.probe || target.seen().removable && !self.no_probe {
            crate::cli::medium::quick_probe(target.place(), term)?;
        }
        Ok(target)
    }

    /// Refuses a directory into which the bundle could not be written, before it gets its number.
    pub(in crate::cli) fn check(&self, state: &State, manifest: &Manifest, to: &Path) -> Result<(), CommandError> {
        let options = look(to)?.options(None, self.beside_other_files);
        build::check_target(state, manifest, to, &options).map_err(|e| failure::build(&e))
    }

    /// Tells how everything was read back, and keeps the report.
    pub(in crate::cli) fn finish(
        &self,
        (state, writer): (&State, &Lock),
        target: &Target,
        (stream, sequence, volume): (&StreamId, Sequence, Option<Volume>),
        written: &WriteReport,
        term: Term,
    ) -> Result<MediumReport, CommandError> {
        let record = StreamDir::of(state.dir(), stream).record(sequence).map_err(|e| failure::build(&e.into()))?;
        let bundle = ReportedBundle { manifest: record.manifest, sequence, stream: stream.clone() };
        let report = target.report(bundle, volume, written, sealift_term::now());
        tell(&report, written, term);
        keep_report(state, writer, &report, self.report.as_deref()).map_err(|e| not_kept(&e))?;
        Ok(report)
    }
}

fn look(to: &Path) -> Result<Target, CommandError> {
    Target::look(to, sealift_term::now()).map_err(|e| error::fs(&e))
}

fn not_kept(error: &KeepError) -> CommandError {
    CommandError::from_error(Exit::Failed, error)
        .hint("run the same command again: what is on the medium is read, not written, and reported then")
        .state("The medium is written and was read back; its report was not kept.")
}

fn tell(report: &MediumReport, written: &WriteReport, term: Term) {
    let back = &report.read_back;
    if written.blobs_taken_up > 0 {
        let blobs = counted(written.blobs_taken_up, "blob", "blobs");
        term.say(&format!("Took up {blobs} that a run before had copied, and did not write them again."));
    }
    if back.files > 0 {
        let (files, method) = (counted(back.files, "file", "files"), back.method.describe());
        term.say(&format!("Read back {files}, {}, {method}: all as written.", bytes(back.bytes)));
    }
    if back.method == Method::PerhapsCached {
        term.warn("take the medium out, insert it again and run `sealift-bundle verify` to see what is on it.");
    }
    if back.linked > 0 {
        let blobs = counted(back.linked, "blob is a hard link", "blobs are hard links");
        term.say(&format!("{blobs} on the mirror's own disk, which is no medium: not read back."));
    } else if let Some(device) = &report.device {
        term.say(&format!("Medium: {}.", device.describe()));
    }
}
