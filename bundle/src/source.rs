//! Reading a bundle we do not trust, from a directory or from a single file (format/medium).
//!
//! A [`Source`] hands out bytes by checked relative paths and nothing else: it follows no link, leaves no tree, and caps
//! every read. It does not know what the bytes mean; that they are what was signed is decided by the callers, on the
//! bytes they were given.

mod container;
mod directory;

use std::io::{self, Read};
use std::path::Path;

use sealift_fs::PathError;
use sealift_model::RelPath;
use sealift_model::escape::printable_bytes;
use sealift_model::json::{JsonError, Limits, Shape};

pub use container::{BLOCK, Container, ContainerFault, MAX_ENTRY_BYTES};
pub(crate) use container::{BLOCK_SIZE, canonical_header};
pub use directory::{DirectDirectory, Directory};

/// Name of the directory that holds everything of ours on a medium.
pub const TOP: &str = "SEALIFT";
/// Most entries read of one directory, and of a single file.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Read of a document at once.
const PIECE: u64 = 64 * 1024;

/// A place bundles are read from.
pub trait Source: Sync {
    /// Returns what the operator calls it: the path it was opened by.
    fn describe(&self) -> String;

    /// Returns names and sizes of the files in a directory, sorted. A directory that is not there is empty.
    ///
    /// Names are as they stand there; they become paths only through [`RelPath`]. Links, devices and pipes are refused.
    fn list(&self, dir: &RelPath) -> Result<Vec<(String, u64)>, SourceError>;

    /// Returns the names of the directories in a directory, sorted. A directory that is not there is empty.
    fn list_dirs(&self, dir: &RelPath) -> Result<Vec<String>, SourceError>;

    /// Returns the names of files and of directories beside `trust/`, `bundles/` and `blobs/`, these included.
    fn list_top(&self) -> Result<(Vec<String>, Vec<String>), SourceError>;

    /// Opens a file and returns it with its size.
    fn open(&self, path: &RelPath) -> Result<(Box<dyn Read + Send + '_>, u64), SourceError>;

    /// Reads a file of at most `limit` bytes; not more than one byte beyond the limit is ever read.
    fn read(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>, SourceError> {
        self.read_judged(path, limit, &mut |_| Ok(()))
    }

    /// Reads a JSON document of at most `limit` bytes, and stops at the first part of it that is larger than `limits`.
    fn read_json(&self, path: &RelPath, limit: u64, limits: Limits) -> Result<Vec<u8>, SourceError> {
        let mut shape = Shape::new(limits);
        self.read_judged(path, limit, &mut |piece| shape.feed(piece))
    }

    /// Reads a file of at most `limit` bytes, piece by piece; `judge` sees each before the next is read.
    fn read_judged(
        &self,
        path: &RelPath,
        limit: u64,
        judge: &mut dyn FnMut(&[u8]) -> Result<(), JsonError>,
    ) -> Result<Vec<u8>, SourceError> {
        let too_large = || SourceRefusal::TooLarge { path: path.clone(), limit };
        let (file, size) = self.open(path)?;
        if size > limit {
            return Err(too_large().into());
        }
        // The file may grow while it is read; the cap holds all the same.
        let mut file = file.take(limit.saturating_add(1));
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(PIECE)).unwrap_or(0));
        loop {
            let seen = bytes.len();
            file.by_ref().take(PIECE).read_to_end(&mut bytes).map_err(|e| self.fault(path, e))?;
            let piece = bytes.get(seen..).unwrap_or_default();
            if bytes.len() as u64 > limit {
                return Err(too_large().into());
            }
            if piece.is_empty() {
                return Ok(bytes);
            }
            judge(piece).map_err(|source| SourceRefusal::Shape { path: path.clone(), source })?;
        }
    }

    /// Names the file and the source a read failed on.
    fn fault(&self, path: &RelPath, error: io::Error) -> SourceError {
        SourceError::Read { path: path.clone(), of: self.describe(), source: error }
    }
}

/// Why a source could not be read; [`SourceError::Refused`] is a decision, the others are faults.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Neither a medium's directory nor a file.
    #[error("no bundle at {0}: expected a directory with {TOP}, {TOP} itself, or a .sealift file")]
    NotABundle(String),
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The disk failed while a file was read.
    #[error("cannot read {path} of {of}")]
    Read {
        /// The file.
        path: RelPath,
        /// The source.
        of: String,
        /// The fault.
        #[source]
        source: io::Error,
    },
    /// What is there breaks a rule of the format.
    #[error(transparent)]
    Refused(#[from] SourceRefusal),
}

/// Which rule of format/medium a source breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceRefusal {
    /// A file that must be there.
    #[error("{0} is not there")]
    Missing(RelPath),
    /// Over the limit of its kind.
    #[error("{path} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The file.
        path: RelPath,
        /// Its limit.
        limit: u64,
    },
    /// A document of which a part is larger than its format allows.
    #[error("{path} goes beyond a limit")]
    Shape {
        /// The file.
        path: RelPath,
        /// The part.
        #[source]
        source: JsonError,
    },
    /// A link, device, pipe, socket, or a directory in a file's place.
    #[error("`{0}` is not a regular file")]
    NotRegular(String),
    /// A name that has no place in the layout.
    #[error("`{0}` does not belong to a bundle")]
    Foreign(String),
    /// More of something than any reader accepts.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The single file is not of the one canonical form.
    #[error("the single file breaks a rule at byte {offset} (entry {number})")]
    Container {
        /// Where the entry begins.
        offset: u64,
        /// The entry, counted from 1.
        number: u64,
        /// The rule.
        #[source]
        source: ContainerFault,
    },
    /// Trust metadata that cannot be read far enough to find the other files.
    #[error("the trust metadata cannot be read")]
    Metadata(#[from] sealift_trust::Refusal),
}

impl SourceRefusal {
    /// Returns the stable word for ledgers and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing-file",
            Self::TooLarge { .. } | Self::Shape { .. } => "file-too-large",
            Self::NotRegular(_) => "not-regular",
            Self::Foreign(_) => "foreign-file",
            Self::TooMany { .. } => "too-many",
            Self::Container { .. } => "container",
            Self::Metadata(refusal) => refusal.code(),
        }
    }
}

/// Opens a medium (the directory holding `SEALIFT`, or `SEALIFT` itself) or a single file.
pub fn open_source(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    if path.is_dir() { Ok(Box::new(Directory::open(path)?)) } else { Ok(Box::new(Container::open(path)?)) }
}

pub(crate) fn shown(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    printable_bytes(path.as_os_str().as_bytes())
}
