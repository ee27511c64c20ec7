//! The isolated repository: takes bundles over the gap, keeps what it believed, and publishes for hosts.
//!
//! [`receive`](receive::receive) decides what comes in, [`channel`] what is ready for whom,
//! [`publish`](publish::publish) what hosts see; the [`ledger`] keeps all of it in order. No private key of the
//! connected side is ever here, and nothing here speaks to a network.

pub mod bundles;
pub mod channel;
mod cli;
pub mod config;
pub mod floors;
pub mod index;
pub mod init;
pub mod layout;
pub mod ledger;
pub mod mount;
pub mod need;
pub mod publish;
pub mod receipt;
pub mod receive;
pub mod recover;
pub mod refusal;
pub mod repository;
pub mod request;
pub mod scan;
pub mod scrub;
pub mod status;
pub mod trust;
pub mod waiting;

pub use cli::main;
pub use refusal::Refusal;
pub use repository::{Caller, Repository, StateError, Writer};
