//! The tables, and how an index of an older version is brought up to date.

use std::path::PathBuf;

use rusqlite::{Connection, TransactionBehavior};

use super::{IndexError, rows};

/// Each entry brings the index from its place in the list to the next version. Released entries never change.
const STEPS: [&str; 3] = [
    "
    CREATE TABLE trust (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        floors TEXT NOT NULL,
        refreshed INTEGER
    ) STRICT;
    CREATE TABLE ledger_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        number INTEGER NOT NULL,
        digest TEXT NOT NULL
    ) STRICT;
    CREATE TABLE pending_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        event TEXT NOT NULL
    ) STRICT;
    CREATE TABLE bundles (
        manifest TEXT PRIMARY KEY,
        stream TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        created TEXT NOT NULL,
        not_after TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        accepted TEXT NOT NULL,
        UNIQUE (stream, sequence)
    ) STRICT;
    CREATE TABLE withdrawn (
        digest TEXT PRIMARY KEY,
        manifest TEXT NOT NULL REFERENCES bundles (manifest)
    ) STRICT;
    CREATE TABLE revisions (
        channel TEXT NOT NULL,
        revision INTEGER NOT NULL,
        parent INTEGER,
        made TEXT NOT NULL,
        PRIMARY KEY (channel, revision)
    ) STRICT;
    CREATE TABLE contents (
        channel TEXT NOT NULL,
        revision INTEGER NOT NULL,
        stream TEXT NOT NULL,
        manifest TEXT NOT NULL REFERENCES bundles (manifest),
        PRIMARY KEY (channel, revision, stream),
        FOREIGN KEY (channel, revision) REFERENCES revisions (channel, revision)
    ) STRICT;
    CREATE TABLE channels (
        channel TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        published INTEGER,
        tree INTEGER NOT NULL DEFAULT 0,
        published_at TEXT,
        FOREIGN KEY (channel, revision) REFERENCES revisions (channel, revision)
    ) STRICT;
",
    "
    ALTER TABLE trust ADD COLUMN rows TEXT;
    CREATE TABLE publications (
        channel TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        tree INTEGER NOT NULL,
        at TEXT NOT NULL,
        event TEXT NOT NULL,
        FOREIGN KEY (channel, revision) REFERENCES revisions (channel, revision)
    ) STRICT;
",
    "
    CREATE TABLE withheld (
        digest TEXT PRIMARY KEY,
        manifest TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
",
];

/// Brings the index to the present version; with `new`, from nothing.
///
/// Only a new one begins with nothing: an index that is empty otherwise was cut off, and must not be taken for new.
pub(super) fn migrate(connection: &mut Connection, new: bool) -> Result<(), IndexError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known || found < 0 {
        return Err(IndexError::Newer { found, known });
    }
    if found == 0 && !new {
        return Err(IndexError::Damaged("it has no version".into()));
    }
    if found == known {
        return Ok(());
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    rows::seal(&tx)?;
    let path = PathBuf::from(tx.path().unwrap_or_default());
    Ok(sealift_fs::commit(&path, || tx.commit())?)
}
