//! What a bundle may leave out: the states it has to be valid from, and the content that all of them have.
//!
//! A bundle carries whatever is not in every one of those states. Its base is the lowest of them, so that nothing is left
//! out which the base does not list (format/manifest M1); the importer judges by content, so any of them will do.

use std::collections::BTreeSet;

use sealift_bundle::manifest::{FileEntry, Manifest};
use sealift_model::{Digest, Sequence, SiteId};

use super::{BaseChoice, BaseReason, History, Request};
use crate::build::BuildError;
use crate::config::Receipts;
use crate::site;
use crate::state::State;
use crate::stream::{BundleRecord, StreamDir};

/// Where a bundle starts from.
pub(super) struct Base {
    /// The states it has to be valid from, ascending; none for a complete bundle.
    pub(super) states: Vec<BundleRecord>,
    /// Why.
    pub(super) reason: BaseReason,
    /// Sites that cannot use it.
    pub(super) left_out: Vec<SiteId>,
    /// The manifest of the lowest state.
    pub(super) manifest: Option<Manifest>,
    /// The content that every state has.
    pub(super) held: BTreeSet<Digest>,
}

impl Base {
    /// Returns the bundle that the manifest names as its base.
    pub(super) fn record(&self) -> Option<&BundleRecord> {
        self.states.first()
    }

    /// Tells whether a site in any of the states could take `manifest` as it is.
    pub(super) fn suffices_for(&self, manifest: &Manifest) -> bool {
        let there = |file: &FileEntry| file.stored.is_some() || self.held.contains(&file.sha256);
        manifest.files.iter().all(there)
    }
}

/// Chooses the states for a request and reads their manifests.
pub(super) fn choose(state: &State, request: &Request, history: &History) -> Result<Base, BuildError> {
    let (states, reason, left_out) = states(state, request, history)?;
    let (manifest, held) = common(&history.dir, &states)?;
    Ok(Base { states, reason, left_out, manifest, held })
}

type Chosen = (Vec<BundleRecord>, BaseReason, Vec<SiteId>);

fn states(state: &State, request: &Request, history: &History) -> Result<Chosen, BuildError> {
    match &request.base {
        BaseChoice::Full => Ok((Vec::new(), BaseReason::Full, Vec::new())),
        BaseChoice::Over(sequence) => {
            Ok((vec![history.sealed(request, *sequence)?.clone()], BaseReason::Asked, Vec::new()))
        }
        BaseChoice::Among { first, last } => {
            let mut states = vec![history.sealed(request, *first)?.clone()];
            if let Some(last) = last {
                history.sealed(request, *last)?;
            }
            let within = |r: &&BundleRecord| r.sequence > *first && last.is_none_or(|last| r.sequence <= last);
            states.extend(history.all_sealed.iter().filter(within).cloned());
            Ok((states, BaseReason::Possible, Vec::new()))
        }
        BaseChoice::Receipts => by_receipts(state, request, history),
        BaseChoice::For(name) => for_site(state, request, history, name),
    }
}

/// One bundle for all sites: valid from what each acknowledged last.
fn by_receipts(state: &State, request: &Request, history: &History) -> Result<Chosen, BuildError> {
    let known = site::acknowledged(state.dir(), state.config(), &request.stream)?;
    let mut states: Vec<BundleRecord> = Vec::new();
    for (name, held) in &known.held {
        let Some(record) =
            history.all_sealed.iter().find(|r| r.sequence == held.sequence && r.manifest == held.manifest)
        else {
            return Ok((Vec::new(), BaseReason::Unknown(name.clone(), held.sequence), Vec::new()));
        };
        states.push(record.clone());
    }
    if states.is_empty() {
        return Ok((states, BaseReason::NoReceipt, Vec::new()));
    }
    states.sort_by_key(|record| record.sequence);
    states.dedup();
    let sites = known.held.into_iter().map(|(name, _)| name).collect();
    Ok((states, BaseReason::Acknowledged(sites), known.without))
}

fn for_site(state: &State, request: &Request, history: &History, name: &SiteId) -> Result<Chosen, BuildError> {
    let site = state.config().site(name).ok_or_else(|| BuildError::UnknownSite(name.clone()))?;
    let possible = site::possible(state.dir(), site, &request.stream, &history.all_sealed)?;
    let reason = match (&possible.acknowledged, possible.nothing) {
        (None, _) => BaseReason::Unacknowledged(name.clone()),
        (Some(held), true) => BaseReason::Unknown(name.clone(), held.sequence),
        (Some(_), false) if site.receipts == Receipts::Signed => BaseReason::Acknowledged(vec![name.clone()]),
        (Some(_), false) => BaseReason::MayHold(name.clone()),
    };
    let states = if possible.nothing { Vec::new() } else { possible.states };
    Ok((states, reason, Vec::new()))
}

/// Returns the manifest of the first state, and the content that all of them list.
fn common(dir: &StreamDir, states: &[BundleRecord]) -> Result<(Option<Manifest>, BTreeSet<Digest>), BuildError> {
    let content = |manifest: &Manifest| manifest.files.iter().map(|file| file.sha256).collect::<BTreeSet<Digest>>();
    let Some((first, others)) = states.split_first() else { return Ok((None, BTreeSet::new())) };
    let lowest = dir.manifest(first)?.0;
    let mut held = content(&lowest);
    for record in others {
        let other = content(&dir.manifest(record)?.0);
        held.retain(|digest| other.contains(digest));
    }
    Ok((Some(lowest), held))
}

impl History {
    /// Returns the sealed bundle of this number.
    fn sealed(&self, request: &Request, sequence: Sequence) -> Result<&BundleRecord, BuildError> {
        // Told apart: a number that never was, and one that cannot be a base.
        self.dir.record(sequence)?;
        let found = self.all_sealed.iter().find(|record| record.sequence == sequence);
        found.ok_or_else(|| BuildError::BaseNotSealed { stream: request.stream.clone(), sequence })
    }
}
