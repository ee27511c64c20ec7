//! Sealed bundles onto media, and the list of all bundles.

use std::path::Path;

use sealift_bundle::MetadataFiles;
use sealift_bundle::manifest::Manifest;
use sealift_bundle::write::{BlobProvider, BundleParts, WriteOptions, WriteReport, write_proven};
use sealift_fs::Lock;
use sealift_model::{Progress, Sequence, StreamId};
use serde::Serialize;

use super::plan::published_targets;
use super::{BuildError, attach};
use crate::state::State;
use crate::stream::{self, BundleRecord, Status, StreamDir};
use crate::trust::{RootChain, TrustDir};

/// A bundle and how far it got.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The bundle in short.
    #[serde(flatten)]
    pub record: BundleRecord,
    /// How far it got.
    pub status: Status,
    /// Whether it was written to a medium once.
    pub written: bool,
}

/// Lists the bundles of one stream, or of all, by stream and number.
pub fn list(state: &State, only: Option<&StreamId>) -> Result<Vec<Listed>, BuildError> {
    let published = published_targets(state)?;
    let mut found = Vec::new();
    for name in stream::kept_streams(state.dir())?.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        let dir = StreamDir::of(state.dir(), name);
        for sequence in dir.sequences()? {
            let record = dir.record(sequence)?;
            let status = dir.status(&record, published.as_ref())?;
            found.push(Listed { record, status, written: dir.was_written(sequence) });
        }
    }
    Ok(found)
}

/// Refuses a directory into which a bundle with this manifest could not be written now. Asked before a number is taken.
pub fn check_target(
    state: &State,
    manifest: &Manifest,
    to: &Path,
    options: &WriteOptions<'_>,
) -> Result<(), BuildError> {
    sealift_bundle::write::check_target(to, manifest, state.store(), options)
        .map_err(|source| BuildError::Target { dir: to.to_owned(), source: Box::new(source) })
}

/// A bundle that may leave, with all its documents.
pub(super) struct Sealed {
    pub(super) record: BundleRecord,
    pub(super) manifest: Manifest,
    pub(super) manifest_bytes: Vec<u8>,
    pub(super) evidence: Vec<(String, Vec<u8>)>,
    pub(super) metadata: MetadataFiles,
    pub(super) roots: RootChain,
}

/// Reads a bundle that the published metadata lists, with the newest trust metadata.
pub(super) fn load_sealed(state: &State, (stream, sequence): (&StreamId, Sequence)) -> Result<Sealed, BuildError> {
    let dir = StreamDir::of(state.dir(), stream);
    let record = dir.record(sequence)?;
    let not_sealed = || BuildError::NotSealed { stream: stream.clone(), sequence };
    let trust = TrustDir::of(state.dir());
    let roots = trust.kept_roots()?.ok_or_else(not_sealed)?;
    let published = trust.published(&roots)?.ok_or_else(not_sealed)?;
    // Not the status: a bundle past its time is sealed but no longer listed, and no reader would accept it.
    if !stream::lists(published.targets().body(), &record) {
        return Err(not_sealed());
    }
    let (manifest, manifest_bytes) = dir.manifest(&record)?;
    let evidence = attach::vouched(dir.evidence(sequence)?, &roots, record.manifest);
    let metadata = published.files(&roots);
    Ok(Sealed { record, manifest, manifest_bytes, evidence, metadata, roots })
}

/// Writes a sealed bundle, with the newest trust metadata, to `SEALIFT` below `to`, and reads it back. It counts as written
/// once the report is kept ([`crate::medium::keep_report`]).
pub fn write_to(
    state: &State,
    writer: &Lock,
    bundle: (&StreamId, Sequence),
    target: (&Path, &WriteOptions<'_>),
    progress: &dyn Progress,
) -> Result<WriteReport, BuildError> {
    write_from(state, writer, bundle, state.store(), target, progress)
}

/// The same with blobs and pieces from `blobs`.
pub(super) fn write_from(
    state: &State,
    _writer: &Lock,
    (stream, sequence): (&StreamId, Sequence),
    blobs: &dyn BlobProvider,
    (to, options): (&Path, &WriteOptions<'_>),
    progress: &dyn Progress,
) -> Result<WriteReport, BuildError> {
    let sealed = load_sealed(state, (stream, sequence))?;
    let parts = BundleParts {
        manifest: &sealed.manifest,
        manifest_bytes: &sealed.manifest_bytes,
        evidence: &sealed.evidence,
        metadata: &sealed.metadata,
        blobs,
    };
    write_proven(to, &parts, options, progress).map_err(|source| BuildError::Write {
        stream: stream.clone(),
        sequence,
        source: Box::new(source),
    })
}
