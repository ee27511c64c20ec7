//! How urgent a package is: whether it fixes something, how bad that is, and for how long it has waited.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::{Digest, Timestamp, UpstreamId};
use sealift_pkg::advisories::Severity;
use sealift_pkg::{Catalog, EntryId, Version};

use super::{Item, Tracker};
use crate::build::BuildError;
use crate::selection::need::Hosts;
use crate::snapshot::Head;
use crate::state::State;

/// The place of a package in the order in which they are taken: less is sooner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rank {
    /// `None` if it is no fix.
    pub(super) severity: Option<Severity>,
    /// Since when the mirror knows it.
    pub(super) since: Option<Timestamp>,
    /// What it fixes.
    pub(super) fixes: Vec<String>,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // What is known longest has waited longest; what is in no snapshot yet comes last.
        let age = |rank: &Self| rank.since.map_or(u64::MAX, Timestamp::unix);
        other.severity.cmp(&self.severity).then(age(self).cmp(&age(other)))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the word for a severity.
pub(super) fn word(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::High) => "high",
        Some(Severity::Medium) => "medium",
        Some(Severity::Unknown) => "unknown",
        Some(Severity::Low) => "low",
        None => "none",
    }
}

/// What ranks packages.
pub(super) struct Ranking<'a> {
    tracker: Option<&'a Tracker>,
    catalog: &'a Catalog,
    hosts: &'a Hosts,
    /// The release of each upstream, as the tracker names it.
    releases: BTreeMap<&'a UpstreamId, &'a str>,
    security: BTreeSet<&'a UpstreamId>,
    since: BTreeMap<Digest, Timestamp>,
}

impl<'a> Ranking<'a> {
    /// Reads when the mirror first saw each package.
    pub(super) fn new(
        state: &State,
        heads: &'a BTreeMap<UpstreamId, Head>,
        hosts: &'a Hosts,
        tracker: Option<&'a Tracker>,
        catalog: &'a Catalog,
    ) -> Result<Self, BuildError> {
        let mut since: BTreeMap<Digest, Timestamp> = BTreeMap::new();
        for name in heads.keys() {
            for id in state.snapshots(name)? {
                let snapshot = state.snapshot(name, &id)?;
                for package in snapshot.packages() {
                    let first = since.entry(package.sha256).or_insert(snapshot.date);
                    *first = snapshot.date.min(*first);
                }
            }
        }
        let releases = heads.iter().map(|(name, head)| (name, release(head))).collect();
        let security = heads.iter().filter(|(_, head)| is_security(head)).map(|(name, _)| name).collect();
        Ok(Self { tracker, catalog, hosts, releases, security, since })
    }

    pub(super) fn of(&self, item: &Item<'_>) -> Rank {
        let Some(id) = item.entry else { return Rank { severity: None, since: None, fixes: Vec::new() } };
        let found = self.catalog.get(id);
        let since = self.since.get(&found.entry.sha256).copied();
        let upstream = self.catalog.upstream(found.upstream);
        let from_security = self.security.contains(upstream).then_some(Severity::Unknown);
        let Some(tracker) = self.tracker else { return Rank { severity: from_security, since, fixes: Vec::new() } };
        let release = self.releases.get(upstream).copied().unwrap_or_default();
        let (from, to) = (self.before(id), found.entry.source_version());
        let fixes: Vec<_> = tracker.advisories.between(&found.entry.source, release, (from, to)).collect();
        let severity = fixes.iter().map(|fix| fix.severity).max().or(from_security);
        Rank { severity, since, fixes: fixes.iter().map(|fix| fix.advisory.clone()).collect() }
    }

    /// Returns the version whose fixes are no news: the oldest that hosts have, else the next older one that is offered.
    fn before(&self, id: EntryId) -> Option<&Version> {
        let entry = &self.catalog.get(id).entry;
        let offered = self.catalog.named(&entry.package).iter().map(|other| &self.catalog.get(*other).entry.version);
        let older = offered.filter(|version| version.compare(&entry.version).is_lt());
        self.hosts.oldest.get(&entry.package).or_else(|| older.max_by(|a, b| a.compare(b)))
    }
}

/// `bookworm-security` and `bookworm-updates` are of release `bookworm`.
fn release(head: &Head) -> &str {
    let codename = head.codename.as_deref().unwrap_or(&head.suite);
    codename.split(['-', '/']).next().unwrap_or(codename)
}

/// Debian's security archives have it in their suite and codename, others in one of them.
fn is_security(head: &Head) -> bool {
    let says = |text: &str| text.split(['-', '/', '.']).any(|word| word == "security");
    says(&head.suite) || head.codename.as_deref().is_some_and(says)
}
