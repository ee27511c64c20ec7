//! in-toto Statement v1: something said about bytes that are named by their digest.
//!
//! A statement proves nothing by itself; it is worth what the envelope around it is worth. The predicate is kept as
//! parsed JSON: its meaning depends on the predicate type, which the caller asks for by name.

use std::collections::BTreeMap;

use sealift_model::escape::printable;
use sealift_model::{Digest, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dsse::EvidenceRefusal;
use crate::strict::{Object, read};

mod kinds;

pub use kinds::{ClockOverride, FreshnessWaiver, PersonStatement, Remark, Said, Scan, ScanResult, StatementKind};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Name of the thing, for people.
    pub name: String,
    /// Its digest, which alone identifies it.
    pub sha256: Digest,
}

/// A statement about one or more subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is about; at least one.
    pub subjects: Vec<Subject>,
    /// URI that says how to read the predicate.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

// Field order is alphabetical, as canonical JSON wants it.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    predicate: Value,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<Object<WireSubject>>,
}

#[derive(Serialize, Deserialize)]
struct WireSubject {
    digest: BTreeMap<String, String>,
    name: String,
}

impl Statement {
    /// Reads a statement.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceRefusal> {
        let malformed = |reason: String| EvidenceRefusal::Malformed { reason: printable(&reason) };
        let value = json::parse(bytes).map_err(|e| malformed(e.to_string()))?;
        let wire = read::<Wire>(&value).map_err(|e| malformed(e.to_string()))?;
        if wire.kind != STATEMENT_TYPE {
            return Err(malformed(format!("its type is `{}`, not {STATEMENT_TYPE}", wire.kind)));
        }
        if wire.subject.is_empty() {
            return Err(malformed("it is about nothing".into()));
        }
        let subjects = wire.subject.into_iter().map(subject).collect::<Result<_, _>>()?;
        Ok(Self { subjects, predicate_type: wire.predicate_type, predicate: wire.predicate })
    }

    /// Returns the canonical encoding, the payload to sign.
    pub fn to_bytes(&self) -> Result<Vec<u8>, json::JsonError> {
        let subject = |s: &Subject| {
            Object(WireSubject {
                digest: BTreeMap::from([("sha256".to_owned(), s.sha256.to_hex())]),
                name: s.name.clone(),
            })
        };
        json::to_canonical(&Wire {
            kind: STATEMENT_TYPE.to_owned(),
            predicate: self.predicate.clone(),
            predicate_type: self.predicate_type.clone(),
            subject: self.subjects.iter().map(subject).collect(),
        })
    }

    /// Refuses the statement unless it has this predicate type and names `digest` as a subject.
    pub fn check_about(&self, predicate_type: &str, digest: Digest) -> Result<(), EvidenceRefusal> {
        if self.predicate_type != predicate_type {
            return Err(EvidenceRefusal::PredicateType {
                expected: predicate_type.to_owned(),
                found: printable(&self.predicate_type),
            });
        }
        if self.subjects.iter().any(|s| s.sha256 == digest) {
            return Ok(());
        }
        Err(EvidenceRefusal::Subject { expected: digest })
    }
}

fn subject(Object(wire): Object<WireSubject>) -> Result<Subject, EvidenceRefusal> {
    // Other algorithms beside SHA-256 say nothing we check, but do no harm.
    let sha256 = wire.digest.get("sha256").and_then(|hex| hex.parse().ok());
    let reason = || format!("subject `{}` has no SHA-256 digest", printable(&wire.name));
    let sha256 = sha256.ok_or_else(|| EvidenceRefusal::Malformed { reason: reason() })?;
    Ok(Subject { name: wire.name, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Statement {
        Statement {
            subjects: vec![Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") }],
            predicate_type: "https://slsa.dev/provenance/v1".into(),
            predicate: json!({"buildDefinition": {"buildType": "https://example.org/b"}}),
        }
    }

    #[test]
    fn a_statement_reads_back() {
        let bytes = sample().to_bytes().unwrap();
        assert_eq!(Statement::parse(&bytes).unwrap(), sample());
    }

    #[test]
    fn refuses_a_statement_about_something_else() {
        let s = sample();
        assert_eq!(s.check_about("https://slsa.dev/provenance/v1", Digest::of(b"m")), Ok(()));
        assert!(matches!(
            s.check_about("https://slsa.dev/provenance/v1", Digest::of(b"n")),
            Err(EvidenceRefusal::Subject { .. })
        ));
        assert!(matches!(
            s.check_about("https://example.org/other", Digest::of(b"m")),
            Err(EvidenceRefusal::PredicateType { .. })
        ));
    }

    #[test]
    fn refuses_malformed_statements() {
        let good = String::from_utf8(sample().to_bytes().unwrap()).unwrap();
        for (from, to) in [
            ("Statement/v1", "Statement/v0.1"),
            ("sha256", "md5"),
            ("\"name\"", "\"nam\""),
            ("\"subject\":[", "\"subject\":[],\"x\":["),
            ("\"predicate\":", "\"predicate\":1,\"predicate\":"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(Statement::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
