//! One digest over all rows, kept with them.
//!
//! SQLite notices a page that is out of order, not a letter that changed within a row. What the rows say decides what is
//! withdrawn and what a channel holds; so each commit leaves the digest of everything that it leaves, and whoever opens
//! the index computes it again. It is against damage, not against somebody who can write the file.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sealift_model::{Digest, Hasher};

use super::IndexError;

/// Every table in an order that does not depend on how SQLite stores it.
const TABLES: [&str; 10] = [
    "SELECT id, floors, refreshed FROM trust ORDER BY id",
    "SELECT id, number, digest FROM ledger_head ORDER BY id",
    "SELECT id, event FROM pending_events ORDER BY id",
    "SELECT manifest, stream, sequence, kind, created, not_after, files, bytes, accepted FROM bundles ORDER BY manifest",
    "SELECT digest, manifest FROM withdrawn ORDER BY digest",
    "SELECT channel, revision, parent, made FROM revisions ORDER BY channel, revision",
    "SELECT channel, revision, stream, manifest FROM contents ORDER BY channel, revision, stream",
    "SELECT channel, revision, published, tree, published_at FROM channels ORDER BY channel",
    "SELECT channel, revision, tree, at, event FROM publications ORDER BY channel",
    "SELECT digest, manifest, reason FROM withheld ORDER BY digest",
];

/// Writes the digest of the rows as they are now.
pub(super) fn seal(connection: &Connection) -> Result<(), IndexError> {
    let digest = digest(connection)?;
    connection.execute("UPDATE trust SET rows = ?1 WHERE id = 1", [digest.to_hex()])?;
    Ok(())
}

/// Refuses an index whose rows are not those that were committed.
pub(super) fn check(connection: &Connection) -> Result<(), IndexError> {
    let kept: Option<String> = connection.query_row("SELECT rows FROM trust WHERE id = 1", [], |row| row.get(0))?;
    if kept.as_deref() == Some(digest(connection)?.to_hex().as_str()) {
        return Ok(());
    }
    Err(IndexError::Damaged("its rows are not those that were committed".into()))
}

fn digest(connection: &Connection) -> Result<Digest, IndexError> {
    let mut hasher = Hasher::new();
    for sql in TABLES {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        hasher.update(b"table");
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                add(&mut hasher, row.get_ref(column)?);
            }
        }
    }
    Ok(hasher.finish())
}

/// Adds kind, length and bytes, so that no two rows read alike.
fn add(hasher: &mut Hasher, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => {
            hasher.update(&[1]);
            hasher.update(&number.to_be_bytes());
            return;
        }
        ValueRef::Real(number) => {
            hasher.update(&[2]);
            hasher.update(&number.to_be_bytes());
            return;
        }
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(blob) => (4, blob),
    };
    hasher.update(&[kind]);
    hasher.update(&(bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}
