//! A TUF client for the public conformance suite; a test program, not a tool of sealift.
//!
//! It speaks that suite's protocol: `--metadata-dir D init ROOT`, `--metadata-dir D --metadata-url U refresh`, and with
//! `--target-name T --target-dir O --target-base-url B` `download`. Exit 0 is done, 1 is refused or failed. All judging is
//! done by `sealift-trust`; here are a directory, a clock that is read once at the start, and GET on loopback.

mod arguments;
mod client;
mod http;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use sealift_model::Timestamp;

use crate::arguments::{Arguments, Command};
use crate::client::Client;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = sealift_model::escape::printable(&format!("{error:#}"));
            let _ = writeln!(std::io::stderr(), "Error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    // 5.1: one time for the whole run.
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
    let now = Timestamp::from_unix(seconds);
    match &arguments.command {
        Command::Init { root } => client::init(&arguments.metadata_dir, root, now),
        Command::Refresh { metadata } => Client::refresh(&arguments.metadata_dir, metadata, now).map(drop),
        Command::Download { metadata, targets, names, dir } => {
            let mut client = Client::refresh(&arguments.metadata_dir, metadata, now)?;
            names.iter().try_for_each(|name| client.download(name, targets, dir))
        }
    }
}
