//! The dates of Release files, `Sat, 21 Nov 2026 00:53:02 UTC`, in and out.
//!
//! Only UTC is accepted, as apt does: a date in another zone would be read differently by the two.

use sealift_model::Timestamp;
use sealift_model::escape::printable;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// From Thursday, the weekday of the epoch.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Why a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date of the form Sat, 21 Nov 2026 00:53:02 UTC")]
pub struct DateError(String);

/// Reads a date of a Release file.
pub fn parse(text: &str) -> Result<Timestamp, DateError> {
    read(text).ok_or_else(|| DateError(printable(&text.chars().take(80).collect::<String>())))
}

/// Writes a date as Debian's own archive does.
pub fn format(time: Timestamp) -> String {
    let iso = time.to_string();
    let (date, clock) = iso.split_once('T').unwrap_or((&iso, ""));
    let mut numbers = date.splitn(3, '-');
    let (year, month, day) = (numbers.next().unwrap_or(""), numbers.next().unwrap_or(""), numbers.next().unwrap_or(""));
    let month = month.parse::<usize>().ok().and_then(|m| MONTHS.get(m.checked_sub(1)?)).unwrap_or(&"Jan");
    let weekday = usize::try_from(time.unix() / 86_400 % 7).ok().and_then(|d| WEEKDAYS.get(d)).unwrap_or(&"Thu");
    format!("{weekday}, {day} {month} {year} {} UTC", clock.trim_end_matches('Z'))
}

fn read(text: &str) -> Option<Timestamp> {
    let (weekday, rest) = text.trim().split_once(',')?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    let day = digits(words.next()?, 2)?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|m| *m == name)? as u64 + 1;
    let year = digits(words.next()?, 4)?;
    let mut clock = words.next()?.split(':');
    let time = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    let zone = words.next()?;
    let whole = clock.next().is_none() && words.next().is_none();
    let utc = matches!(zone, "UTC" | "GMT" | "Z" | "+0000" | "-0000");
    (whole && utc).then(|| Timestamp::from_civil(year, month, day, time)).flatten()
}

fn digits(text: &str, longest: usize) -> Option<u64> {
    (text.len() <= longest && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_dates_round_trip() {
        for (text, unix) in [
            ("Thu, 01 Jan 1970 00:00:00 UTC", 0),
            ("Sat, 21 Nov 2026 00:53:02 UTC", 1_795_222_382),
            ("Tue, 29 Feb 2000 12:00:01 UTC", 951_825_601),
        ] {
            assert_eq!(parse(text).unwrap().unix(), unix, "{text}");
            assert_eq!(format(Timestamp::from_unix(unix)), text);
        }
        assert_eq!(parse("Thu,  1 Jan 1970 00:00:07 +0000").unwrap().unix(), 7);
    }

    #[test]
    fn refuses_other_zones_and_impossible_days() {
        for bad in [
            "",
            "Sat, 21 Nov 2026 00:53:02",
            "Sat, 21 Nov 2026 00:53:02 +0100",
            "Sat, 21 Nov 2026 00:53:02 CET",
            "Sat, 30 Feb 2026 00:00:00 UTC",
            "21 Nov 2026 00:53:02 UTC",
            "Sat, 21 Nov 2026 25:00:00 UTC",
            "Sat, 21 Nov 2026 00:53:02 UTC x",
            "Sat, 21 Nov 2026 00:53:02:01 UTC",
            "Sat, +1 Nov 2026 00:53:02 UTC",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
