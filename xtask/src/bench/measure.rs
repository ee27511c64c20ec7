//! Wall time and peak memory of a command, as the median of three, and the table they go into.

use std::fmt;
use std::fs;

use anyhow::{Context as _, ensure};

use crate::shell::Shell;

const RUNS: usize = 3;

/// Medians of one command.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Wall time in seconds.
    pub seconds: f64,
    /// Largest resident set in MB.
    pub megabytes: f64,
}

/// Runs `prepare` and then the command, three times; only the command is measured.
pub fn measure(
    shell: &Shell,
    mut prepare: impl FnMut() -> anyhow::Result<()>,
    program: &str,
    arguments: &[&str],
) -> anyhow::Result<Figure> {
    let mut figures = Vec::new();
    for _ in 0..RUNS {
        prepare()?;
        figures.push(once(shell, program, arguments)?);
    }
    Ok(Figure {
        seconds: median(figures.iter().map(|figure| figure.seconds)),
        megabytes: median(figures.iter().map(|figure| figure.megabytes)),
    })
}

fn once(shell: &Shell, program: &str, arguments: &[&str]) -> anyhow::Result<Figure> {
    let report = shell.dir().join("time.txt");
    let path = report.to_str().context("path is not UTF-8")?;
    let program = shell.locate(program);
    let timed = [&["--verbose", "--output", path, program.as_str()][..], arguments].concat();
    let finished = shell.try_run("/usr/bin/time", &timed)?;
    ensure!(finished.code == 0, "{program} {} failed:\n{}", arguments.join(" "), finished.output);
    let text = fs::read_to_string(&report)?;
    let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let elapsed = field("Elapsed (wall clock) time (h:mm:ss or m:ss):").context("time gave no wall time")?;
    let kilobytes: f64 = field("Maximum resident set size (kbytes):").context("time gave no memory")?.parse()?;
    Ok(Figure { seconds: seconds(elapsed)?, megabytes: kilobytes / 1000.0 })
}

fn seconds(elapsed: &str) -> anyhow::Result<f64> {
    elapsed.split(':').try_fold(0.0, |sum, part| Ok(sum * 60.0 + part.parse::<f64>()?))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What was measured, ready to be printed.
#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<String>,
}

impl Table {
    /// Adds a comparison whose ratio should not be above `target`.
    pub fn row(&mut self, what: &str, ours: &Figure, whom: &str, theirs: &Figure, target: f64) {
        let ratio = ours.seconds / theirs.seconds;
        let verdict = verdict(ratio <= target);
        self.lines.push(format!(
            "{what:<20} {:8.2} {:7.0}   {whom:<24} {:8.2} {:7.0}   {ratio:6.2} {target:6.2}  {verdict}",
            ours.seconds, ours.megabytes, theirs.seconds, theirs.megabytes
        ));
    }

    /// Adds a time that should not be above `target` seconds.
    pub fn limit(&mut self, what: &str, ours: &Figure, target: f64) {
        let verdict = verdict(ours.seconds <= target);
        self.lines.push(format!(
            "{what:<20} {:8.2} {:7.0}   {:<24} {:>8} {:>7}   {:>6} {target:5.1}s  {verdict}",
            ours.seconds, ours.megabytes, "(seconds)", "", "", ""
        ));
    }

    /// Adds a time that nothing is compared with.
    pub fn alone(&mut self, what: &str, ours: &Figure) {
        self.lines.push(format!("{what:<20} {:8.2} {:7.0}", ours.seconds, ours.megabytes));
    }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>8} {:>7}   {:<24} {:>8} {:>7}   {:>6} {:>6}",
            "sealift", "s", "MB", "against", "s", "MB", "ratio", "target"
        )?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_times_wall_clock() {
        assert!((seconds("0:01.50").unwrap() - 1.5).abs() < 1e-9);
        assert!((seconds("1:02:03").unwrap() - 3723.0).abs() < 1e-9);
    }

    #[test]
    fn median_of_three_is_the_middle_one() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
    }
}
