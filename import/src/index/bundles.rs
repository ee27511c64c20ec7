//! Rows of accepted bundles, and the content that was withdrawn.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, params};
use sealift_bundle::manifest::{BundleKind, Manifest};
use sealift_model::{Digest, Sequence, StreamId, Timestamp};
use serde::Serialize;

use super::{Change, Index, IndexError, integer, unreadable};

/// An accepted bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleRow {
    /// Its stream.
    pub stream: StreamId,
    /// Its number.
    pub sequence: Sequence,
    /// Its id.
    pub manifest: Digest,
    /// `complete` or `incremental`.
    pub kind: String,
    /// When it was built.
    pub created: Timestamp,
    /// When it expires.
    pub not_after: Timestamp,
    /// Files it lists.
    pub files: u64,
    /// Sum of their sizes.
    pub bytes: u64,
    /// When it was accepted, by the system's clock.
    pub accepted: Timestamp,
}

const COLUMNS: &str = "stream, sequence, manifest, kind, created, not_after, files, bytes, accepted";

impl BundleRow {
    /// Makes the row of a bundle that is accepted at `accepted`.
    pub fn new(manifest: &Manifest, id: Digest, accepted: Timestamp) -> Self {
        let kind = if manifest.kind == BundleKind::Complete { "complete" } else { "incremental" };
        Self {
            stream: manifest.stream.clone(),
            sequence: manifest.sequence,
            manifest: id,
            kind: kind.into(),
            created: manifest.created,
            not_after: manifest.not_after,
            files: manifest.totals.files,
            bytes: manifest.totals.bytes,
            accepted,
        }
    }

    /// Returns `stream/sequence`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.stream, self.sequence)
    }
}

impl Index {
    /// Returns the accepted bundles by stream and sequence, of one stream if asked for.
    pub fn bundles(&self, stream: Option<&StreamId>) -> Result<Vec<BundleRow>, IndexError> {
        let sql = format!("SELECT {COLUMNS} FROM bundles WHERE ?1 IS NULL OR stream = ?1 ORDER BY stream, sequence");
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map([stream.map(StreamId::as_str)], raw_row)?;
        rows.map(|row| read(row?)).collect()
    }

    /// Returns one bundle by its place.
    pub fn bundle(&self, stream: &StreamId, sequence: Sequence) -> Result<Option<BundleRow>, IndexError> {
        let sql = format!("SELECT {COLUMNS} FROM bundles WHERE stream = ?1 AND sequence = ?2");
        let params = params![stream.as_str(), integer(sequence.get())];
        self.connection.query_row(&sql, params, raw_row).optional()?.map(read).transpose()
    }

    /// Returns one bundle by its id.
    pub fn bundle_by_id(&self, id: Digest) -> Result<Option<BundleRow>, IndexError> {
        let sql = format!("SELECT {COLUMNS} FROM bundles WHERE manifest = ?1");
        self.connection.query_row(&sql, [id.to_hex()], raw_row).optional()?.map(read).transpose()
    }

    /// Returns the content that accepted bundles withdrew.
    pub fn withdrawn(&self) -> Result<BTreeSet<Digest>, IndexError> {
        let mut statement = self.connection.prepare("SELECT digest FROM withdrawn")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|text| text?.parse().map_err(|e| unreadable("digest", &e))).collect()
    }
}

impl Index {
    /// Returns the content that people decided to accept bundles without.
    pub fn withheld(&self) -> Result<BTreeSet<Digest>, IndexError> {
        let mut statement = self.connection.prepare("SELECT digest FROM withheld")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|text| text?.parse().map_err(|e| unreadable("digest", &e))).collect()
    }
}

impl Change<'_> {
    /// Notes content of a bundle that it is accepted without.
    pub fn withhold(&self, digest: Digest, manifest: Digest, reason: &str) -> Result<(), IndexError> {
        self.tx.execute(
            "INSERT OR IGNORE INTO withheld (digest, manifest, reason) VALUES (?1, ?2, ?3)",
            params![digest.to_hex(), manifest.to_hex(), reason],
        )?;
        Ok(())
    }

    /// Adds an accepted bundle and what it withdraws.
    pub fn add_bundle(&self, row: &BundleRow, withdrawn: &[Digest]) -> Result<(), IndexError> {
        self.tx.execute(
            &format!("INSERT INTO bundles ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
            params![
                row.stream.as_str(),
                integer(row.sequence.get()),
                row.manifest.to_hex(),
                row.kind,
                row.created.to_string(),
                row.not_after.to_string(),
                integer(row.files),
                integer(row.bytes),
                row.accepted.to_string(),
            ],
        )?;
        let mut statement = self.tx.prepare("INSERT OR IGNORE INTO withdrawn (digest, manifest) VALUES (?1, ?2)")?;
        for digest in withdrawn {
            statement.execute([digest.to_hex(), row.manifest.to_hex()])?;
        }
        Ok(())
    }

    /// Takes the bundles of a stream above `sequence` out of the index and of every channel, as if they had never been
    /// accepted, with what they withdrew.
    pub fn forget_bundles_above(&self, stream: &StreamId, sequence: u64) -> Result<(), IndexError> {
        const ABOVE: &str = "SELECT manifest FROM bundles WHERE stream = ?1 AND sequence > ?2";
        let key = params![stream.as_str(), integer(sequence)];
        for table in ["contents", "withdrawn"] {
            self.tx.execute(&format!("DELETE FROM {table} WHERE manifest IN ({ABOVE})"), key)?;
        }
        self.tx.execute("DELETE FROM bundles WHERE stream = ?1 AND sequence > ?2", key)?;
        Ok(())
    }
}

type Raw = (String, i64, String, String, String, String, i64, i64, String);

fn raw_row(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
    ))
}

fn read(
    (stream, sequence, manifest, kind, created, not_after, files, bytes, accepted): Raw,
) -> Result<BundleRow, IndexError> {
    let number = |n: i64| u64::try_from(n).map_err(|e| unreadable("number", &e));
    let time = |t: &str| t.parse().map_err(|e| unreadable("time", &e));
    Ok(BundleRow {
        stream: stream.parse().map_err(|e| unreadable("stream", &e))?,
        sequence: Sequence::new(number(sequence)?).ok_or_else(|| unreadable("sequence", &sequence))?,
        manifest: manifest.parse().map_err(|e| unreadable("digest", &e))?,
        kind,
        created: time(&created)?,
        not_after: time(&not_after)?,
        files: number(files)?,
        bytes: number(bytes)?,
        accepted: time(&accepted)?,
    })
}
