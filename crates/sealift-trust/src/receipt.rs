//! The receipt: a page of text that says what a site holds, carried back over the gap (format/receipt).
//!
//! It is text so that the person who carries it can read it, and openssl can check it. It has exactly one spelling:
//! what is read must be what would be printed, byte for byte.

use std::fmt::Write as _;

use sealift_model::digest::hex;
use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId, Sequence, SiteId, StreamId, Timestamp};

use crate::key::{KeyError, PublicKey};
use crate::refusal::ExitClass;
use crate::signed_text::{LineFault, Lines, Signing, rises, tagged};
use crate::statement::StatementKind;

/// Largest receipt that is read.
pub const LIMIT: usize = 256 << 10;

const FIRST_LINE: &str = "sealift receipt 1";

/// The newest bundle of one stream that a site holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The stream.
    pub stream: StreamId,
    /// The bundle's number.
    pub sequence: Sequence,
    /// The digest of its manifest.
    pub manifest: Digest,
}

/// What a site says it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The site.
    pub site: SiteId,
    /// When it was written, by the site's clock.
    pub issued: Timestamp,
    /// Digest of the last line of the site's ledger.
    pub ledger_head: Digest,
    /// One entry a stream, sorted by stream.
    pub holds: Vec<Held>,
    /// Who agreed to what is held, sorted by stream and kind.
    pub agreed: Vec<Agreed>,
    /// Waivers that what is held came in by, sorted.
    pub waived: Vec<Waived>,
}

/// People who agreed to a bundle that is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agreed {
    /// The bundle's stream.
    pub stream: StreamId,
    /// What they said: approve or scan.
    pub kind: StatementKind,
    /// Who, sorted; at least one.
    pub people: Vec<PersonId>,
}

/// A waiver that was used for a bundle that is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waived {
    /// The bundle's stream.
    pub stream: StreamId,
    /// Until when its expiry is waived.
    pub until: Timestamp,
    /// Digest of the statement's payload.
    pub statement: Digest,
}

/// A receipt whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// What it says.
    pub receipt: Receipt,
    /// The key that signed it: the pinned one, or one to be shown to a person before it is pinned.
    pub key: PublicKey,
}

/// Why a receipt was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptRefusal {
    /// Larger than the limit.
    #[error("receipt is larger than {LIMIT} bytes")]
    TooLarge,
    /// A line is not what belongs there.
    #[error("line {line} of the receipt is not `{expected}`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The form it should have.
        expected: &'static str,
    },
    /// Every line is right but the text is not the one spelling of its content.
    #[error("receipt is not in its one written form (streams sorted, each once; lines end with a line feed)")]
    NotCanonical,
    /// The key it names cannot be used.
    #[error("the key in the receipt is not usable")]
    Key(#[source] KeyError),
    /// Signed by another key than the site's.
    #[error("receipt of site `{site}` names key {found}, but {pinned} is pinned for this site")]
    OtherKey {
        /// The site it names.
        site: SiteId,
        /// The key it names, in hexadecimal digits.
        found: String,
        /// The pinned key.
        pinned: String,
    },
    /// The signature does not fit the text.
    #[error("the signature of the receipt is not good")]
    Signature,
}

impl ReceiptRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        ExitClass::Signature
    }
}

impl Receipt {
    /// Returns the text that is signed, with `key` named in it.
    pub fn unsigned_text(&self, key: &PublicKey) -> String {
        let mut out = format!(
            "{FIRST_LINE}\nsite: {}\nissued: {}\nledger-head: {}\n",
            self.site,
            self.issued,
            self.ledger_head.tagged()
        );
        for held in &self.holds {
            let _ = writeln!(out, "holds: {} {} {}", held.stream, held.sequence, held.manifest.tagged());
        }
        for agreed in &self.agreed {
            let people: Vec<&str> = agreed.people.iter().map(PersonId::as_str).collect();
            let _ = writeln!(out, "agreed: {} {} {}", agreed.stream, agreed.kind, people.join(" "));
        }
        for waived in &self.waived {
            let _ = writeln!(out, "waived: {} {} {}", waived.stream, waived.until, waived.statement.tagged());
        }
        let _ = writeln!(out, "key: ed25519:{}", key.to_hex());
        out
    }

    /// Returns the whole receipt from a signature made elsewhere over [`Receipt::unsigned_text`].
    pub fn signed_text(&self, key: &PublicKey, signature: &[u8; 64]) -> String {
        format!("{}signature: {}\n", self.unsigned_text(key), hex(signature))
    }

