//! The only crate that prints.
//!
//! Tools describe what happened as values; this crate turns them into text for people or JSON for programs, keeps stdout
//! for answers and stderr for the story, and maps failures to the documented exit codes (docs/reference/exit-codes.md).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this crate is where printing happens")]

pub mod error;
pub mod output;
pub mod progress;
pub mod table;
pub mod text;

pub use error::{CommandError, Exit};
#[cfg(feature = "clock")]
pub use output::fix_clock;
pub use output::{GlobalArgs, Term, now, run};
pub use progress::Titled;
pub use table::Table;
pub use text::{age, bytes, counted};
