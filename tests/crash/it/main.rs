//! Every command that changes state, against every fault at every operation on the disk.
//!
//! `cases` says which commands and what counts as their end state, `sweep` fails and kills them in place, `power` cuts the
//! power after each operation on a disk that loses what was not synced, `outside` does the same to the processes from
//! outside. What is promised is in docs/crash-safety.md; figures are printed as lines that begin with `figure:`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the whole binary is tests; clippy exempts only #[test] functions"
)]

mod cases;
mod invariants;
mod outside;
mod power;
mod state;
mod sweep;
mod together;
mod world;
