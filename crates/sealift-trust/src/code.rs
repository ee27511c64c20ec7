//! A receipt that fits on a slip of paper: twenty characters that a person reads, carries and types (format/code).
//!
//! It guards against slips of the pen and not against lies: nobody signed it. Three check characters find any three wrong
//! characters, so any one that was misread and any two that changed places. What it says is only found out by whoever
//! knows the bundle: the code holds the beginning of a digest over site, stream, bundle and day.

mod check;

use std::fmt;

use sealift_model::{Digest, Sequence, SiteId, Timestamp};

use crate::receipt::Held;

/// Crockford's digits of base 32: no I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What a code begins with.
const VERSION: u8 = 1;
const SEQUENCE_DIGITS: usize = 5;
const DAY_DIGITS: usize = 3;
const STATE_DIGITS: usize = 8;
const GROUP: usize = 5;
/// Characters of a code, without what groups them.
pub const LENGTH: usize = 1 + SEQUENCE_DIGITS + DAY_DIGITS + STATE_DIGITS + check::DIGITS;
/// 2020-01-01, which days are counted from.
const FIRST_DAY: u64 = 18_262;
const DAY_SECONDS: u64 = 86_400;
const BITS: u64 = 5;

/// What a code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptCode {
    sequence: Sequence,
    day: u64,
    state: u64,
}

/// Why something has no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The number does not fit.
    #[error("bundle {0} has a number too large for a code")]
    Sequence(Sequence),
    /// The day does not fit.
    #[error("{0} is no day that a code can name")]
    Day(Timestamp),
}

/// Why a text is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeRefusal {
    /// A character that no code has.
    #[error("character {0} of the code is none that a code has: use 0 to 9 and A to Z without U")]
    Character(usize),
    /// Too short or too long.
    #[error("the code has {0} characters, not {LENGTH}")]
    Length(usize),
    /// Written by another version.
    #[error("the code is of another version than this tool reads")]
    Version,
    /// A slip of the pen.
    #[error("the code is not as it was written: characters were misread, left out or exchanged")]
    Check,
    /// Its check characters are right, but no bundle can have that number.
    #[error("the code names no bundle")]
    Sequence,
}

impl ReceiptCode {
    /// Makes the code of what `site` holds of one stream at the time `issued`.
    ///
    /// # Errors
    /// A number from 2^25 on, or a day before 2020 or after September 2109.
    pub fn of(site: &SiteId, held: &Held, issued: Timestamp) -> Result<Self, CodeError> {
        let fits = |number: u64, digits: usize| number.checked_shr(bits(digits)).is_some_and(|rest| rest == 0);
        if !fits(held.sequence.get(), SEQUENCE_DIGITS) {
            return Err(CodeError::Sequence(held.sequence));
        }
        let day = (issued.unix() / DAY_SECONDS).checked_sub(FIRST_DAY).filter(|day| fits(*day, DAY_DIGITS));
        let day = day.ok_or(CodeError::Day(issued))?;
        Ok(Self { sequence: held.sequence, day, state: state(site, held, day) })
    }

    /// Returns the number of the bundle held.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Returns the beginning of the day on which it was written.
    pub fn issued(&self) -> Timestamp {
        Timestamp::from_unix(self.day.saturating_add(FIRST_DAY).saturating_mul(DAY_SECONDS))
    }

    /// Tells whether this is the code that `site` would write of `held` on that day.
    pub fn is_of(&self, site: &SiteId, held: &Held) -> bool {
        self.sequence == held.sequence && self.state == state(site, held, self.day)
    }

    /// Reads what a person typed: in any case, with or without spaces and hyphens, O for 0 and I or L for 1.
    ///
    /// # Errors
    /// Which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, CodeRefusal> {
        let mut digits = Vec::with_capacity(LENGTH);
        let typed = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '-');
        for (at, character) in typed.enumerate() {
            // Counted on, so that the message has the length, and capped, as anything can be typed.
            if at < LENGTH.saturating_mul(2) {
                digits.push(value(character).ok_or(CodeRefusal::Character(at.saturating_add(1)))?);
            }
        }
        if digits.len() != LENGTH {
            return Err(CodeRefusal::Length(digits.len()));
        }
        if digits.first() != Some(&VERSION) {
            return Err(if check::holds(&digits) { CodeRefusal::Version } else { CodeRefusal::Check });
        }
        if !check::holds(&digits) {
            return Err(CodeRefusal::Check);
        }
        let mut rest = digits.into_iter().skip(1);
        let mut take =
            |count: usize| rest.by_ref().take(count).fold(0_u64, |all, digit| (all << BITS) | u64::from(digit));
        let (sequence, day, state) = (take(SEQUENCE_DIGITS), take(DAY_DIGITS), take(STATE_DIGITS));
        Ok(Self { sequence: Sequence::new(sequence).ok_or(CodeRefusal::Sequence)?, day, state })
    }

    fn digits(self) -> Vec<u8> {
        let mut digits = vec![VERSION];
        for (number, count) in
            [(self.sequence.get(), SEQUENCE_DIGITS), (self.day, DAY_DIGITS), (self.state, STATE_DIGITS)]
        {
            let at = |place: usize| number.checked_shr(bits(place)).unwrap_or(0) & 31;
            digits.extend((0..count).rev().map(|place| u8::try_from(at(place)).unwrap_or(0)));
        }
        let check = check::of(&digits);
        digits.extend(check);
        digits
    }
}

impl fmt::Display for ReceiptCode {
    /// Writes the code in groups of five.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.digits().into_iter().enumerate() {
            if at > 0 && at.is_multiple_of(GROUP) {
                f.write_str("-")?;
            }
            let letter = DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

fn bits(digits: usize) -> u32 {
    u32::try_from(digits).unwrap_or(u32::MAX).saturating_mul(5)
}

/// Returns the value of a character as people type it.
fn value(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = DIGITS.iter().position(|digit| char::from(*digit) == upper)?;
    u8::try_from(at).ok()
}

/// Returns the first 40 bits of the digest of what a code stands for.
fn state(site: &SiteId, held: &Held, day: u64) -> u64 {
    let Held { stream, sequence, manifest } = held;
    let text =
        format!("sealift receipt code 1\nsite: {site}\nholds: {stream} {sequence} {}\nday: {day}\n", manifest.tagged());
    let digest = Digest::of(text.as_bytes());
    digest.as_bytes().iter().take(5).fold(0, |all, byte| (all << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests;
