//! A root of trust on its way to its signatures (format/draft).
//!
//! A draft carries the root it follows, the metadata with the signatures so far, and a log of what happened. Everything
//! is checked again whenever one is read: it travels between people on media. Changing what was signed needs the
//! signatures dropped, and says so; [`publish`] is the only way out.

mod change;
mod publish;
mod words;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_fs::{Mode, PathError};
use sealift_model::{Digest, Timestamp, json};
use sealift_trust::{PublicKey, Role, Root, Signed};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attach::{AttachRefusal, attach, same_key};
use crate::lint;
use crate::metadata::{self, MetadataError};
use crate::tally::{Tally, tallies};

pub use change::{Change, ChangeError, KeyRef};
pub use publish::{PublishError, Published, publish};
pub use words::changes;

/// The schema of draft files.
pub const SCHEMA: &str = "sealift.draft/1";
/// Largest draft file, in bytes.
pub const LIMIT: u64 = 2_000_000;
const MAX_LOG: usize = 1000;

/// What happened to a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It was made.
    Drafted,
    /// Its content was changed.
    Changed,
    /// A signature was attached.
    Signed,
    /// A signature was dropped because the content changed.
    Dropped,
    /// It became the root of trust.
    Published,
}

/// One line of a draft's log. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, by the clock of the machine.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// The key it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A draft that passed every check of format/draft §1.
#[derive(Debug, Clone)]
pub struct Draft {
    base: Option<Signed<Root>>,
    root: Signed<Root>,
    log: Vec<Step>,
}

// Field order is alphabetical, as canonical JSON wants it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    log: Vec<Step>,
    metadata: String,
    schema: String,
}

/// Why a draft is not usable, or was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Not a draft, or one that somebody meddled with.
    #[error("not a draft of a root of trust: {0}")]
    Malformed(String),
    /// The metadata in it, or made from it, would be refused by every reader.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A root that follows the rules of the format and still must not be.
    #[error("the root of trust would be unsound: {0}")]
    Lint(String),
    /// The change does not fit the draft.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// It has signatures, which a change would make void.
    #[error("{count} signed this draft; changing it would make that void", count = people(*.0))]
    Signed(usize),
    /// The log is full.
    #[error("the draft was changed {MAX_LOG} times; begin a new one")]
    LogFull,
}

fn people(count: usize) -> String {
    if count == 1 { "1 holder has".into() } else { format!("{count} holders have") }
}

impl Draft {
    /// Begins the successor of `base`: the same content, the next version, a new expiry. No signature.
    pub fn follow(base: Signed<Root>, expires: Timestamp, at: Timestamp) -> Result<Self, DraftError> {
        let mut signed = signed_part(&base)?;
        let version = base.version().saturating_add(1);
        if let Some(fields) = signed.as_object_mut() {
            fields.insert("version".into(), version.into());
            fields.insert("expires".into(), expires.to_string().into());
        }
        let text = format!("version {version}, follows {}", Digest::of(base.raw()).tagged());
        let draft = Self { root: unsigned(&signed)?, base: Some(base), log: Vec::new() };
        draft.noted(at, Event::Drafted, None, Some(text))
    }

    /// Begins a first root, version 1, that nothing comes before. `unsigned` is root metadata.
    pub fn first(unsigned: &[u8], at: Timestamp) -> Result<Self, DraftError> {
        let root = Signed::<Root>::parse(unsigned).map_err(MetadataError::from)?;
        let draft = Self { base: None, root, log: Vec::new() };
        draft.check()?;
        draft.noted(at, Event::Drafted, None, Some("version 1, the first root".into()))
    }

    /// Tells whether bytes say that they are a draft. Nothing else of them is looked at.
    pub fn has_schema(bytes: &[u8]) -> bool {
        let schema = json::parse(bytes).ok().and_then(|value| Some(value.get("schema")?.as_str()? == SCHEMA));
        schema.unwrap_or(false)
    }

    /// Reads a draft file.
    pub fn read(path: &Path) -> Result<Self, DraftError> {
        Self::parse(&sealift_fs::read_capped(path, LIMIT)?)
    }

