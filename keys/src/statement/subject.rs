//! What a statement is about, found where the operator points to, and shown before anybody signs.
//!
//! Nothing here is verified: whoever approves a bundle verifies it first with `sealift-bundle verify`. The digest is what
//! is signed; the rest is what the manifest claims, for the person to compare.

use std::path::{Path, PathBuf};

use sealift_fs::{PathError, list_dir, read_capped};
use sealift_model::escape::printable;
use sealift_model::{Digest, json};
use serde::Serialize;
use serde_json::Value;

use super::{LIMIT, StatementError, read};

/// Largest manifest, as format/manifest has it, in bytes.
const MAX_MANIFEST: u64 = 256 << 20;
/// Most bundles that are offered for choice.
const MAX_CHOICES: usize = 20;

/// The subject of a statement to be, with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What is signed.
    pub sha256: Digest,
    /// The name in the statement, for people.
    pub name: String,
    /// Where it was read; `None` if only the digest was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// What it claims, as label and text.
    pub claims: Vec<(String, String)>,
}

/// Why there is no subject.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Not a manifest of ours.
    #[error("{path} is not a manifest: {reason}")]
    NotAManifest {
        /// The file.
        path: String,
        /// What is wrong, made printable.
        reason: String,
    },
    /// No bundle there.
    #[error("there is no bundle in {0}")]
    None(String),
    /// More than one to choose from.
    #[error("there are several bundles in {path}: {}", choices.join(", "))]
    Several {
        /// The directory.
        path: String,
        /// `stream/sequence`, the first of them.
        choices: Vec<String>,
    },
    /// A single file, whose manifest lies inside.
    #[error("{0} is a single file; its manifest cannot be read here")]
    Container(String),
    /// Not a statement.
    #[error("{path} is not a statement")]
    Statement {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: StatementError,
    },
}

/// Finds a bundle: a bundle id in hexadecimal digits, a manifest, the bundle's directory, or a medium with one bundle.
pub fn find(subject: &Path) -> Result<Shown, SubjectError> {
    if let Some(sha256) = subject.to_str().and_then(digest) {
        return Ok(Shown { sha256, name: "manifest.json".into(), file: None, claims: Vec::new() });
    }
    if subject.extension().is_some_and(|end| end == "sealift") {
        return Err(SubjectError::Container(shown(subject)));
    }
    let manifest = if subject.is_dir() { manifest_below(subject)? } else { subject.to_owned() };
    let bytes = read_capped(&manifest, MAX_MANIFEST)?;
    let claims = claims(&bytes).map_err(|reason| SubjectError::NotAManifest { path: shown(&manifest), reason })?;
    Ok(Shown { sha256: Digest::of(&bytes), name: "manifest.json".into(), file: Some(manifest), claims })
}

/// Reads another person's statement, to countersign it: the subject is its payload.
pub fn read_envelope(path: &Path) -> Result<Shown, SubjectError> {
    let bytes = read_capped(path, LIMIT)?;
    let (envelope, statement) = read(&bytes).map_err(|source| SubjectError::Statement { path: shown(path), source })?;
    let name = path.file_name().map(|name| printable(&name.to_string_lossy())).unwrap_or_default();
    let claims = vec![
        ("kind".to_owned(), statement.kind().to_string()),
        ("about".to_owned(), statement.subject.sha256.tagged()),
        ("says".to_owned(), statement.describe()),
    ];
    Ok(Shown { sha256: envelope.payload_digest(), name, file: Some(path.to_owned()), claims })
}

fn digest(text: &str) -> Option<Digest> {
    text.strip_prefix("sha256:").unwrap_or(text).parse().ok()
}

fn manifest_below(dir: &Path) -> Result<PathBuf, SubjectError> {
    let own = dir.join("manifest.json");
    if own.is_file() {
        return Ok(own);
    }
    let top = if dir.join("SEALIFT").is_dir() { dir.join("SEALIFT") } else { dir.to_owned() };
    let bundles = top.join("bundles");
    let mut found = Vec::new();
    for stream in names(&bundles)? {
        for sequence in names(&bundles.join(&stream))? {
            let manifest = bundles.join(&stream).join(&sequence).join("manifest.json");
            if manifest.is_file() {
                found.push((printable(&format!("{stream}/{sequence}")), manifest));
            }
        }
    }
    match found.as_slice() {
        [] => Err(SubjectError::None(shown(dir))),
        [(_, manifest)] => Ok(manifest.clone()),
        several => {
            let choices = several.iter().take(MAX_CHOICES).map(|(name, _)| name.clone()).collect();
            Err(SubjectError::Several { path: shown(&bundles), choices })
        }
    }
}

fn names(dir: &Path) -> Result<Vec<String>, SubjectError> {
    match list_dir(dir) {
        Ok(names) => Ok(names),
        Err(error) if error.is_not_found() || !dir.is_dir() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn claims(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let manifest = json::parse(bytes).map_err(|e| printable(&e.to_string()))?;
    let schema = manifest.get("schema").and_then(Value::as_str).unwrap_or_default();
    if !schema.starts_with("sealift.manifest/") {
        return Err(format!("its schema is `{}`", printable(schema)));
    }
    let text = |value: &Value| value.as_str().map_or_else(|| printable(&value.to_string()), printable);
    let at = |path: &[&str]| path.iter().try_fold(&manifest, |value, name| value.get(name)).map(text);
    let lines = [
        ("stream", at(&["stream"])),
        ("sequence", at(&["sequence"])),
        ("kind", at(&["kind"])),
        ("created", at(&["created"])),
        ("not after", at(&["not_after"])),
        ("files", at(&["totals", "files"])),
        ("bytes", at(&["totals", "bytes"])),
    ];
    let mut claims: Vec<_> = lines.into_iter().filter_map(|(label, text)| Some((label.to_owned(), text?))).collect();
    for upstream in manifest.get("upstreams").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| upstream.get(name).map(text).unwrap_or_default();
        claims.push(("upstream".into(), format!("{} {} of {}", part("name"), part("suite"), part("date"))));
    }
    Ok(claims)
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
