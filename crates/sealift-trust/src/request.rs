//! The request: a page of text by which a site asks for what it lacks of one bundle (format/request).
//!
//! Text for the same reasons as the receipt, and as strict: what is read must be what would be printed, byte for byte.
//! It asks; it says nothing of what the site holds, and no base is ever computed from it.

use std::fmt::Write as _;

use sealift_model::digest::hex;
use sealift_model::{Digest, SiteId, Timestamp};

use crate::key::{KeyError, PublicKey};
use crate::receipt::{self, Held};
use crate::refusal::ExitClass;
use crate::signed_text::{LineFault, Lines, Signing, bare, number, rises, tagged};

/// Largest request that is read, in bytes: a line for every blob that a manifest can list.
pub const LIMIT: usize = 128 << 20;

const FIRST_LINE: &str = "sealift request 1";

/// What a site asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The site.
    pub site: SiteId,
    /// When it was written, by the site's clock.
    pub issued: Timestamp,
    /// The bundle that cannot be accepted without what follows.
    pub bundle: Held,
    /// Volumes of which nothing arrived, sorted.
    pub volumes: Vec<WantedVolume>,
    /// Blobs that the bundle's manifest says it carries, sorted.
    pub blobs: Vec<WantedBlob>,
    /// Content that the bundle takes from its base, by the digest and size of the content, sorted.
    pub contents: Vec<WantedBlob>,
}

/// A volume of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedVolume {
    /// Digest of the payload of the set's statement.
    pub set: Digest,
    /// The volume's number, from 1.
    pub number: u64,
}

/// A blob, or the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A request whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    /// What it asks for.
    pub request: Request,
    /// The key that signed it.
    pub key: PublicKey,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestRefusal {
    /// Larger than the limit.
    #[error("request is larger than {LIMIT} bytes")]
    TooLarge,
    /// A line is not what belongs there.
    #[error("line {line} of the request is not `{expected}`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The form it should have.
        expected: &'static str,
    },
    /// Every line is right but the text is not the one spelling of its content.
    #[error("request is not in its one written form (lines sorted, each once, at least one; ended by a line feed)")]
    NotCanonical,
    /// The key it names cannot be used.
    #[error("the key in the request is not usable")]
    Key(#[source] KeyError),
    /// Signed by another key than the site's.
    #[error("request of site `{site}` names key {found}, but {pinned} is pinned for this site")]
    OtherKey {
        /// The site it names.
        site: SiteId,
        /// The key it names, in hexadecimal digits.
        found: String,
        /// The pinned key.
        pinned: String,
    },
    /// The signature does not fit the text.
    #[error("the signature of the request is not good")]
    Signature,
}

impl RequestRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        ExitClass::Signature
    }
}

impl Request {
    /// Returns the text that is signed, with `key` named in it.
    pub fn unsigned_text(&self, key: &PublicKey) -> String {
        let Held { stream, sequence, manifest } = &self.bundle;
        let mut out = format!("{FIRST_LINE}\nsite: {}\nissued: {}\n", self.site, self.issued);
        let _ = writeln!(out, "bundle: {stream} {sequence} {}", manifest.tagged());
        for volume in &self.volumes {
            let _ = writeln!(out, "volume: {} {}", volume.set.tagged(), volume.number);
        }
        for blob in &self.blobs {
            let _ = writeln!(out, "blob: {} {}", blob.digest, blob.size);
        }
        for content in &self.contents {
            let _ = writeln!(out, "content: {} {}", content.digest, content.size);
        }
        let _ = writeln!(out, "key: ed25519:{}", key.to_hex());
        out
    }

    /// Returns the whole request from a signature made elsewhere over [`Request::unsigned_text`].
    pub fn signed_text(&self, key: &PublicKey, signature: &[u8; 64]) -> String {
        format!("{}signature: {}\n", self.unsigned_text(key), hex(signature))
    }

    /// Reads a request and checks its signature: by `pinned_key`, or without one by the key it names itself, which shows
    /// only that it is whole.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn parse_verified(bytes: &[u8], pinned_key: Option<&[u8; 32]>) -> Result<VerifiedRequest, RequestRefusal> {
        if bytes.len() > LIMIT {
            return Err(RequestRefusal::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RequestRefusal::NotCanonical)?;
        let (request, signing) = read(text)?;
        let key = signing.public().map_err(RequestRefusal::Key)?;
        if let Some(pinned) = pinned_key.filter(|p| **p != signing.key) {
            let (found, pinned) = (key.to_hex(), hex(pinned));
            return Err(RequestRefusal::OtherKey { site: request.site, found, pinned });
        }
        if !request.is_well_formed() || request.signed_text(&key, &signing.signature) != text {
            return Err(RequestRefusal::NotCanonical);
        }
        if !key.verifies(request.unsigned_text(&key).as_bytes(), &signing.signature) {
            return Err(RequestRefusal::Signature);
        }
        Ok(VerifiedRequest { request, key })
    }

    /// Tells whether every list has its one order and something is asked for at all.
    fn is_well_formed(&self) -> bool {
        let once = |list: &[WantedBlob]| rises(&list.iter().map(|wanted| wanted.digest).collect::<Vec<_>>());
        let asks = !(self.volumes.is_empty() && self.blobs.is_empty() && self.contents.is_empty());
        asks && rises(&self.volumes) && once(&self.blobs) && once(&self.contents)
    }
}

impl From<LineFault> for RequestRefusal {
    fn from(LineFault { line, expected }: LineFault) -> Self {
        Self::Line { line, expected }
    }
}

fn read(text: &str) -> Result<(Request, Signing), LineFault> {
    let mut lines = Lines::new(text);
    lines.first(FIRST_LINE)?;
    let site = lines.field("site: ", "site: NAME", |t| t.parse().ok())?;
    let issued = lines.field("issued: ", "issued: TIME", |t| t.parse().ok())?;
    let bundle = lines.field("bundle: ", "bundle: STREAM SEQUENCE sha256:DIGEST", receipt::held)?;
    let volumes = lines.list("volume: ", "volume: sha256:DIGEST NUMBER", volume)?;
    let blobs = lines.list("blob: ", "blob: DIGEST SIZE", blob)?;
    let contents = lines.list("content: ", "content: DIGEST SIZE", blob)?;
    let signing = lines.signed_by()?;
    Ok((Request { site, issued, bundle, volumes, blobs, contents }, signing))
}

fn volume(text: &str) -> Option<WantedVolume> {
    let (set, position) = text.split_once(' ')?;
    let number = number(position).filter(|number| *number > 0)?;
    Some(WantedVolume { set: tagged(set)?, number })
}

fn blob(text: &str) -> Option<WantedBlob> {
    let (digest, size) = text.split_once(' ')?;
    Some(WantedBlob { digest: bare(digest)?, size: number(size)? })
}

#[cfg(test)]
mod tests;
