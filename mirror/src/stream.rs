//! The bundles of one stream as the mirror keeps them: `streams/<stream>/<sequence>/`.
//!
//! ```text
//! bundle.json  manifest.json  evidence/*.dsse.json     since the bundle got its number
//! volumes/<size>-<parity>.dsse.json                    since it was cut for media of that size
//! draft/targets.json  draft/draft.json                 until it is sealed
//! discarded  written                                   marks: given up; written to a medium once
//! ```
//! A sequence is taken when its directory appears, by one rename, and is never given to other content. Whether a bundle
//! is sealed is decided by the published targets metadata, not here: see [`StreamDir::status`].

use std::path::{Path, PathBuf};

use sealift_bundle::layout::is_evidence;
use sealift_bundle::manifest::{self, BundleKind, BundleRef, Manifest, ManifestError};
use sealift_fs::{Lock, Mode, PathError};
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, Sequence, StreamId, Timestamp};
use sealift_trust::metadata::Body;
use sealift_trust::{Signed, Targets};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The schema of `bundle.json`.
pub const SCHEMA: &str = "sealift.mirror-bundle/1";
/// The schema of `draft.json`.
pub const DRAFT_SCHEMA: &str = "sealift.mirror-draft/1";
const RECORD_LIMIT: u64 = 64 << 10;
const EVIDENCE_LIMIT: u64 = 8 << 20;

/// A bundle in short, `bundle.json`. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleRecord {
    /// Sequence of the base, if incremental.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Sequence>,
    /// When it was built.
    pub created: Timestamp,
    /// Complete or incremental.
    pub kind: BundleKind,
    /// Digest of the manifest: the bundle id.
    pub manifest: Digest,
    /// Size of the manifest in bytes.
    pub manifest_bytes: u64,
    /// After this it is refused as expired.
    pub not_after: Timestamp,
    /// [`SCHEMA`].
    pub schema: String,
    /// Its number.
    pub sequence: Sequence,
    /// The stream.
    pub stream: StreamId,
}

/// What a draft was made as, `draft.json`. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftRecord {
    /// Digest of what the signatures cover.
    pub covered: Digest,
    /// [`DRAFT_SCHEMA`].
    pub schema: String,
}

/// Targets metadata that is being signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What was drafted.
    pub record: DraftRecord,
    /// The document with the signatures it has so far.
    pub targets: Vec<u8>,
}

/// Everything a bundle has besides its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBundle {
    /// The bundle in short.
    pub record: BundleRecord,
    /// Its manifest.
    pub manifest: Vec<u8>,
    /// Its evidence, by file name.
    pub evidence: Vec<(String, Vec<u8>)>,
    /// The targets metadata that will list it.
    pub draft: Draft,
}

/// How far a bundle got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Signed; it may be carried across.
    Sealed,
    /// Waits for signatures.
    Draft,
    /// Given up before it was signed, because there was newer content.
    Discarded,
}

/// The directory of one stream.
#[derive(Debug, Clone)]
pub struct StreamDir {
    dir: PathBuf,
    stream: StreamId,
}

/// Why a stream's directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// There is no such bundle.
    #[error("stream `{stream}` has no bundle {sequence}")]
    Unknown {
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
    /// A document that is not in our encoding.
    #[error("{} cannot be used", .file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// Why.
        source: JsonError,
    },
    /// A manifest that breaks the format's rules.
    #[error("{} cannot be used", .file.display())]
    Manifest {
        /// The file.
        file: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// A document that is not the one recorded.
    #[error("{} was changed: it is not what was recorded when the bundle was built", .0.display())]
    Changed(PathBuf),
}

impl StreamDir {
    /// Returns the directory of `stream` in the mirror whose state is in `state`. Nothing is read yet.
    pub fn of(state: &Path, stream: &StreamId) -> Self {
        Self { dir: state.join("streams").join(stream.as_str()), stream: stream.clone() }
    }

