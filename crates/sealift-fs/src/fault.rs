//! Faults on purpose: only with the feature `fault`, which no tool turns on (decision 0014).
//!
//! A test program arms this module once, before it runs a tool. Every operation that changes the disk is then numbered
//! from 0 and can be recorded with its content; one of them can be failed, or the process ended right before it.

pub(crate) mod seam;

use std::path::PathBuf;

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process gets this signal instead; the operation is done if it survives that.
    Signal(i32),
    /// The operation fails with this error number.
    Errno(i32),
    /// From here on every operation that needs room fails with this error number; removing and syncing still work.
    Full(i32),
    /// From here on every operation fails with this error number.
    Gone(i32),
    /// A write writes half of what it should, and says so.
    Short,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Number of the operation.
    pub at: u64,
    /// What happens there.
    pub fault: Fault,
}

/// An operation that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it was.
    pub change: Change,
    /// The source line that asked for it, as far as the compiler tells: `keys/src/ceremony.rs:141`.
    pub caller: String,
}

/// What an operation changed. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the system call of its name")]
pub enum Change {
    Create {
        path: PathBuf,
        mode: u32,
    },
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        len: u64,
    },
    Chmod {
        path: PathBuf,
        mode: u32,
    },
    Mkdir {
        path: PathBuf,
        mode: u32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Symlink {
        target: PathBuf,
        link: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    Rmdir {
        path: PathBuf,
    },
    SyncFile {
        path: PathBuf,
        why: String,
    },
    SyncDir {
        path: PathBuf,
        why: String,
    },
    SyncAll {
        path: PathBuf,
        why: String,
    },
    /// The whole database file after the commit.
    Commit {
        path: PathBuf,
        bytes: Vec<u8>,
    },
}

/// Takes each operation in the order in which they were done.
pub type Recorder = Box<dyn FnMut(Event) + Send>;

/// Arms the seam of this process.
pub fn arm(plan: Option<Plan>, free: Option<u64>, recorder: Option<Recorder>) {
    seam::arm(plan, free, recorder);
}

/// Returns how many operations there were until now, and whether the fault was reached.
pub fn reached() -> (u64, bool) {
    seam::reached()
}
