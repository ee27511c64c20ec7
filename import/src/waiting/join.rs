//! Joins blobs that were cut in parts, once all parts are in the quarantine.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use sealift_bundle::volumes::{Split, VolumeSet};
use sealift_fs::{Store, StoreError};
use sealift_model::Silent;

use super::{Holdings, Waiting};
use crate::repository::Writer;

/// Joins what can be joined. The parts go then: where parity counts them, they are read out of the joined blob.
///
/// The joined blob is hashed like any other, so a wrong order or a wrong part cannot make one.
pub(crate) fn join(writer: &Writer, waiting: &Waiting) -> Result<(), StoreError> {
    if waiting.sets.iter().all(|set| set.split().is_empty()) {
        return Ok(());
    }
    let (holdings, quarantine) = (Holdings::of(writer)?, super::quarantine(writer)?);
    let blobs = waiting.manifest.blobs();
    for split in waiting.sets.iter().flat_map(VolumeSet::split) {
        let Some((entry, stored)) = blobs.get(&split.blob).and_then(|entry| Some((entry, entry.stored?))) else {
            continue;
        };
        let whole = split.parts.iter().all(|part| holdings.has_blob(&part.sha256, part.size));
        if !whole || holdings.has(entry) {
            continue;
        }
        let batch = quarantine.batch();
        let mut parts = Parts::of(split, &quarantine);
        match batch.insert_stream(&mut parts, &split.blob, stored.size, &Silent) {
            Ok(()) => batch.commit()?,
            // A part that was changed since it came has to come again. A set that names parts of something else: the blob
            // goes on missing.
            Err(StoreError::WrongDigest { .. } | StoreError::WrongSize { .. }) => {
                let parts = split.parts.iter().map(|part| (part.sha256, part.size));
                super::quarantine::drop_wrong(&quarantine, parts, &|_| ())?;
                continue;
            }
            Err(error) => return Err(error),
        }
        for part in &split.parts {
            quarantine.remove(&part.sha256)?;
        }
    }
    Ok(())
}

/// Reads parts one after the other.
struct Parts {
    left: Vec<PathBuf>,
    now: Option<File>,
}

impl Parts {
    fn of(split: &Split, quarantine: &Store) -> Self {
        Self { left: split.parts.iter().rev().map(|part| quarantine.path(&part.sha256)).collect(), now: None }
    }
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(file) = &mut self.now {
                let read = file.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
            }
            let Some(next) = self.left.pop() else { return Ok(0) };
            self.now = Some(File::open(next)?);
        }
    }
}
