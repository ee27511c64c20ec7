//! A rate that several downloads share.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes read at a time without a limit.
const PIECE: u64 = 256 * 1024;

/// Makes those who have read wait until the rate allows it.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Option<u64>,
    // When everything spent so far is paid for.
    free_at: Mutex<Option<Instant>>,
}

impl Limiter {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.map(|r| r.max(1)), free_at: Mutex::new(None) }
    }

    /// Returns how much to read at once, so that a small rate still flows.
    pub(super) fn piece(&self) -> u64 {
        self.rate.map_or(PIECE, |rate| (rate / 8).clamp(512, PIECE))
    }

    /// Waits until `bytes` more are within the rate.
    pub(super) fn spend(&self, bytes: u64) {
        let Some(rate) = self.rate else { return };
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = Instant::now();
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let until = free_at.filter(|at| *at > now).unwrap_or(now) + cost;
            *free_at = Some(until);
            until
        };
        std::thread::sleep(until.saturating_duration_since(now));
    }
}

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a rate: use bytes a second, such as 500k or 2M")]
pub struct RateError;

/// Reads a rate in bytes a second: a number, with `k`, `M` or `G` for powers of 1000.
pub fn parse_rate(text: &str) -> Result<u64, RateError> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 1_000),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 1_000_000),
        Some(b'g' | b'G') => (text.get(..text.len() - 1), 1_000_000_000),
        _ => (Some(text), 1),
    };
    let number = digits.filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    let rate = number.and_then(|d| d.parse::<u64>().ok()).and_then(|n| n.checked_mul(unit));
    rate.filter(|rate| *rate > 0).ok_or(RateError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_curl_reads_them() {
        for (text, rate) in [("500k", 500_000), ("2M", 2_000_000), ("1G", 1_000_000_000), ("64000", 64_000)] {
            assert_eq!(parse_rate(text), Ok(rate));
        }
        for bad in ["", "k", "0", "-1k", "1.5M", "1T", "99999999999999999999G", "1 k"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_rate_holds_over_threads() {
        let limiter = Limiter::new(Some(1_000_000));
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5).for_each(|_| limiter.spend(10_000)));
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(195), "{:?}", begin.elapsed());
    }
}
