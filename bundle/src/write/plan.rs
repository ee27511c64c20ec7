//! What a medium has already, and what is to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sealift_model::{Digest, RelPath};

use super::{BundleParts, PartThere, VolumePart, WriteError, WriteOptions, volume_place};
use crate::layout::{self, SUMS, Survey, metadata_path};
use crate::manifest::Manifest;
use crate::metadata::listed_targets;
use crate::source::{Directory, Source, SourceError, SourceRefusal, TOP};

/// What is to be written to a medium.
#[derive(Debug)]
pub struct WritePlan {
    /// Blobs that are not there yet.
    pub missing: Vec<Missing>,
    /// Digests and sizes of the blobs that are there already.
    pub present: Vec<(Digest, u64)>,
    /// Size of the missing ones together, in bytes.
    pub bytes: u64,
    /// Whether the bundle's own directory is there already.
    pub bundle_present: bool,
    /// Names of the evidence files that are not there yet, or have other bytes there.
    pub evidence: Vec<String>,
    /// Whether the medium lacks the signed list of volumes that it should have.
    pub volume_missing: bool,
    pub(super) existing: Option<Existing>,
}

/// A blob that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its digest.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// A file it belongs to; of pieces, the list of volumes.
    pub of: RelPath,
}

/// A `SEALIFT` of ours.
#[derive(Debug)]
pub(super) struct Existing {
    pub(super) source: Directory,
    pub(super) survey: Survey,
    /// Documents that stay as they are, for the sums.
    pub(super) kept: Vec<RelPath>,
}

impl WritePlan {
    /// Returns what a run that was cut may have left, and this one would write.
    pub(super) fn wanted(&self) -> BTreeMap<Digest, u64> {
        self.missing.iter().map(|blob| (blob.sha256, blob.size)).collect()
    }

    /// Returns all blobs of the bundle that are to be on the medium.
    pub(super) fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.missing.iter().map(|blob| blob.sha256).chain(self.present.iter().map(|(blob, _)| *blob))
    }

    /// Tells whether the bundle's own directory gets anything new.
    pub(super) fn changes_bundle(&self) -> bool {
        !self.bundle_present || !self.evidence.is_empty() || self.volume_missing
    }

    /// Returns snapshot and targets files that the new metadata replaces.
    pub(super) fn outdated(&self, new: &[String]) -> Vec<String> {
        let names = self.existing.iter().flat_map(|e| &e.survey.metadata);
        let replaced = |name: &&layout::MetadataName| {
            name.root_version().is_none() && !new.iter().any(|kept| kept == name.as_str())
        };
        names.filter(replaced).map(|name| name.as_str().to_owned()).collect()
    }
}

/// Looks at a medium and tells what writing the bundle would add. **Does not write to the disk.**
pub fn plan_write(dir: &Path, parts: &BundleParts<'_>, options: &WriteOptions<'_>) -> Result<WritePlan, WriteError> {
    let existing = if dir.join(TOP).symlink_metadata().is_ok() { Some(existing(dir, parts)?) } else { None };
    let there: BTreeMap<Digest, u64> =
        existing.iter().flat_map(|e| &e.survey.blobs).map(|(digest, size)| (*digest, *size)).collect();
    // A blob of the wrong size is a damaged one: it is written again.
    let (present, missing): (Vec<_>, Vec<_>) =
        carried(parts.manifest, options).into_iter().partition(|blob| there.get(&blob.sha256) == Some(&blob.size));
    let bytes = missing.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    let own = (&parts.manifest.stream, parts.manifest.sequence);
    let mut bundles = existing.iter().flat_map(|e| &e.survey.bundles);
    let bundle_there = bundles.find(|b| (&b.stream, b.sequence) == own);
    if let Some(there) = bundle_there {
        check_part(dir, parts.manifest, &there.volumes, options)?;
    }
    let bundle_present = bundle_there.is_some();
    let evidence = match &existing {
        Some(existing) if bundle_present => new_evidence(existing, parts, dir)?,
        _ => parts.evidence.iter().map(|(name, _)| name.clone()).collect(),
    };
    let volume_missing = match (&existing, &options.volume) {
        (Some(existing), Some(volume)) => lacks(existing, parts.manifest, volume, dir)?,
        (None, volume) => volume.is_some(),
        (Some(_), None) => false,
    };
    let present = present.into_iter().map(|blob| (blob.sha256, blob.size)).collect();
    Ok(WritePlan { missing, present, bytes, bundle_present, evidence, volume_missing, existing })
}

