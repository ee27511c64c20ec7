//! The bundle: read, write, verify, inspect, diff. No state, no private keys.

pub mod manifest;
