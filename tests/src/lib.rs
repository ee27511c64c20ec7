//! What the journeys stand on: a miniature upstream, a loopback web server, hosts without root rights, and a way to run
//! the tools as an operator would.
//!
//! The wrappers in `src/bin` exist because a test must never find a stale tool: Cargo builds them with the tests, each is
//! one line, and their names differ from the real tools' so that both can lie in one target directory.

pub mod host;
pub mod miniature;
pub mod serve;
