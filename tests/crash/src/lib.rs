//! What the crash tests are made of: the trace of a run, and a disk that loses what was not synced.
//!
//! The tests are in `it/` and need the feature `fault`; `cargo xtask test` runs them (docs/crash-safety.md).

pub mod disk;
pub mod trace;