    /// Reads a draft and checks everything that can be checked of it.
    pub fn parse(bytes: &[u8]) -> Result<Self, DraftError> {
        let malformed =
            |error: &dyn std::fmt::Display| DraftError::Malformed(sealift_model::escape::printable(&error.to_string()));
        if bytes.len() as u64 > LIMIT {
            return Err(malformed(&"it is too large"));
        }
        let value = json::parse(bytes).map_err(|e| malformed(&e))?;
        if json::canonical(&value).map_err(|e| malformed(&e))? != bytes {
            return Err(malformed(&"it is not in canonical form"));
        }
        let file: File = serde_json::from_value(value).map_err(|e| malformed(&e))?;
        if file.schema != SCHEMA || file.log.len() > MAX_LOG {
            return Err(malformed(&format!("it is not {SCHEMA} with at most {MAX_LOG} log entries")));
        }
        let decode = |text: String| STANDARD.decode(text).map_err(|e| malformed(&e));
        let base = file.base.map(decode).transpose()?;
        let base = base.map(|bytes| Signed::<Root>::parse(&bytes)).transpose().map_err(MetadataError::from)?;
        let root = Signed::<Root>::parse(&decode(file.metadata)?).map_err(MetadataError::from)?;
        let draft = Self { base, root, log: file.log };
        draft.check()?;
        Ok(draft)
    }

    fn check(&self) -> Result<(), DraftError> {
        if let Some(base) = &self.base {
            base.check_threshold(base).map_err(MetadataError::from)?;
        }
        let expected = self.base.as_ref().map_or(0, Signed::version).saturating_add(1);
        if self.root.version() != expected {
            let found = self.root.version();
            return Err(DraftError::Malformed(format!("it is of version {found} where {expected} belongs")));
        }
        let signers = self.signers().len();
        if signers != self.root.signature_ids().count() {
            return Err(DraftError::Malformed("one of its signatures does not verify".into()));
        }
        lint::check(&self.root).map_err(DraftError::Lint)
    }

