//! What other tools say about a medium, turned into events: the mirror's write report, a line of the isolated ledger.
//!
//! Neither is signed. A person who takes one in says by their signature that it is what happened.

use sealift_fs::PathError;
use sealift_medium::{MediumReport, Method};
use sealift_model::escape::printable;
use sealift_model::{Digest, Sequence, StreamId, Timestamp, json};
use serde::Deserialize;

use crate::record::{Event, Load, Outcome, Writing};

/// Largest line of a ledger, in bytes.
pub const MAX_LEDGER_LINE: u64 = 64 << 10;

/// Why nothing was taken from what another tool said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Not a write report.
    #[error(transparent)]
    Report(#[from] sealift_medium::ReportError),
    /// Not a line of a ledger.
    #[error("not one line of a ledger: {0}")]
    Line(String),
    /// A line about something else.
    #[error("the ledger line is about `{0}`, not about an import from a medium")]
    Event(String),
    /// A line without what it is about.
    #[error("the ledger line names no bundle")]
    NoBundle,
}

/// Something taken over, with the time it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The event.
    pub event: Event,
    /// When.
    pub time: Timestamp,
    /// What the signer should know.
    pub warning: Option<String>,
}

/// Reads a write report.
pub fn written(bytes: &[u8]) -> Result<Taken, TakeError> {
    let report = MediumReport::parse(bytes)?;
    let load = Load {
        bundle: report.bundle.manifest,
        sequence: report.bundle.sequence,
        stream: report.bundle.stream,
        volume: report.volume.as_ref().map(|volume| volume.number),
        volumes: report.volume.as_ref().map(|volume| volume.of),
    };
    let method = report.read_back.method;
    let sentence = format!("read back {}", method.describe());
    let sure = matches!(method, Method::Direct | Method::Dropped);
    // Hard links are on the mirror's own disk, and so is the device that the report names.
    let linked = report.read_back.linked > 0;
    let warning = if linked {
        Some("it is about a directory on the mirror's own disk, not about a medium".to_owned())
    } else {
        (!sure).then(|| format!("the medium was {sentence}; verify it on another machine before it leaves"))
    };
    let device = report.device.filter(|_| !linked);
    let writing = Writing {
        bytes: Some(report.bytes_written),
        loads: vec![load],
        method: sentence.parse().map_err(|_| TakeError::NoBundle)?,
        report: Some(Digest::of(bytes)),
        // A serial number that a terminal would not show is none that people compare.
        serial: device.and_then(|device| device.serial).and_then(|serial| serial.trim().parse().ok()),
        sums: Some(report.sums),
    };
    Ok(Taken { event: Event::Written(Box::new(writing)), time: report.finished, warning })
}

#[derive(Deserialize)]
struct LedgerLine {
    event: String,
    subject: LedgerSubject,
    time: Timestamp,
}

#[derive(Deserialize)]
struct LedgerSubject {
    bundle: Option<Digest>,
    sequence: Option<Sequence>,
    stream: Option<StreamId>,
}

/// Reads a line of an isolated repository's ledger: `accepted` or `waiting`.
pub fn imported(bytes: &[u8]) -> Result<Taken, TakeError> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let form = |reason: &dyn std::fmt::Display| TakeError::Line(printable(&reason.to_string()));
    let value = json::parse(line).map_err(|e| form(&e))?;
    if json::canonical(&value).ok().as_deref() != Some(line) {
        return Err(form(&"it is not in canonical form"));
    }
    let read: LedgerLine = serde_json::from_value(value).map_err(|e| form(&e))?;
    let result = match read.event.as_str() {
        "accepted" => Outcome::Good,
        "waiting" => Outcome::Part,
        other => return Err(TakeError::Event(printable(other))),
    };
    let subject = read.subject;
    let (Some(bundle), Some(sequence), Some(stream)) = (subject.bundle, subject.sequence, subject.stream) else {
        return Err(TakeError::NoBundle);
    };
    // The ledger names no volume: the bundle may have come in several.
    let load = Load { bundle, sequence, stream, volume: None, volumes: None };
    let event = Event::Imported { ledger: Some(Digest::of(line)), loads: vec![load], result };
    Ok(Taken { event, time: read.time, warning: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str) -> String {
        let bundle = "ab".repeat(32);
        format!(
            "{{\"actor\":\"alice(1000)\",\"detail\":\"\",\"event\":\"{event}\",\"number\":7,\"previous\":\"{bundle}\",\
             \"subject\":{{\"bundle\":\"{bundle}\",\"sequence\":12,\"stream\":\"patches\"}},\
             \"time\":\"2026-11-22T16:00:00Z\",\"tool\":\"t\"}}"
        )
    }

    #[test]
    fn a_ledger_line_becomes_an_import_and_is_named_by_its_digest() {
        let line = line("accepted");
        let taken = imported(format!("{line}\n").as_bytes()).unwrap();
        let Event::Imported { ledger, loads, result } = &taken.event else { panic!("{taken:?}") };
        assert_eq!((*ledger, *result), (Some(Digest::of(line.as_bytes())), Outcome::Good));
        assert_eq!(loads.first().unwrap().to_string(), "patches/12");
    }

    #[test]
    fn refuses_lines_about_something_else_and_other_spellings() {
        let other = line("promoted");
        let spaced = line("accepted").replacen(':', ": ", 1);
        let two = format!("{}\n{}", line("accepted"), line("accepted"));
        let bare = line("accepted").replacen("\"bundle\":", "\"bundel\":", 1);
        for bad in [other.as_str(), spaced.as_str(), two.as_str(), bare.as_str(), "", "{}"] {
            assert!(imported(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
