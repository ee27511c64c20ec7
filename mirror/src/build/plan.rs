//! What building would do: number, base, content, differences. Changes nothing.

use std::collections::BTreeMap;
use std::fmt;

use sealift_bundle::manifest::{self, BundleKind, FileEntry, Manifest};
use sealift_model::{Digest, RelPath, Sequence, SiteId, StreamId, Timestamp};
use sealift_trust::Targets;

use super::changes::{Changes, changes};
use super::content::{self, Content};
use super::narrow::{Narrow, Narrowed};
use super::{BuildError, evidence};
use crate::config::StreamConfig;
use crate::selection::{Unresolved, Why};
use crate::state::State;
use crate::stream::{BundleRecord, Status, StreamDir};
use crate::trust::TrustDir;

mod base;

use base::Base;

/// How far a clock may stand behind the previous bundle and still be used: two builds within one second are no fault.
const CLOCK_SLACK_SECONDS: u64 = 60;

/// What to build.
#[derive(Debug, Clone)]
pub struct Request {
    /// The stream.
    pub stream: StreamId,
    /// What to build upon.
    pub base: BaseChoice,
    /// The time the bundle gets.
    pub created: Created,
    /// What it is narrowed to.
    pub narrow: Narrow,
}

/// What a bundle builds upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseChoice {
    /// Nothing: it carries everything, even if nothing is new.
    Full,
    /// This bundle.
    Over(Sequence),
    /// Every sealed bundle from the first to the last number, or to the newest: it is valid from any of them.
    Among {
        /// The lowest.
        first: Sequence,
        /// The highest; `None` for the newest.
        last: Option<Sequence>,
    },
    /// What the sites' receipts acknowledge, else nothing.
    Receipts,
    /// What this site acknowledged last, or every state it may be in where it sends no receipts.
    For(SiteId),
}

/// Where a bundle's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// Given (`SOURCE_DATE_EPOCH`); used as it is.
    Given(Timestamp),
    /// The clock.
    Clock(Timestamp),
}

/// What building would do.
#[derive(Debug, Clone)]
pub struct BuildPlan {
    /// Whether there is something to do.
    pub action: Action,
    /// The manifest that would be signed; for [`Action::Nothing`] the one of the bundle that is there.
    pub manifest: Manifest,
    /// Why it is complete or incremental.
    pub reason: BaseReason,
    /// The bundle that [`BuildPlan::changes`] compares with; `None` for the first.
    pub against: Option<Sequence>,
    /// Package by package.
    pub changes: Changes,
    /// Why each package is there, by path in the manifest.
    pub why: BTreeMap<RelPath, Why>,
    /// Dependencies that no upstream of the stream offers.
    pub unresolved: Vec<Unresolved>,
    /// Rules that match nothing.
    pub unmatched: Vec<String>,
    /// The states of a site that it is valid from, ascending; none for a complete bundle.
    pub valid_from: Vec<Sequence>,
    /// Sites that have acknowledged no bundle of the stream and cannot use an incremental one.
    pub left_out: Vec<SiteId>,
    /// Packages that the rules select and that are left out because they are withdrawn.
    pub withdrawn: Vec<String>,
    /// Drafts that building gives up.
    pub discards: Vec<Sequence>,
    /// What it was narrowed to.
    pub narrowed: Narrowed,
    pub(super) stream: StreamConfig,
}

/// Whether there is something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new bundle is built.
    Build,
    /// A draft with exactly this content waits already.
    Resume,
    /// The newest bundle has this content.
    Nothing,
}

/// Why a bundle is complete or incremental.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseReason {
    /// Asked for by `--full`.
    Full,
    /// Asked for by `--base`.
    Asked,
    /// Asked for by `--possible`.
    Possible,
    /// Receipts of these sites acknowledge the base, or a later bundle.
    Acknowledged(Vec<SiteId>),
    /// This site sends no receipts and may be in any of these states.
    MayHold(SiteId),
    /// This site acknowledged no bundle of the stream.
    Unacknowledged(SiteId),
    /// No receipt acknowledges a bundle of the stream.
    NoReceipt,
    /// A receipt acknowledges a bundle this mirror has no record of.
    Unknown(SiteId, Sequence),
}

