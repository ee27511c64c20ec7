//! Points in time, in whole seconds of UTC, and their one spelling `2026-11-22T16:00:00Z` (RFC 3339).
//!
//! Time is always an argument. This module never reads a clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Seconds since 1970-01-01T00:00:00Z, between the years 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

const MAX: u64 = 253_402_300_799;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of the form 2026-11-22T16:00:00Z")]
pub struct TimeError(String);

impl Timestamp {
    /// Returns the time `seconds` after the epoch; later than the year 9999 is cut to its end.
    pub fn from_unix(seconds: u64) -> Self {
        Self(seconds.min(MAX))
    }

    /// Returns the seconds since the epoch.
    pub const fn unix(self) -> u64 {
        self.0
    }

    /// Returns the time `days` later.
    #[must_use]
    pub fn plus_days(self, days: u64) -> Self {
        Self::from_unix(self.0.saturating_add(days.saturating_mul(86_400)))
    }

    /// Returns the time `seconds` earlier, not before the epoch.
    #[must_use]
    pub fn minus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Returns the whole days from `earlier` to this time, 0 if it is not earlier.
    pub fn days_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 86_400
    }

    /// Builds a time from a calendar date and a time of day in UTC; `None` if there is no such moment.
    pub fn from_civil(year: u64, month: u64, day: u64, (hour, minute, second): (u64, u64, u64)) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u64::from(leap),
            _ => return None,
        };
        let in_range = (1970..=9999).contains(&year) && (1..=length).contains(&day);
        (in_range && hour < 24 && minute < 60 && second < 60)
            .then(|| Self(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second))
    }
}

/// Days since the epoch of a date in the proleptic Gregorian calendar, counting years from March (H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y / 400;
    let year_of_era = y - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / 86_400);
        let second = self.0 % 86_400;
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse(text).ok_or_else(|| TimeError(crate::escape::printable(text)))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let b = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if b.len() != 20 || marks.iter().any(|&(at, mark)| b.get(at) != Some(&mark)) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|d| d.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten()
    };
    let time = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    Timestamp::from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?, time)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_round_trip() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_363_200, "2026-11-22T16:00:00Z"),
            (MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_unix(unix).to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap().unix(), unix);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "2026-11-22",
            "2026-11-22T16:00:00",
            "2026-11-22T16:00:00+00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22t16:00:00z",
            "2026-11-22T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-11-22T16:00:00Z",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
