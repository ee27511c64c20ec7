//! The index: one SQLite file over the signed documents and the channels.
//!
//! A bundle is accepted when, and only when, its row was committed here: that commit is the commit point of `receive`.
//! What is signed stays in files and is read from there; the index only finds it. Besides, it keeps the first copy of
//! the floors, the head of the ledger, and the events that are not in the ledger yet.

mod bundles;
mod channels;
mod publications;
mod rows;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use sealift_model::json::{self, JsonError};

use crate::floors::Floors;
use crate::ledger::{Event, Head};

pub use bundles::BundleRow;
pub use channels::{PublishedState, Revision};
pub use publications::Publication;

/// The oldest SQLite that is trusted with the state (3.51.3: older ones can lose what was committed).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// SQLite's own fault.
    #[error("the index cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    /// Written by a newer version.
    #[error("the index has version {found}, this tool reads up to {known}; use a newer sealift-import")]
    Newer {
        /// Its version.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// Not there.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// The library itself is too old.
    #[error("this tool was built with SQLite {0}, which is too old to be trusted with the index")]
    Library(&'static str),
    /// A setting that did not take.
    #[error("SQLite has `{name}` at {found} and does not let it be changed")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What it is.
        found: String,
    },
    /// Damaged, as SQLite or the digest over all rows shows.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// A value that cannot stand there.
    #[error("the index has an unreadable {what}: {reason}")]
    Value {
        /// What is unreadable.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl IndexError {
    /// Tells whether the disk is full.
    pub fn is_full(&self) -> bool {
        self.is(rusqlite::ErrorCode::DiskFull)
    }

    /// Tells whether the index may not be written, or its directory.
    pub fn is_read_only(&self) -> bool {
        self.is(rusqlite::ErrorCode::ReadOnly) || self.is(rusqlite::ErrorCode::CannotOpen)
    }

    /// Tells whether the index was lost or changed, as against a fault of the disk or of this tool.
    pub fn is_damage(&self) -> bool {
        match self {
            // With the last, a row that has to be there is not, or holds something else.
            Self::Missing(_)
            | Self::Damaged(_)
            | Self::Value { .. }
            | Self::Sqlite(rusqlite::Error::QueryReturnedNoRows | rusqlite::Error::InvalidColumnType(..)) => true,
            Self::Newer { .. } | Self::Library(_) | Self::Setting { .. } => false,
            Self::Sqlite(_) => {
                use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
                [DatabaseCorrupt, NotADatabase, Unknown].into_iter().any(|code| self.is(code))
            }
        }
    }

    fn is(&self, code: rusqlite::ErrorCode) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(code))
    }
}

/// The open index.
#[derive(Debug)]
pub struct Index {
    connection: Connection,
}

/// A change of the index that is not committed yet.
#[derive(Debug)]
pub struct Change<'a> {
    tx: Transaction<'a>,
}

impl Index {
    /// Makes a new index at `path` with the floors of a new repository.
    pub fn create(path: &Path, floors: &Floors) -> Result<Self, IndexError> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        schema::migrate(&mut connection, true)?;
        let mut index = Self { connection };
        let change = index.change()?;
        change.set_floors(floors)?;
        change.set_head(Head::EMPTY)?;
        change.commit()?;
        Ok(index)
    }

    /// Opens the index at `path`, bringing an older one to the present form.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        if !path.exists() {
            return Err(IndexError::Missing(path.to_owned()));
        }
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::migrate(&mut connection, false)?;
        // In one transaction: a writer may commit between two statements.
        let snapshot = connection.unchecked_transaction()?;
        rows::check(&snapshot)?;
        drop(snapshot);
        Ok(Self { connection })
    }

    /// Begins a change; nothing is visible before [`Change::commit`].
    pub fn change(&mut self) -> Result<Change<'_>, IndexError> {
        Ok(Change { tx: self.connection.transaction_with_behavior(TransactionBehavior::Immediate)? })
    }

    /// Returns the first copy of the floors.
    pub fn floors(&self) -> Result<Floors, IndexError> {
        let text: String = self.connection.query_row("SELECT floors FROM trust WHERE id = 1", [], |row| row.get(0))?;
        Floors::from_text(&text).map_err(|e| unreadable("floors", &e))
    }

    /// Returns when trust metadata was accepted last, by the system's clock.
    pub fn refreshed(&self) -> Result<Option<sealift_model::Timestamp>, IndexError> {
        let seconds: Option<i64> =
            self.connection.query_row("SELECT refreshed FROM trust WHERE id = 1", [], |row| row.get(0))?;
        Ok(seconds.and_then(|s| u64::try_from(s).ok()).map(sealift_model::Timestamp::from_unix))
    }

    /// Returns where the ledger ended when it was written last.
    pub fn head(&self) -> Result<Head, IndexError> {
        let (number, digest): (i64, String) =
            self.connection.query_row("SELECT number, digest FROM ledger_head WHERE id = 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let number = u64::try_from(number).map_err(|e| unreadable("ledger head", &e))?;
        Ok(Head { number, digest: digest.parse().map_err(|e| unreadable("ledger head", &e))? })
    }

    /// Returns the oldest event that is not known to be in the ledger.
    pub fn pending_event(&self) -> Result<Option<(i64, Event)>, IndexError> {
        let row: Option<(i64, String)> = self
            .connection
            .query_row("SELECT id, event FROM pending_events ORDER BY id LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let parse = |(id, text): (i64, String)| {
            json::from_canonical(text.as_bytes()).map(|event| (id, event)).map_err(|e| unreadable("event", &e))
        };
        row.map(parse).transpose()
    }
}

