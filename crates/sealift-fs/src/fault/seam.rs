//! What takes the place of the seam's plain calls.

use std::fs;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Change, Event, Fault, Plan, Recorder};
use crate::seam::Op;

struct State {
    plan: Option<Plan>,
    free: Option<u64>,
    recorder: Option<Recorder>,
    count: u64,
    hit: bool,
}

/// Held during each operation: their order here is their order on the disk, also among threads.
static STATE: Mutex<State> = Mutex::new(State { plan: None, free: None, recorder: None, count: 0, hit: false });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn arm(plan: Option<Plan>, free: Option<u64>, recorder: Option<Recorder>) {
    *state() = State { plan, free, recorder, count: 0, hit: false };
}

pub(super) fn reached() -> (u64, bool) {
    let state = state();
    (state.count, state.hit)
}

pub(crate) fn free(_path: &Path, found: u64) -> u64 {
    state().free.map_or(found, |limit| limit.min(found))
}

#[track_caller]
pub(crate) fn run<T>(op: Op<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let caller = Location::caller();
    let mut state = state();
    state.before(&op)?;
    let done = act()?;
    state.record(|| change_of(&op), caller);
    Ok(done)
}

#[track_caller]
pub(crate) fn write(
    path: &Path,
    at: Option<u64>,
    bytes: &[u8],
    act: impl FnOnce(&[u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let caller = Location::caller();
    let mut state = state();
    let short = state.before_write()?;
    let offered = if short { bytes.get(..bytes.len().div_ceil(2)).unwrap_or_default() } else { bytes };
    let written = act(offered)?;
    let done = || Change::Write { path: full(path), at, bytes: offered.get(..written).unwrap_or_default().to_vec() };
    state.record(done, caller);
    Ok(written)
}

/// What an operation needs of the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Room,
    Nothing,
    /// The database's own, never failed from here.
    Own,
}

impl State {
    fn before(&mut self, op: &Op<'_>) -> io::Result<()> {
        let need = match op {
            Op::Create { .. } | Op::Mkdir { .. } | Op::Link { .. } | Op::Symlink { .. } => Need::Room,
            Op::Commit { .. } => Need::Own,
            _ => Need::Nothing,
        };
        self.next(need).map(drop)
    }

    fn before_write(&mut self) -> io::Result<bool> {
        self.next(Need::Room)
    }

    /// Counts an operation and does to it what is planned; tells whether it is to be cut short.
    fn next(&mut self, need: Need) -> io::Result<bool> {
        let number = self.count;
        self.count += 1;
        let Some(plan) = self.plan else { return Ok(false) };
        if number < plan.at {
            return Ok(false);
        }
        self.hit = true;
        let failed = |code| if need == Need::Own { Ok(false) } else { Err(io::Error::from_raw_os_error(code)) };
        match plan.fault {
            Fault::Signal(signal) if number == plan.at => {
                raise(signal);
                Ok(false)
            }
            Fault::Errno(code) if number == plan.at => failed(code),
            Fault::Full(code) if need == Need::Room => failed(code),
            Fault::Gone(code) => failed(code),
            Fault::Short => Ok(number == plan.at),
            _ => Ok(false),
        }
    }

    fn record(&mut self, change: impl FnOnce() -> Change, caller: &Location<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder(Event { change: change(), caller: format!("{}:{}", caller.file(), caller.line()) });
        }
    }
}

fn raise(signal: i32) {
    let signal = rustix::process::Signal::from_named_raw(signal);
    if let Some(signal) = signal {
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
}

fn change_of(op: &Op<'_>) -> Change {
    match *op {
        Op::Create { path, mode } => Change::Create { path: full(path), mode },
        Op::Truncate { path, len } => Change::Truncate { path: full(path), len },
        Op::Chmod { path, mode } => Change::Chmod { path: full(path), mode },
        Op::Mkdir { path, mode } => Change::Mkdir { path: full(path), mode },
        Op::Rename { from, to } => Change::Rename { from: full(from), to: full(to) },
        Op::Link { from, to } => Change::Link { from: full(from), to: full(to) },
        Op::Symlink { target, link } => Change::Symlink { target: target.to_owned(), link: full(link) },
        Op::Unlink { path } => Change::Unlink { path: full(path) },
        Op::Rmdir { path } => Change::Rmdir { path: full(path) },
        Op::SyncFile { path, why } => Change::SyncFile { path: full(path), why: why.to_owned() },
        Op::SyncDir { path, why } => Change::SyncDir { path: full(path), why: why.to_owned() },
        Op::SyncAll { path, why } => Change::SyncAll { path: full(path), why: why.to_owned() },
        Op::Commit { path } => Change::Commit { path: full(path), bytes: fs::read(path).unwrap_or_default() },
    }
}

fn full(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
