//! Amounts as people read them.

use sealift_model::Timestamp;

/// Returns a number of bytes with three digits and a decimal unit, as media are sold ("3.1 GB").
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Rounded half up once, at the precision shown; no float is needed.
    let rounded = |unit: u128| (u128::from(count) + unit / 2) / unit;
    let mut size: u128 = 1000;
    for (place, name) in UNITS.iter().enumerate() {
        let tenths = rounded(size / 10);
        if tenths < 1000 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        if rounded(size) < 1000 || place + 1 == UNITS.len() {
            return format!("{} {name}", rounded(size));
        }
        size *= 1000;
    }
    format!("{count} B")
}

/// Returns a number with its noun ("1 index", "2 indexes").
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Returns how long ago `then` was, in the largest whole unit.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.unix().saturating_sub(then.unix());
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_naturally() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_432_100, "1.4 MB"),
            (99_950, "100 kB"),
            (123_456, "123 kB"),
            (999_999, "1.0 MB"),
            (2_147_000_111, "2.1 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        let now = Timestamp::from_unix(1_000_000);
        assert_eq!(age(now.minus_seconds(86_400), now), "1 day ago");
        assert_eq!(age(now.minus_seconds(7200), now), "2 hours ago");
    }
}
