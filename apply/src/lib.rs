//! Groups of hosts: inventory, plan, run, state records.
//!
//! The host's own apt and dpkg install; this crate decides what, checks that it is still that, and records the state
//! before and after. [`planner`] makes a signed plan down to digests, [`runner`] does exactly it or nothing, [`records`]
//! keeps what was. Every way to a host is behind [`host::Host`].

use std::process::ExitCode;

pub mod apt;
mod cli;
pub mod compare;
pub mod facts;
pub mod host;
pub mod inventory;
pub mod need;
pub mod plan;
pub mod planner;
pub mod plans;
pub mod record;
pub mod records;
pub mod runner;
pub mod seal;
pub mod setup;
pub mod state;

/// Runs `sealift-apply`.
pub fn main() -> ExitCode {
    cli::main()
}
