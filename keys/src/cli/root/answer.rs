//! How a draft stands, for people and for programs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sealift_model::Digest;
use serde::Serialize;

use crate::draft::{Draft, Step};
use crate::lint;
use crate::metadata::MetadataError;
use crate::summary::fingerprint;
use crate::tally::Tally;

/// A draft in short.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct DraftAnswer {
    draft: PathBuf,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<Followed>,
    to_sign_sha256: Digest,
    to_sign_fingerprint: String,
    changes: Vec<String>,
    warnings: Vec<String>,
    signatures: Vec<Tally>,
    complete: bool,
    log: Vec<Step>,
}

#[derive(Debug, Serialize)]
struct Followed {
    version: u64,
    sha256: Digest,
    fingerprint: String,
}

impl DraftAnswer {
    pub(in crate::cli) fn of(path: &Path, draft: &Draft) -> Result<Self, MetadataError> {
        let signatures = draft.tallies()?;
        let to_sign = Digest::of(draft.to_sign());
        let followed = |base: &sealift_trust::Signed<sealift_trust::Root>| {
            let sha256 = Digest::of(base.raw());
            Followed { version: base.version(), sha256, fingerprint: fingerprint(sha256) }
        };
        Ok(Self {
            draft: path.to_owned(),
            version: draft.root().version(),
            follows: draft.base().map(followed),
            to_sign_sha256: to_sign,
            to_sign_fingerprint: fingerprint(to_sign),
            changes: draft.changes(),
            warnings: lint::warnings(draft.root()),
            complete: signatures.iter().all(Tally::is_complete),
            signatures,
            log: draft.log().to_vec(),
        })
    }

    /// What it is, what it changes, what is unwise about it.
    pub(in crate::cli) fn content(&self) -> String {
        let mut text = format!("Root of trust, version {}", self.version);
        match &self.follows {
            Some(base) => {
                let _ = writeln!(text, "; it follows version {}:\n  {}", base.version, base.fingerprint);
            }
            None => text.push_str("; nothing comes before it.\n"),
        }
        text.push_str("What it changes:\n");
        for line in &self.changes {
            let _ = writeln!(text, "  {line}");
        }
        for line in &self.warnings {
            let _ = writeln!(text, "Mind: {line}");
        }
        text
    }

    /// The digest to compare aloud.
    pub(in crate::cli) fn aloud(&self) -> String {
        format!("SHA-256 of what is signed, to be read aloud:\n  {}\n", self.to_sign_fingerprint)
    }

    /// Who signed, who is missing, and what to type next.
    pub(in crate::cli) fn signatures(&self) -> String {
        let mut text = String::new();
        for tally in &self.signatures {
            let (valid, required, version) = (tally.valid, tally.required, tally.root_version);
            let _ = writeln!(text, "{valid} of {required} signatures by the root keys of version {version}.");
            if !tally.is_complete() {
                text.push_str("These keys may still sign:\n");
                for key in &tally.waiting {
                    let _ = writeln!(text, "  {key}");
                }
            }
        }
        let draft = self.draft.display();
        let _ = if self.complete {
            writeln!(text, "Complete. Next: sealift-keys root publish {draft} --to DIR")
        } else {
            writeln!(text, "Next: sealift-keys export {draft} -o FILE")
        };
        text
    }
}
