//! One document of verdicts: a DSSE envelope around an in-toto statement about the contents.

use sealift_model::json::JsonError;
use sealift_model::{Digest, Timestamp};
use sealift_site::StatementKey;
use sealift_trust::statement::Subject;
use sealift_trust::{Envelope, EvidenceRefusal, PublicKey, Statement};
use serde::{Deserialize, Serialize};

use super::{Engine, Finding, IN_ONE, MOST_FINDINGS, Verdict};

const PREDICATE: &str = "https://example.org/sealift/verdicts/v1";

// Field order is alphabetical, as canonical JSON wants it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    contents: Vec<WireContent>,
    engine: String,
    engine_version: String,
    scanner: String,
    signatures: String,
    time: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireContent {
    files: u64,
    findings: Vec<WireFinding>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFinding {
    inside: String,
    name: String,
}

/// Returns the digest of the payload and the envelope of verdicts that share scanner, engine and time.
pub(super) fn write(verdicts: &[Verdict], key: &StatementKey) -> Result<(Digest, Vec<u8>), JsonError> {
    let first = verdicts.first().ok_or_else(|| JsonError::Malformed("no verdicts".into()))?;
    let finding = |f: &Finding| WireFinding { inside: f.inside.clone(), name: f.name.clone() };
    let content = |v: &Verdict| WireContent {
        files: v.files,
        findings: v.findings.iter().take(MOST_FINDINGS).map(finding).collect(),
    };
    let wire = Wire {
        contents: verdicts.iter().map(content).collect(),
        engine: first.engine.name.clone(),
        engine_version: first.engine.version.clone(),
        scanner: first.scanner.clone(),
        signatures: first.engine.signatures.clone(),
        time: first.time,
    };
    let statement = Statement {
        subjects: verdicts.iter().map(|v| Subject { name: v.path.clone(), sha256: v.sha256 }).collect(),
        predicate_type: PREDICATE.into(),
        predicate: serde_json::to_value(&wire).map_err(|e| JsonError::Malformed(e.to_string()))?,
    };
    let payload = statement.to_bytes()?;
    Ok((Digest::of(&payload), key.sign_dsse(&payload)))
}

/// Reads a document that `key` signed.
pub(super) fn read(bytes: &[u8], key: &PublicKey) -> Result<Vec<Verdict>, EvidenceRefusal> {
    let malformed = |reason: &str| EvidenceRefusal::Malformed { reason: reason.into() };
    let verified = Envelope::parse(bytes)?.verify(std::slice::from_ref(key), 1)?;
    let statement = Statement::parse(&verified.payload)?;
    if statement.predicate_type != PREDICATE {
        return Err(malformed("its predicate is not that of verdicts"));
    }
    let wire: Wire =
        serde_json::from_value(statement.predicate).map_err(|_| malformed("its predicate has another form"))?;
    if wire.contents.len() != statement.subjects.len() || wire.contents.len() > IN_ONE {
        return Err(malformed("it does not have one verdict for each subject"));
    }
    let engine = Engine { name: wire.engine, version: wire.engine_version, signatures: wire.signatures };
    let verdict = |(subject, content): (Subject, WireContent)| Verdict {
        scanner: wire.scanner.clone(),
        engine: engine.clone(),
        time: wire.time,
        sha256: subject.sha256,
        path: subject.name,
        files: content.files,
        findings: content.findings.into_iter().map(|f| Finding { inside: f.inside, name: f.name }).collect(),
    };
    Ok(statement.subjects.into_iter().zip(wire.contents).map(verdict).collect())
}
