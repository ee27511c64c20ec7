//! The two encodings that tokens and the rest of the world disagree about.

/// Wraps `r` and `s`, each half of what a token returns for ECDSA, into `ECDSA-Sig-Value`; `None` unless both have 32 bytes.
pub fn ecdsa_signature(raw: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = raw.split_at_checked(32).filter(|(_, s)| s.len() == 32)?;
    let body = [integer(r), integer(s)].concat();
    let length = u8::try_from(body.len()).ok()?;
    Some([&[0x30, length][..], &body].concat())
}

/// A positive INTEGER of at most 32 bytes: no leading zeros, except one where the first bit is set.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len().saturating_sub(1));
    let digits = bytes.get(first..).unwrap_or_default();
    let sign = digits.first().is_some_and(|b| b & 0x80 != 0);
    let length = u8::try_from(digits.len() + usize::from(sign)).unwrap_or_default();
    let mut out = vec![0x02, length];
    if sign {
        out.push(0);
    }
    out.extend(digits);
    out
}

/// Takes the point out of `CKA_EC_POINT`: an OCTET STRING, or, from older tokens, the bare bytes.
pub fn point(value: &[u8]) -> &[u8] {
    match value {
        [0x04, length, rest @ ..] if usize::from(*length) == rest.len() => rest,
        bare => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_short_as_they_can_be_and_never_negative() {
        let mut raw = [0; 64];
        raw[31] = 0x7f;
        raw[32] = 0x80;
        let der = ecdsa_signature(&raw).unwrap();
        assert_eq!(der[..7], [0x30, 38, 0x02, 1, 0x7f, 0x02, 33]);
        assert_eq!(der[7..9], [0, 0x80]);
        assert_eq!(der.len(), 40);
        assert_eq!(ecdsa_signature(&[0; 64]).unwrap(), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        assert_eq!(ecdsa_signature(&[0; 63]), None);
        assert_eq!(ecdsa_signature(&[0xff; 64]).unwrap().len(), 72);
    }

    #[test]
    fn points_are_unwrapped_once() {
        assert_eq!(point(&[4, 2, 7, 8]), [7, 8]);
        assert_eq!(point(&[4, 3, 7, 8]), [4, 3, 7, 8]);
        assert_eq!(point(&[]), [0; 0]);
    }
}