/// The bundles there are.
struct History {
    dir: StreamDir,
    last: Option<Sequence>,
    all_sealed: Vec<BundleRecord>,
    drafts: Vec<BundleRecord>,
}

/// Plans the next bundle of a stream.
pub fn plan(state: &State, request: &Request) -> Result<BuildPlan, BuildError> {
    let config = state.config().stream(&request.stream);
    let stream = config.ok_or_else(|| BuildError::UnknownStream(request.stream.clone()))?;
    let history = History::read(state, &request.stream)?;
    let base = base::choose(state, request, &history)?;
    let content = content::gather(state, stream, &request.narrow, &base.held)?;
    let previous = history.newest().map(|record| history.dir.manifest(record)).transpose()?;
    let previous = previous.map(|(manifest, _)| manifest);
    if let Some(previous) = previous.as_ref().filter(|p| is_nothing(request, p, &base, &content)) {
        let against = Some(previous.sequence);
        return Ok(finish(
            stream,
            content,
            (Action::Nothing, previous.clone()),
            (base, against, &previous.files),
            &history,
        ));
    }
    let (sequence, created, resumed) = number(state, request, &history, (&base, &content))?;
    let manifest = compose(state, &content, &base, &history, (sequence, created))?;
    let compared = base.manifest.clone().or(previous);
    let (against, old) = compared.as_ref().map_or((None, [].as_slice()), |m| (Some(m.sequence), m.files.as_slice()));
    let action = if resumed { Action::Resume } else { Action::Build };
    Ok(finish(stream, content, (action, manifest), (base, against, old), &history))
}

fn finish(
    stream: &StreamConfig,
    content: Content,
    (action, manifest): (Action, Manifest),
    (base, against, old): (Base, Option<Sequence>, &[FileEntry]),
    history: &History,
) -> BuildPlan {
    let why = content.why;
    let mut changes = changes(old, &manifest.files, |file| why.get(&file.path).map(ToString::to_string));
    if content.narrowed.need.is_some() {
        // What is not listed is what hosts have, not what is taken from them.
        changes.removed.clear();
    }
    let gives_up = |record: &&BundleRecord| action == Action::Build && record.sequence < manifest.sequence;
    BuildPlan {
        discards: history.drafts.iter().filter(gives_up).map(|record| record.sequence).collect(),
        action,
        valid_from: base.states.iter().map(|record| record.sequence).collect(),
        reason: base.reason,
        against,
        changes,
        why,
        unresolved: content.selection.unresolved,
        unmatched: content.selection.unmatched,
        left_out: base.left_out,
        withdrawn: content.left_out,
        narrowed: content.narrowed,
        stream: stream.clone(),
        manifest,
    }
}

impl History {
    fn read(state: &State, stream: &StreamId) -> Result<Self, BuildError> {
        let dir = StreamDir::of(state.dir(), stream);
        let published = published_targets(state)?;
        let (mut last, mut all_sealed, mut drafts) = (None, Vec::new(), Vec::new());
        for sequence in dir.sequences()? {
            let record = dir.record(sequence)?;
            last = Some(sequence);
            match dir.status(&record, published.as_ref())? {
                Status::Sealed => all_sealed.push(record),
                Status::Draft => drafts.push(record),
                Status::Discarded => {}
            }
        }
        Ok(Self { dir, last, all_sealed, drafts })
    }

    /// Returns the newest sealed bundle.
    fn newest(&self) -> Option<&BundleRecord> {
        self.all_sealed.last()
    }
}

/// Returns the targets metadata the mirror stands behind, by the roots it keeps itself.
pub(super) fn published_targets(state: &State) -> Result<Option<Targets>, BuildError> {
    let trust = TrustDir::of(state.dir());
    let Some(roots) = trust.kept_roots()? else { return Ok(None) };
    Ok(trust.published(&roots)?.map(|published| published.targets().body().clone()))
}

