//! What was written to which medium, for whoever keeps a register of media (format/write-report).

use sealift_fs::{Bypass, PathError};
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, Sequence, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Device, Mount};

/// Name of the form.
pub const SCHEMA: &str = "sealift.write-report/1";
/// Largest report that is read, in bytes.
pub const MAX_BYTES: u64 = 64 << 10;
/// Longest text in a report, in bytes.
const MAX_TEXT: usize = 4096;
/// Most mount options in a report.
const MAX_OPTIONS: usize = 256;

/// A write report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediumReport {
    /// What was written.
    pub bundle: ReportedBundle,
    /// Bytes that this run wrote.
    pub bytes_written: u64,
    /// The device below, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// Files of this bundle or volume on the medium, blobs and documents.
    pub files: u64,
    /// When everything was read back.
    pub finished: Timestamp,
    /// How it is mounted, where the system says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<Mount>,
    /// The directory that was named, as typed.
    pub path: String,
    /// How it was read back.
    pub read_back: ReadBack,
    /// [`SCHEMA`].
    pub schema: String,
    /// When writing began.
    pub started: Timestamp,
    /// Digest of the medium's `SHA256SUMS`.
    pub sums: Digest,
    /// Which volume of a set, if the medium is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
}

/// The bundle of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedBundle {
    /// Its id.
    pub manifest: Digest,
    /// Its number.
    pub sequence: Sequence,
    /// Its stream.
    pub stream: StreamId,
}

/// The volume of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its number, from 1.
    pub number: u32,
    /// How many there are in its set.
    pub of: u32,
}

/// How what was written was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadBack {
    /// Their bytes.
    pub bytes: u64,
    /// Files that were read back.
    pub files: u64,
    /// Files that are hard links to the producer's store on the same disk, and were not read back.
    pub linked: u64,
    /// The method.
    pub method: Method,
}

/// Ways to read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// All by O_DIRECT.
    Direct,
    /// Some after the page cache was told to drop them, and had.
    Dropped,
    /// Some perhaps from memory.
    PerhapsCached,
    /// Nothing was written that could be read back.
    None,
}

impl From<Option<Bypass>> for Method {
    fn from(bypass: Option<Bypass>) -> Self {
        match bypass {
            None => Self::None,
            Some(Bypass::Direct) => Self::Direct,
            Some(Bypass::Dropped) => Self::Dropped,
            Some(Bypass::Cached) => Self::PerhapsCached,
        }
    }
}

impl Method {
    /// Returns what it means, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Direct => "past the page cache (O_DIRECT)",
            Self::Dropped => "after the page cache was dropped",
            Self::PerhapsCached => "perhaps from memory: the page cache could not be dropped",
            Self::None => "not at all",
        }
    }
}

/// Why a report is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Not the one encoding of a report.
    #[error("not a write report")]
    Form(#[from] JsonError),
    /// A rule of the format is broken.
    #[error("not a write report: {0}")]
    Rule(&'static str),
}

impl MediumReport {
    /// Reads a report and checks the rules that hold among its fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ReportError::Rule("it is larger than any report"));
        }
        let report: Self = json::from_canonical(bytes)?;
        report.check()?;
        Ok(report)
    }

    /// Returns the one encoding.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReportError> {
        self.check()?;
        Ok(json::to_canonical(self)?)
    }

    fn check(&self) -> Result<(), ReportError> {
        if self.schema != SCHEMA {
            return Err(ReportError::Rule("its schema is another one"));
        }
        if self.finished < self.started {
            return Err(ReportError::Rule("it ends before it begins"));
        }
        if self.volume.as_ref().is_some_and(|volume| volume.number == 0 || volume.number > volume.of) {
            return Err(ReportError::Rule("its volume is none of its set"));
        }
        if (self.read_back.method == Method::None) != (self.read_back.files == 0) {
            return Err(ReportError::Rule("its method and its number of files disagree"));
        }
        if self.texts().any(|text| text.len() > MAX_TEXT || text.chars().any(char::is_control)) {
            return Err(ReportError::Rule("a text is too long or has control characters"));
        }
        if self.mount.as_ref().is_some_and(|mount| mount.options.len() > MAX_OPTIONS) {
            return Err(ReportError::Rule("it has too many mount options"));
        }
        Ok(())
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let mount = self.mount.iter().flat_map(|mount| {
            let point = mount.point.to_str().unwrap_or("\0");
            [point, &mount.filesystem, &mount.source, &mount.device]
                .into_iter()
                .chain(mount.options.iter().map(String::as_str))
        });
        let device = self.device.iter().flat_map(|device| {
            let said = [&device.model, &device.serial, &device.label, &device.uuid, &device.image];
            said.into_iter().filter_map(|text| text.as_deref()).chain([device.number.as_str()])
        });
        [self.path.as_str()].into_iter().chain(mount).chain(device)
    }
}

#[cfg(test)]
mod tests;
