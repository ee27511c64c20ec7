//! `status`: where the repository stands. Changes nothing.

use sealift_model::{ChannelId, Digest, Sequence, SiteId, StreamId, Timestamp};
use sealift_trust::metadata::{Body, Signed};
use sealift_trust::{Role, Root, Snapshot, Targets, TimestampMeta};
use serde::Serialize;

use crate::floors::DocumentRef;
use crate::ledger::Head;
pub use crate::publish::Stray;
use crate::repository::{Repository, StateError};
use crate::waiting::Missing;

/// A trusted document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentStatus {
    /// Its role.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// Whether it has.
    pub expired: bool,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamStatus {
    /// Its name.
    pub stream: StreamId,
    /// The highest bundle accepted.
    pub sequence: Sequence,
    /// Its id.
    pub manifest: Digest,
    /// When it was built.
    pub created: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStatus {
    /// Its name.
    pub channel: ChannelId,
    /// What it holds.
    pub holds: Vec<String>,
    /// Whether what is published is what it holds.
    pub is_published: bool,
    /// When it was published last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
}

/// A bundle that came in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingStatus {
    /// `stream/sequence`.
    pub name: String,
    /// Its id; absent if its documents cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// What it waits for, in words.
    pub waits_for: Vec<String>,
    /// The same in numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
}

/// Where the repository stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The site.
    pub site: SiteId,
    /// Trusted documents.
    pub trust: Vec<DocumentStatus>,
    /// When trust metadata was accepted last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Timestamp>,
    /// Whole days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed_days: Option<u64>,
    /// Latest signed time seen.
    pub signed_time: Timestamp,
    /// Streams.
    pub streams: Vec<StreamStatus>,
    /// Channels.
    pub channels: Vec<ChannelStatus>,
    /// Channels whose hosts see something that the ledger does not name.
    pub strays: Vec<Stray>,
    /// Bundles that came in part.
    pub waiting: Vec<WaitingStatus>,
    /// Leftovers of an interrupted run in the quarantine.
    pub leftovers: u64,
    /// Where the ledger ends.
    pub ledger: Head,
}

/// Returns where the repository stands at `clock`.
pub fn status(repository: &Repository, clock: Timestamp) -> Result<Status, StateError> {
    let floors = repository.floors();
    let now = clock.max(floors.signed_time);
    let refreshed = repository.index().refreshed()?;
    Ok(Status {
        site: repository.config().site.clone(),
        trust: documents(repository, now)?,
        refreshed,
        refreshed_days: refreshed.map(|then| clock.days_since(then)),
        signed_time: floors.signed_time,
        streams: streams(repository)?,
        channels: repository.config().channels.iter().map(|c| channel(repository, c)).collect::<Result<_, _>>()?,
        strays: crate::publish::strays(repository)?,
        waiting: waiting(repository)?,
        leftovers: crate::receive::leftovers(repository)?.len() as u64,
        ledger: repository.index().head()?,
    })
}

/// Returns the bundles that wait, and what for.
///
/// # Errors
/// That quarantine, store or index cannot be read.
pub fn waiting(repository: &Repository) -> Result<Vec<WaitingStatus>, StateError> {
    let (found, unreadable) = crate::waiting::load_all(repository)?;
    let mut all = Vec::new();
    for waiting in found {
        let missing = crate::request::missing_of(repository, &waiting)?;
        let mut waits_for = missing.lines();
        if waits_for.is_empty() {
            waits_for.push("the next `sealift-import receive`, which judges it again".into());
        }
        all.push(WaitingStatus { name: waiting.name(), manifest: Some(waiting.id), waits_for, missing: Some(missing) });
    }
    let damaged = |(name, error): (String, crate::waiting::WaitingError)| WaitingStatus {
        name,
        manifest: None,
        waits_for: vec![format!("somebody to discard it: {}", sealift_model::escape::with_causes(&error))],
        missing: None,
    };
    all.extend(unreadable.into_iter().map(damaged));
    Ok(all)
}

/// Returns the trusted documents.
pub(crate) fn documents(repository: &Repository, now: Timestamp) -> Result<Vec<DocumentStatus>, StateError> {
    let floors = repository.floors();
    let mut all = vec![document::<Root>(repository, floors.root, now)?];
    if let Some(named) = floors.documents {
        all.push(document::<TimestampMeta>(repository, named.timestamp, now)?);
        all.push(document::<Snapshot>(repository, named.snapshot, now)?);
        all.push(document::<Targets>(repository, named.targets, now)?);
    }
    Ok(all)
}

fn document<T: Body>(
    repository: &Repository,
    named: DocumentRef,
    now: Timestamp,
) -> Result<DocumentStatus, StateError> {
    let bytes = repository.document(T::ROLE, named)?;
    let expires = Signed::<T>::parse(&bytes).map_err(|_| damaged(T::ROLE, named))?.expires();
    Ok(DocumentStatus { role: T::ROLE.to_string(), version: named.version, expires, expired: now >= expires })
}

fn damaged(role: Role, named: DocumentRef) -> StateError {
    StateError::Document { role, version: named.version, expected: named.sha256, found: named.sha256 }
}

fn streams(repository: &Repository) -> Result<Vec<StreamStatus>, StateError> {
    let mut all = Vec::new();
    for (stream, held) in &repository.floors().streams {
        let Some(row) = repository.index().bundle(stream, held.sequence)? else { continue };
        all.push(StreamStatus {
            stream: stream.clone(),
            sequence: held.sequence,
            manifest: held.manifest,
            created: row.created,
            not_after: row.not_after,
        });
    }
    Ok(all)
}

fn channel(repository: &Repository, channel: &ChannelId) -> Result<ChannelStatus, StateError> {
    let current = repository.index().current(channel)?;
    let published = repository.index().published(channel)?;
    let number = current.as_ref().map(|revision| revision.number);
    let content = current.map(|revision| revision.content).unwrap_or_default();
    Ok(ChannelStatus {
        channel: channel.clone(),
        holds: crate::channel::names(repository, &content)?,
        is_published: number.is_some() && number == published.revision,
        published_at: published.at,
    })
}
