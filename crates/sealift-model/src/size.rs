//! Sizes as people write them on command lines: `4.7GB`, `700MiB`, `dvd`.
//!
//! One grammar for everything that is cut or limited, so that a budget and a volume of the same words are the same
//! number. Units of 1000 and of 1024 have different names and neither has a short form: a `G` that means one here and
//! the other there is a disc that does not fit.

use std::fmt;
use std::str::FromStr;

/// Capacities of blank discs in bytes. Of two kinds that a word may mean (`-R` and `+R`) the smaller.
const DISCS: [(&str, u64); 6] = [
    ("cd", 737_280_000),
    ("dvd", 4_700_372_992),
    ("dvd-dl", 8_543_666_176),
    ("bd", 25_025_314_816),
    ("bd-dl", 50_050_629_632),
    ("bdxl", 100_103_356_416),
];

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1000 * 1000),
    ("GB", 1000 * 1000 * 1000),
    ("TB", 1000 * 1000 * 1000 * 1000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Most digits after the point: enough for a byte of a terabyte.
const FRACTION_DIGITS: usize = 12;

/// A number of bytes, above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Why a text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// Neither a number with a unit nor the name of a disc.
    #[error(
        "not a size: give bytes, a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB, or cd, dvd, dvd-dl, bd, bd-dl, bdxl"
    )]
    Form,
    /// Nothing fits into nothing.
    #[error("a size of less than one byte")]
    Zero,
    /// More bytes than can be counted.
    #[error("a size that is too large")]
    TooLarge,
}

impl ByteSize {
    /// Returns the size of this many bytes.
    pub const fn new(bytes: u64) -> Result<Self, SizeError> {
        if bytes == 0 { Err(SizeError::Zero) } else { Ok(Self(bytes)) }
    }

    /// Reads a size: `1000`, `4.7GB`, `700MiB`, `dvd`. Letters may be of either case; fractions are cut to whole bytes.
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        if let Some((_, bytes)) = DISCS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Self::new(*bytes);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(digits).ok_or(SizeError::Form)?;
        let unit = if unit.is_empty() && !number.contains('.') { "B" } else { unit };
        let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(SizeError::Form)?.1;
        Self::new(scaled(number, unit)?)
    }

    /// Returns the bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Returns `number` times `unit`, without floating point: a size must not depend on rounding.
fn scaled(number: &str, unit: u64) -> Result<u64, SizeError> {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|part| !digits(part) || part.len() > FRACTION_DIGITS) {
        return Err(SizeError::Form);
    }
    let whole: u128 = whole.parse().map_err(|_| SizeError::TooLarge)?;
    let mut bytes = whole.checked_mul(u128::from(unit)).ok_or(SizeError::TooLarge)?;
    if let Some(part) = fraction {
        let tenths: u128 = part.parse().map_err(|_| SizeError::Form)?;
        let power = (0..part.len()).fold(1_u128, |power, _| power * 10);
        bytes = bytes.saturating_add(tenths * u128::from(unit) / power);
    }
    u64::try_from(bytes).map_err(|_| SizeError::TooLarge)
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        Self::parse(text)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_in_every_unit() {
        for (text, bytes) in [
            ("1", 1),
            ("512B", 512),
            ("4.7GB", 4_700_000_000),
            ("4.7gb", 4_700_000_000),
            ("1.5KiB", 1536),
            ("700MiB", 734_003_200),
            ("25GB", 25_000_000_000),
            ("0.000000000001TB", 1),
            ("2TiB", 2_199_023_255_552),
            ("dvd", 4_700_372_992),
            ("BD", 25_025_314_816),
            ("bdxl", 100_103_356_416),
        ] {
            assert_eq!(ByteSize::parse(text).map(ByteSize::bytes), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_sizes_that_could_mean_two_things() {
        for bad in
            ["", "GB", "4G", "4,7GB", "4.GB", ".7GB", "4.7", "1.2.3MB", "-1", "+1", "1 GB", "1e9", "GB4", "4GBs", "é"]
        {
            assert_eq!(ByteSize::parse(bad), Err(SizeError::Form), "{bad}");
        }
        assert_eq!(ByteSize::parse("0"), Err(SizeError::Zero));
        assert_eq!(ByteSize::parse("0.1B"), Err(SizeError::Zero));
        assert_eq!(ByteSize::parse("18446744073709551616"), Err(SizeError::TooLarge));
        assert_eq!(ByteSize::parse("99999999999999999999999999999999999999999TB"), Err(SizeError::TooLarge));
        assert_eq!(ByteSize::parse("18446745TB"), Err(SizeError::TooLarge));
    }
}
