//! The connected side: follow upstreams, keep what was chosen of them in a store, make snapshots, build bundles.
//!
//! Everything fetched is verified on arrival and named by its digest before it is visible. Decisions about signatures are
//! `sealift-pkg`'s and `sealift-trust`'s; the bundle's form is `sealift-bundle`'s.

pub mod budget;
pub mod build;
mod cli;
pub mod config;
pub mod fetch;
pub mod medium;
pub mod need;
pub mod selection;
pub mod site;
pub mod snapshot;
pub mod state;
pub mod stream;
pub mod sync;
pub mod trust;
pub mod upstream;
pub mod withdrawn;

pub use cli::main;
