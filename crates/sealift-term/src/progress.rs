//! Two ways to show progress: a bar with rate and time left, or lines.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sealift_model::Progress;

use crate::output::error_line;
use crate::text::bytes;

/// A bar on the terminal, redrawn at most ten times a second.
#[derive(Debug, Default)]
pub struct Bar {
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    fn with(&self, action: impl FnOnce(&mut Option<ProgressBar>)) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        action(&mut bar);
    }
}

impl Progress for Bar {
    fn phase(&self, name: &str, total: Option<u64>) {
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(total, target).with_message(sealift_model::escape::printable(name));
        let template = if total.is_some() {
            "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left"
        } else {
            "{spinner} {msg} {bytes}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        self.with(|slot| {
            if let Some(old) = slot.replace(bar) {
                old.finish_and_clear();
            }
        });
    }

    fn advance(&self, bytes: u64) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.inc(bytes);
            }
        });
    }

    fn done(&self, sentence: &str) {
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
        });
        error_line(sentence);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        // A command that fails in mid-phase must not leave half a bar under its error message.
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
        });
    }
}

/// One line when a phase ends; of a long one, a line every half minute with rate and time left.
#[derive(Debug, Default)]
pub struct Lines {
    phase: Mutex<Option<Phase>>,
}

/// Between two lines about a long phase.
const EVERY: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Phase {
    name: String,
    total: Option<u64>,
    done: u64,
    began: Instant,
    told: Instant,
}

impl Phase {
    /// Returns what is known `after` so long.
    fn line(&self, after: Duration) -> String {
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = self.done.saturating_mul(1000) / millis;
        let of = self.total.map_or_else(String::new, |total| format!(" of {}", bytes(total)));
        let left = match (self.total, rate) {
            (Some(total), 1..) => left(total.saturating_sub(self.done) / rate),
            _ => String::new(),
        };
        format!("{}: {}{of}, {}/s{left}", self.name, bytes(self.done), bytes(rate))
    }
}

fn left(seconds: u64) -> String {
    match seconds {
        0..90 => format!(", {seconds} s left"),
        90..5400 => format!(", {} min left", seconds.div_ceil(60)),
        _ => format!(", {} h left", seconds.div_ceil(3600)),
    }
}

impl Lines {
    fn with<T>(&self, action: impl FnOnce(&mut Option<Phase>) -> T) -> T {
        action(&mut self.phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Progress for Lines {
    fn phase(&self, name: &str, total: Option<u64>) {
        let now = Instant::now();
        self.with(|phase| {
            *phase = Some(Phase { name: name.to_owned(), total, done: 0, began: now, told: now });
        });
    }

    fn advance(&self, bytes: u64) {
        let now = Instant::now();
        let line = self.with(|phase| {
            let phase = phase.as_mut()?;
            phase.done = phase.done.saturating_add(bytes);
            if now.duration_since(phase.told) < EVERY {
                return None;
            }
            phase.told = now;
            Some(phase.line(now.duration_since(phase.began)))
        });
        if let Some(line) = line {
            error_line(&line);
        }
    }

    fn done(&self, sentence: &str) {
        self.with(|phase| *phase = None);
        error_line(sentence);
    }
}

/// Names what a progress belongs to, before each of its phases: "Volume 2 of 5: writing blobs".
pub struct Titled<'a> {
    title: String,
    inner: &'a dyn Progress,
}

impl<'a> Titled<'a> {
    /// Puts `title` before the phases of `inner`.
    pub fn new(title: impl Into<String>, inner: &'a dyn Progress) -> Self {
        Self { title: title.into(), inner }
    }
}

impl Progress for Titled<'_> {
    fn phase(&self, name: &str, total: Option<u64>) {
        let mut name = name.chars();
        let first: String = name.next().into_iter().flat_map(char::to_lowercase).collect();
        self.inner.phase(&format!("{}: {first}{}", self.title, name.as_str()), total);
    }

    fn advance(&self, bytes: u64) {
        self.inner.advance(bytes);
    }

    fn done(&self, sentence: &str) {
        self.inner.done(sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_and_time_left_where_they_are_known() {
        let now = Instant::now();
        let phase = |total, done| Phase { name: "Writing blobs".into(), total, done, began: now, told: now };
        let after = Duration::from_mins(1);
        let line = phase(Some(4_700_000_000), 1_200_000_000).line(after);
        assert_eq!(line, "Writing blobs: 1.2 GB of 4.7 GB, 20.0 MB/s, 3 min left");
        assert_eq!(phase(None, 600_000_000).line(after), "Writing blobs: 600 MB, 10.0 MB/s");
        assert_eq!(phase(Some(100), 0).line(after), "Writing blobs: 0 B of 100 B, 0 B/s");
        assert!(phase(Some(0), 0).line(Duration::ZERO).ends_with("0 B/s"), "no division by zero");
    }

    #[test]
    fn a_title_stands_before_each_phase() {
        struct Last(Mutex<String>);
        impl Progress for Last {
            fn phase(&self, name: &str, _total: Option<u64>) {
                *self.0.lock().unwrap() = name.to_owned();
            }
            fn advance(&self, _bytes: u64) {}
            fn done(&self, _sentence: &str) {}
        }
        let last = Last(Mutex::default());
        Titled::new("Volume 2 of 5", &last).phase("Reading back", Some(1));
        assert_eq!(*last.0.lock().unwrap(), "Volume 2 of 5: reading back");
    }
}
