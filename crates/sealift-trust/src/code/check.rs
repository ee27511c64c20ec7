//! The check characters: a Reed-Solomon code over the field of 32 elements, used to find errors and never to correct them.
//!
//! The generator has the roots α, α² and α³ of x⁵ + x² + 1, so two codes of at most 31 characters differ in at least four:
//! whatever goes wrong with three of them is found.

/// How many there are.
pub(super) const DIGITS: usize = 3;

/// x⁵ + x² + 1, which is primitive.
const FIELD: u8 = 0b10_0101;
/// (x − α)(x − α²)(x − α³) without its leading one, the highest power first.
const GENERATOR: [u8; DIGITS] = generator();

const fn times(a: u8, b: u8) -> u8 {
    let (mut left, mut right, mut product) = (a, b, 0);
    while right > 0 {
        if right & 1 == 1 {
            product ^= left;
        }
        left <<= 1;
        if left & 32 != 0 {
            left ^= FIELD;
        }
        right >>= 1;
    }
    product
}

/// The elementary symmetric polynomials of the three roots; in this field minus is plus.
const fn generator() -> [u8; DIGITS] {
    let (a, b, c) = (2, times(2, 2), times(2, times(2, 2)));
    [a ^ b ^ c, times(a, b) ^ times(a, c) ^ times(b, c), times(a, times(b, c))]
}

/// Returns the check digits of `digits`: the remainder by the generator.
pub(super) fn of(digits: &[u8]) -> [u8; DIGITS] {
    let [g2, g1, g0] = GENERATOR;
    digits.iter().fold([0; DIGITS], |[r2, r1, r0], digit| {
        let factor = r2 ^ (digit & 31);
        [r1 ^ times(factor, g2), r0 ^ times(factor, g1), times(factor, g0)]
    })
}

/// Tells whether the last digits check those before.
pub(super) fn holds(digits: &[u8]) -> bool {
    let Some((content, check)) = digits.split_last_chunk::<DIGITS>() else { return false };
    of(content) == *check
}
