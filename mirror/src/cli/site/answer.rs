//! What `site list` and `site show` answer about one site.

use std::fmt::Write as _;

use sealift_model::digest::hex;
use sealift_model::{Sequence, SiteId, StreamId, Timestamp};
use serde::Serialize;

use crate::build::{self, BuildError};
use crate::config::{Receipts, SiteConfig};
use crate::site;
use crate::state::State;
use crate::stream::{BundleRecord, Status};

#[derive(Debug, Serialize)]
pub(super) struct SiteAnswer {
    pub(super) site: SiteId,
    pub(super) receipts: Receipts,
    pub(super) believe_codes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) receipt_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_receipt: Option<Timestamp>,
    pub(super) streams: Vec<StreamAnswer>,
}

#[derive(Debug, Serialize)]
pub(super) struct StreamAnswer {
    pub(super) stream: StreamId,
    /// The newest bundle that it said it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acknowledged: Option<Sequence>,
    /// Bundles above that which were made for it.
    made_since: Vec<Made>,
    /// States it may be in, as far as this mirror knows.
    possible: Vec<Sequence>,
    /// Whether it may hold nothing of the stream that this mirror knows.
    may_hold_nothing: bool,
}

#[derive(Debug, Serialize)]
struct Made {
    sequence: Sequence,
    marked: Timestamp,
    written: bool,
}

impl SiteAnswer {
    pub(super) fn of(state: &State, site: &SiteConfig) -> Result<Self, BuildError> {
        let last = site::latest(state.dir(), site)?;
        let streams = state.config().streams.iter().map(|stream| StreamAnswer::of(state, site, &stream.name));
        Ok(Self {
            site: site.name.clone(),
            receipts: site.receipts,
            believe_codes: site.believe_codes,
            receipt_key: site.receipt_key.as_ref().map(|key| hex(key)),
            last_receipt: last.map(|kept| kept.receipt.issued),
            streams: streams.collect::<Result<_, _>>()?,
        })
    }
}

impl StreamAnswer {
    fn of(state: &State, site: &SiteConfig, stream: &StreamId) -> Result<Self, BuildError> {
        let listed = build::list(state, Some(stream))?;
        let written = |sequence| listed.iter().any(|l| l.record.sequence == sequence && l.written);
        let sealed: Vec<BundleRecord> =
            listed.iter().filter(|l| l.status == Status::Sealed).map(|l| l.record.clone()).collect();
        let possible = site::possible(state.dir(), site, stream, &sealed)?;
        let acknowledged = possible.acknowledged.as_ref().map(|held| held.sequence);
        let sent = site::sent::sent(state.dir(), &site.name, stream).map_err(site::SiteError::from)?;
        let since = sent.into_iter().filter(|sent| acknowledged.is_none_or(|held| sent.sequence > held));
        let made =
            |sent: site::Sent| Made { sequence: sent.sequence, marked: sent.marked, written: written(sent.sequence) };
        Ok(Self {
            stream: stream.clone(),
            acknowledged,
            made_since: since.map(made).collect(),
            possible: possible.sequences(),
            may_hold_nothing: possible.nothing,
        })
    }

    pub(super) fn made_since_text(&self) -> String {
        joined(self.made_since.iter().map(|made| made.sequence))
    }

    pub(super) fn next_text(&self) -> String {
        if self.may_hold_nothing {
            "nothing: it would be complete".to_owned()
        } else {
            joined(self.possible.iter().copied())
        }
    }

    pub(super) fn human(&self, site: &SiteId) -> String {
        let mut text = format!("stream {}:\n", self.stream);
        let _ = match self.acknowledged {
            Some(sequence) => writeln!(text, "  holds: bundle {sequence}"),
            None => writeln!(text, "  holds: nothing that it acknowledged"),
        };
        for Made { sequence, marked, written } in &self.made_since {
            let written = if *written { "" } else { ", not on a medium yet" };
            let _ = writeln!(text, "  made for it since: bundle {sequence}, {marked}{written}");
        }
        if self.may_hold_nothing {
            return text
                + "  next bundle: complete, as it may hold nothing; if you know better: --possible FIRST..LAST\n";
        }
        let _ = writeln!(text, "  next bundle: valid from {}", joined(self.possible.iter().copied()));
        text + &format!("  Next: sealift-mirror bundle build --stream {} --for {site} --to DIR\n", self.stream)
    }
}

fn joined(sequences: impl Iterator<Item = Sequence>) -> String {
    let texts: Vec<String> = sequences.map(|sequence| sequence.to_string()).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}
