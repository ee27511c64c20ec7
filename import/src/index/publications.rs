//! Publications under way: written before hosts are given the new tree, taken away when the ledger names it.

use rusqlite::params;
use sealift_model::json;
use sealift_model::{ChannelId, Timestamp};

use super::{Change, Index, IndexError, integer, unreadable};
use crate::ledger::Event;

/// A tree that hosts see now, or would have seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The channel.
    pub channel: ChannelId,
    /// What of it is in the tree.
    pub revision: u64,
    /// Number of the tree.
    pub tree: u64,
    /// When, by the system's clock.
    pub at: Timestamp,
    /// The line that the ledger gets once hosts see the tree.
    pub event: Event,
}

impl Index {
    /// Returns the publications that nobody has recorded the end of.
    pub fn publications(&self) -> Result<Vec<Publication>, IndexError> {
        let sql = "SELECT channel, revision, tree, at, event FROM publications ORDER BY channel";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
            .collect::<Result<Vec<Raw>, _>>()?;
        rows.into_iter().map(read).collect()
    }
}

type Raw = (String, i64, i64, String, String);

fn read((channel, revision, tree, at, event): Raw) -> Result<Publication, IndexError> {
    let number = |n: i64| u64::try_from(n).map_err(|e| unreadable("number", &e));
    Ok(Publication {
        channel: channel.parse().map_err(|e| unreadable("channel", &e))?,
        revision: number(revision)?,
        tree: number(tree)?,
        at: at.parse().map_err(|e| unreadable("time", &e))?,
        event: json::from_canonical(event.as_bytes()).map_err(|e| unreadable("event", &e))?,
    })
}

impl Change<'_> {
    /// Remembers a publication that is about to be shown to hosts; an earlier one of the channel is replaced.
    pub fn begin_publication(&self, publication: &Publication) -> Result<(), IndexError> {
        let event = String::from_utf8(json::to_canonical(&publication.event)?).map_err(|e| unreadable("event", &e))?;
        self.tx.execute(
            "INSERT OR REPLACE INTO publications (channel, revision, tree, at, event) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                publication.channel.as_str(),
                integer(publication.revision),
                integer(publication.tree),
                publication.at.to_string(),
                event
            ],
        )?;
        Ok(())
    }

    /// Forgets the publication of a channel: it is recorded, or hosts never saw it.
    pub fn end_publication(&self, channel: &ChannelId) -> Result<(), IndexError> {
        self.tx.execute("DELETE FROM publications WHERE channel = ?1", [channel.as_str()])?;
        Ok(())
    }
}
