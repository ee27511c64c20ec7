//! Makes the index anew from the ledger, which says what was accepted and promoted, and from the manifests that are kept.
//!
//! The ledger is chained, and a manifest is taken only if its digest is the one that the ledger or the floors name.

use std::collections::BTreeMap;

use sealift_bundle::manifest::{BundleRef, MAX_BYTES, Manifest};
use sealift_model::{ChannelId, Digest, Sequence, StreamId, Timestamp};

use super::found::Found;
use super::{RecoverError, keep_aside};
use crate::floors::Floors;
use crate::index::{BundleRow, Change, Index, IndexError};
use crate::layout::Layout;
use crate::ledger::{Event, EventKind, EventSubject, Head, Ledger, LedgerError, Line};
use crate::receive::upstream_dates;
use crate::repository::StateError;

/// What a channel held, and from which revision it came.
struct Revision {
    parent: Option<usize>,
    content: BTreeMap<StreamId, Digest>,
    made: Timestamp,
}

#[derive(Default)]
struct Channel {
    revisions: Vec<Revision>,
    current: Option<usize>,
    published: Option<(usize, Timestamp)>,
}

/// What the ledger tells.
pub(super) struct History {
    /// What cannot be brought back, for people.
    pub(super) lost: Vec<String>,
    head: Head,
    pending: Vec<Event>,
    bundles: Vec<(BundleRow, Vec<Digest>)>,
    channels: BTreeMap<ChannelId, Channel>,
    upstreams: Vec<(String, Timestamp)>,
    withheld: Vec<(Digest, Digest, String)>,
    last_accepted: Option<Timestamp>,
}

impl History {
    /// Reads the whole ledger and every manifest that it or the floors name.
    pub(super) fn read(layout: &Layout, found: &Found, floors: &Floors) -> Result<Self, RecoverError> {
        let mut lines = Vec::new();
        let head = Ledger::new(&layout.ledger()).verify(|line| lines.push(line.clone())).map_err(StateError::from)?;
        if let Some(expected) = found.head.filter(|expected| expected.number > head.number) {
            let cut = LedgerError::Head { expected: expected.number, found: head.number };
            return Err(StateError::from(cut).into());
        }
        let mut history = Self {
            lost: Vec::new(),
            head,
            pending: Vec::new(),
            bundles: Vec::new(),
            channels: BTreeMap::new(),
            upstreams: Vec::new(),
            withheld: lines.iter().filter_map(|l| withheld(l.event, &l.subject, &l.detail)).collect(),
            last_accepted: lines.iter().rev().find(|line| line.event == EventKind::Accepted).map(|line| line.time),
        };
        // The first event on its way may stand in the ledger already.
        let recorded = |event: &&Event| !lines.last().is_some_and(|line| line.records(event));
        history.pending = found.pending.iter().filter(recorded).cloned().collect();
        // A decision that the ledger does not say yet is one all the same.
        let decided = history.pending.iter().filter_map(|e| withheld(e.event, &e.subject, &e.detail));
        history.withheld.extend(decided);
        history.take_bundles(layout, &lines, found.proved.then_some(floors));
        for line in &lines {
            history.replay(line);
        }
        history.forget_unknown();
        Ok(history)
    }

    fn take_bundles(&mut self, layout: &Layout, lines: &[Line], floors: Option<&Floors>) {
        let held = |stream: &StreamId| floors.map(|floors| floors.streams.get(stream).map(|held| held.sequence));
        let mut named: BTreeMap<(StreamId, Sequence), (Digest, Option<Timestamp>)> = BTreeMap::new();
        // The floors are raised after every check and right before the commit; a run may have died between the two.
        for (stream, held) in floors.iter().flat_map(|floors| &floors.streams) {
            named.insert((stream.clone(), held.sequence), (held.manifest, None));
        }
        for line in lines.iter().filter(|line| line.event == EventKind::Accepted) {
            let subject = &line.subject;
            let (Some(stream), Some(sequence), Some(bundle)) = (&subject.stream, subject.sequence, subject.bundle)
            else {
                continue;
            };
            // What lies above a floor was forgotten because a root said so.
            if held(stream).is_none_or(|held| Some(sequence) <= held) {
                named.insert((stream.clone(), sequence), (bundle, Some(line.time)));
            }
        }
        for ((stream, sequence), (id, accepted)) in named {
            match read_manifest(layout, &stream, sequence, id) {
                Some(manifest) => {
                    let accepted = accepted.or(self.last_accepted).unwrap_or(manifest.created);
                    self.upstreams.extend(upstream_dates(&manifest));
                    self.bundles.push((BundleRow::new(&manifest, id, accepted), manifest.withdrawn));
                }
                None => self.lost.push(format!("bundle {stream}/{sequence}: its manifest is missing or changed")),
            }
        }
    }

    /// Raises floors that nothing proves any more to what the kept bundles show.
    pub(super) fn raise(&self, floors: &mut Floors) {
        for (row, _) in &self.bundles {
            let held = BundleRef { manifest: row.manifest, sequence: row.sequence };
            let entry = floors.streams.entry(row.stream.clone()).or_insert(held);
            if held.sequence > entry.sequence {
                *entry = held;
            }
            floors.signed_time = floors.signed_time.max(row.created);
        }
        for (upstream, date) in &self.upstreams {
            let entry = floors.upstreams.entry(upstream.clone()).or_insert(*date);
            *entry = (*entry).max(*date);
        }
    }

