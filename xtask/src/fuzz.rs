//! Fuzz targets: built with coverage by the stable compiler, run by libFuzzer. What is fuzzed is in fuzz/src.
//!
//! cargo-fuzz would do the same and can be used on that directory, but it takes minutes to build and a nightly compiler
//! by default. The flags are its own without a sanitizer: our code has no `unsafe` for one to look at.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::workspace;

/// What instruments the code, build scripts and procedural macros apart.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Most memory a run may take, in MiB, and most that one allocation may, in MiB: inputs are small and readers are bounded.
/// An xz index may ask for 128 MiB by its header; a zstd index for a window of as much.
const MEMORY: (u32, u32) = (512, 160);
/// Seconds one input may take.
const TIMEOUT: u32 = 10;
/// Largest input made, in bytes.
const LONGEST: u32 = 16_384;
/// Seeds beside fuzz/seeds: the vectors, by target.
const VECTORS: [(&str, &str); 2] = [("manifest", "tests/vectors/manifest"), ("container", "tests/vectors/container")];

/// What one run of a target came to.
#[derive(Debug)]
pub struct Run {
    /// The target.
    pub target: String,
    /// Inputs tried.
    pub inputs: u64,
    /// Edges of the code that some input reached.
    pub edges: u64,
    /// Where a crashing input lies, or what else went wrong; `None` for a good run.
    pub finding: Option<String>,
}

/// Returns the names of all targets, sorted.
pub fn targets() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(home().join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Builds and runs one target with the terminal's output: what `just fuzz NAME` does.
pub fn one(target: &str, seconds: u32) -> anyhow::Result<bool> {
    ensure!(targets()?.iter().any(|name| name == target), "no such target; there are: {}", targets()?.join(" "));
    let programs = build(Some(target))?;
    let status = command(&programs, target, seconds)?.status().context("could not start the target")?;
    Ok(status.success())
}

/// Builds all targets, or one, and returns the directory they lie in.
pub fn build(target: Option<&str>) -> anyhow::Result<PathBuf> {
    let root = workspace::root();
    std::fs::copy(root.join("Cargo.lock"), home().join("Cargo.lock")).context("could not copy Cargo.lock")?;
    let (triple, out) = (host()?, root.join("target/fuzz"));
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple]);
    cargo.arg("--target-dir").arg(&out).env("RUSTFLAGS", COVERAGE);
    match target {
        Some(target) => cargo.args(["--bin", target]),
        None => cargo.arg("--bins"),
    };
    println!("$ cargo build --release --manifest-path fuzz/Cargo.toml --target {triple}  (with coverage)");
    ensure!(cargo.status().context("could not start cargo")?.success(), "the fuzz targets do not build");
    Ok(out.join(triple).join("release"))
}

/// Runs a target for a time, quietly.
pub fn run(programs: &Path, target: &str, seconds: u32) -> anyhow::Result<Run> {
    let output = command(programs, target, seconds)?.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("could not start {target}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let (inputs, edges) = figures(&text);
    let finding = (!output.status.success()).then(|| last_lines(&text));
    Ok(Run { target: target.to_owned(), inputs, edges, finding })
}

fn command(programs: &Path, target: &str, seconds: u32) -> anyhow::Result<Command> {
    let (corpus, artifacts) = (home().join("corpus").join(target), home().join("artifacts").join(target));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(programs.join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={}", MEMORY.0))
        .arg(format!("-malloc_limit_mb={}", MEMORY.1))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1")
        .arg(corpus);
    let vectors = VECTORS.iter().filter(|(name, _)| *name == target).map(|(_, dir)| workspace::root().join(dir));
    command.args([home().join("seeds").join(target)].into_iter().chain(vectors).filter(|dir| dir.is_dir()));
    Ok(command)
}

/// Finds inputs tried and edges reached in libFuzzer's words.
fn figures(text: &str) -> (u64, u64) {
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let inputs = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let edges = text.lines().rev().find_map(|line| line.split_once(" cov: ")?.1.split(' ').next());
    (number(inputs), number(edges))
}

/// What libFuzzer said last: the panic, the stack and the name of the file that it wrote.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
}

fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("could not start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(triple) = text.lines().find_map(|line| line.strip_prefix("host: ")) else { bail!("rustc names no host") };
    Ok(triple.to_owned())
}

fn home() -> PathBuf {
    workspace::root().join("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_figures_of_a_run() {
        let text = "#2\tINITED cov: 12 ft: 30\n#512\tNEW    cov: 345 ft: 9 corp: 2/3b\nDone 9 runs in 2 second(s)\n\
                    stat::number_of_executed_units: 4711\n";
        assert_eq!(figures(text), (4711, 345));
        assert_eq!(figures("nothing"), (0, 0));
    }

    #[test]
    fn every_target_has_seeds() {
        for target in targets().unwrap() {
            let seeds = std::fs::read_dir(home().join("seeds").join(&target)).map_or(0, Iterator::count);
            assert!(seeds > 0, "{target} starts from nothing");
        }
    }
}