/// Returns what is to be on the medium: the manifest's blobs, or those of the volume.
pub(super) fn carried(manifest: &Manifest, options: &WriteOptions<'_>) -> Vec<Missing> {
    let blobs = manifest.blobs();
    let Some(volume) = &options.volume else {
        let whole = |entry: &crate::manifest::FileEntry| {
            let stored = entry.stored?;
            Some(Missing { sha256: stored.sha256, size: stored.size, of: entry.path.clone() })
        };
        return blobs.into_values().filter_map(whole).collect();
    };
    let list = volume_place(manifest, volume.number);
    let of = |blob: &Digest| blobs.get(blob).map_or_else(|| list.clone(), |entry| entry.path.clone());
    volume.blobs.iter().map(|(sha256, size)| Missing { sha256: *sha256, size: *size, of: of(sha256) }).collect()
}

/// Refuses a medium on which another part of the same bundle lies. What is there cannot be told from what is missing by
/// whoever carries it, and volumes beside a whole bundle do not verify.
fn check_part(dir: &Path, manifest: &Manifest, there: &[u16], options: &WriteOptions<'_>) -> Result<(), WriteError> {
    let own = options.volume.as_ref().map(|volume| volume.number);
    if there.iter().map(|number| u32::from(*number)).eq(own) {
        return Ok(());
    }
    let bundle = super::bundle_dir(manifest);
    let there = if there.is_empty() { PartThere::Whole(bundle) } else { PartThere::Volumes(bundle, there.to_vec()) };
    Err(WriteError::OtherPart { path: crate::source::shown(&dir.join(TOP)), there })
}

/// Tells whether the list of volumes is not there yet.
fn lacks(existing: &Existing, manifest: &Manifest, volume: &VolumePart<'_>, dir: &Path) -> Result<bool, WriteError> {
    let path = volume_place(manifest, volume.number);
    match existing.source.read(&path, volume.envelope.len() as u64) {
        Ok(bytes) if bytes == volume.envelope => Ok(false),
        Err(SourceError::Refused(SourceRefusal::Missing(_))) => Ok(true),
        Ok(_) | Err(SourceError::Refused(_)) => Err(WriteError::Taken(path)),
        Err(error) => Err(super::existing_error(dir, error)),
    }
}

/// People may have signed since the bundle was written: what they said is added, and nothing is taken away.
fn new_evidence(existing: &Existing, parts: &BundleParts<'_>, dir: &Path) -> Result<Vec<String>, WriteError> {
    let own = (&parts.manifest.stream, parts.manifest.sequence);
    let names = existing.survey.bundles.iter().find(|b| (&b.stream, b.sequence) == own).map(|b| &b.evidence);
    let mut new = Vec::new();
    for (name, bytes) in parts.evidence {
        let path = super::evidence_place(parts.manifest, name);
        let there = names.is_some_and(|names| names.contains(name));
        let read = || existing.source.read(&path, layout::MAX_EVIDENCE_BYTES);
        let same = there && read().map_err(|e| super::existing_error(dir, e))? == *bytes;
        if !same {
            new.push(name.clone());
        }
    }
    Ok(new)
}

fn existing(dir: &Path, parts: &BundleParts<'_>) -> Result<Existing, WriteError> {
    let failed = |source| super::existing_error(dir, source);
    let source = Directory::open(&dir.join(TOP)).map_err(failed)?;
    let survey = layout::survey(&source).map_err(failed)?;
    check_bundles(&source, &survey, parts, failed)?;
    let new: BTreeSet<RelPath> = parts.metadata.files().into_iter().map(|(name, _)| metadata_path(&name)).collect();
    let mut kept = Vec::new();
    for place in survey.places() {
        match &place {
            layout::Place::Blob(_) => {}
            layout::Place::Metadata(name) if name.root_version().is_none() || new.contains(&place.path()) => {}
            _ => kept.push(place.path()),
        }
    }
    for bundle in &survey.bundles {
        kept.extend(RelPath::new(&format!("bundles/{}/{}/{SUMS}", bundle.stream, bundle.sequence)));
    }
    Ok(Existing { source, survey, kept })
}

fn check_bundles(
    source: &Directory,
    survey: &Survey,
    parts: &BundleParts<'_>,
    failed: impl Fn(SourceError) -> WriteError,
) -> Result<(), WriteError> {
    let listed: BTreeSet<String> = listed_targets(&parts.metadata.targets.1).into_iter().collect();
    for bundle in &survey.bundles {
        let target = Manifest::target_path(&bundle.stream, bundle.sequence);
        let Ok(path) = RelPath::new(&target) else { continue };
        if (&bundle.stream, bundle.sequence) == (&parts.manifest.stream, parts.manifest.sequence) {
            let there = source.read(&path, crate::manifest::MAX_BYTES).map_err(&failed)?;
            if there != parts.manifest_bytes {
                return Err(WriteError::Taken(path));
            }
        } else if !listed.contains(&target) {
            return Err(WriteError::Unlisted(path));
        }
    }
    Ok(())
}
