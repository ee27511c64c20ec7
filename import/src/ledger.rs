//! The ledger: an append-only, hash-chained log of what this repository did (format/ledger).
//!
//! Every line names the digest of the line before it, so that none can be changed, dropped or slipped in without the
//! rest showing it. What the ledger cannot show by itself is a cut at its end; that is what the head kept in the index
//! and in every receipt is for. This module does not decide what is written.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::json::{self, JsonError};
use sealift_model::{ChannelId, Digest, Sequence, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

/// Longest line read or written.
pub const LINE_LIMIT: u64 = 64 << 10;
/// Most bytes of `detail` that are kept.
const DETAIL_LIMIT: usize = 4096;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The repository was made.
    Initialised,
    /// A bundle, or newer trust metadata, was accepted.
    Accepted,
    /// A bundle is judged and not accepted yet: content or a verdict is missing.
    Waiting,
    /// A waiting bundle was given up.
    Discarded,
    /// Content of a waiting bundle was scanned.
    Scanned,
    /// People decided to accept a bundle without some content, now and in every other bundle.
    Withheld,
    /// Something was refused.
    Refused,
    /// A channel was pointed at a bundle.
    Promoted,
    /// A channel was pointed back.
    Reverted,
    /// A channel was published.
    Published,
    /// A receipt was written.
    Receipt,
    /// A need-list was written.
    Need,
    /// A request was written.
    Requested,
    /// The expiry of an accepted bundle was waived.
    Waived,
    /// People vouched for another time than the clock's.
    ClockOverridden,
    /// Damaged trust state was put together again.
    Recovered,
    /// Everything kept was read again.
    Scrubbed,
    /// Damaged content was brought again.
    Healed,
}

impl EventKind {
    /// Returns the word in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialised => "initialised",
            Self::Accepted => "accepted",
            Self::Waiting => "waiting",
            Self::Discarded => "discarded",
            Self::Scanned => "scanned",
            Self::Withheld => "withheld",
            Self::Refused => "refused",
            Self::Promoted => "promoted",
            Self::Reverted => "reverted",
            Self::Published => "published",
            Self::Receipt => "receipt",
            Self::Need => "need",
            Self::Requested => "requested",
            Self::Waived => "waived",
            Self::ClockOverridden => "clock-overridden",
            Self::Recovered => "recovered",
            Self::Scrubbed => "scrubbed",
            Self::Healed => "healed",
        }
    }
}

/// What an event is about. Field order is the encoding's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSubject {
    /// A bundle id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Digest>,
    /// A channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// A content of `bundle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// A sequence of `stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// A stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
}

/// An event before it has its place in the chain. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Who did it.
    pub actor: String,
    /// Text for people.
    pub detail: String,
    /// What happened.
    pub event: EventKind,
    /// What it is about.
    pub subject: EventSubject,
    /// System time.
    pub time: Timestamp,
    /// Name and version of the tool.
    pub tool: String,
}

/// One line of the ledger. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Who did it.
    pub actor: String,
    /// Text for people.
    pub detail: String,
    /// What happened.
    pub event: EventKind,
    /// Number of the line, from 1.
    pub number: u64,
    /// Digest of the line before.
    pub previous: Digest,
    /// What it is about.
    pub subject: EventSubject,
    /// System time.
    pub time: Timestamp,
    /// Name and version of the tool.
    pub tool: String,
}

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Number of the last line, 0 in an empty ledger.
    pub number: u64,
    /// Digest of the last line, zeros in an empty ledger.
    pub digest: Digest,
}

impl Head {
    /// The head of an empty ledger.
    pub const EMPTY: Self = Self { number: 0, digest: Digest::from_bytes([0; 32]) };
}

/// Why a ledger cannot be believed or continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A line that is too long, not canonical JSON, or of another form.
    #[error("line {line} of the ledger is not a canonical ledger line")]
    Form {
        /// Its number.
        line: u64,
        /// Why.
        #[source]
        source: JsonError,
    },
    /// A line with another number than its place.
    #[error("line {line} of the ledger has the number {found}")]
    Number {
        /// Its place.
        line: u64,
        /// The number it has.
        found: u64,
    },
    /// A line that does not follow the line before it.
    #[error("line {line} of the ledger names {found} as the line before it, which has the digest {expected}")]
    Previous {
        /// Its number.
        line: u64,
        /// Digest of the line before.
        expected: Digest,
        /// What it names.
        found: Digest,
    },
    /// The ledger ends elsewhere than the index says.
    #[error("the ledger ends with line {found}, but line {expected} with another digest or number was written last")]
    Head {
        /// The number the index has.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// An event that cannot be encoded.
    #[error("the event cannot be written")]
    Event(#[source] JsonError),
}

impl LedgerError {
    /// Tells whether the ledger itself is at fault rather than the disk.
    pub fn is_damage(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Event(_))
    }
}

