//! What a medium has already, and what is to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sealift_model::{Digest, RelPath};

use super::{BundleParts, WriteError};
use crate::layout::{self, SUMS, Survey, metadata_path};
use crate::manifest::{Manifest, Stored};
use crate::metadata::listed_targets;
use crate::source::{Directory, Source, SourceError, TOP};

/// What is to be written to a medium.
#[derive(Debug)]
pub struct WritePlan {
    /// Blobs that are not there yet, each with a file it belongs to.
    pub missing: Vec<(Stored, RelPath)>,
    /// Their size together.
    pub bytes: u64,
    /// Whether the bundle's own directory is there already.
    pub bundle_present: bool,
    /// Names of the evidence files that are not there yet, or have other bytes there.
    pub evidence: Vec<String>,
    pub(super) existing: Option<Existing>,
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
pub fn plan_write(dir: &Path, parts: &BundleParts<'_>) -> Result<WritePlan, WriteError> {
    let existing = if dir.join(TOP).symlink_metadata().is_ok() { Some(existing(dir, parts)?) } else { None };
    let there: BTreeMap<Digest, u64> =
        existing.iter().flat_map(|e| &e.survey.blobs).map(|(digest, size)| (*digest, *size)).collect();
    let mut missing = Vec::new();
    for entry in parts.manifest.blobs().into_values() {
        // A blob of the wrong size is a damaged one: it is written again.
        if let Some(stored) = entry.stored.filter(|s| there.get(&s.sha256) != Some(&s.size)) {
            missing.push((stored, entry.path.clone()));
        }
    }
    let bytes = missing.iter().fold(0_u64, |sum, (blob, _)| sum.saturating_add(blob.size));
    let own = (&parts.manifest.stream, parts.manifest.sequence);
    let mut bundles = existing.iter().flat_map(|e| &e.survey.bundles);
    let bundle_present = bundles.any(|b| (&b.stream, b.sequence) == own);
    let evidence = match &existing {
        Some(existing) if bundle_present => new_evidence(existing, parts, dir)?,
        _ => parts.evidence.iter().map(|(name, _)| name.clone()).collect(),
    };
    Ok(WritePlan { missing, bytes, bundle_present, evidence, existing })
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
