//! Moves what was built and proven into a `SEALIFT` that is there already.

use std::path::Path;

use sealift_fs::{remove_file, sync_filesystem};

use super::plan::WritePlan;
use super::{BundleParts, WriteError, WriteOptions, bundle_dir, evidence_place, existing_error, volume_place};
use crate::layout::{SUMS, blob_path, checked, metadata_path};
use crate::source::{Source as _, TOP};
use crate::staging::{Staging, digest_of};

/// Enters what stays of an existing medium into the sums.
pub(super) fn note_existing(staging: &mut Staging, plan: &WritePlan, dir: &Path) -> Result<(), WriteError> {
    let Some(existing) = &plan.existing else { return Ok(()) };
    let failed = |source| existing_error(dir, source);
    for (blob, _) in &existing.survey.blobs {
        staging.note(&blob_path(blob), *blob);
    }
    for path in existing.kept.iter().filter(|path| !staging.knows(path)).collect::<Vec<_>>() {
        let (file, _) = existing.source.open(path).map_err(failed)?;
        let digest = digest_of(file).map_err(|e| failed(existing.source.fault(path, e)))?;
        staging.note(path, digest);
    }
    Ok(())
}

/// Moves what was built into an existing `SEALIFT`, in the order that keeps it verifiable throughout.
pub(super) fn merge(
    dir: &Path,
    staging: &Staging,
    plan: &WritePlan,
    (parts, options): (&BundleParts<'_>, &WriteOptions<'_>),
) -> Result<(), WriteError> {
    for blob in &plan.missing {
        staging.move_into_place(&blob_path(&blob.sha256))?;
    }
    sync_filesystem(dir)?;
    if !plan.bundle_present {
        staging.move_into_place(&bundle_dir(parts.manifest))?;
    } else if plan.changes_bundle() {
        // The sums first, for good: as long as anything else is missing, a run after one that was cut makes all of it again.
        staging.move_into_place(&checked(&format!("{}/{SUMS}", bundle_dir(parts.manifest))))?;
        sync_filesystem(dir)?;
        for name in &plan.evidence {
            staging.move_into_place(&evidence_place(parts.manifest, name))?;
        }
        if let Some(volume) = &options.volume {
            staging.move_into_place(&volume_place(parts.manifest, volume.number))?;
        }
    }
    let metadata: Vec<String> = parts.metadata.files().into_iter().map(|(name, _)| name).collect();
    // Until the timestamp file changes, the medium is what it was before; what it names must have its name by then.
    let (last, named): (Vec<_>, Vec<_>) = metadata.iter().partition(|name| *name == "timestamp.json");
    for names in [named, last] {
        for name in names {
            staging.move_into_place(&metadata_path(name))?;
        }
        sync_filesystem(dir)?;
    }
    for name in plan.outdated(&metadata) {
        remove_file(&dir.join(TOP).join(metadata_path(&name)))?;
    }
    for name in ["HOWTO-VERIFY.txt", "verify.py", SUMS] {
        staging.move_into_place(&checked(name))?;
    }
    Ok(sync_filesystem(dir)?)
}
