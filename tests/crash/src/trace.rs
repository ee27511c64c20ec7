//! The operations of one run, in the order in which they were done, one JSON line each.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// One operation. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was done.
    pub change: Change,
    /// The source line that asked for it.
    pub caller: String,
}

/// What an operation changed, as [`sealift_fs`] reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the system call of its name")]
pub enum Change {
    Create { path: PathBuf, mode: u32 },
    Write { path: PathBuf, at: Option<u64>, bytes: Vec<u8> },
    Truncate { path: PathBuf, len: u64 },
    Chmod { path: PathBuf, mode: u32 },
    Mkdir { path: PathBuf, mode: u32 },
    Rename { from: PathBuf, to: PathBuf },
    Link { from: PathBuf, to: PathBuf },
    Symlink { target: PathBuf, link: PathBuf },
    Unlink { path: PathBuf },
    Rmdir { path: PathBuf },
    SyncFile { path: PathBuf, why: String },
    SyncDir { path: PathBuf, why: String },
    SyncAll { path: PathBuf, why: String },
    Commit { path: PathBuf, bytes: Vec<u8> },
}

impl Change {
    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Write { .. } => "write",
            Self::Truncate { .. } => "truncate",
            Self::Chmod { .. } => "chmod",
            Self::Mkdir { .. } => "mkdir",
            Self::Rename { .. } => "rename",
            Self::Link { .. } => "link",
            Self::Symlink { .. } => "symlink",
            Self::Unlink { .. } => "unlink",
            Self::Rmdir { .. } => "rmdir",
            Self::SyncFile { .. } => "fsync",
            Self::SyncDir { .. } => "fsync of a directory",
            Self::SyncAll { .. } => "syncfs",
            Self::Commit { .. } => "commit",
        }
    }

    /// Returns the reason of a sync: the place in sealift-fs that asks for it.
    pub fn sync(&self) -> Option<&str> {
        match self {
            Self::SyncFile { why, .. } | Self::SyncDir { why, .. } | Self::SyncAll { why, .. } => Some(why),
            _ => None,
        }
    }
}

/// Reads a trace.
pub fn parse(text: &str) -> anyhow::Result<Vec<Step>> {
    text.lines().map(|line| serde_json::from_str(line).context("a malformed line of a trace")).collect()
}

#[cfg(feature = "fault")]
impl From<sealift_fs::fault::Event> for Step {
    fn from(event: sealift_fs::fault::Event) -> Self {
        use sealift_fs::fault::Change as Done;
        let change = match event.change {
            Done::Create { path, mode } => Change::Create { path, mode },
            Done::Write { path, at, bytes } => Change::Write { path, at, bytes },
            Done::Truncate { path, len } => Change::Truncate { path, len },
            Done::Chmod { path, mode } => Change::Chmod { path, mode },
            Done::Mkdir { path, mode } => Change::Mkdir { path, mode },
            Done::Rename { from, to } => Change::Rename { from, to },
            Done::Link { from, to } => Change::Link { from, to },
            Done::Symlink { target, link } => Change::Symlink { target, link },
            Done::Unlink { path } => Change::Unlink { path },
            Done::Rmdir { path } => Change::Rmdir { path },
            Done::SyncFile { path, why } => Change::SyncFile { path, why },
            Done::SyncDir { path, why } => Change::SyncDir { path, why },
            Done::SyncAll { path, why } => Change::SyncAll { path, why },
            Done::Commit { path, bytes } => Change::Commit { path, bytes },
        };
        Self { change, caller: event.caller }
    }
}
