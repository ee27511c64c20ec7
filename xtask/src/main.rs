//! What developers, CI and a first visitor run: `cargo xtask demo`, `cargo xtask test` and their parts.
//!
//! Logic that would otherwise be shell lives here. It never touches the tools' libraries: it runs the tools, as an
//! operator would, and looks at what they leave.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool: printing is what it does")]

mod bench;
mod changelog;
mod check;
mod demo;
mod fuzz;
mod graph;
mod journey;
mod scratch;
mod shell;
mod stage;
mod system;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the sealift workspace
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the whole line once, from an upstream to patched hosts, and print the transcript
    Demo(DemoArgs),
    /// Run all that CI runs
    Test {
        /// Only the journey with real Debian packages, apt and hosts
        #[arg(long)]
        real: bool,
    },
    /// Run only the story of three gigabytes on small media
    Sneakernet,
    /// Weigh an incremental bundle of Debian's security updates against the packages that changed
    Delta,
    /// Run one fuzz target; without a name, list them
    Fuzz {
        /// The target
        target: Option<String>,
        /// How long, in seconds; 0 runs until it is stopped
        #[arg(long, default_value_t = 3600)]
        seconds: u32,
    },
    /// Check formatting, lints and the dependency graph
    Check,
    /// Show which crate depends on which
    Graph {
        /// Fail if an edge is not allowed
        #[arg(long)]
        check: bool,
    },
    /// Write the unreleased part of CHANGELOG.md from changelog/unreleased
    Changelog {
        /// Only check the form of the fragments
        #[arg(long)]
        check: bool,
        /// Close the unreleased part under this heading and remove the fragments
        #[arg(long, value_name = "VERSION")]
        release: Option<String>,
    },
    /// Measure against bare hashing, cp, aptly and debmirror on one corpus of real packages
    Bench {
        /// Where the corpus is kept between runs
        #[arg(long, default_value = "/var/cache/sealift-bench")]
        corpus: PathBuf,
        /// How many packages
        #[arg(long, default_value_t = 500)]
        packages: usize,
    },
}

/// How the demo is to run.
#[derive(Debug, Clone, clap::Args)]
struct DemoArgs {
    /// Use the built-in miniature upstream: no root, no network
    #[arg(long)]
    builtin: bool,
    /// New or empty directory for everything the demo makes [default: a scratch directory it names]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  Caused by: {cause}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a task; false if it ran to its end and something in it failed.
fn run(task: Task) -> anyhow::Result<bool> {
    match task {
        Task::Demo(args) => demo::run(&args).map(|_| true),
        Task::Test { real } => Ok(test::run(real)),
        Task::Sneakernet => test::sneakernet::run().map(|()| true),
        Task::Delta => test::delta::run().map(|()| true),
        Task::Fuzz { target: Some(target), seconds } => fuzz::one(&target, seconds),
        Task::Fuzz { target: None, .. } => {
            fuzz::targets()?.iter().for_each(|target| println!("{target}"));
            Ok(true)
        }
        Task::Check => check::run().map(|()| true),
        Task::Graph { check } => graph::run(check).map(|()| true),
        Task::Changelog { check, release } => changelog::run(check, release.as_deref()).map(|()| true),
        Task::Bench { corpus, packages } => bench::run(&corpus, packages).map(|()| true),
    }
}
