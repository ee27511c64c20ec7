//! Selecting, building, sealing and writing bundles, and the receipts that come back.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should fail where it stands")]

mod bundles;
mod codes;
mod command;
mod kit;
mod needs;
mod needs_apt;
mod people;
mod receipts;
mod repairs;
mod signatures;
mod sites;
