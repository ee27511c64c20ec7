//! The index over records, in SQLite. Everything in it stands in a signed file; losing it loses nothing.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};
use serde::Serialize;

use super::Kept;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS record (
    sequence INTEGER PRIMARY KEY, file TEXT NOT NULL, digest TEXT NOT NULL, host TEXT NOT NULL, phase TEXT NOT NULL,
    run TEXT NOT NULL, plan TEXT NOT NULL, outcome TEXT, packages_digest TEXT, started TEXT NOT NULL, finished TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS record_host ON record (host, sequence);";

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("SQLite refuses the index")]
pub struct IndexError(#[from] rusqlite::Error);

/// A line about a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its number.
    pub sequence: i64,
    /// Its file.
    pub file: String,
    /// Digest of its file.
    pub digest: String,
    /// The host.
    pub host: String,
    /// Before or after.
    pub phase: String,
    /// The run.
    pub run: String,
    /// The plan's id.
    pub plan: String,
    /// What came of it.
    pub outcome: Option<String>,
    /// Digest of the package list.
    pub packages_digest: Option<String>,
    /// When it began.
    pub started: String,
    /// When it ended.
    pub finished: String,
    /// Whether its run left no record after on this host.
    pub unfinished: bool,
}

impl Summary {
    /// Takes from a record what lists show.
    pub fn of(kept: &Kept) -> Self {
        let record = &kept.record;
        Self {
            sequence: i64::try_from(record.sequence).unwrap_or(i64::MAX),
            file: format!("{}.json", record.stem()),
            digest: kept.digest.to_hex(),
            host: record.host.to_string(),
            phase: record.phase.to_string(),
            run: record.run.clone(),
            plan: record.plan.to_hex(),
            outcome: record.outcome.map(|outcome| outcome.to_string()),
            packages_digest: record.state.as_ref().map(|state| state.packages_digest.to_hex()),
            started: record.started.to_string(),
            finished: record.finished.to_string(),
            unfinished: false,
        }
    }
}

/// Adds records, all or none.
pub fn add(path: &Path, summaries: &[Summary]) -> Result<(), IndexError> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;",
    )?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLE)?;
    for s in summaries {
        transaction.execute(
            "INSERT OR REPLACE INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                s.sequence,
                s.file,
                s.digest,
                s.host,
                s.phase,
                s.run,
                s.plan,
                s.outcome,
                s.packages_digest,
                s.started,
                s.finished
            ],
        )?;
    }
    Ok(sealift_fs::commit(path, || transaction.commit())?)
}

/// Makes the index anew with exactly these records.
pub fn replace(path: &Path, summaries: &[Summary]) -> Result<(), IndexError> {
    // One that is no database cannot be emptied, only removed; if it cannot be removed, adding fails as well.
    let _ = sealift_fs::remove_file(path);
    add(path, summaries)
}

/// Lists all records by number. **Writes nothing**, so that the index serves those who may only read.
pub fn list(path: &Path) -> Result<Vec<Summary>, IndexError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA trusted_schema=OFF;")?;
    let mut statement = connection.prepare("SELECT * FROM record ORDER BY sequence")?;
    let rows = statement.query_map([], summary)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        sequence: row.get(0)?,
        file: row.get(1)?,
        digest: row.get(2)?,
        host: row.get(3)?,
        phase: row.get(4)?,
        run: row.get(5)?,
        plan: row.get(6)?,
        outcome: row.get(7)?,
        packages_digest: row.get(8)?,
        started: row.get(9)?,
        finished: row.get(10)?,
        unfinished: false,
    })
}
