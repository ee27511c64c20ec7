//! Receipts that were typed in as codes: `sites/<site>/codes/<stream>-<sequence>-<day>.json`.
//!
//! Nobody signed them. They are kept and shown, and decide something only for a site whose `believe_codes` says so.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode};
use sealift_model::json;
use sealift_model::{Digest, Sequence, SiteId, StreamId, Timestamp};
use sealift_trust::{Held, ReceiptCode};
use serde::{Deserialize, Serialize};

use super::sent::SentError;
use super::{SiteError, SiteRefusal, acknowledgement, latest};
use crate::config::{Config, SiteConfig};
use crate::stream::{StreamDir, kept_streams};

/// The schema of the records.
pub const SCHEMA: &str = "sealift.mirror-code/1";
const LIMIT: u64 = 64 << 10;

/// A code that was typed in. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptCode {
    /// The code in its one spelling.
    pub code: String,
    /// The day it was written on, by the site's clock.
    pub issued: Timestamp,
    /// Digest of the manifest of the bundle held.
    pub manifest: Digest,
    /// [`SCHEMA`].
    pub schema: String,
    /// The number of the bundle held.
    pub sequence: Sequence,
    /// The site whose code it is.
    pub site: SiteId,
    /// The stream.
    pub stream: StreamId,
    /// When it was typed in.
    pub typed: Timestamp,
}

impl KeptCode {
    /// Returns what the site holds by this code.
    pub fn held(&self) -> Held {
        Held { stream: self.stream.clone(), sequence: self.sequence, manifest: self.manifest }
    }

    /// Tells whether it was written before the day of `time`. It has the day only: one of that day is not before it.
    pub(super) fn is_before(&self, time: Timestamp) -> bool {
        time.minus_seconds(86_399) > self.issued
    }
}

/// Finds out what a code says, and keeps it. The answer is false if it was kept before.
///
/// # Errors
/// A code that fits nothing, is older or holds less than what was acknowledged; or the disk.
pub fn import(
    _writer: &Lock,
    state: &Path,
    config: &Config,
    code: &ReceiptCode,
    now: Timestamp,
) -> Result<(KeptCode, bool), SiteError> {
    let (site, held) = find(state, config, code)?;
    let kept = KeptCode {
        code: code.to_string(),
        issued: code.issued(),
        manifest: held.manifest,
        schema: SCHEMA.into(),
        sequence: held.sequence,
        site: site.name.clone(),
        stream: held.stream.clone(),
        typed: now,
    };
    let dir = directory(state, &site.name);
    let file = dir.join(format!("{}-{}-{}.json", held.stream, held.sequence, code.issued().unix()));
    if file.exists() {
        return Ok((kept, false));
    }
    refuse_future(&kept, now)?;
    refuse_older(state, site, &kept)?;
    let bytes = json::to_canonical(&kept).map_err(|source| SentError::Document { file: file.clone(), source })?;
    sealift_fs::create_dir_all(&dir, Mode::Public)?;
    sealift_fs::replace(&file, &bytes, Mode::Public)?;
    Ok((kept, true))
}

/// Compares the code with what each site would write of each bundle of its number.
fn find<'c>(state: &Path, config: &'c Config, code: &ReceiptCode) -> Result<(&'c SiteConfig, Held), SiteError> {
    let unknown = || SiteRefusal::UnknownCode { sequence: code.sequence(), issued: code.issued() };
    for stream in kept_streams(state)? {
        let dir = StreamDir::of(state, &stream);
        if !dir.sequences()?.contains(&code.sequence()) {
            continue;
        }
        let record = dir.record(code.sequence())?;
        let held = Held { stream, sequence: record.sequence, manifest: record.manifest };
        if let Some(site) = config.sites.iter().find(|site| code.is_of(&site.name, &held)) {
            return Ok((site, held));
        }
    }
    Err(unknown().into())
}

/// Refuses a code of a day that has not come: it would stand against whatever the site says until then.
fn refuse_future(code: &KeptCode, now: Timestamp) -> Result<(), SiteRefusal> {
    // The clocks of two sides differ.
    if code.issued <= now.plus_days(1) {
        return Ok(());
    }
    Err(SiteRefusal::FutureCode { site: code.site.clone(), issued: code.issued, now })
}

/// Refuses a code that says less than the site said before, by a receipt or another code.
fn refuse_older(state: &Path, site: &SiteConfig, code: &KeptCode) -> Result<(), SiteError> {
    let before = newest(state, &site.name, &code.stream)?;
    let receipt = latest(state, site)?;
    let days = before.as_ref().map(|kept| kept.issued).into_iter().chain(receipt.map(|kept| kept.receipt.issued));
    if let Some(last) = days.max().filter(|last| code.is_before(*last)) {
        return Err(SiteRefusal::Older { site: site.name.clone(), issued: code.issued, last }.into());
    }
    let held = acknowledgement(state, site, &code.stream)?.map(|held| held.sequence);
    match held.max(before.map(|kept| kept.sequence)).filter(|held| *held > code.sequence) {
        None => Ok(()),
        Some(held) => Err(SiteRefusal::Less {
            site: site.name.clone(),
            stream: code.stream.clone(),
            sequence: code.sequence,
            held,
        }
        .into()),
    }
}

/// Returns the code of a site that says most of a stream.
///
/// # Errors
/// A kept code that cannot be read or is not what was typed.
pub fn newest(state: &Path, site: &SiteId, stream: &StreamId) -> Result<Option<KeptCode>, SiteError> {
    let kept = kept(state, site)?.into_iter().filter(|code| code.stream == *stream);
    Ok(kept.max_by_key(|code| (code.sequence, code.issued)))
}

/// Returns the codes of a site, each checked against itself.
///
/// # Errors
/// A kept code that cannot be read or is not what was typed.
pub fn kept(state: &Path, site: &SiteId) -> Result<Vec<KeptCode>, SiteError> {
    let dir = directory(state, site);
    let names = match sealift_fs::list_dir(&dir) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    // Half a code that a cut run left is none; typing it again finishes it.
    for name in names.iter().filter(|name| name.strip_suffix(".json").is_some_and(|stem| !stem.starts_with(".tmp-"))) {
        let file = dir.join(name);
        let bytes = sealift_fs::read_capped(&file, LIMIT)?;
        let record: KeptCode = match json::from_canonical(&bytes) {
            Ok(record) => record,
            Err(source) => return Err(SentError::Document { file, source }.into()),
        };
        let fits = ReceiptCode::parse(&record.code)
            .is_ok_and(|code| code.is_of(site, &record.held()) && code.issued() == record.issued);
        if record.schema != SCHEMA || record.site != *site || !fits {
            return Err(SentError::Changed(file).into());
        }
        found.push(record);
    }
    Ok(found)
}

fn directory(state: &Path, site: &SiteId) -> PathBuf {
    state.join("sites").join(site.as_str()).join("codes")
}
