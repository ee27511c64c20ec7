//! What a bundle carries when not everything fits: security first, by severity, then what waits longest.
//!
//! Packages are taken in groups: those of one source version, with all that they need and hosts may lack. A group comes
//! whole or not at all, so that what was taken can be installed. What does not come is listed with its size and the
//! reason. The same mirror, lists and budget give the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sealift_bundle::manifest::{DebEntry, FileEntry};
use sealift_fs::PathError;
use sealift_model::{Digest, Timestamp, UpstreamId};
use sealift_pkg::advisories::{self, Advisories, AdvisoryError, Severity};
use sealift_pkg::{Catalog, EntryId};
use sealift_term::bytes;
use serde::Serialize;

use crate::build::{BuildError, narrow};
use crate::config::StreamConfig;
use crate::selection::need::Hosts;
use crate::selection::{SelectedPackage, StreamSelection, Why};
use crate::snapshot::Head;
use crate::state::State;

mod groups;
mod rank;

use groups::Groups;
use rank::{Rank, Ranking};

/// Files on a disc begin at a multiple of this many bytes.
const SECTOR: u64 = 2048;
/// What trust metadata, evidence and the tool for checking take, generously.
const DOCUMENTS: u64 = 64 << 10;
/// What a file of the content takes in the manifest.
const LISTING: u64 = 512;

/// What the security tracker says, and which bytes said it.
#[derive(Debug, Clone)]
pub struct Tracker {
    /// What it says.
    pub advisories: Advisories,
    /// Digest of the document.
    pub sha256: Digest,
}

/// Why the tracker's document was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// It is another document.
    #[error("{} cannot be used", file.display())]
    Form {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        source: AdvisoryError,
    },
}

impl Tracker {
    /// Reads the tracker's document.
    pub fn read(file: &Path) -> Result<Self, TrackerError> {
        let bytes = sealift_fs::read_capped(file, advisories::LIMIT)?;
        let parsed = Advisories::parse(&bytes);
        let advisories = parsed.map_err(|source| TrackerError::Form { file: file.to_owned(), source })?;
        Ok(Self { advisories, sha256: Digest::of(&bytes) })
    }
}

/// What a budget came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetReport {
    /// The budget.
    pub bytes: u64,
    /// What is planned with, documents and rounding included; not above the budget.
    pub planned: u64,
    /// Digest of the tracker's document, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisories: Option<Digest>,
    /// Packages that come along, by severity.
    pub taken: Vec<TakenClass>,
    /// What does not come, the most urgent first.
    pub left_out: Vec<LeftOut>,
}

/// Packages that come along and are of one severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenClass {
    /// The severity; `none` for what is no fix.
    pub severity: &'static str,
    /// How many.
    pub packages: usize,
    /// Their sizes together.
    pub bytes: u64,
}

/// A package that does not come along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The package.
    pub package: String,
    /// The version that would have come.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// Its size in bytes.
    pub size: u64,
    /// How urgent it is; `none` if it is no fix.
    pub severity: &'static str,
    /// What it fixes, as far as the tracker says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// Since when the mirror knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it does not come.
    pub reason: String,
}

/// Leaves out of `selection` what does not fit beside `firm`, the files that every bundle has.
///
/// # Errors
/// That not even those fit, or that indexes or snapshots cannot be read.
pub(crate) fn fit(
    state: &State,
    stream: &StreamConfig,
    (heads, hosts): (&BTreeMap<UpstreamId, Head>, &Hosts),
    (firm, held): (&[FileEntry], &BTreeSet<Digest>),
    (budget, selection): (&narrow::Budget, &mut StreamSelection),
) -> Result<BudgetReport, BuildError> {
    let catalog = crate::selection::catalog(stream, heads, state.store())?;
    let items: Vec<Item> = selection.packages.iter().map(|package| Item::of(package, &catalog, held)).collect();
    let ranking = Ranking::new(state, heads, hosts, budget.tracker.as_ref(), &catalog)?;
    let ranks: Vec<Rank> = items.iter().map(|item| ranking.of(item)).collect();
    let groups = Groups::new(&items, &catalog, hosts);
    let least = firm.iter().fold(DOCUMENTS, |sum, file| sum.saturating_add(cost(file.size)));
    let least = items.iter().filter(|item| item.held).fold(least, |sum, _| sum.saturating_add(LISTING));
    let size = budget.size.bytes();
    if least > size {
        return Err(BuildError::Budget { stream: stream.name.clone(), budget: size, least });
    }
    let mut plan = Plan { room: size - least, taken: BTreeSet::new(), reasons: BTreeMap::new() };
    for unit in groups.ordered(&ranks) {
        plan.take(&items, unit, &groups);
    }
    let kept: Vec<bool> =
        (0..items.len()).map(|at| items.get(at).is_some_and(|i| i.held) || plan.taken.contains(&at)).collect();
    let report = BudgetReport {
        bytes: size,
        planned: size - plan.room,
        advisories: budget.tracker.as_ref().map(|tracker| tracker.sha256),
        taken: classes(&items, &ranks, &plan),
        left_out: left_out(&items, &ranks, &plan),
    };
    let older = older(selection, &kept, &catalog, held);
    let mut at = kept.into_iter();
    selection.packages.retain(|_| at.next().unwrap_or(true));
    selection.packages.extend(older);
    selection.packages.sort_by(|a, b| (&a.upstream, &a.path).cmp(&(&b.upstream, &b.path)));
    Ok(report)
}

