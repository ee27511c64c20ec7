//! A medium with trust metadata and nothing else: small enough for a floppy disk, and all that a revocation needs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sealift_bundle::metadata::MetadataFiles;
use sealift_bundle::source::{TOP, open_source};
use sealift_bundle::trust::verify_metadata;
use sealift_fs::{Lock, Mode, PathError, medium};
use sealift_model::Timestamp;
use sealift_trust::Previous;

use super::{RootChain, TrustDir, TrustError};

/// What a medium of metadata alone should not exceed, in bytes.
pub const SMALL: u64 = 64_000;
const PARTIAL: &str = ".SEALIFT.partial";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataMedium {
    /// The `SEALIFT` directory.
    pub path: PathBuf,
    /// Bytes of all files in it.
    pub bytes: u64,
    /// Versions of root, timestamp, snapshot and targets on it.
    pub versions: [u64; 4],
}

impl TrustDir {
    /// Writes what the mirror stands behind to `SEALIFT` below `to`, and reads it back as a site would.
    ///
    /// A medium that holds anything but such metadata is refused: bundles on it might not verify any more.
    pub fn write_medium(
        &self,
        _writer: &Lock,
        roots: &RootChain,
        to: &Path,
        now: Timestamp,
    ) -> Result<MetadataMedium, TrustError> {
        let top = to.join(TOP);
        refuse_occupied(&top)?;
        let published = self.published(roots)?.ok_or(TrustError::NothingPublished)?;
        let files = published.files(roots);
        sealift_fs::create_dir_all(to, Mode::Public)?;
        let partial = to.join(PARTIAL);
        sealift_fs::remove_tree(&partial)?;
        let bytes = fill(&partial.join("trust/metadata"), &files)?;
        sealift_fs::sync_filesystem(&partial)?;
        sealift_fs::remove_tree(&top)?;
        sealift_fs::rename(&partial, &top)?;
        read_back(&top, &files, roots, now)?;
        let root = roots.newest().version();
        let versions = [root, published.timestamp.version(), published.snapshot.version(), published.targets.version()];
        Ok(MetadataMedium { path: top, bytes, versions })
    }
}

fn refuse_occupied(top: &Path) -> Result<(), TrustError> {
    match sealift_fs::list_dir(top) {
        Ok(names) if names.iter().all(|name| name == "trust") => Ok(()),
        Ok(_) => Err(TrustError::Occupied(top.to_owned())),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn fill(dir: &Path, files: &MetadataFiles) -> Result<u64, PathError> {
    sealift_fs::create_dir_all(dir, Mode::Public)?;
    let mut total = 0_u64;
    for (name, bytes) in files.files() {
        let path = dir.join(name);
        let mut file = medium::create_plain(&path)?;
        file.write_all(bytes).map_err(|e| PathError::new("write", &path, e))?;
        total = total.saturating_add(bytes.len() as u64);
    }
    Ok(total)
}

/// A stick that lies about what it holds is found out here, not at the site.
fn read_back(top: &Path, files: &MetadataFiles, roots: &RootChain, now: Timestamp) -> Result<(), TrustError> {
    let unread = |why: String| TrustError::ReadBack { medium: top.to_owned(), why };
    let source = open_source(top).map_err(|e| unread(e.to_string()))?;
    let found = sealift_bundle::read_metadata(&*source).map_err(|e| unread(e.to_string()))?;
    if found != *files {
        return Err(unread("other bytes were read than written".into()));
    }
    verify_metadata(&*source, roots.first(), Previous::default(), now).map_err(|e| unread(e.to_string())).map(drop)
}