    /// Returns the stream.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    fn bundle_dir(&self, sequence: Sequence) -> PathBuf {
        self.dir.join(sequence.to_string())
    }

    /// Returns where the targets metadata that holders sign lies.
    pub fn draft_file(&self, sequence: Sequence) -> PathBuf {
        self.bundle_dir(sequence).join("draft").join("targets.json")
    }

    /// Returns the numbers taken so far, ascending.
    pub fn sequences(&self) -> Result<Vec<Sequence>, StreamError> {
        let names = match sealift_fs::list_dir(&self.dir) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let mut found: Vec<Sequence> = names.iter().filter_map(|name| name.parse().ok()).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Reads a bundle's record.
    pub fn record(&self, sequence: Sequence) -> Result<BundleRecord, StreamError> {
        let file = self.bundle_dir(sequence).join("bundle.json");
        let record: BundleRecord = match read_document(&file) {
            Err(StreamError::Fs(error)) if error.is_not_found() => {
                return Err(StreamError::Unknown { stream: self.stream.clone(), sequence });
            }
            other => other?,
        };
        let ours = record.schema == SCHEMA && record.sequence == sequence && record.stream == self.stream;
        if ours { Ok(record) } else { Err(StreamError::Changed(file)) }
    }

    /// Reads a bundle's manifest, with its bytes, and checks that it is the recorded one.
    pub fn manifest(&self, record: &BundleRecord) -> Result<(Manifest, Vec<u8>), StreamError> {
        let file = self.bundle_dir(record.sequence).join("manifest.json");
        let bytes = sealift_fs::read_capped(&file, manifest::MAX_BYTES)?;
        if Digest::of(&bytes) != record.manifest {
            return Err(StreamError::Changed(file));
        }
        let parsed = Manifest::parse(&bytes).map_err(|source| StreamError::Manifest { file, source })?;
        Ok((parsed, bytes))
    }

    /// Reads a bundle's evidence files, sorted by name.
    pub fn evidence(&self, sequence: Sequence) -> Result<Vec<(String, Vec<u8>)>, StreamError> {
        let dir = self.bundle_dir(sequence).join("evidence");
        let names = sealift_fs::list_dir(&dir)?;
        let read = |name: String| Ok((name.clone(), sealift_fs::read_capped(&dir.join(name), EVIDENCE_LIMIT)?));
        // By the rule of the layout: what a killed run left beside them is no evidence.
        names.into_iter().filter(|name| is_evidence(name)).map(read).collect()
    }

    /// Reads the signed volume sets that a bundle was cut by, `volumes/*.dsse.json`, sorted by name.
    pub fn volume_sets(&self, sequence: Sequence) -> Result<Vec<Vec<u8>>, StreamError> {
        let dir = self.bundle_dir(sequence).join("volumes");
        let names = match sealift_fs::list_dir(&dir) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let read = |name: &String| Ok(sealift_fs::read_capped(&dir.join(name), EVIDENCE_LIMIT)?);
        names.iter().filter(|name| name.ends_with(".dsse.json")).map(read).collect()
    }

    /// Reads one signed volume set by its file name; `None` if there is none.
    pub fn volume_set(&self, sequence: Sequence, name: &str) -> Result<Option<Vec<u8>>, StreamError> {
        match sealift_fs::read_capped(&self.bundle_dir(sequence).join("volumes").join(name), EVIDENCE_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    /// Keeps a signed volume set beside a bundle, in place of an earlier one of its name.
    pub fn keep_volume_set(
        &self,
        _writer: &Lock,
        sequence: Sequence,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StreamError> {
        let dir = self.bundle_dir(sequence).join("volumes");
        sealift_fs::create_dir_all(&dir, Mode::Public)?;
        Ok(sealift_fs::replace(&dir.join(name), bytes, Mode::Public)?)
    }

    /// Keeps an evidence file beside a bundle, in place of an earlier one of its name.
    pub fn keep_evidence(
        &self,
        _writer: &Lock,
        sequence: Sequence,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StreamError> {
        Ok(sealift_fs::replace(&self.bundle_dir(sequence).join("evidence").join(name), bytes, Mode::Public)?)
    }

    /// Tells how far a bundle got. `published` is the targets metadata the mirror stands behind.
    pub fn status(&self, record: &BundleRecord, published: Option<&Targets>) -> Result<Status, StreamError> {
        let dir = self.bundle_dir(record.sequence);
        if dir.join("discarded").exists() {
            return Ok(Status::Discarded);
        }
        // A run that was cut right after publishing leaves the draft of a bundle that is sealed.
        let sealed = !dir.join("draft").exists() || published.is_some_and(|targets| lists(targets, record));
        Ok(if sealed { Status::Sealed } else { Status::Draft })
    }

    /// Reads the draft of a bundle.
    pub fn draft(&self, sequence: Sequence) -> Result<Draft, StreamError> {
        let file = self.draft_file(sequence);
        let targets = sealift_fs::read_capped(&file, Targets::LIMIT as u64)?;
        let record: DraftRecord = read_document(&file.with_file_name("draft.json"))?;
        if record.schema != DRAFT_SCHEMA {
            return Err(StreamError::Changed(file.with_file_name("draft.json")));
        }
        Ok(Draft { record, targets })
    }

    /// Takes a number for a bundle: its directory appears whole or not at all.
    pub fn create(&self, _writer: &Lock, bundle: &NewBundle) -> Result<(), StreamError> {
        let target = self.bundle_dir(bundle.record.sequence);
        let building = self.dir.join(format!(".new-{}", bundle.record.sequence));
        sealift_fs::create_dir_all(&self.dir, Mode::Public)?;
        sealift_fs::remove_tree(&building)?;
        let made = write_bundle(&building, bundle).and_then(|()| Ok(sealift_fs::rename(&building, &target)?));
        if made.is_err() {
            // The reason it failed matters more than a leftover, which the next draft removes.
            let _ = sealift_fs::remove_tree(&building);
        }
        made
    }

    /// Replaces the draft of a bundle by one that lists the same bundle.
    pub fn replace_draft(&self, _writer: &Lock, sequence: Sequence, draft: &Draft) -> Result<(), StreamError> {
        write_draft(&self.bundle_dir(sequence).join("draft"), draft)
    }

    /// Removes the draft of a bundle that is sealed.
    pub fn close_draft(&self, _writer: &Lock, sequence: Sequence) -> Result<(), StreamError> {
        Ok(sealift_fs::remove_tree(&self.bundle_dir(sequence).join("draft"))?)
    }

    /// Gives a draft up. Its number stays taken.
    pub fn discard(&self, writer: &Lock, sequence: Sequence) -> Result<(), StreamError> {
        sealift_fs::replace(&self.bundle_dir(sequence).join("discarded"), b"", Mode::Public)?;
        self.close_draft(writer, sequence)
    }

    /// Notes that a bundle was written to a medium.
    pub fn mark_written(&self, _writer: &Lock, sequence: Sequence) -> Result<(), StreamError> {
        Ok(sealift_fs::replace(&self.bundle_dir(sequence).join("written"), b"", Mode::Public)?)
    }

    /// Tells whether a bundle was written to a medium once.
    pub fn was_written(&self, sequence: Sequence) -> bool {
        self.bundle_dir(sequence).join("written").exists()
    }
}

impl BundleRecord {
    /// Returns the reference that later manifests hold.
    pub fn reference(&self) -> BundleRef {
        BundleRef { manifest: self.manifest, sequence: self.sequence }
    }
}

impl Draft {
    /// Makes the draft of a targets document.
    pub fn of(targets: Vec<u8>) -> Result<Self, sealift_trust::Refusal> {
        let covered = Digest::of(Signed::<Targets>::parse(&targets)?.covered());
        Ok(Self { record: DraftRecord { covered, schema: DRAFT_SCHEMA.into() }, targets })
    }
}

/// Tells whether targets metadata lists exactly this bundle.
pub fn lists(targets: &Targets, record: &BundleRecord) -> bool {
    targets.iter().any(|(path, info)| {
        path.as_str() == Manifest::target_path(&record.stream, record.sequence) && info.sha256 == record.manifest
    })
}

/// Returns the streams that have a directory in the state, whether or not they are still configured.
pub fn kept_streams(state: &Path) -> Result<Vec<StreamId>, PathError> {
    match sealift_fs::list_dir(&state.join("streams")) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => Ok(other?.iter().filter_map(|name| name.parse().ok()).collect()),
    }
}

fn write_bundle(dir: &Path, bundle: &NewBundle) -> Result<(), StreamError> {
    let evidence = dir.join("evidence");
    sealift_fs::create_dir_all(&evidence, Mode::Public)?;
    for (name, bytes) in &bundle.evidence {
        sealift_fs::write_new(&evidence.join(name), bytes, Mode::Public)?;
    }
    write_document(&dir.join("bundle.json"), &bundle.record)?;
    sealift_fs::write_new(&dir.join("manifest.json"), &bundle.manifest, Mode::Public)?;
    write_draft(&dir.join("draft"), &bundle.draft)
}

fn write_draft(dir: &Path, draft: &Draft) -> Result<(), StreamError> {
    sealift_fs::create_dir_all(dir, Mode::Public)?;
    // The record last: a new draft under an old record is drafted again, an old one under a new record would look forged.
    sealift_fs::replace(&dir.join("targets.json"), &draft.targets, Mode::Public)?;
    write_document(&dir.join("draft.json"), &draft.record)
}

fn write_document<T: Serialize>(file: &Path, document: &T) -> Result<(), StreamError> {
    let bytes =
        json::to_canonical(document).map_err(|source| StreamError::Document { file: file.to_owned(), source })?;
    Ok(sealift_fs::replace(file, &bytes, Mode::Public)?)
}

fn read_document<T: DeserializeOwned + Serialize>(file: &Path) -> Result<T, StreamError> {
    let bytes = sealift_fs::read_capped(file, RECORD_LIMIT)?;
    json::from_canonical(&bytes).map_err(|source| StreamError::Document { file: file.to_owned(), source })
}
