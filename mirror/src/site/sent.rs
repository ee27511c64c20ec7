//! What was made for which site: `sites/<site>/sent/<stream>/<sequence>.json`.
//!
//! A record is there before the medium is: a medium that was written and carried off by a run that was cut must not be
//! one that nobody remembers. So a record says that a site *may* hold a bundle; what it does hold, only the site can say.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, Sequence, SiteId, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::stream::BundleRecord;

/// The schema of the records.
pub const SCHEMA: &str = "sealift.mirror-sent/1";
const LIMIT: u64 = 1 << 20;

/// A bundle that was made for a site. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Digest of the manifest: the bundle id.
    pub manifest: Digest,
    /// When it was first marked for the site.
    pub marked: Timestamp,
    /// The states of the site that it was made to be valid from, ascending; none if it is complete.
    pub possible: Vec<Sequence>,
    /// [`SCHEMA`].
    pub schema: String,
    /// Its number.
    pub sequence: Sequence,
    /// The stream.
    pub stream: StreamId,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Not a record of ours, or changed.
    #[error("{} cannot be used", .file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// Why.
        source: JsonError,
    },
    /// A record that contradicts itself or its name.
    #[error("{} was changed: it is not what was recorded under this name", .0.display())]
    Changed(PathBuf),
}

/// Notes that `bundle` is made for `site`. Repeated, it changes nothing.
///
/// # Errors
/// That the record cannot be written.
pub fn mark(
    _writer: &Lock,
    state: &Path,
    site: &SiteId,
    (bundle, possible): (&BundleRecord, &[Sequence]),
    now: Timestamp,
) -> Result<(), SentError> {
    let dir = directory(state, site).join(bundle.stream.as_str());
    let file = dir.join(format!("{}.json", bundle.sequence));
    if file.exists() {
        return Ok(());
    }
    let record = Sent {
        manifest: bundle.manifest,
        marked: now,
        possible: possible.to_vec(),
        schema: SCHEMA.into(),
        sequence: bundle.sequence,
        stream: bundle.stream.clone(),
    };
    let bytes = json::to_canonical(&record).map_err(|source| SentError::Document { file: file.clone(), source })?;
    sealift_fs::create_dir_all(&dir, Mode::Public)?;
    Ok(sealift_fs::replace(&file, &bytes, Mode::Public)?)
}

/// Returns what was made for a site of one stream, ascending.
///
/// # Errors
/// A record that cannot be read or is not ours.
pub fn sent(state: &Path, site: &SiteId, stream: &StreamId) -> Result<Vec<Sent>, SentError> {
    let dir = directory(state, site).join(stream.as_str());
    let names = match sealift_fs::list_dir(&dir) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for sequence in names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<Sequence>().ok()) {
        let file = dir.join(format!("{sequence}.json"));
        let bytes = sealift_fs::read_capped(&file, LIMIT)?;
        let record: Sent = match json::from_canonical(&bytes) {
            Ok(record) => record,
            Err(source) => return Err(SentError::Document { file, source }),
        };
        if record.schema != SCHEMA || record.sequence != sequence || record.stream != *stream {
            return Err(SentError::Changed(file));
        }
        found.push(record);
    }
    found.sort_by_key(|record| record.sequence);
    Ok(found)
}

/// Returns the sites that a bundle was made for.
///
/// # Errors
/// That the directory of the sites cannot be read.
pub fn made_for(state: &Path, bundle: &BundleRecord) -> Result<Vec<SiteId>, SentError> {
    let names = match sealift_fs::list_dir(&state.join("sites")) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let file = Path::new(bundle.stream.as_str()).join(format!("{}.json", bundle.sequence));
    let sites = names.iter().filter_map(|name| name.parse::<SiteId>().ok());
    Ok(sites.filter(|site| directory(state, site).join(&file).exists()).collect())
}

fn directory(state: &Path, site: &SiteId) -> PathBuf {
    state.join("sites").join(site.as_str()).join("sent")
}