    /// Returns the draft as it is written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DraftError> {
        let file = File {
            base: self.base.as_ref().map(|base| STANDARD.encode(base.raw())),
            log: self.log.clone(),
            metadata: STANDARD.encode(self.root.raw()),
            schema: SCHEMA.into(),
        };
        json::to_canonical(&file).map_err(|e| DraftError::Malformed(e.to_string()))
    }

    /// Writes a new draft file; one that is there is not replaced.
    pub fn write_new(&self, path: &Path) -> Result<(), DraftError> {
        Ok(sealift_fs::write_new(path, &self.to_bytes()?, Mode::Private)?)
    }

    /// Replaces a draft file.
    pub fn replace(&self, path: &Path) -> Result<(), DraftError> {
        Ok(sealift_fs::replace(path, &self.to_bytes()?, Mode::Private)?)
    }

    /// Returns the root it follows; `None` for a first root.
    pub fn base(&self) -> Option<&Signed<Root>> {
        self.base.as_ref()
    }

    /// Returns the root as it stands, with the signatures so far.
    pub fn root(&self) -> &Signed<Root> {
        &self.root
    }

    /// Returns exactly the bytes that each holder signs.
    pub fn to_sign(&self) -> &[u8] {
        self.root.covered()
    }

    /// Returns what happened so far, oldest first.
    pub fn log(&self) -> &[Step] {
        &self.log
    }

    /// Returns what the draft changes, in words.
    pub fn changes(&self) -> Vec<String> {
        words::changes(self.base.as_ref(), &self.root)
    }

    /// Counts the signatures, by the keys of the root it follows and by its own.
    pub fn tallies(&self) -> Result<Vec<Tally>, MetadataError> {
        tallies(self.root.raw(), self.base.as_ref().unwrap_or(&self.root))
    }

    /// Changes the content. A draft that was signed is changed only with `drop_signatures`, and one that says all that
    /// already is left as it is, with its signatures.
    pub fn change(mut self, changes: &[Change], drop_signatures: bool, at: Timestamp) -> Result<Self, DraftError> {
        let signers = self.signers();
        if !signers.is_empty() && !drop_signatures {
            return Err(DraftError::Signed(signers.len()));
        }
        let mut signed = signed_part(&self.root)?;
        let mut texts = Vec::new();
        for change in changes {
            change.apply(&mut signed)?;
            texts.push(change.to_string());
        }
        let root = unsigned(&signed)?;
        // The same command again, after a run that was cut once its work was done.
        if root.covered() == self.root.covered() {
            return Ok(self);
        }
        self.root = root;
        lint::check(&self.root).map_err(DraftError::Lint)?;
        for key in signers {
            self = self.noted(at, Event::Dropped, Some(key), None)?;
        }
        for text in texts {
            self = self.noted(at, Event::Changed, None, Some(text))?;
        }
        Ok(self)
    }

    /// Attaches a signature made anywhere, or refuses it and stays as it is.
    pub fn attach(&self, key: &PublicKey, signature: &[u8], at: Timestamp) -> Result<Self, DraftAttachError> {
        let roots: Vec<&Signed<Root>> = self.base.iter().chain([&self.root]).collect();
        let attached = attach(self.root.raw(), &roots, key, signature)?;
        let root = Signed::<Root>::parse(&attached).map_err(MetadataError::from).map_err(DraftError::from)?;
        let draft = Self { root, ..self.clone() };
        Ok(draft.noted(at, Event::Signed, Some(key.id()), None)?)
    }

    /// Attaches the signatures that another copy of the same draft has and this one lacks; returns how many.
    pub fn merge(&self, copy: &Self, at: Timestamp) -> Result<(Self, usize), DraftAttachError> {
        if copy.to_sign() != self.to_sign() {
            return Err(DraftError::Malformed("the copy says something else than this draft".into()).into());
        }
        let known = self.signers();
        let (mut draft, mut added) = (self.clone(), 0);
        for (key, signature) in copy.signatures() {
            if !known.contains(&key.id()) {
                draft = draft.attach(&key, &signature, at)?;
                added += 1;
            }
        }
        Ok((draft, added))
    }

    /// Returns the good signatures, by distinct keys.
    fn signatures(&self) -> Vec<(PublicKey, Vec<u8>)> {
        let entries = json::parse(self.root.raw()).ok().and_then(|document| document.get("signatures").cloned());
        let text = |entry: &Value| entry.get("sig").and_then(Value::as_str).and_then(sealift_model::digest::unhex);
        let all: Vec<_> = entries.iter().filter_map(Value::as_array).flatten().filter_map(text).collect();
        let roots = self.base.iter().chain([&self.root]);
        let mut found: Vec<(PublicKey, Vec<u8>)> = Vec::new();
        for key in roots.flat_map(|root| root.body().role(Role::Root).keys()) {
            let new = !found.iter().any(|(known, _)| same_key(known, key));
            if let (true, Some(signature)) = (new, all.iter().find(|s| key.verifies(self.to_sign(), s))) {
                found.push((key.clone(), signature.clone()));
            }
        }
        found
    }

    /// Notes that the draft became the root of trust.
    pub fn note_published(&self, at: Timestamp) -> Result<Self, DraftError> {
        self.clone().noted(at, Event::Published, None, Some(Digest::of(self.root.raw()).tagged()))
    }

    fn noted(
        mut self,
        at: Timestamp,
        event: Event,
        key: Option<Digest>,
        text: Option<String>,
    ) -> Result<Self, DraftError> {
        if self.log.len() >= MAX_LOG {
            return Err(DraftError::LogFull);
        }
        self.log.push(Step { at, event, key, text });
        Ok(self)
    }

    /// Returns the ids of the keys whose signature on the draft is good.
    pub fn signers(&self) -> Vec<Digest> {
        let roots = self.base.iter().chain([&self.root]);
        let signers = roots.flat_map(|root| self.root.signers(root.body().role(Role::Root)));
        let ids: std::collections::BTreeSet<Digest> = signers.map(PublicKey::id).collect();
        ids.into_iter().collect()
    }
}

/// Why a signature was not attached to a draft.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftAttachError {
    /// A decision about the signature.
    #[error(transparent)]
    Refused(#[from] AttachRefusal),
    /// The draft.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// Returns the `signed` part of a root as JSON.
fn signed_part(root: &Signed<Root>) -> Result<Value, DraftError> {
    Ok(metadata::parse_covered(root.covered())?)
}

fn unsigned(signed: &Value) -> Result<Signed<Root>, DraftError> {
    let document = serde_json::json!({ "signatures": [], "signed": signed });
    Ok(Signed::<Root>::parse(&metadata::written(&document)?).map_err(MetadataError::from)?)
}

#[cfg(test)]
mod tests;
