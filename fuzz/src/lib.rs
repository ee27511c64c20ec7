//! What each fuzz target does with its bytes, and what must hold afterwards.
//!
//! "No panic" is the least of it. A format with one spelling must give back the bytes it was read from; what a key is
//! needed for must not be reached without the key; no reader may give more than it was asked for. A broken promise is a
//! panic, which libFuzzer reports with the input that shows it. The keys here are insecure-test keys.

pub mod bundle;
pub mod debian;
pub mod evidence;
pub mod json;
pub mod key_file;
pub mod metadata;
mod scratch;

use sealift_model::Timestamp;

/// When everything is judged: the seeds are valid then.
pub fn now() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().expect("a literal time is well formed")
}
