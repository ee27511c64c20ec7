//! Takes away what a killed run left behind. Blobs that got their names stay: they need not come again.

use sealift_fs::PathError;
use sealift_model::{Sequence, StreamId};

use super::ReceiveError;
use crate::repository::{Repository, Writer};
use crate::waiting;

/// Removes leftovers and returns how many there were.
pub(super) fn sweep(writer: &Writer) -> Result<u64, ReceiveError> {
    let mut count = clear_quarantine(writer)?;
    count += writer.store()?.sweep(writer.lock())?;
    // Killed before its commit, a run leaves documents that are not trusted yet; after it, those that were.
    count += super::commit::drop_old_trust(writer)?;
    count += waiting::drop_accepted(writer)?;
    count += waiting::collect(writer)?;
    for (stream, sequence) in uncommitted(writer)? {
        sealift_fs::remove_tree(&writer.layout().bundle(&stream, sequence))?;
        count += 1;
    }
    Ok(count)
}

/// Removes what is in the quarantine.
pub(super) fn clear_quarantine(repository: &Repository) -> Result<u64, PathError> {
    let dir = repository.layout().quarantine();
    let mut count = 0;
    for name in leftovers(repository)? {
        let path = dir.join(name);
        if path.is_dir() {
            sealift_fs::remove_tree(&path)?;
        } else {
            sealift_fs::remove_file(&path)?;
        }
        count += 1;
    }
    Ok(count)
}

/// Returns the names in the quarantine.
pub(crate) fn leftovers(repository: &Repository) -> Result<Vec<String>, PathError> {
    match sealift_fs::list_dir(&repository.layout().quarantine()) {
        Err(e) if e.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

/// Returns bundle directories that the index does not know.
fn uncommitted(repository: &Repository) -> Result<Vec<(StreamId, Sequence)>, ReceiveError> {
    let top = repository.layout().bundles();
    let mut found = Vec::new();
    for stream in sealift_fs::list_dir(&top)?.iter().filter_map(|name| name.parse::<StreamId>().ok()) {
        for name in sealift_fs::list_dir(&top.join(stream.as_str()))? {
            let Ok(sequence) = name.parse::<Sequence>() else { continue };
            if repository.index().bundle(&stream, sequence)?.is_none() {
                found.push((stream.clone(), sequence));
            }
        }
    }
    Ok(found)
}
