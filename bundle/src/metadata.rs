//! Finds the trust metadata of a bundle. Nothing here is believed; that is [`crate::trust`]'s decision.

use sealift_model::json;
use sealift_trust::metadata::Body;
use sealift_trust::{Root, Signed, Snapshot, Targets, TimestampMeta};

pub use crate::layout::list_bundles;
use crate::layout::{MAX_ROOTS, MetadataName, checked, metadata_path};
use crate::source::{Source, SourceError, SourceRefusal};

/// The metadata of a medium, as bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataFiles {
    /// Root files with the versions of their names, ascending.
    pub roots: Vec<(u64, Vec<u8>)>,
    /// The timestamp file.
    pub timestamp: Vec<u8>,
    /// The snapshot file that the timestamp file names, with the version of its name.
    pub snapshot: (u64, Vec<u8>),
    /// The targets file that the snapshot file names, with the version of its name.
    pub targets: (u64, Vec<u8>),
}

impl MetadataFiles {
    /// Returns names below `trust/metadata/` and bytes of all files, sorted by name.
    pub fn files(&self) -> Vec<(String, &[u8])> {
        let mut files: Vec<(String, &[u8])> =
            self.roots.iter().map(|(version, bytes)| (format!("{version}.root.json"), bytes.as_slice())).collect();
        files.push(("timestamp.json".to_owned(), &self.timestamp));
        files.push((format!("{}.snapshot.json", self.snapshot.0), &self.snapshot.1));
        files.push((format!("{}.targets.json", self.targets.0), &self.targets.1));
        files.sort();
        files
    }
}

/// Reads all root files, the timestamp file, and the snapshot and targets files that follow from it.
///
/// Which snapshot and targets file to open is taken from metadata that is not verified yet: a wrong choice can only
/// make the verification that follows fail.
pub fn read_metadata(source: &dyn Source) -> Result<MetadataFiles, SourceError> {
    let timestamp = read_one::<TimestampMeta>(source, "timestamp.json")?;
    let version = Signed::<TimestampMeta>::parse(&timestamp).map_err(SourceRefusal::from)?.body().snapshot().version();
    let snapshot = read_one::<Snapshot>(source, &format!("{version}.snapshot.json"))?;
    let next = Signed::<Snapshot>::parse(&snapshot).map_err(SourceRefusal::from)?.body().targets().version();
    let targets = read_one::<Targets>(source, &format!("{next}.targets.json"))?;
    Ok(MetadataFiles { roots: read_roots(source)?, timestamp, snapshot: (version, snapshot), targets: (next, targets) })
}

fn read_roots(source: &dyn Source) -> Result<Vec<(u64, Vec<u8>)>, SourceError> {
    let listed = source.list(&checked("trust/metadata"))?;
    let version = |(name, _): &(String, u64)| MetadataName::parse(name)?.root_version();
    let mut versions: Vec<u64> = listed.iter().filter_map(version).collect();
    if versions.len() > MAX_ROOTS {
        return Err(SourceRefusal::TooMany { what: "root versions", limit: MAX_ROOTS }.into());
    }
    versions.sort_unstable();
    versions.into_iter().map(|v| Ok((v, read_one::<Root>(source, &format!("{v}.root.json"))?))).collect()
}

fn read_one<T: Body>(source: &dyn Source, name: &str) -> Result<Vec<u8>, SourceError> {
    source.read(&metadata_path(name), T::LIMIT as u64)
}

/// Tells what targets metadata lists, without believing it: for `inspect` and for writing, never for a decision.
pub(crate) fn listed_targets(bytes: &[u8]) -> Vec<String> {
    let names = |value: &serde_json::Value| {
        let targets = value.get("signed")?.get("targets")?.as_object()?;
        Some(targets.keys().cloned().collect())
    };
    json::parse(bytes).ok().as_ref().and_then(names).unwrap_or_default()
}