impl Change<'_> {
    /// Replaces the first copy of the floors.
    pub fn set_floors(&self, floors: &Floors) -> Result<(), IndexError> {
        let text = floors.to_text().map_err(|e| unreadable("floors", &e))?;
        self.tx.execute(
            "INSERT INTO trust (id, floors) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET floors = excluded.floors",
            [text],
        )?;
        Ok(())
    }

    /// Remembers when trust metadata was accepted.
    pub fn set_refreshed(&self, at: sealift_model::Timestamp) -> Result<(), IndexError> {
        self.tx.execute("UPDATE trust SET refreshed = ?1 WHERE id = 1", [integer(at.unix())])?;
        Ok(())
    }

    /// Remembers where the ledger ends.
    pub fn set_head(&self, head: Head) -> Result<(), IndexError> {
        self.tx.execute(
            "INSERT INTO ledger_head (id, number, digest) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET number = excluded.number, digest = excluded.digest",
            params![integer(head.number), head.digest.to_hex()],
        )?;
        Ok(())
    }

    /// Adds an event that is to go to the ledger after the commit.
    pub fn add_event(&self, event: &Event) -> Result<(), IndexError> {
        let text = json::to_canonical(event).map_err(|e| unreadable("event", &e))?;
        let text = String::from_utf8(text).map_err(|e| unreadable("event", &e))?;
        self.tx.execute("INSERT INTO pending_events (event) VALUES (?1)", [text])?;
        Ok(())
    }

    /// Takes an event away that is in the ledger now.
    pub fn remove_event(&self, id: i64) -> Result<(), IndexError> {
        self.tx.execute("DELETE FROM pending_events WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Makes the change durable and visible.
    pub fn commit(self) -> Result<(), IndexError> {
        rows::seal(&self.tx)?;
        let path = PathBuf::from(self.tx.path().unwrap_or_default());
        Ok(sealift_fs::commit(&path, || self.tx.commit())?)
    }
}

/// How SQLite has to treat the index: name, what it is set to, and how SQLite shows that.
///
/// A rollback journal that is deleted, every commit synced with its directory, no trust in what the file itself says.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("journal_mode", "DELETE", "delete"),
    ("synchronous", "EXTRA", "3"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    // A confined command can write nowhere but below the state directory.
    ("temp_store", "MEMORY", "2"),
];

fn check_setting(connection: &Connection, name: &'static str, expected: &str) -> Result<(), IndexError> {
    let found = connection.pragma_query_value(None, name, |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(number) => number.to_string(),
            other => String::from_utf8_lossy(other.as_bytes().unwrap_or_default()).into_owned(),
        })
    })?;
    if found == expected { Ok(()) } else { Err(IndexError::Setting { name, found }) }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, IndexError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(IndexError::Library(rusqlite::version()));
    }
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    for (name, value, shown) in SETTINGS {
        connection.pragma_update(None, name, value)?;
        check_setting(&connection, name, shown)?;
    }
    // The whole check and not the quick one: only it compares SQLite's indexes, which answer queries, with the rows.
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(connection) } else { Err(IndexError::Damaged(verdict)) }
}

fn unreadable(what: &'static str, error: &dyn std::fmt::Display) -> IndexError {
    IndexError::Value { what, reason: sealift_model::escape::printable(&error.to_string()) }
}

/// Numbers here are sequences, sizes and seconds, all below 2^63; anything else is cut rather than wrapped.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl From<JsonError> for IndexError {
    fn from(error: JsonError) -> Self {
        unreadable("document", &error)
    }
}
