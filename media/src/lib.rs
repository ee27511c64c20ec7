//! The register of media: what exists, who has it, what is on it, and who signed for each step.
//!
//! A register is a directory of signed records (format/media-register), one chain a medium and one of the register's own
//! people. Nothing is ever changed or removed in it; a copy of it travels with the media and is merged on the other side.
//! What a bundle is worth is none of its business: that is decided by the root of trust, of which it knows nothing.

mod chain;
pub mod check;
mod cli;
pub mod export;
pub mod merge;
pub mod record;
pub mod refusal;
pub mod register;
pub mod report;
pub mod roster;
pub mod sheet;
pub mod state;
pub mod text;

pub use cli::main;
pub use record::{Event, Link, Record};
pub use refusal::{Refusal, Rule};
pub use register::{Register, RegisterError};
pub use state::{Medium, Remark};
pub use text::Line;