/// Tells whether the newest sealed bundle already brings this content.
fn is_nothing(request: &Request, previous: &Manifest, base: &Base, content: &Content) -> bool {
    let of_use = match &request.base {
        BaseChoice::Full => false,
        // The same content over another base is for a site that holds less; that is not nothing.
        BaseChoice::Over(base) => {
            *base == previous.sequence || previous.base.is_none_or(|known| known.sequence == *base)
        }
        BaseChoice::Receipts => true,
        BaseChoice::Among { .. } | BaseChoice::For(_) => base.suffices_for(previous),
    };
    let same = |(a, b): (&FileEntry, &FileEntry)| {
        (&a.path, a.sha256, a.size, a.role, &a.deb) == (&b.path, b.sha256, b.size, b.role, &b.deb)
    };
    of_use
        && previous.withdrawn.iter().eq(&content.withdrawn)
        && previous.upstreams == content.upstreams
        && previous.files.len() == content.files.len()
        && previous.files.iter().zip(&content.files).all(same)
}

/// Returns number and time of the bundle, and whether they are those of a draft with the same content.
fn number(
    state: &State,
    request: &Request,
    history: &History,
    (base, content): (&Base, &Content),
) -> Result<(Sequence, Timestamp, bool), BuildError> {
    if let Some(draft) = history.drafts.last().filter(|draft| Some(draft.sequence) == history.last) {
        let same_time =
            matches!(request.created, Created::Clock(_)) || request.created == Created::Given(draft.created);
        let as_drafted = (draft.sequence, draft.created);
        if same_time
            && compose(state, content, base, history, as_drafted)?.to_bytes().ok().map(|b| Digest::of(&b))
                == Some(draft.manifest)
        {
            return Ok((draft.sequence, draft.created, true));
        }
    }
    let sequence = history.last.map_or(Some(Sequence::FIRST), Sequence::next);
    let sequence = sequence.ok_or_else(|| BuildError::NoSequence(request.stream.clone()))?;
    Ok((sequence, created(request.created, history.newest())?, false))
}

fn created(wanted: Created, previous: Option<&BundleRecord>) -> Result<Timestamp, BuildError> {
    let (Created::Given(time) | Created::Clock(time)) = wanted;
    let Some(previous) = previous.filter(|previous| time <= previous.created) else { return Ok(time) };
    let before = previous.created;
    let behind = before.unix().saturating_sub(time.unix());
    if matches!(wanted, Created::Clock(_)) && behind <= CLOCK_SLACK_SECONDS {
        return Ok(Timestamp::from_unix(before.unix().saturating_add(1)));
    }
    Err(BuildError::NotLater { created: time, previous: previous.sequence, before })
}

fn compose(
    state: &State,
    content: &Content,
    base: &Base,
    history: &History,
    (sequence, created): (Sequence, Timestamp),
) -> Result<Manifest, BuildError> {
    let mut files = content.files.clone();
    content::store_all(state.store(), &mut files, &base.held)?;
    let manifest = Manifest {
        base: base.record().map(BundleRecord::reference),
        created,
        kind: if base.record().is_some() { BundleKind::Incremental } else { BundleKind::Complete },
        not_after: created.plus_days(state.config().expiry.bundle.get()),
        previous: history.newest().map(BundleRecord::reference),
        schema: manifest::SCHEMA.into(),
        sequence,
        stream: history.dir.stream().clone(),
        totals: Manifest::compute_totals(&files),
        files,
        upstreams: content.upstreams.clone(),
        withdrawn: content.withdrawn.iter().copied().collect(),
    };
    manifest.validate()?;
    Ok(manifest)
}

impl BuildPlan {
    /// Returns the provenance statement of the planned bundle.
    pub(super) fn provenance(&self, id: Digest) -> sealift_trust::Statement {
        evidence::provenance(&self.manifest, id, &self.stream, &self.narrowed)
    }
}

impl fmt::Display for BaseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("asked for by --full"),
            Self::Asked => f.write_str("asked for by --base"),
            Self::Acknowledged(sites) => {
                let names: Vec<&str> = sites.iter().map(SiteId::as_str).collect();
                write!(f, "the receipt of {} acknowledges the base", names.join(" and "))
            }
            Self::Possible => f.write_str("asked for by --possible"),
            Self::MayHold(site) => write!(f, "{site} sends no receipts and may hold any bundle it is valid from"),
            Self::Unacknowledged(site) => write!(f, "{site} acknowledged no bundle of this stream"),
            Self::NoReceipt => f.write_str("no receipt acknowledges a bundle of this stream"),
            Self::Unknown(site, sequence) => {
                write!(f, "the receipt of {site} names bundle {sequence}, of which this mirror has no record")
            }
        }
    }
}
