//! A short run of every fuzz target: enough to show that they build, and that nothing near the seeds breaks a promise.

use std::sync::Mutex;
use std::thread;

use anyhow::ensure;

use crate::fuzz::{self, Run};

/// Seconds a target runs.
const SECONDS: u32 = 15;
/// A target that tries fewer inputs than this does not fuzz: something in it waits or is broken.
const FEWEST: u64 = 500;

/// Runs every target, as many at a time as there are processors.
pub fn short() -> anyhow::Result<()> {
    let programs = fuzz::build(None)?;
    let waiting = Mutex::new(fuzz::targets()?.into_iter());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    let run = fuzz::run(&programs, &target, SECONDS);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(run);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut runs = done.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    runs.sort_by(|a, b| a.target.cmp(&b.target));
    runs.iter().for_each(print);
    let broken: Vec<&str> = runs.iter().filter(|run| run.finding.is_some()).map(|run| run.target.as_str()).collect();
    ensure!(broken.is_empty(), "findings in: {}", broken.join(" "));
    let idle: Vec<&str> = runs.iter().filter(|run| run.inputs < FEWEST).map(|run| run.target.as_str()).collect();
    ensure!(idle.is_empty(), "fewer than {FEWEST} inputs tried by: {}", idle.join(" "));
    Ok(())
}

fn next(waiting: &Mutex<impl Iterator<Item = String>>) -> Option<String> {
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

fn print(run: &Run) {
    println!("{:<18} {:>10} inputs {:>7} edges  {}", run.target, run.inputs, run.edges, verdict(run));
    if let Some(finding) = &run.finding {
        println!("{finding}");
    }
}

fn verdict(run: &Run) -> &'static str {
    if run.finding.is_some() { "FINDING" } else { "ok" }
}
