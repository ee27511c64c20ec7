//! The medium that is written to: looked at before, reported on after (format/write-report).
//!
//! A report is kept in `reports/<stream>/<sequence>/` of the mirror's directory, whatever becomes of the medium.

use std::path::{Path, PathBuf};

use sealift_bundle::write::{VolumePart, WriteOptions, WriteReport};
use sealift_fs::{Lock, Mode, PathError};
use sealift_medium::{MediumReport, Places, ReadBack, ReportError, ReportedBundle, SCHEMA, Seen, Volume, look};
use sealift_model::escape::printable;
use sealift_model::{Digest, Timestamp};

use crate::state::State;
use crate::stream::{StreamDir, StreamError};

/// Where reports are kept.
const REPORTS: &str = "reports";

/// A directory that is to be written to, and what it lies on.
#[derive(Debug, Clone)]
pub struct Target {
    dir: PathBuf,
    place: PathBuf,
    seen: Seen,
    started: Timestamp,
}

impl Target {
    /// Looks at `dir`, or at its parent if it is not there yet.
    pub fn look(dir: &Path, now: Timestamp) -> Result<Self, PathError> {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let there = if dir.symlink_metadata().is_ok() { dir } else { parent };
        let seen = match look(&Places::default(), there) {
            // Whoever writes there says it better.
            Err(error) if error.is_not_found() => Seen::default(),
            other => other?,
        };
        Ok(Self { dir: dir.to_owned(), place: there.to_owned(), seen, started: now })
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the directory, or its parent if it was not there when it was looked at.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Returns what it lies on.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Returns how a bundle, or one volume of it, is written there.
    pub fn options<'v>(&self, volume: Option<VolumePart<'v>>, beside_other_files: bool) -> WriteOptions<'v> {
        let largest_file = self.seen.mount.as_ref().and_then(sealift_medium::Mount::largest_file);
        WriteOptions { volume, beside_other_files, largest_file }
    }

    /// Returns the report of what was written.
    pub fn report(
        &self,
        bundle: ReportedBundle,
        volume: Option<Volume>,
        written: &WriteReport,
        now: Timestamp,
    ) -> MediumReport {
        let mut mount = self.seen.mount.clone();
        if let Some(mount) = &mut mount {
            mount.point = printable(&mount.point.to_string_lossy()).into();
        }
        let proof = &written.proof;
        MediumReport {
            bundle,
            bytes_written: written.bytes_copied,
            device: self.seen.device.clone(),
            files: proof.files.saturating_add(proof.linked),
            finished: now.max(self.started),
            mount,
            path: printable(&self.dir.to_string_lossy()),
            read_back: ReadBack {
                bytes: proof.bytes,
                files: proof.files,
                linked: proof.linked,
                method: proof.bypass.into(),
            },
            schema: SCHEMA.to_owned(),
            started: self.started,
            sums: written.sums,
            volume,
        }
    }
}

/// Why a report is not kept. The medium is written all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// That the bundle was written cannot be noted.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It breaks a rule of its format.
    #[error("the write report cannot be made")]
    Report(#[from] ReportError),
}

/// Keeps a report in the mirror's directory, writes it to `copy` if that is named, and notes the bundle as written. Returns
/// where it is kept.
pub fn keep_report(
    state: &State,
    writer: &Lock,
    report: &MediumReport,
    copy: Option<&Path>,
) -> Result<PathBuf, KeepError> {
    let bytes = report.to_bytes()?;
    let dir = state.dir().join(REPORTS).join(report.bundle.stream.as_str()).join(report.bundle.sequence.to_string());
    sealift_fs::create_dir_all(&dir, Mode::Public)?;
    let name: String = Digest::of(&bytes).to_hex().chars().take(16).collect();
    let time = report.finished.to_string().replace(':', "");
    let path = dir.join(format!("{time}-{name}.json"));
    sealift_fs::replace(&path, &bytes, Mode::Public)?;
    if let Some(copy) = copy {
        sealift_fs::replace(copy, &bytes, Mode::Public)?;
    }
    // Last: until then the same command writes, or reads, the medium again and makes the report that is missing.
    StreamDir::of(state.dir(), &report.bundle.stream).mark_written(writer, report.bundle.sequence)?;
    Ok(path)
}
