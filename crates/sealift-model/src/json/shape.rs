//! The outer shape of a JSON document, judged while its bytes come in.
//!
//! A parser builds what it is given; by the time it could refuse a string of 100 MB, it holds it. A [`Shape`] is fed each
//! piece as it is read and stops at the first that goes beyond its [`Limits`]. It judges size only: whether the bytes are
//! JSON at all is the parser's question.

use super::JsonError;

/// Largest integer that every JSON reader takes for the same number: 2^53.
pub const MAX_INTEGER: u64 = 1 << 53;

/// How large parts of a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Arrays and objects within each other.
    pub depth: usize,
    /// Bytes of one string as encoded.
    pub string: usize,
    /// Members of one array or object.
    pub members: usize,
}

/// A document of which a part has been seen.
#[derive(Debug, Clone)]
pub struct Shape {
    limits: Limits,
    /// Separators seen so far in each open array or object.
    open: Vec<usize>,
    /// Bytes of the string that is open.
    string: Option<usize>,
    escaped: bool,
    /// Value of the digits that are open; meaningful outside strings.
    number: u64,
}

impl Shape {
    /// Begins a document.
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: Vec::new(), string: None, escaped: false, number: 0 }
    }

    /// Judges the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), JsonError> {
        bytes.iter().try_for_each(|byte| match self.string {
            Some(length) => self.inside(*byte, length),
            None => self.outside(*byte),
        })
    }

    fn inside(&mut self, byte: u8, length: usize) -> Result<(), JsonError> {
        if length >= self.limits.string && (byte != b'"' || self.escaped) {
            return Err(JsonError::Limit { what: "bytes in a string", limit: self.limits.string });
        }
        self.string = (byte != b'"' || self.escaped).then_some(length + 1);
        self.escaped = byte == b'\\' && !self.escaped;
        Ok(())
    }

    fn outside(&mut self, byte: u8) -> Result<(), JsonError> {
        if byte.is_ascii_digit() {
            self.number = self.number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            return if self.number > MAX_INTEGER { Err(JsonError::Integer) } else { Ok(()) };
        }
        self.number = 0;
        match byte {
            b'"' => self.string = Some(0),
            b'[' | b'{' if self.open.len() >= self.limits.depth => {
                return Err(JsonError::Limit { what: "levels of nesting", limit: self.limits.depth });
            }
            b'[' | b'{' => self.open.push(0),
            b']' | b'}' => drop(self.open.pop()),
            b',' => return self.separator(),
            _ => {}
        }
        Ok(())
    }

    fn separator(&mut self) -> Result<(), JsonError> {
        let Some(seen) = self.open.last_mut() else { return Ok(()) };
        *seen += 1;
        if *seen >= self.limits.members {
            return Err(JsonError::Limit { what: "members of an array or object", limit: self.limits.members });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits { depth: 3, string: 5, members: 4 };

    fn judge(document: &str) -> Result<(), JsonError> {
        let whole = Shape::new(SMALL).feed(document.as_bytes());
        // Wherever the pieces are cut, the verdict is the same.
        let mut shape = Shape::new(SMALL);
        let pieces = document.as_bytes().chunks(1).try_for_each(|piece| shape.feed(piece));
        assert_eq!(whole, pieces, "{document}");
        whole
    }

    #[test]
    fn documents_up_to_the_limits_pass() {
        for good in [
            r#"{"a":[1,2,3,4],"b":{"c":{}},"c":"12345"}"#,
            r#"["\"b\\","]]]]]","{{{{,"]"#,
            "[9007199254740992,-9007199254740992]",
            "[[[]],[[]],[[]]]",
            r#"["12345",12345]"#,
        ] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn refuses_each_part_that_is_too_large() {
        for (bad, what) in [
            ("[[[[]]]]", "levels of nesting"),
            (r#"{"a":{"b":[{}]}}"#, "levels of nesting"),
            ("[1,2,3,4,5]", "members of an array or object"),
            (r#""123456""#, "bytes in a string"),
            (r#"{"123456":1}"#, "bytes in a string"),
            (r#""1234\"""#, "bytes in a string"),
        ] {
            assert!(matches!(judge(bad), Err(JsonError::Limit { what: found, .. }) if found == what), "{bad}");
        }
    }

    #[test]
    fn refuses_integers_that_readers_take_for_different_numbers() {
        for bad in ["9007199254740993", "-9007199254740993", "18446744073709551616", "99999999999999999999999999"] {
            assert_eq!(judge(&format!("[{bad}]")), Err(JsonError::Integer), "{bad}");
        }
    }
}
