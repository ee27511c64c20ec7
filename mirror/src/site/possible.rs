//! The states a site may be in, as far as this mirror can know: what a bundle for it has to be valid from.
//!
//! A signed receipt settles it. Where none may leave the site, it may be at what was acknowledged last or at anything
//! that may have reached it since; and where nothing was ever acknowledged, at nothing at all.

use std::path::Path;

use sealift_model::{Sequence, StreamId};
use sealift_trust::Held;

use super::{SiteError, acknowledgement, sent};
use crate::config::{Receipts, SiteConfig};
use crate::stream::{BundleRecord, StreamDir};

/// The states a site may be in for one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Possible {
    /// Bundles that may be the newest it holds, ascending.
    pub states: Vec<BundleRecord>,
    /// Whether it may hold no bundle of the stream.
    pub nothing: bool,
    /// What the site acknowledged last, whether or not this mirror knows that bundle.
    pub acknowledged: Option<Held>,
}

impl Possible {
    /// Returns the numbers of the states.
    pub fn sequences(&self) -> Vec<Sequence> {
        self.states.iter().map(|record| record.sequence).collect()
    }
}

/// Returns the states `site` may be in. `sealed` are the bundles of the stream that may have left this mirror.
///
/// # Errors
/// A receipt or record in the state directory that cannot be used.
pub fn possible(
    state: &Path,
    site: &SiteConfig,
    stream: &StreamId,
    sealed: &[BundleRecord],
) -> Result<Possible, SiteError> {
    let acknowledged = acknowledgement(state, site, stream)?;
    let is_acknowledged = |record: &&BundleRecord| {
        acknowledged.as_ref().is_some_and(|held| (record.sequence, record.manifest) == (held.sequence, held.manifest))
    };
    let mut states: Vec<BundleRecord> = sealed.iter().filter(is_acknowledged).cloned().collect();
    // A state that this mirror has no record of is one that nothing can be left out for.
    let nothing = states.is_empty();
    if site.receipts == Receipts::Never {
        let floor = acknowledged.as_ref().map(|held| held.sequence);
        for record in sealed.iter().filter(|record| floor.is_none_or(|floor| record.sequence > floor)) {
            if may_have_reached(state, site, record)? {
                states.push(record.clone());
            }
        }
    }
    Ok(Possible { states, nothing, acknowledged })
}

/// Tells whether a bundle may have been carried to a site: it was made for it, or written for nobody in particular.
fn may_have_reached(state: &Path, site: &SiteConfig, record: &BundleRecord) -> Result<bool, SiteError> {
    let sites = sent::made_for(state, record)?;
    let anybody = sites.is_empty() && StreamDir::of(state, &record.stream).was_written(record.sequence);
    Ok(anybody || sites.contains(&site.name))
}
