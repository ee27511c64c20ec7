//! `request`: asks for what a waiting bundle lacks, signed, to be carried back over the gap (format/request).

use std::collections::BTreeSet;

use sealift_model::{Digest, Sequence, StreamId};
use sealift_site::{SiteKeyError, SiteKeys};
use sealift_trust::Held;
use sealift_trust::request::{Request, WantedBlob, WantedVolume};

use crate::ledger::EventKind;
use crate::repository::{Repository, StateError, Writer};
use crate::waiting::{self, Holdings, Missing, MissingVolume, Waiting, WaitingError};

/// Why no request was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The clock of this machine is behind what was signed.
    #[error(transparent)]
    Refused(#[from] Box<crate::refusal::Refusal>),
    /// The site's keys.
    #[error("the site's keys cannot be used")]
    Keys(#[from] SiteKeyError),
    /// The waiting bundle's documents.
    #[error(transparent)]
    Waiting(#[from] WaitingError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A request for one bundle.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The bundle's stream.
    pub stream: StreamId,
    /// Its number.
    pub sequence: Sequence,
    /// The signed text.
    pub text: String,
    /// What it asks for.
    pub missing: Missing,
}

impl Asked {
    /// Returns the name of the file it leaves as: `request-deb12-42.txt`.
    pub fn file_name(&self) -> String {
        format!("request-{}-{}.txt", self.stream, self.sequence)
    }
}

/// Writes that a request is made into the ledger and returns it; `None` if the bundle lacks no content.
///
/// # Errors
/// That the bundle cannot be read, the clock is refused, or the keys or the state directory cannot be used.
pub fn request(writer: &mut Writer, place: (&StreamId, Sequence)) -> Result<Option<Asked>, RequestError> {
    let issued = crate::receive::current_time(writer).map_err(Box::new)?;
    let waiting = waiting::load(writer, place.0, place.1)?;
    let missing = missing_of(writer, &waiting)?;
    if missing.has_all_content() {
        return Ok(None);
    }
    let keys = SiteKeys::open(&writer.layout().site())?;
    let volumes = volumes_to_ask_for(&missing);
    let request = Request {
        site: writer.config().site.clone(),
        issued,
        bundle: Held { stream: waiting.stream.clone(), sequence: waiting.sequence, manifest: waiting.id },
        blobs: blobs_beside(&waiting, &missing, &volumes),
        contents: missing.contents.iter().map(|(digest, size)| WantedBlob { digest: *digest, size: *size }).collect(),
        volumes,
    };
    let text = keys.statement.sign_request(&request);
    let detail = format!("asked for {}; {}", missing.lines().join("; "), Digest::of(text.as_bytes()).tagged());
    let event = writer.event(EventKind::Requested, waiting.subject(), &detail);
    writer.record(&event)?;
    Ok(Some(Asked { stream: waiting.stream, sequence: waiting.sequence, text, missing }))
}

/// Returns what a bundle lacks.
///
/// # Errors
/// That store, quarantine or index cannot be read.
pub fn missing_of(repository: &Repository, waiting: &Waiting) -> Result<Missing, StateError> {
    let mut missing = Missing::of(waiting, &Holdings::of(repository)?, &repository.index().withheld()?);
    if missing.has_all_content() {
        missing.verdicts = waiting::verdicts_missing(repository, waiting, None)?;
    }
    Ok(missing)
}

/// Returns the volumes of which nothing came, of the set that lacks the fewest.
fn volumes_to_ask_for(missing: &Missing) -> Vec<WantedVolume> {
    let sets: BTreeSet<Digest> = missing.volumes.iter().map(|volume| volume.set).collect();
    let of = |set: &Digest| -> Vec<&MissingVolume> {
        missing.volumes.iter().filter(|volume| volume.set == *set && volume.all).collect()
    };
    let best = sets.iter().map(of).filter(|volumes| !volumes.is_empty()).min_by_key(Vec::len).unwrap_or_default();
    best.iter().map(|v| WantedVolume { set: v.set, number: u64::from(v.volume) }).collect()
}

/// Returns the missing blobs that are on none of these volumes.
fn blobs_beside(waiting: &Waiting, missing: &Missing, volumes: &[WantedVolume]) -> Vec<WantedBlob> {
    let mut covered = BTreeSet::new();
    for volume in volumes {
        let set = waiting.sets.iter().find(|set| set.id() == volume.set);
        let number = u16::try_from(volume.number).unwrap_or(u16::MAX);
        let whole = set.map(|set| set.manifest_blobs_of(number)).unwrap_or_default();
        covered.extend(whole.into_keys());
    }
    let left = missing.blobs.iter().filter(|(digest, _)| !covered.contains(digest));
    left.map(|(digest, size)| WantedBlob { digest: *digest, size: *size }).collect()
}