    /// Moves the channels as the line says they moved.
    fn replay(&mut self, line: &Line) {
        let Some(name) = &line.subject.channel else { return };
        let channel = self.channels.entry(name.clone()).or_default();
        match line.event {
            EventKind::Promoted => {
                let (Some(stream), Some(bundle)) = (&line.subject.stream, line.subject.bundle) else { return };
                let current = channel.current.and_then(|at| channel.revisions.get(at));
                let mut content = current.map(|revision| revision.content.clone()).unwrap_or_default();
                content.insert(stream.clone(), bundle);
                channel.revisions.push(Revision { parent: channel.current, content, made: line.time });
                channel.current = Some(channel.revisions.len() - 1);
            }
            EventKind::Reverted => {
                channel.current = channel.current.and_then(|at| channel.revisions.get(at)?.parent);
            }
            EventKind::Published => channel.published = channel.current.map(|at| (at, line.time)),
            _ => {}
        }
    }

    /// Takes bundles that are lost out of what the channels hold.
    fn forget_unknown(&mut self) {
        let known = |id: &Digest| self.bundles.iter().any(|(row, _)| row.manifest == *id);
        for channel in self.channels.values_mut() {
            for revision in &mut channel.revisions {
                revision.content.retain(|_, id| known(id));
            }
        }
    }

    /// Writes the new index beside the old one, keeps the old one aside, and puts the new one in its place.
    pub(super) fn write_index(
        &self,
        layout: &Layout,
        found: &Found,
        floors: &Floors,
        event: &Event,
    ) -> Result<(), StateError> {
        let (new, place) = (layout.root().join("index.sqlite.new"), layout.index());
        for end in ["", "-journal"] {
            sealift_fs::remove_file(&layout.root().join(format!("index.sqlite.new{end}")))?;
        }
        let mut index = Index::create(&new, floors)?;
        let change = index.change()?;
        self.fill(&change, layout, found.refreshed)?;
        change.add_event(event)?;
        change.commit()?;
        drop(index);
        keep_aside(&place, found.index_is_whole)?;
        // Whatever it rolls back, it is not the new index.
        for end in ["-journal", "-wal", "-shm"] {
            sealift_fs::remove_file(&layout.root().join(format!("index.sqlite{end}")))?;
        }
        Ok(sealift_fs::rename(&new, &place)?)
    }

    fn fill(&self, change: &Change<'_>, layout: &Layout, refreshed: Option<Timestamp>) -> Result<(), StateError> {
        change.set_head(self.head)?;
        if let Some(at) = refreshed.or(self.last_accepted) {
            change.set_refreshed(at)?;
        }
        for (row, withdrawn) in &self.bundles {
            change.add_bundle(row, withdrawn)?;
        }
        for (digest, manifest, reason) in &self.withheld {
            change.withhold(*digest, *manifest, reason)?;
        }
        for (name, channel) in &self.channels {
            fill_channel(change, layout, name, channel)?;
        }
        self.pending.iter().try_for_each(|event| change.add_event(event)).map_err(StateError::from)
    }
}

/// Reads what a line, or an event on its way, says is withheld, of which bundle, and why.
fn withheld(event: EventKind, subject: &EventSubject, detail: &str) -> Option<(Digest, Digest, String)> {
    let subject = Some(subject).filter(|_| event == EventKind::Withheld)?;
    Some((subject.content?, subject.bundle?, detail.to_owned()))
}

fn fill_channel(change: &Change<'_>, layout: &Layout, name: &ChannelId, channel: &Channel) -> Result<(), StateError> {
    let mut numbers: Vec<u64> = Vec::new();
    for revision in &channel.revisions {
        let parent = revision.parent.and_then(|at| numbers.get(at).copied());
        numbers.push(change.promote(name, parent, &revision.content, revision.made)?);
    }
    let number = |at: usize| numbers.get(at).copied();
    if let Some(current) = channel.current.and_then(number) {
        change.point(name, current)?;
    }
    let published = channel.published.and_then(|(at, time)| Some((number(at)?, time)));
    if let (Some((revision, at)), Some(tree)) = (published, crate::publish::shown_tree(layout, name)?) {
        change.set_published(name, revision, tree, at)?;
    }
    Ok(())
}

fn read_manifest(layout: &Layout, stream: &StreamId, sequence: Sequence, id: Digest) -> Option<Manifest> {
    let path = layout.bundle(stream, sequence).join("manifest.json");
    let bytes = sealift_fs::read_capped(&path, MAX_BYTES).ok()?;
    if Digest::of(&bytes) == id { Manifest::parse(&bytes).ok() } else { None }
}

impl From<IndexError> for RecoverError {
    fn from(error: IndexError) -> Self {
        Self::State(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floors::DocumentRef;

    #[test]
    fn what_is_withheld_stays_so_though_the_ledger_does_not_say_it_yet() {
        let dir = tempfile::tempdir().unwrap();
        let (content, bundle) = (Digest::of(b"infected"), Digest::of(b"manifest"));
        let subject = EventSubject { bundle: Some(bundle), content: Some(content), ..EventSubject::default() };
        let event = Event {
            actor: "alice".into(),
            detail: "found".into(),
            event: EventKind::Withheld,
            subject,
            time: Timestamp::from_unix(0),
            tool: "test".into(),
        };
        let found = Found { pending: vec![event], ..Found::default() };
        let floors = Floors::new(DocumentRef { sha256: Digest::of(b"root"), version: 1 });
        let history = History::read(&Layout::new(dir.path()), &found, &floors).unwrap();
        assert_eq!(history.withheld, [(content, bundle, "found".to_owned())]);
    }
}
