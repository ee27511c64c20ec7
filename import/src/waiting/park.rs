//! Keeps the documents of a bundle that waits.

use std::path::Path;

use sealift_fs::{Mode, PathError};
use sealift_model::{Digest, Sequence, StreamId};

use super::{SETS, STATEMENTS};
use crate::repository::Repository;

const EVIDENCE: &str = "evidence";

/// The documents of a bundle, as judged.
pub(crate) struct Documents<'d> {
    /// Its place.
    pub(crate) place: (&'d StreamId, Sequence),
    /// The manifest.
    pub(crate) manifest: &'d [u8],
    /// Evidence by file name.
    pub(crate) evidence: &'d [(String, Vec<u8>)],
    /// Trust metadata by file name.
    pub(crate) metadata: Vec<(String, &'d [u8])>,
    /// Statements by people that were handed over and are about this bundle.
    pub(crate) statements: Vec<Vec<u8>>,
    /// Id and envelope of the volume set of the medium.
    pub(crate) set: Option<(Digest, &'d [u8])>,
}

/// Keeps the documents; durable on return. Tells whether the bundle did not wait before.
///
/// The same bundle on another medium adds what it has more; the manifest is the same one.
pub(crate) fn park(repository: &Repository, documents: &Documents<'_>) -> Result<bool, PathError> {
    let (stream, sequence) = documents.place;
    let target = repository.layout().waiting_bundle(stream, sequence);
    if target.symlink_metadata().is_ok() {
        add(&target, documents)?;
        return Ok(false);
    }
    let staged = repository.layout().quarantine().join(format!("waiting-{}", Digest::of(documents.manifest).to_hex()));
    sealift_fs::remove_tree(&staged)?;
    add(&staged, documents)?;
    if let Some(parent) = target.parent() {
        sealift_fs::create_dir_all(parent, Mode::Private)?;
    }
    sealift_fs::rename(&staged, &target)?;
    Ok(true)
}

fn add(dir: &Path, documents: &Documents<'_>) -> Result<(), PathError> {
    let bundle = dir.join(format!("bundles/{}/{}", documents.place.0, documents.place.1));
    for below in [bundle.join(EVIDENCE), dir.join("trust/metadata"), dir.join(STATEMENTS), dir.join(SETS)] {
        sealift_fs::create_dir_all(&below, Mode::Private)?;
    }
    keep(&bundle.join("manifest.json"), documents.manifest)?;
    for (name, bytes) in documents.evidence {
        keep(&bundle.join(EVIDENCE).join(name), bytes)?;
    }
    // The first that came: what is trusted by now decides if they are older.
    let metadata = dir.join("trust/metadata");
    if sealift_fs::list_dir(&metadata)?.is_empty() || !metadata.join("timestamp.json").exists() {
        for (name, bytes) in &documents.metadata {
            keep(&metadata.join(name), bytes)?;
        }
    }
    for bytes in &documents.statements {
        keep(&dir.join(STATEMENTS).join(format!("{}.dsse.json", Digest::of(bytes).to_hex())), bytes)?;
    }
    if let Some((id, bytes)) = documents.set {
        keep(&dir.join(SETS).join(format!("{}.dsse.json", id.to_hex())), bytes)?;
    }
    Ok(())
}

/// Writes a file unless it is there.
fn keep(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    if path.exists() { Ok(()) } else { sealift_fs::write_new(path, bytes, Mode::Private) }
}
