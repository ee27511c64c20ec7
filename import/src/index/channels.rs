//! Channels: each points at one of its revisions, a revision holds one bundle a stream, and no revision is ever changed.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use sealift_model::{ChannelId, Digest, StreamId, Timestamp};

use super::{Change, Index, IndexError, integer, unreadable};

/// What a channel holds, and where it stands in the channel's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its number in the channel.
    pub number: u64,
    /// The revision that was current when this one was made.
    pub parent: Option<u64>,
    /// The bundle ids by stream.
    pub content: BTreeMap<StreamId, Digest>,
}

/// A channel's place among its published trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedState {
    /// The revision that was published last.
    pub revision: Option<u64>,
    /// The number of its tree, 0 if nothing was published.
    pub tree: u64,
    /// When, by the system's clock.
    pub at: Option<Timestamp>,
}

impl Index {
    /// Returns the revision a channel points at; `None` if nothing was ever promoted to it.
    pub fn current(&self, channel: &ChannelId) -> Result<Option<Revision>, IndexError> {
        let sql = "SELECT revision FROM channels WHERE channel = ?1";
        let number: Option<i64> = self.connection.query_row(sql, [channel.as_str()], |row| row.get(0)).optional()?;
        let Some(number) = number else { return Ok(None) };
        self.revision(channel, u64::try_from(number).map_err(|e| unreadable("revision", &e))?)
    }

    /// Returns one revision of a channel.
    pub fn revision(&self, channel: &ChannelId, number: u64) -> Result<Option<Revision>, IndexError> {
        let key = params![channel.as_str(), integer(number)];
        let sql = "SELECT parent FROM revisions WHERE channel = ?1 AND revision = ?2";
        let parent: Option<Option<i64>> = self.connection.query_row(sql, key, |row| row.get(0)).optional()?;
        let Some(parent) = parent else { return Ok(None) };
        let sql = "SELECT stream, manifest FROM contents WHERE channel = ?1 AND revision = ?2";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map(key, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut content = BTreeMap::new();
        for row in rows {
            let (stream, manifest) = row?;
            let stream = stream.parse().map_err(|e| unreadable("stream", &e))?;
            content.insert(stream, manifest.parse().map_err(|e| unreadable("digest", &e))?);
        }
        Ok(Some(Revision { number, parent: parent.and_then(|p| u64::try_from(p).ok()), content }))
    }

    /// Returns what was published of a channel last.
    pub fn published(&self, channel: &ChannelId) -> Result<PublishedState, IndexError> {
        let sql = "SELECT published, tree, published_at FROM channels WHERE channel = ?1";
        let row: Option<(Option<i64>, i64, Option<String>)> = self
            .connection
            .query_row(sql, [channel.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((revision, tree, at)) = row else { return Ok(PublishedState::default()) };
        Ok(PublishedState {
            revision: revision.and_then(|r| u64::try_from(r).ok()),
            tree: u64::try_from(tree).map_err(|e| unreadable("tree", &e))?,
            at: at.map(|t| t.parse().map_err(|e| unreadable("time", &e))).transpose()?,
        })
    }
}

impl Change<'_> {
    /// Adds a revision of a channel and points the channel at it; returns its number.
    pub fn promote(
        &self,
        channel: &ChannelId,
        parent: Option<u64>,
        content: &BTreeMap<StreamId, Digest>,
        made: Timestamp,
    ) -> Result<u64, IndexError> {
        let sql = "SELECT coalesce(max(revision), 0) + 1 FROM revisions WHERE channel = ?1";
        let number: i64 = self.tx.query_row(sql, [channel.as_str()], |row| row.get(0))?;
        self.tx.execute(
            "INSERT INTO revisions (channel, revision, parent, made) VALUES (?1, ?2, ?3, ?4)",
            params![channel.as_str(), number, parent.map(integer), made.to_string()],
        )?;
        for (stream, manifest) in content {
            self.tx.execute(
                "INSERT INTO contents (channel, revision, stream, manifest) VALUES (?1, ?2, ?3, ?4)",
                params![channel.as_str(), number, stream.as_str(), manifest.to_hex()],
            )?;
        }
        let number = u64::try_from(number).map_err(|e| unreadable("revision", &e))?;
        self.point(channel, number)?;
        Ok(number)
    }

    /// Points a channel at one of its revisions.
    pub fn point(&self, channel: &ChannelId, revision: u64) -> Result<(), IndexError> {
        self.tx.execute(
            "INSERT INTO channels (channel, revision) VALUES (?1, ?2)
             ON CONFLICT (channel) DO UPDATE SET revision = excluded.revision",
            params![channel.as_str(), integer(revision)],
        )?;
        Ok(())
    }

    /// Remembers that a revision was published as tree number `tree`.
    pub fn set_published(
        &self,
        channel: &ChannelId,
        revision: u64,
        tree: u64,
        at: Timestamp,
    ) -> Result<(), IndexError> {
        self.tx.execute(
            "UPDATE channels SET published = ?2, tree = ?3, published_at = ?4 WHERE channel = ?1",
            params![channel.as_str(), integer(revision), integer(tree), at.to_string()],
        )?;
        Ok(())
    }
}
