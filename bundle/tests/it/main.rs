//! What users of bundles rely on, on real files: whole media are accepted, and every change of one is refused.
#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions only, not in their fixture")]
#![allow(clippy::print_stderr, reason = "a test that could not check something says so")]

mod chain;
mod container;
mod diff;
mod fixture;
mod hostile;
mod media;
mod medium_vectors;
mod named;
mod parity;
mod people;
mod python;
mod repair;
mod tool;
mod unreliable;
mod vectors;
mod verify;
mod volumes;
