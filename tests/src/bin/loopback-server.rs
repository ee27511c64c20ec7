//! Serves a directory on loopback until its standard input ends: `loopback-server DIR`. Prints its URI first.

#![allow(clippy::print_stdout, reason = "the URI is the answer of this program")]

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use sealift_tests::serve::Server;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os().nth(1).map(PathBuf::from).context("usage: loopback-server DIR")?;
    let server = Server::start(&dir)?;
    println!("{}", server.uri());
    // The caller holds the other end: when it ends, in whatever way, so does the server.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