/// The ledger file.
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// Names the ledger at `path`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Appends an event and returns the new head; durable on return. Only the one writer may call it.
    pub fn append(&self, event: Event) -> Result<Head, LedgerError> {
        let head = self.head_for_append()?;
        let line = line_of(event, head);
        let mut bytes = json::to_canonical(&line).map_err(LedgerError::Event)?;
        let head = Head { number: line.number, digest: Digest::of(&bytes) };
        bytes.push(b'\n');
        sealift_fs::append(&self.path, &bytes)?;
        Ok(head)
    }

    /// Returns the last whole line; `None` in an empty ledger.
    pub fn last(&self) -> Result<Option<(Line, Head)>, LedgerError> {
        let (tail, _) = match sealift_fs::read_tail(&self.path, 2 * LINE_LIMIT) {
            Ok(tail) => tail,
            Err(e) if e.is_not_found() => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let Some(end) = tail.iter().rposition(|b| *b == b'\n') else { return Ok(None) };
        let whole = tail.get(..end).unwrap_or_default();
        let start = whole.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let bytes = whole.get(start..).unwrap_or_default();
        let line: Line = json::from_canonical(bytes).map_err(|source| LedgerError::Form { line: 0, source })?;
        let head = Head { number: line.number, digest: Digest::of(bytes) };
        Ok(Some((line, head)))
    }

    /// Cuts off the trace of a crash, a last line without line break, and returns the head.
    fn head_for_append(&self) -> Result<Head, LedgerError> {
        let Some((_, head)) = self.last()? else {
            // No whole line: what may be there is an unfinished first one.
            if self.path.exists() {
                sealift_fs::cut(&self.path, 0)?;
            }
            return Ok(Head::EMPTY);
        };
        let (tail, len) = sealift_fs::read_tail(&self.path, 2 * LINE_LIMIT)?;
        let torn = tail.iter().rev().take_while(|b| **b != b'\n').count() as u64;
        if torn > 0 {
            sealift_fs::cut(&self.path, len - torn)?;
        }
        Ok(head)
    }

    /// Reads every line in order, checks the chain, and returns its head. `each` sees a line after it was checked.
    pub fn verify(&self, mut each: impl FnMut(&Line)) -> Result<Head, LedgerError> {
        let file = match sealift_fs::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.is_not_found() => return Ok(Head::EMPTY),
            Err(e) => return Err(e.into()),
        };
        let mut input = BufReader::new(file);
        let mut head = Head::EMPTY;
        while let Some(bytes) = self.next_line(&mut input, head.number + 1)? {
            let line = check_line(&bytes, head)?;
            each(&line);
            head = Head { number: line.number, digest: Digest::of(&bytes) };
        }
        Ok(head)
    }

    /// Returns the next whole line without its break; a torn last line counts as not written.
    fn next_line(&self, input: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut bytes = Vec::new();
        let read = input.take(LINE_LIMIT + 1).read_until(b'\n', &mut bytes);
        read.map_err(|e| PathError::new("read", &self.path, e))?;
        match bytes.pop() {
            Some(b'\n') => Ok(Some(bytes)),
            Some(_) if bytes.len() as u64 >= LINE_LIMIT => {
                let source = JsonError::Malformed(format!("longer than {LINE_LIMIT} bytes"));
                Err(LedgerError::Form { line: number, source })
            }
            _ => Ok(None),
        }
    }
}

impl Line {
    /// Tells whether this line records `event`.
    pub fn records(&self, event: &Event) -> bool {
        let at = Head { number: self.number.saturating_sub(1), digest: self.previous };
        *self == line_of(event.clone(), at)
    }
}

fn line_of(event: Event, head: Head) -> Line {
    let printable = sealift_model::escape::printable(&event.detail);
    let cut = printable.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= DETAIL_LIMIT).last();
    let detail = printable.get(..cut.unwrap_or(0)).unwrap_or_default().to_owned();
    let Event { actor, event, subject, time, tool, .. } = event;
    Line { actor, detail, event, number: head.number + 1, previous: head.digest, subject, time, tool }
}

fn check_line(bytes: &[u8], head: Head) -> Result<Line, LedgerError> {
    let number = head.number + 1;
    let line: Line = json::from_canonical(bytes).map_err(|source| LedgerError::Form { line: number, source })?;
    if line.number != number {
        return Err(LedgerError::Number { line: number, found: line.number });
    }
    if line.previous != head.digest {
        return Err(LedgerError::Previous { line: number, expected: head.digest, found: line.previous });
    }
    Ok(line)
}

#[cfg(test)]
mod tests;