/// A package that may come along.
struct Item<'a> {
    deb: &'a DebEntry,
    size: u64,
    /// Whether it need not be carried.
    held: bool,
    /// Its place in the catalog.
    entry: Option<EntryId>,
}

impl<'a> Item<'a> {
    fn of(package: &'a SelectedPackage, catalog: &Catalog, held: &BTreeSet<Digest>) -> Self {
        let named = catalog.named(&package.deb.package).iter().copied();
        let entry = named.into_iter().find(|id| catalog.get(*id).entry.sha256 == package.sha256);
        Self { deb: &package.deb, size: package.size, held: held.contains(&package.sha256), entry }
    }
}

struct Plan {
    room: u64,
    taken: BTreeSet<usize>,
    reasons: BTreeMap<usize, String>,
}

impl Plan {
    /// Takes a unit with all it needs, if there is room for the whole.
    fn take(&mut self, items: &[Item<'_>], unit: usize, groups: &Groups) {
        let wanted: Vec<usize> = groups.with_needs(unit).into_iter().filter(|at| !self.taken.contains(at)).collect();
        let costs = wanted.iter().filter_map(|at| items.get(*at)).map(|item| cost(item.size));
        let whole = costs.fold(0_u64, u64::saturating_add);
        if let Some(room) = self.room.checked_sub(whole) {
            self.room = room;
            for at in &wanted {
                self.reasons.remove(at);
            }
            self.taken.extend(wanted);
            return;
        }
        let room = bytes(self.room);
        for at in groups.members(unit).iter().filter(|at| !self.taken.contains(at)) {
            let others = wanted.len().saturating_sub(1);
            let reason = match others {
                0 => format!("it takes {}, and {room} were left", bytes(whole)),
                _ => format!("with the {others} it comes with it takes {}, and {room} were left", bytes(whole)),
            };
            self.reasons.insert(*at, reason);
        }
    }
}

fn cost(size: u64) -> u64 {
    size.div_ceil(SECTOR).saturating_mul(SECTOR).saturating_add(LISTING)
}

fn classes(items: &[Item<'_>], ranks: &[Rank], plan: &Plan) -> Vec<TakenClass> {
    let all = [Some(Severity::High), Some(Severity::Medium), Some(Severity::Unknown), Some(Severity::Low), None];
    let of = |severity: Option<Severity>| {
        let here = items
            .iter()
            .zip(ranks)
            .enumerate()
            .filter(|(at, (_, rank))| plan.taken.contains(at) && rank.severity == severity);
        let sizes: Vec<u64> = here.map(|(_, (item, _))| item.size).collect();
        let bytes = sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
        TakenClass { severity: rank::word(severity), packages: sizes.len(), bytes }
    };
    all.into_iter().map(of).filter(|class| class.packages > 0).collect()
}

fn left_out(items: &[Item<'_>], ranks: &[Rank], plan: &Plan) -> Vec<LeftOut> {
    let mut all: Vec<(&Rank, LeftOut)> = Vec::new();
    for (at, reason) in &plan.reasons {
        let (Some(item), Some(rank)) = (items.get(*at), ranks.get(*at)) else { continue };
        all.push((
            rank,
            LeftOut {
                package: item.deb.package.clone(),
                version: item.deb.version.clone(),
                architecture: item.deb.architecture.clone(),
                size: item.size,
                severity: rank::word(rank.severity),
                fixes: rank.fixes.clone(),
                since: rank.since,
                reason: reason.clone(),
            },
        ));
    }
    all.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| (&x.package, &x.version).cmp(&(&y.package, &y.version))));
    all.into_iter().map(|(_, left_out)| left_out).collect()
}

/// Returns the versions that the base brought and the upstreams still offer, in the place of newer ones left out.
fn older(
    selection: &StreamSelection,
    kept: &[bool],
    catalog: &Catalog,
    held: &BTreeSet<Digest>,
) -> Vec<SelectedPackage> {
    let mut members = BTreeMap::new();
    for (package, _) in selection.packages.iter().zip(kept).filter(|(_, kept)| !**kept) {
        let same = |id: &&EntryId| {
            let entry = &catalog.get(**id).entry;
            entry.architecture == package.deb.architecture && held.contains(&entry.sha256)
        };
        for id in catalog.named(&package.deb.package).iter().filter(same) {
            members.insert(*id, Why::Kept { instead_of: package.deb.version.clone() });
        }
    }
    let listed: BTreeSet<Digest> = selection.packages.iter().map(|package| package.sha256).collect();
    let mut older = crate::selection::sorted(catalog, members);
    older.retain(|package| !listed.contains(&package.sha256));
    older
}
