//! Reads the package indexes of a stream's upstreams from the store into one catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sealift_fs::Store;
use sealift_model::UpstreamId;
use sealift_pkg::Catalog;
use sealift_pkg::catalog::{Added, UpstreamNumber};
use sealift_pkg::decompress::open_index;
use sealift_pkg::index::{INDEX_LIMIT, IndexReader};

use super::SelectionError;
use crate::config::StreamConfig;
use crate::snapshot::{Head, SnapshotFile};

/// What the upstreams of a stream offer.
pub(super) struct Offer {
    pub(super) catalog: Catalog,
    pub(super) architectures: BTreeSet<String>,
    pub(super) conflicting: Vec<String>,
}

/// Reads every index of the stream's upstreams, the preferred upstream first.
pub(super) fn load(
    stream: &StreamConfig,
    heads: &BTreeMap<UpstreamId, Head>,
    store: &Store,
) -> Result<Offer, SelectionError> {
    let mut offer = Offer { catalog: Catalog::new(), architectures: BTreeSet::new(), conflicting: Vec::new() };
    for name in &stream.upstreams {
        let head = heads.get(name).ok_or_else(|| SelectionError::NotSynced(name.clone()))?;
        let upstream = offer.catalog.add_upstream(name.clone());
        offer.architectures.extend(head.architectures.iter().cloned());
        for index in head.indexes() {
            offer.read(store, (name, upstream), index.file, &index.component.into())?;
        }
    }
    offer.conflicting.sort();
    offer.conflicting.dedup();
    Ok(offer)
}

impl Offer {
    fn read(
        &mut self,
        store: &Store,
        (name, number): (&UpstreamId, UpstreamNumber),
        file: &SnapshotFile,
        component: &Arc<str>,
    ) -> Result<(), SelectionError> {
        if !store.has(&file.sha256, file.size) {
            return Err(SelectionError::NoIndex { upstream: name.clone(), path: file.path.clone() });
        }
        let blob = store.open_blob(&file.sha256)?;
        let input = open_index(file.path.as_str(), blob, INDEX_LIMIT).map_err(|source| SelectionError::Read {
            upstream: name.clone(),
            path: file.path.clone(),
            source,
        })?;
        let mut reader = IndexReader::new(file.path.as_str(), input);
        let malformed = |source| SelectionError::Index { upstream: name.clone(), source: Box::new(source) };
        while let Some((entry, _)) = reader.next_entry().map_err(malformed)? {
            match self.catalog.add(number, component, entry) {
                Added::New(_) | Added::Known(_) => {}
                Added::Differs(kept) => self.conflicting.push(self.catalog.title(kept)),
                Added::Full => return Err(SelectionError::TooMany(name.clone())),
            }
        }
        Ok(())
    }
}
