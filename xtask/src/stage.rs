//! Stages of a long run: each ends in one line, the run in one tally.

use std::time::Instant;

/// Counts what passed and what failed.
#[derive(Debug, Default)]
pub struct Tally {
    passed: u64,
    failed: u64,
    lines: Vec<String>,
}

impl Tally {
    /// Runs one stage; a failure is printed and counted, and the run goes on.
    pub fn stage<T>(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> Option<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs_f64();
        let (verdict, value) = match result {
            Ok(value) => ("ok", Some(value)),
            Err(error) => {
                eprintln!("Error: {error:#}");
                ("FAILED", None)
            }
        };
        let line = format!("{verdict:<6} {seconds:7.1} s  {name}");
        println!("{line}");
        self.lines.push(line);
        match value {
            Some(_) => self.passed += 1,
            None => self.failed += 1,
        }
        value
    }

    /// Adds tests that a stage ran by itself.
    pub fn add(&mut self, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
    }

    /// Counts a stage that could not run because one before it failed.
    pub fn skipped(&mut self, name: &str, reason: &str) {
        let line = format!("FAILED       - s  {name}: not run, {reason}");
        println!("\n{line}");
        self.lines.push(line);
        self.failed += 1;
    }

    /// Prints all closing lines and the tally; true if nothing failed.
    pub fn close(&self) -> bool {
        println!("\n== summary");
        for line in &self.lines {
            println!("{line}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}