    /// Reads a receipt and checks its signature: by `pinned_key`, or without one by the key it names itself.
    ///
    /// Without a pinned key the result says only that the text is whole; who wrote it is for a person to decide.
    pub fn parse_verified(bytes: &[u8], pinned_key: Option<&[u8; 32]>) -> Result<VerifiedReceipt, ReceiptRefusal> {
        if bytes.len() > LIMIT {
            return Err(ReceiptRefusal::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ReceiptRefusal::NotCanonical)?;
        let (receipt, signing) = read(text)?;
        let key = signing.public().map_err(ReceiptRefusal::Key)?;
        if let Some(pinned) = pinned_key.filter(|p| **p != signing.key) {
            let (found, pinned) = (key.to_hex(), hex(pinned));
            return Err(ReceiptRefusal::OtherKey { site: receipt.site, found, pinned });
        }
        if !receipt.is_sorted() || receipt.signed_text(&key, &signing.signature) != text {
            return Err(ReceiptRefusal::NotCanonical);
        }
        if !key.verifies(receipt.unsigned_text(&key).as_bytes(), &signing.signature) {
            return Err(ReceiptRefusal::Signature);
        }
        Ok(VerifiedReceipt { receipt, key })
    }
}

impl Receipt {
    /// Tells whether every list has its one order, and speaks only of what is held.
    fn is_sorted(&self) -> bool {
        let held = |stream: &StreamId| self.holds.iter().any(|held| held.stream == *stream);
        let one_each = |a: &Agreed| held(&a.stream) && !a.people.is_empty() && rises(&a.people);
        let keys: Vec<_> = self.agreed.iter().map(|a| (&a.stream, a.kind)).collect();
        let streams: Vec<_> = self.holds.iter().map(|held| &held.stream).collect();
        rises(&streams)
            && rises(&keys)
            && rises(&self.waived)
            && self.agreed.iter().all(one_each)
            && self.waived.iter().all(|w| held(&w.stream))
    }
}

impl From<LineFault> for ReceiptRefusal {
    fn from(LineFault { line, expected }: LineFault) -> Self {
        Self::Line { line, expected }
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", printable(&format!("{} {}", self.stream, self.sequence)))
    }
}

fn read(text: &str) -> Result<(Receipt, Signing), LineFault> {
    let mut lines = Lines::new(text);
    lines.first(FIRST_LINE)?;
    let site = lines.field("site: ", "site: NAME", |t| t.parse().ok())?;
    let issued = lines.field("issued: ", "issued: TIME", |t| t.parse().ok())?;
    let ledger_head = lines.field("ledger-head: ", "ledger-head: sha256:DIGEST", tagged)?;
    let holds = lines.list("holds: ", "holds: STREAM SEQUENCE sha256:DIGEST", held)?;
    let agreed = lines.list("agreed: ", "agreed: STREAM KIND PERSON...", agreed)?;
    let waived = lines.list("waived: ", "waived: STREAM TIME sha256:DIGEST", waived)?;
    let signing = lines.signed_by()?;
    Ok((Receipt { site, issued, ledger_head, holds, agreed, waived }, signing))
}

pub(crate) fn held(text: &str) -> Option<Held> {
    let mut parts = text.split(' ');
    let held = Held {
        stream: parts.next()?.parse().ok()?,
        sequence: parts.next()?.parse().ok()?,
        manifest: tagged(parts.next()?)?,
    };
    parts.next().is_none().then_some(held)
}

fn agreed(text: &str) -> Option<Agreed> {
    let mut parts = text.split(' ');
    let stream = parts.next()?.parse().ok()?;
    let word = parts.next()?;
    let kind = [StatementKind::Approve, StatementKind::Scan].into_iter().find(|kind| kind.as_str() == word)?;
    let people = parts.map(|name| name.parse().ok()).collect::<Option<Vec<PersonId>>>()?;
    Some(Agreed { stream, kind, people })
}

fn waived(text: &str) -> Option<Waived> {
    let mut parts = text.split(' ');
    let waived = Waived {
        stream: parts.next()?.parse().ok()?,
        until: parts.next()?.parse().ok()?,
        statement: tagged(parts.next()?)?,
    };
    parts.next().is_none().then_some(waived)
}

#[cfg(test)]
mod tests;
