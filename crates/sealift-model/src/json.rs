//! Strict JSON in, canonical JSON out (format/json).
//!
//! Two encodings of one signed document are two documents, so sealift's own formats have one: OLPC canonical JSON (keys
//! sorted by code point, no white space, `"` and `\` the only escapes, integers only) without control characters.
//! Foreign documents (TUF metadata) are read by [`parse`], which refuses what JSON parsers disagree about, and are
//! verified over [`canonical`].

mod shape;

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::{Map, Value};

pub use shape::{Limits, MAX_INTEGER, Shape};

/// Why bytes are not acceptable JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, a duplicate key, a float, trailing bytes, or not of the expected shape.
    #[error("{0}")]
    Malformed(String),
    /// The same value is written differently in canonical form.
    #[error("not in canonical form (first difference at byte {0})")]
    NotCanonical(usize),
    /// A string holds a control character.
    #[error("a string holds a control character")]
    ControlCharacter,
    /// An integer that readers of JSON take for different numbers.
    #[error("an integer is beyond 2^53")]
    Integer,
    /// More of something than the document's format allows.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
}

/// Parses `bytes`, refusing duplicate keys, numbers that are not integers, nesting beyond 127 and trailing bytes.
///
/// The size of the result is proportional to `bytes`; cap the input before calling.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut deserializer).map_err(|e| malformed(&e))?;
    deserializer.end().map_err(|e| malformed(&e))?;
    Ok(value)
}

/// Returns the OLPC canonical encoding of `value`, the bytes TUF signatures cover.
///
/// Control characters are written as they are, as the reference implementation does. Floats are refused.
pub fn canonical(value: &Value) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

/// Encodes one of our documents in canonical form.
pub fn to_canonical<T: Serialize>(document: &T) -> Result<Vec<u8>, JsonError> {
    let value = serde_json::to_value(document).map_err(|e| malformed(&e))?;
    let bytes = canonical(&value)?;
    if bytes.iter().any(|b| *b < 0x20) { Err(JsonError::ControlCharacter) } else { Ok(bytes) }
}

/// Decodes one of our documents, refusing every encoding but the canonical one.
///
/// The check is that encoding the result again gives `bytes`, so unknown and duplicate fields are refused as well.
/// `T` must declare its fields in alphabetical order and leave out absent options; a type that does not can never be
/// read back, which its first test shows.
pub fn from_canonical<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, JsonError> {
    let document: T = serde_json::from_slice(bytes).map_err(|e| malformed(&e))?;
    let again = serde_json::to_vec(&document).map_err(|e| malformed(&e))?;
    if let Some(at) = first_difference(&again, bytes) {
        return Err(JsonError::NotCanonical(at));
    }
    refuse_escapes(bytes)?;
    Ok(document)
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    Some(a.iter().zip(b).position(|(x, y)| x != y).unwrap_or(a.len().min(b.len())))
}

/// serde_json escapes control characters where OLPC does not; without them the two agree, so they are not allowed.
fn refuse_escapes(bytes: &[u8]) -> Result<(), JsonError> {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        if !matches!(rest.get(at + 1), Some(b'"' | b'\\')) {
            return Err(JsonError::ControlCharacter);
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    Ok(())
}

fn malformed(error: &serde_json::Error) -> JsonError {
    JsonError::Malformed(crate::escape::printable(&error.to_string()))
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), JsonError> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(n) if n.is_f64() => return Err(JsonError::Malformed("a number is not an integer".into())),
        Value::Number(n) => out.extend(n.to_string().bytes()),
        Value::String(s) => write_string(s, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => write_object(fields, out)?,
    }
    Ok(())
}

fn write_object(fields: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), JsonError> {
    // Sorted here too: serde_json's map keeps insertion order if any crate in the build asks for `preserve_order`.
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| key.as_str());
    out.push(b'{');
    for (i, (key, field)) in sorted.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write(field, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Builds a [`Value`] like serde_json's own, but with duplicate keys and floats as errors.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without floats and duplicate keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number is not an integer of 64 bits"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Strict)?;
            if out.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        a: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<String>,
    }

    #[test]
    fn canonical_form_is_sorted_and_minimal() {
        let value = parse(br#" { "b" : [1, -2, true, null], "a" : "q\"\\\u006e\u00e9" } "#).unwrap();
        assert_eq!(canonical(&value).unwrap(), "{\"a\":\"q\\\"\\\\né\",\"b\":[1,-2,true,null]}".as_bytes());
    }

    #[test]
    fn refuses_what_parsers_disagree_about() {
        let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
        for bad in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"x":{"a":1,"a":1}}"#,
            b"1.0",
            b"1e0",
            b"18446744073709551616",
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b"\"\xff\"",
            br#""\ud800""#,
            b"{}\0",
            b"",
            b"01",
            &deep,
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(&bad[..bad.len().min(20)]));
        }
    }

    #[test]
    fn our_documents_have_one_encoding() {
        let sample = Sample { a: 1, b: Some("x\"y".into()) };
        let bytes = to_canonical(&sample).unwrap();
        assert_eq!(from_canonical::<Sample>(&bytes).unwrap(), sample);
        for bad in [
            r#"{"a":1, "b":"x"}"#,
            r#"{"b":"x","a":1}"#,
            r#"{"a":1,"b":null}"#,
            r#"{"a":1,"c":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":"\u006e"}"#,
            r#"{"a":1,"b":"\n"}"#,
            "{\"a\":1}\n",
            r#"{"a":01}"#,
            r#"{"a":1.0}"#,
        ] {
            assert!(from_canonical::<Sample>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(to_canonical(&Sample { a: 1, b: Some("a\nb".into()) }), Err(JsonError::ControlCharacter));
    }
}
