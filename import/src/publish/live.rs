//! The moment from which hosts see a tree, and what a run that was killed around it left.
//!
//! Link and index are two things and cannot change at once. So the index says first what is about to be shown, then the
//! link is switched, then the index and the ledger say that it was. Whoever opens the repository next finds from the
//! link which of the two happened. A link that neither explains was made by something else; that is said, not mended.

use std::path::PathBuf;

use sealift_fs::{Mode, PathError};
use sealift_model::{ChannelId, Timestamp};
use serde::Serialize;

use super::{PublishError, trees};
use crate::index::{Publication, Revision};
use crate::layout::Layout;
use crate::ledger::{EventKind, EventSubject};
use crate::repository::{Repository, StateError, Writer};

/// A channel whose hosts see something that no line of the ledger names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// The channel.
    pub channel: ChannelId,
    /// Where its link points; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
    /// Number of the tree that was published last, 0 if none was.
    pub recorded: u64,
}

impl Stray {
    /// Returns a sentence for people, and what to do.
    pub fn describe(&self) -> String {
        let channel = &self.channel;
        let sees = self
            .link
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), |link| sealift_model::escape::printable(&link.display().to_string()));
        let recorded = match self.recorded {
            0 => "that nothing was published".to_owned(),
            tree => format!("tree {tree}"),
        };
        format!(
            "hosts of channel {channel} see {sees}, but the ledger says {recorded}. \
             `sealift-import publish --channel {channel}` publishes anew what the channel holds."
        )
    }
}

/// Makes a finished tree the one that hosts see, and says so in the ledger; returns the bundles in it.
pub(super) fn show(
    writer: &mut Writer,
    channel: &ChannelId,
    (revision, tree): (&Revision, u64),
    keyring: &[u8],
    valid_until: Timestamp,
) -> Result<Vec<String>, PublishError> {
    let bundles = crate::channel::names(writer, &revision.content)?;
    let subject = EventSubject { channel: Some(channel.clone()), ..EventSubject::default() };
    let detail = format!("tree {tree} with {}, valid until {valid_until}", bundles.join(" "));
    let event = writer.event(EventKind::Published, subject, &detail);
    let (channel, at) = (channel.clone(), writer.caller().clock);
    let publication = Publication { channel, revision: revision.number, tree, at, event };
    if let Err(error) = begin(writer, &publication, keyring) {
        forget(writer, &publication);
        return Err(error.into());
    }
    record(writer, &publication)
        .map_err(|source| PublishError::Live { channel: publication.channel.clone(), source })?;
    Ok(bundles)
}

fn begin(writer: &mut Writer, publication: &Publication, keyring: &[u8]) -> Result<(), StateError> {
    sealift_fs::replace(&writer.layout().keyring(), keyring, Mode::Public)?;
    writer.change(|change| change.begin_publication(publication))?;
    Ok(trees::switch(writer.layout(), &publication.channel, publication.tree)?)
}

/// Takes back a publication that could not be shown. If the link was switched after all, the next writer settles that.
fn forget(writer: &mut Writer, publication: &Publication) {
    // The reason for giving up is the one to report; a leftover goes with a later publication.
    if trees::give_up(writer.layout(), &publication.channel, publication.tree) {
        let _ = writer.change(|change| change.end_publication(&publication.channel));
    }
}

fn record(writer: &mut Writer, publication: &Publication) -> Result<(), StateError> {
    let Publication { channel, revision, tree, at, event } = publication;
    writer.commit(event, |change| {
        change.set_published(channel, *revision, *tree, *at)?;
        change.end_publication(channel)
    })?;
    Ok(trees::drop_old(writer.layout(), channel, *tree)?)
}

/// Completes or forgets the publications of runs that were killed between saying and doing.
pub(crate) fn settle(writer: &mut Writer) -> Result<(), StateError> {
    for publication in writer.index().publications()? {
        if trees::is_shown(writer.layout(), &publication.channel, publication.tree)? {
            record(writer, &publication)?;
        } else {
            writer.change(|change| change.end_publication(&publication.channel))?;
        }
    }
    Ok(())
}

/// Returns the channels whose link is not the one that was recorded.
pub(crate) fn strays(repository: &Repository) -> Result<Vec<Stray>, StateError> {
    let under_way = repository.index().publications()?;
    let mut found = Vec::new();
    for channel in &repository.config().channels {
        let recorded = repository.index().published(channel)?.tree;
        let link = link(repository.layout(), channel)?;
        let expected = (recorded > 0).then(|| trees::target(channel, recorded));
        let explained = under_way.iter().any(|p| p.channel == *channel && link == Some(trees::target(channel, p.tree)));
        if link != expected && !explained {
            found.push(Stray { channel: channel.clone(), link, recorded });
        }
    }
    Ok(found)
}

/// Returns the number of the tree that hosts see, if it is one of ours.
pub(crate) fn shown_tree(layout: &Layout, channel: &ChannelId) -> Result<Option<u64>, PathError> {
    let number = |link: PathBuf| {
        let number: u64 = link.to_str()?.strip_prefix(&format!(".trees/{channel}-"))?.parse().ok()?;
        (link == trees::target(channel, number)).then_some(number)
    };
    Ok(link(layout, channel)?.and_then(number))
}

fn link(layout: &Layout, channel: &ChannelId) -> Result<Option<PathBuf>, PathError> {
    match sealift_fs::read_link(&layout.channel(channel)) {
        // Not a link at all: nothing that this tool made.
        Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Ok(Some(layout.channel(channel))),
        other => other,
    }
}
