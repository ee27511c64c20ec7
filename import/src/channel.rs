//! `promote` and `revert`: which bundles a channel points at. Nothing is published by either.

use std::collections::BTreeMap;

use sealift_model::{ChannelId, Digest, StreamId};
use serde::Serialize;

use crate::bundles::{self, FindError};
use crate::index::IndexError;
use crate::ledger::{EventKind, EventSubject};
use crate::receive::{current_time, record_refusal, refuse_withdrawn};
use crate::refusal::Refusal;
use crate::repository::{Repository, StateError, Writer};

/// Why a channel was not moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// No such channel is configured.
    #[error("there is no channel `{name}`; import.toml has {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: ChannelId,
        /// The channels there are.
        known: Vec<String>,
    },
    /// No such bundle.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Nothing to go back to.
    #[error("channel {0} held nothing before what it holds now")]
    NothingEarlier(ChannelId),
    /// A decision. It stands in the ledger.
    #[error("refused ({})", _0.code())]
    Refused(#[source] Box<Refusal>),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A channel before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The channel.
    pub channel: ChannelId,
    /// What it held, `stream/sequence` each.
    pub before: Vec<String>,
    /// What it holds now.
    pub after: Vec<String>,
    /// False if it held that already.
    pub changed: bool,
}

/// Refuses a channel that is not configured.
pub(crate) fn check_channel(repository: &Repository, channel: &ChannelId) -> Result<(), ChannelError> {
    let known = &repository.config().channels;
    if known.contains(channel) {
        return Ok(());
    }
    Err(ChannelError::Unknown { name: channel.clone(), known: known.iter().map(ToString::to_string).collect() })
}

/// Points a channel at a bundle; bundles of other streams in it stay.
pub fn promote(writer: &mut Writer, channel: &ChannelId, bundle: &str) -> Result<Moved, ChannelError> {
    check_channel(writer, channel)?;
    let row = bundles::find(writer, bundle)?;
    let current = writer.index().current(channel).map_err(StateError::from)?;
    let before = current.as_ref().map(|r| r.content.clone()).unwrap_or_default();
    if before.get(&row.stream) == Some(&row.manifest) {
        let held = names(writer, &before)?;
        return Ok(Moved { channel: channel.clone(), before: held.clone(), after: held, changed: false });
    }
    let mut after = before.clone();
    after.insert(row.stream.clone(), row.manifest);
    judge(writer, &BTreeMap::from([(row.stream.clone(), row.manifest)]))?;
    let moved = moved(writer, channel, &before, &after)?;
    let subject = EventSubject {
        bundle: Some(row.manifest),
        channel: Some(channel.clone()),
        content: None,
        sequence: Some(row.sequence),
        stream: Some(row.stream),
    };
    let event = writer.event(EventKind::Promoted, subject, &moved.describe());
    let (parent, clock) = (current.map(|r| r.number), writer.caller().clock);
    writer.commit(&event, |change| change.promote(channel, parent, &after, clock))?;
    Ok(moved)
}

/// Points a channel back at what it held before its present content was promoted. Can be repeated.
pub fn revert(writer: &mut Writer, channel: &ChannelId) -> Result<Moved, ChannelError> {
    check_channel(writer, channel)?;
    let nothing = || ChannelError::NothingEarlier(channel.clone());
    let current = writer.index().current(channel).map_err(StateError::from)?.ok_or_else(nothing)?;
    let parent = current.parent.ok_or_else(nothing)?;
    let earlier = writer.index().revision(channel, parent).map_err(StateError::from)?.ok_or_else(nothing)?;
    judge(writer, &earlier.content)?;
    let moved = moved(writer, channel, &current.content, &earlier.content)?;
    let subject = EventSubject { channel: Some(channel.clone()), ..EventSubject::default() };
    let event = writer.event(EventKind::Reverted, subject, &moved.describe());
    writer.commit(&event, |change| change.point(channel, earlier.number))?;
    Ok(moved)
}

/// Refuses content that is expired or withdrawn, and writes that to the ledger.
fn judge(writer: &mut Writer, content: &BTreeMap<StreamId, Digest>) -> Result<(), ChannelError> {
    match judge_content(writer, content) {
        Ok(()) => Ok(()),
        Err(Judged::State(error)) => Err(error.into()),
        Err(Judged::Refused(refusal)) => {
            record_refusal(writer, &refusal, None)?;
            Err(ChannelError::Refused(refusal))
        }
    }
}

/// What came of judging content.
#[derive(Debug)]
pub(crate) enum Judged {
    /// A decision against it.
    Refused(Box<Refusal>),
    /// A fault.
    State(StateError),
}

impl<E: Into<StateError>> From<E> for Judged {
    fn from(error: E) -> Self {
        Self::State(error.into())
    }
}

impl From<Refusal> for Judged {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// Refuses content that is expired or withdrawn by now.
pub(crate) fn judge_content(writer: &Writer, content: &BTreeMap<StreamId, Digest>) -> Result<(), Judged> {
    let now = current_time(writer)?;
    let withdrawn = writer.index().withdrawn()?;
    for id in content.values() {
        let row = writer.index().bundle_by_id(*id)?.ok_or_else(|| unknown(*id))?;
        let waived = writer.floors().waived_until(*id).is_some_and(|until| now < until);
        if now >= row.not_after && !waived {
            return Err(Refusal::Expired { name: row.name(), not_after: row.not_after, now }.into());
        }
        let manifest = bundles::load(writer, &row.stream, row.sequence)?;
        refuse_withdrawn(&manifest, &withdrawn)?;
    }
    Ok(())
}

fn moved(
    repository: &Repository,
    channel: &ChannelId,
    before: &BTreeMap<StreamId, Digest>,
    after: &BTreeMap<StreamId, Digest>,
) -> Result<Moved, StateError> {
    let (before, after) = (names(repository, before)?, names(repository, after)?);
    let changed = before != after;
    Ok(Moved { channel: channel.clone(), before, after, changed })
}

/// Returns the bundles of a channel's content as `stream/sequence`.
pub(crate) fn names(repository: &Repository, content: &BTreeMap<StreamId, Digest>) -> Result<Vec<String>, StateError> {
    let name = |id: &Digest| {
        let row = repository.index().bundle_by_id(*id)?.ok_or_else(|| unknown(*id))?;
        Ok(row.name())
    };
    content.values().map(name).collect()
}

fn unknown(id: Digest) -> IndexError {
    IndexError::Value { what: "channel", reason: format!("it holds bundle {id}, which is not in the index") }
}

impl Moved {
    fn describe(&self) -> String {
        let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(" ") };
        format!("from {} to {}", list(&self.before), list(&self.after))
    }
}
